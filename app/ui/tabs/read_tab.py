"""The read tab: the text of the open document, opened at a citation with the sentence marked."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import gradio as gr

from app.errors import REFUSALS
from app.position import set_position
from app.storage.store import Document
from app.ui.inputs import choice_list
from app.ui.leaves import Leaf, leaf_at, leaf_html, leaves_of, matches_html, matches_in
from app.ui.session import Session, private
from app.ui.tabs.keeping import Keeping
from app.ui.tabs.place import Place
from app.ui.texts import NOT_OPEN, chapter_choices, note

MOST_KNOWN = 8  # documents whose leaves are kept in memory
SHORTEST_SEARCH = 2  # characters

# A citation is a link such as #read=ID:120-180, and a document one such as #open=ID. The address
# holds where one is, so that reload, back and bookmarks work; the last open document opens again.
FOLLOW_LINKS = """() => {
  const go = () => document.querySelector('#goto')?.click();
  window.addEventListener('hashchange', go);
  const start = () => document.querySelector('#goto') ? go() : setTimeout(start, 100);
  start();
}"""
PLACE = """(_, selected) => {
  const place = location.hash.slice(1) || 'open=' + (localStorage.getItem('bookstate') || '');
  return [decodeURIComponent(place), selected];
}"""
REMEMBER = """(id) => {
  if (!id) return;
  localStorage.setItem('bookstate', id);
  if (!location.hash.includes(id)) history.replaceState(null, '', '#open=' + id);
}"""
# More than once: what stands above the text appears a little later than the text.
SHOW_MARK = """() => { for (const wait of [80, 500, 1200]) setTimeout(() => {
  const mark = document.querySelector('#leaf mark');
  if (mark) mark.scrollIntoView({block: 'center'});
  else document.querySelector('#leaf')?.scrollIntoView({block: 'nearest'});
}, wait); }"""


class ReadTab:
    """Components of the tab and what they do."""

    def __init__(
        self,
        session: Session,
        picker: gr.Dropdown,
        place: Place,
        keeping: Keeping | None = None,
    ) -> None:
        self._session = session
        self._picker = picker
        self._place = place
        self._known: OrderedDict[int, tuple[int, list[Leaf]]] = OrderedDict()  # by text
        self._at = gr.State(0)  # where the leaf that is shown starts in the text
        with gr.Row(equal_height=True):
            self._chapter = choice_list("Chapter", scale=4, min_width=220)
            self._find = gr.Textbox(
                label="Find in this book", placeholder="a word or a phrase", max_lines=1, scale=3
            )
        with gr.Row():
            self._back = gr.Button("Previous", size="sm", min_width=90)
            self._read = gr.Button("I have read to here", size="sm", min_width=150)
            self._on = gr.Button("Next", size="sm", min_width=90)
            if keeping is not None:
                keeping.selection_button(self._at)
        self._found = gr.HTML()
        self._leaf = gr.HTML(note(NOT_OPEN), elem_id="leaf")
        self._said = gr.HTML()
        self._shown = gr.State("")  # the document whose leaf is shown
        self._view = [self._chapter, self._at, self._leaf, self._said, self._shown]
        self._wire()

    def _wire(self) -> None:
        turning = [self._picker, self._at]
        self._picker.change(
            self.open_book,
            [self._picker, self._shown],
            [*self._view, self._found],
            **private(),
        )
        self._chapter.input(
            self.open_chapter, [self._picker, self._chapter], self._view, **private()
        )
        for button, act in ((self._back, self.turn_back), (self._on, self.turn_on)):
            button.click(act, turning, self._view, **private()).then(None, js=SHOW_MARK)
        self._read.click(self.read_to_here, turning, self._said, **private()).then(
            self._place.show_place, self._picker, self._place.view, **private()
        )
        self._find.submit(
            self.find, [self._picker, self._find, self._place.lifted], self._found, **private()
        )

    def on_open(self, blocks: gr.Blocks, tabs: gr.Tabs) -> None:
        """Follow links into the text, and remember in the page's address what is open."""
        place = gr.Textbox(visible=False)
        goto = gr.Button("Go", elem_id="goto", elem_classes="bs-hidden")
        blocks.load(None, js=FOLLOW_LINKS)
        self._picker.change(None, self._picker, None, js=REMEMBER)
        goto.click(
            self.follow,
            [place, self._picker],
            [self._picker, tabs, *self._view],
            js=PLACE,
            **private(queue=False, trigger_mode="always_last"),
        ).then(None, js=SHOW_MARK)

    # Looking

    def open_book(self, document_id: str | None, shown: str = "") -> list[Any]:
        """The beginning of the document that was opened, unless a part of it is shown already."""
        document = self._session.find(document_id)
        if document is None:
            return [gr.update(choices=[], value=None), 0, note(NOT_OPEN), "", "", ""]
        if document.id == shown:  # a citation has opened it
            return [*[gr.skip()] * len(self._view), ""]
        return [*self._show(document, 0), ""]

    def open_chapter(self, document_id: str | None, number: int | None) -> list[Any]:
        """The beginning of a chapter."""
        document = self._session.find(document_id)
        if document is None or not number:
            return [gr.skip()] * len(self._view)
        chapters = self._session.library.store.chapters(document.reading)
        return self._show(document, chapters[min(number, len(chapters)) - 1].start)

    def turn_on(self, document_id: str | None, at: int) -> list[Any]:
        """The next leaf."""
        return self._turn(document_id, at, 1)

    def turn_back(self, document_id: str | None, at: int) -> list[Any]:
        """The leaf before."""
        return self._turn(document_id, at, -1)

    def _turn(self, document_id: str | None, at: int, step: int) -> list[Any]:
        document = self._session.find(document_id)
        if document is None:
            return [gr.skip()] * len(self._view)
        leaves = self._leaves(document)
        index = leaves.index(leaf_at(leaves, at)) + step
        return self._show(document, leaves[min(max(index, 0), len(leaves) - 1)].start)

    def follow(self, link: str, selected: str | None) -> list[Any]:
        """Go where a link of the page points: a document, or a sentence in one."""
        same = [gr.skip()] * len(self._view)
        kind, _, target = link.partition("=")
        name, _, span = target.partition(":")
        try:
            document = self._session.library.store.document(name)
        except REFUSALS:
            return [gr.skip(), gr.skip(), *same]
        picked = gr.skip() if document.id == selected else self._pick(document)
        numbers = [int(n) for n in span.split("-") if n.isdecimal()]
        if kind != "read" or len(numbers) != 2:
            return [picked, gr.skip(), *same]
        start, end = numbers
        return [picked, gr.update(selected="read"), *self._show(document, start, (start, end))]

    def _pick(self, document: Document) -> Any:
        """The picker with all documents, and this one chosen."""
        found = self._session.library.list()
        return gr.update(choices=[(d.title, d.id) for d in found], value=document.id)

    def _show(
        self, document: Document, place: int, marked: tuple[int, int] | None = None
    ) -> list[Any]:
        store = self._session.library.store
        chapters = store.chapters(document.reading)
        leaf = leaf_at(self._leaves(document), place)
        text = store.text_part(document.reading, leaf.start, leaf.end)
        pages = [p for p in store.pages(document.reading) if leaf.start <= p.start < leaf.end]
        shown = leaf_html(leaf, chapters[leaf.chapter - 1].title, text, pages, marked)
        chosen = gr.update(choices=chapter_choices(chapters), value=leaf.chapter)
        return [chosen, leaf.start, shown, "", document.id]

    def _leaves(self, document: Document) -> list[Leaf]:
        store, key = self._session.library.store, document.reading.text_id
        pages = store.page_count(document.reading)
        found = self._known.get(key)
        if found is None or found[0] != pages:  # a file was appended
            text = store.text(key)
            found = self._known[key] = pages, leaves_of(text.text, text.chapters)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return found[1]

    # Doing

    def find(self, document_id: str | None, wanted: str, lifted: bool) -> str:
        """Places of the text with these words, as far as the reader is."""
        document = self._session.find(document_id)
        if document is None or len(wanted.strip()) < SHORTEST_SEARCH:
            return ""
        store = self._session.library.store
        text = store.text(document.reading.text_id)
        read_to = None if lifted else store.read_to(document.id)
        found = matches_in(text.text[:read_to], wanted)
        return matches_html(document.reading.id, text.text, text.pages, found, wanted)

    def read_to_here(self, document_id: str | None, at: int) -> str:
        """Note that the reader has finished the leaf that is shown."""
        document = self._session.find(document_id)
        if document is None:
            return note("Open a document first.", "warning")
        leaf = leaf_at(self._leaves(document), at)
        pages = self._session.library.store.pages(document.reading)
        ended = [p.number for p in pages if p.end <= leaf.end]
        try:
            if leaf.ends_chapter:
                set_position(self._session.library, document, chapter=leaf.chapter)
            elif ended:
                set_position(self._session.library, document, page=ended[-1])
        except REFUSALS as error:
            return note(str(error), "warning")
        return note("Answers now keep to what you have read.", "good")

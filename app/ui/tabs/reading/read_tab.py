"""The read tab: the open document, as text or as pages, opened at a citation with it marked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from app.errors import REFUSALS
from app.position import set_position
from app.storage.store import Document
from app.ui.inputs import choice_list
from app.ui.leaves import SHORTEST_SEARCH, leaf_at, matches_html, matches_in
from app.ui.session import Session, private
from app.ui.tabs.reading.book_views import PAGE, TEXT, BookViews, Spot
from app.ui.tabs.reading.keeping import Keeping
from app.ui.tabs.reading.place import Place
from app.ui.tabs.reading.read_scripts import (
    FOLLOW_LINKS,
    PLACE,
    REMEMBER,
    REMEMBER_VIEW,
    SHOW_MARK,
    VIEW,
)
from app.ui.texts import NOT_OPEN, chapter_choices, note

NOTHING = Spot()


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
        self._views = BookViews()
        self._spot = gr.State(NOTHING)
        with gr.Row(equal_height=True):
            self._chapter = choice_list("Chapter", scale=4, min_width=220)
            self._find = gr.Textbox(
                label="Find in this book", placeholder="a word or a phrase", max_lines=1, scale=3
            )
        with gr.Row(elem_classes="bs-turning"):
            self._back = gr.Button("Previous", size="sm", min_width=90, elem_id="turn-back")
            self._read = gr.Button("I have read to here", size="sm", min_width=150)
            self._on = gr.Button("Next", size="sm", min_width=90, elem_id="turn-on")
            if keeping is not None:
                keeping.selection_button(self._spot)
        self._switch = gr.Radio(
            [TEXT, PAGE],
            value=TEXT,
            show_label=False,
            container=False,
            visible=False,
            elem_id="view",
        )
        self._found = gr.HTML()
        self._said = gr.HTML()
        self._leaf = gr.HTML(note(NOT_OPEN), elem_id="leaf")
        self._view = [self._chapter, self._spot, self._leaf, self._said, self._switch]
        self._wire()

    def _wire(self) -> None:
        here = [self._picker, self._spot, self._switch]
        self._picker.change(self.open_book, here, [*self._view, self._found], **private())
        self._chapter.input(
            self.open_chapter, [self._picker, self._chapter, self._switch], self._view, **private()
        ).then(None, js=SHOW_MARK)
        for button, act in ((self._back, self.turn_back), (self._on, self.turn_on)):
            button.click(act, here, self._view, **private(queue=False)).then(None, js=SHOW_MARK)
        self._switch.input(None, self._switch, None, js=REMEMBER_VIEW)
        self._switch.input(self.look_again, here, self._view, **private()).then(None, js=SHOW_MARK)
        self._read.click(self.read_to_here, here[:2], self._said, **private()).then(
            self._place.show_place, self._picker, self._place.view, **private()
        )
        self._find.submit(
            self.find, [self._picker, self._find, self._place.lifted], self._found, **private()
        )

    def on_open(self, blocks: gr.Blocks, tabs: gr.Tabs) -> None:
        """Follow links into the text, and remember in the page's address what is open."""
        place, view = gr.Textbox(visible=False), gr.Textbox(visible=False)
        goto = gr.Button("Go", elem_id="goto", elem_classes="bs-hidden")
        blocks.load(None, js=FOLLOW_LINKS)
        blocks.load(None, None, self._switch, js=VIEW)
        self._picker.change(None, self._picker, None, js=REMEMBER)
        goto.click(
            self.follow,
            [place, self._picker, view],
            [self._picker, tabs, *self._view],
            js=PLACE,
            **private(queue=False, trigger_mode="always_last"),
        ).then(None, js=SHOW_MARK)

    # Looking

    def open_book(
        self, document_id: str | None, spot: Spot = NOTHING, view: str = TEXT
    ) -> list[Any]:
        """The beginning of the document that was opened, unless a part of it is shown already."""
        document = self._session.find(document_id)
        if document is None:
            nothing = gr.update(choices=[], value=None)
            return [nothing, NOTHING, note(NOT_OPEN), "", gr.update(visible=False), ""]
        if document.id == spot.document:  # a citation has opened it
            return [*[gr.skip()] * len(self._view), ""]
        return [*self._show(document, Spot(document.id), view), ""]

    def open_chapter(
        self, document_id: str | None, number: int | None, view: str = TEXT
    ) -> list[Any]:
        """The beginning of a chapter."""
        document = self._session.find(document_id)
        if document is None or not number:
            return [gr.skip()] * len(self._view)
        chapters = self._session.library.store.chapters(document.reading)
        start = chapters[min(number, len(chapters)) - 1].start
        return self._show(document, Spot(document.id, start), view)

    def turn_on(self, document_id: str | None, spot: Spot, view: str = TEXT) -> list[Any]:
        """The next leaf or page."""
        return self._turn(document_id, spot, view, 1)

    def turn_back(self, document_id: str | None, spot: Spot, view: str = TEXT) -> list[Any]:
        """The leaf or page before."""
        return self._turn(document_id, spot, view, -1)

    def _turn(self, document_id: str | None, spot: Spot, view: str, step: int) -> list[Any]:
        document = self._session.find(document_id)
        if document is None:
            return [gr.skip()] * len(self._view)
        turned = self._views.turned(self._session.library, document, spot, step)
        return self._show(document, turned, view)

    def look_again(self, document_id: str | None, spot: Spot, view: str) -> list[Any]:
        """The same place as text, or as a page."""
        document = self._session.find(document_id)
        if document is None:
            return [gr.skip()] * len(self._view)
        return self._show(document, replace(spot, document=document.id, page=0), view)

    def follow(self, link: str, selected: str | None, view: str = TEXT) -> list[Any]:
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
        spot = Spot(document.id, start, start, end)
        return [picked, gr.update(selected="read"), *self._show(document, spot, view)]

    def _pick(self, document: Document) -> Any:
        """The picker with all documents, and this one chosen."""
        found = self._session.library.list()
        return gr.update(choices=[(d.title, d.id) for d in found], value=document.id)

    def _show(self, document: Document, spot: Spot, view: str) -> list[Any]:
        shown = self._views.shown(self._session.library, document, spot, view)
        chosen = gr.update(choices=chapter_choices(shown.chapters), value=shown.chapter)
        switch = gr.update(visible=shown.has_pictures, value=PAGE if view == PAGE else TEXT)
        return [chosen, shown.spot, shown.html, note(shown.said, "warning"), switch]

    # Doing

    def find(self, document_id: str | None, wanted: str, lifted: bool) -> str:
        """Places of the text with these words, as far as the reader is."""
        document = self._session.find(document_id)
        if document is None or not wanted.strip():
            return ""
        if len(wanted.strip()) < SHORTEST_SEARCH:
            return note(f"Type at least {SHORTEST_SEARCH} letters to find.", "warning")
        store = self._session.library.store
        text = store.text(document.reading.text_id)
        read_to = None if lifted else store.read_to(document.id)
        found = matches_in(text.text[:read_to], wanted)
        return matches_html(document.reading.id, text.text, text.pages, found, wanted)

    def read_to_here(self, document_id: str | None, spot: Spot) -> str:
        """Note that the reader has finished the leaf, or the page, that is shown."""
        document = self._session.find(document_id)
        if document is None:
            return note("Open a document first.", "warning")
        library = self._session.library
        pages = library.store.pages(document.reading)
        try:
            if spot.page:
                read = [p.number for p in pages if p.number <= spot.page]
                set_position(library, document, page=read[-1] if read else pages[0].number)
                return note("Answers now keep to what you have read.", "good")
            leaf = leaf_at(self._views.leaves(library, document), spot.place)
            ended = [p.number for p in pages if p.end <= leaf.end]
            if leaf.ends_chapter:
                set_position(library, document, chapter=leaf.chapter)
            elif ended:
                set_position(library, document, page=ended[-1])
        except REFUSALS as error:
            return note(str(error), "warning")
        return note("Answers now keep to what you have read.", "good")

"""The summaries tab: shows stored summaries, and makes those of chapters and of the book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from app.errors import REFUSALS, UnknownDocument
from app.library import Stopped
from app.line.summing import every_summary
from app.storage.store import BOOK, Document, Summary
from app.summaries.shown import Showing
from app.summaries.summarizer import told_chapters
from app.taking.contents import summaries_taken
from app.taking.taken import Taken
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.tabs.place import Place
from app.ui.taking import offer
from app.ui.texts import NOT_OPEN, chapter_choices, note, summaries_html

WAITS = "Waits for its turn:"
STOPPED = "Stopped. The summaries that were finished are kept."


class SummariesTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown, place: Place | None = None) -> None:
        self._session = session
        self._picker = picker
        self._lifted = place.lifted if place else gr.Checkbox(visible=False)
        self._kept: dict[tuple[int, int, str], Showing] = {}
        self._place_changes = place.changes if place else []
        with gr.Row(elem_classes="bs-actions"):
            self._chapter = choice_list("Chapter", scale=3, min_width=220)
            self._one = gr.Button("Summarise this chapter", scale=1, min_width=150, size="sm")
            self._all = gr.Button("Summarise the whole book", scale=1, min_width=150, size="sm")
            self._stop = gr.Button("Stop", scale=1, min_width=80, size="sm", interactive=False)
        with gr.Row(elem_classes="bs-actions"):
            self._length = gr.Radio(
                [("A sentence", "sentence"), ("A paragraph", "paragraph"), ("A page", "page")],
                value="paragraph",
                label="Length",
                scale=2,
                min_width=340,
            )
            self._again = gr.Checkbox(
                label="Replace existing summaries",
                container=False,
                elem_classes="bs-plain",
                min_width=190,
            )
            wanted = [self._picker, self._lifted, self._length]
            offer("summaries", self.taken, wanted)
        self._said = gr.HTML()
        self._shown = gr.HTML(note(NOT_OPEN))
        self._wire()

    def _wire(self) -> None:
        speaking: dict[str, Any] = {
            "outputs": [self._said, self._shown, self._stop],
            "concurrency_limit": None,  # they wait in the model's line
            "trigger_mode": "once",
            **private(),
        }
        one = [self._picker, self._chapter, self._again, self._lifted]
        every = [self._picker, self._again, self._lifted]
        looking = [self._picker, self._lifted, self._length]
        self._one.click(self.summarise_one, one, **speaking)
        self._all.click(self.summarise_all, every, **speaking)
        self._stop.click(self.stop, self._picker, self._said, **private(queue=False))
        self._picker.change(
            self.open_document,
            [self._picker, self._length],
            [self._chapter, self._said, self._shown],
            **private(),
        )
        self._length.change(self.shown, looking, self._shown, **private())
        self._lifted.change(self.shown, looking, self._shown, **private())
        for change in self._place_changes:
            change.then(self.shown, looking, self._shown, **private())

    def on_open(self, tab: gr.Tab) -> None:
        """Show the latest stored summaries when the tab is opened."""
        looking = [self._picker, self._lifted, self._length]
        tab.select(self.shown, looking, self._shown, **private())

    def open_document(self, document_id: str | None, length: str = "page") -> list[Any]:
        """The document's chapters and summaries."""
        document = self._session.find(document_id)
        chapters = self._session.library.store.chapters(document.reading) if document else []
        choices = chapter_choices(chapters)
        return [
            gr.update(choices=choices, value=1 if choices else None),
            "",
            self.shown(document_id, False, length),
        ]

    def shown(self, document_id: str | None, lifted: bool = False, length: str = "page") -> str:
        """Chapters with summaries and key passages, as far as the document's reader is."""
        document = self._session.find(document_id)
        if document is None:
            return note(NOT_OPEN)
        store = self._session.library.store
        chapters, made = store.chapters(document.reading), store.summaries(document)
        try:
            read_to = None if lifted else store.read_to(document.id)
            showing = self._showing(document, length)
        except UnknownDocument:  # it was deleted just now
            return note(NOT_OPEN)
        return summaries_html(document, chapters, made, showing, read_to)

    def taken(self, document_id: str | None, lifted: bool, length: str) -> Taken | None:
        """All that is shown, to take along."""
        document = self._session.find(document_id)
        if document is None:
            return None
        store, showing = self._session.library.store, self._showing(document, length)
        made = store.summaries(document)
        told = told_chapters(self._session.library, document, whole_book=lifted)
        book = made.get(BOOK if lifted or store.read_to(document.id) is None else -told[-1])
        chapters = store.chapters(document.reading)
        shown = [showing.show(book, told)] if book else []
        shown += [showing.show(made.get(n, Summary(n, chapters[n - 1].title, ""))) for n in told]
        return summaries_taken(document, shown, showing.labels)

    def _showing(self, document: Document, length: str) -> Showing:
        """What was shown last is kept: finding key passages takes a second for a long book."""
        store = self._session.library.store
        key = (document.reading.text_id, store.page_count(document.reading), length)
        if key not in self._kept:
            self._kept.clear()
            self._kept[key] = Showing(store, document, length)
        return self._kept[key]

    async def summarise_one(
        self,
        document_id: str | None,
        chapter: int | None,
        again: bool = False,
        lifted: bool = False,
        request: gr.Request | None = None,
    ) -> AsyncIterator[list[Any]]:
        """Make one chapter's summary if it is missing; with `again`, in any case."""
        async for shown in self._make(document_id, [chapter or 1], again, lifted, request):
            yield shown

    async def summarise_all(
        self,
        document_id: str | None,
        again: bool = False,
        lifted: bool = False,
        request: gr.Request | None = None,
    ) -> AsyncIterator[list[Any]]:
        """Make missing summaries: the chapters', then the book's; with `again`, make all."""
        async for shown in self._make(document_id, [], again, lifted, request):
            yield shown

    async def _make(
        self,
        document_id: str | None,
        wanted: list[int],
        again: bool,
        lifted: bool,
        request: gr.Request | None,
    ) -> AsyncIterator[list[Any]]:
        """Make the wanted summaries, or all that are told for an empty list."""
        idle, stoppable = gr.update(interactive=False), gr.update(interactive=True)
        try:
            document = await run_sync(self._session.ready, document_id)
            away = self._session.page(request)
            summing = self._session.summing(document, request, away, again=again, whole_book=lifted)
            wanted = wanted or await run_sync(
                partial(every_summary, whole_book=lifted), self._session.library, document
            )
            for place, number in enumerate(wanted, start=1):
                what = f"chapter {number}" if number else "the book"
                words = f"Summarising {what} ({place} of {len(wanted)}) …"
                shown = await run_sync(self.shown, document.id, lifted)
                async with aclosing(summing.make(number)) as making:
                    async for begun in making:
                        yield [note(words if begun else f"{WAITS} {words}"), shown, stoppable]
        except Stopped:
            yield [note(STOPPED, "good"), await run_sync(self.shown, document.id, lifted), idle]
            return
        except REFUSALS as error:
            yield [note(str(error), "warning"), gr.skip(), idle]
            return
        yield [note("Done.", "good"), await run_sync(self.shown, document.id, lifted), idle]

    def stop(self, document_id: str | None) -> str:
        """Stop at once; the unfinished summary is not kept."""
        self._session.stop_summary(document_id)
        return note("Stopping …")

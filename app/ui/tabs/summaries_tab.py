"""The summaries tab: shows stored summaries, and has those of chapters and of the book made.

They are made in the background (`app/line/summary_worker.py`), whether the page is open or not.
While some of the open document are made, a timer asks how far they are.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.errors import REFUSALS, InvalidQuestion, UnknownDocument
from app.storage.store import BOOK, Document, Summary, SummaryJob
from app.summaries.shown import Showing
from app.summaries.summarizer import told_chapters
from app.summaries.wanted import wanted
from app.taking.contents import summaries_taken
from app.taking.taken import Taken
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.tabs.reading.place import Place
from app.ui.tabs.summary_progress import jobs_html
from app.ui.taking import offer
from app.ui.texts import NOT_OPEN, chapter_choices, note, summaries_html

SECONDS = 1.0  # between looks at how far the summaries are
WHOLE, SO_FAR, SINCE = "Summarise the whole book", "Story so far", "Summarise these chapters"
ALL = 0  # in the list of what is shown


class SummariesTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown, place: Place | None = None) -> None:
        self._session = session
        self._picker = picker
        self._lifted = place.lifted if place else gr.Checkbox(visible=False)
        self._kept: dict[tuple[int, int, str], Showing] = {}
        self._place_changes = place.changes if place else []
        self._seen = gr.State("")
        self._timer = gr.Timer(SECONDS, active=False)
        with gr.Row(elem_classes="bs-actions"):
            self._chapter = choice_list("Chapter", scale=3, min_width=220)
            self._one = gr.Button("Summarise this chapter", scale=1, min_width=150, size="sm")
            self._all = gr.Button(WHOLE, scale=1, min_width=150, size="sm")
            self._cancel = gr.Button("Cancel", scale=1, min_width=80, size="sm", visible=False)
        with gr.Row(elem_classes="bs-actions"):
            self._length = gr.Radio(
                [("A sentence", "sentence"), ("A paragraph", "paragraph"), ("A page", "page")],
                value="paragraph",
                label="Length",
                scale=2,
                min_width=340,
            )
            self._since = choice_list("Show", scale=1, min_width=200, visible=False)
            self._again = gr.Checkbox(
                label="Replace existing summaries",
                container=False,
                elem_classes="bs-plain",
                min_width=190,
            )
            self._looking = [self._picker, self._lifted, self._length, self._since]
            offer("summaries", self.taken, self._looking)
        self._said = gr.HTML()
        self._shown = gr.HTML(note(NOT_OPEN))
        self._progress = [self._said, self._cancel, self._timer, self._seen, self._shown]
        self._view = [self._since, self._all, *self._progress]
        self._wire()

    def _wire(self) -> None:
        look, starting = self._looking, {"outputs": self._progress, **private(trigger_mode="once")}
        self._one.click(self.start_one, [*look, self._again, self._chapter], **starting)
        self._all.click(self.start_all, [*look, self._again], **starting)
        self._cancel.click(self.cancel, look, self._progress, **private(queue=False))
        self._timer.tick(self.tick, [*look, self._seen], self._progress, **private(queue=False))
        opening = [self._chapter, *self._view]
        self._picker.change(self.open_document, look, opening, **private())
        for change in (self._lifted.change, self._since.input):
            change(self.view, look, self._view, **private())
        for placed in self._place_changes:
            placed.then(self.view, look, self._view, **private())
        self._length.change(self.shown, look, self._shown, **private())

    def on_open(self, tab: gr.Tab) -> None:
        """Show the latest summaries, and how far others are, when the tab is opened."""
        tab.select(self.view, self._looking, self._view, **private())

    # Looking

    def open_document(
        self,
        document_id: str | None,
        lifted: bool = False,
        length: str = "page",
        since: int | None = ALL,
    ) -> list[Any]:
        """The chapters of a document that was opened just now, and the view of it."""
        document = self._session.find(document_id)
        chapters = self._session.library.store.chapters(document.reading) if document else []
        choices = chapter_choices(chapters)
        chosen = gr.update(choices=choices, value=1 if choices else None)
        return [chosen, *self.view(document_id, lifted, length, since)]

    def view(
        self, document_id: str | None, lifted: bool, length: str, since: int | None
    ) -> list[Any]:
        """What can be shown and made, the summaries that are there, and how far others are."""
        document = self._session.find(document_id)
        told = self._told(document, lifted) if document else []
        store = self._session.library.store
        is_set = document is not None and not lifted and store.read_to(document.id) is not None
        since = since if is_set and since in told[:-1] else ALL
        shows = [("all chapters", ALL)]
        shows += [(f"what came after chapter {n}", n) for n in told[:-1]]
        words = (SINCE if since else SO_FAR) if is_set else WHOLE
        return [
            gr.update(choices=shows, value=since, visible=is_set and len(told) > 1),
            gr.update(value=words),
            *self._how_far(document_id, lifted, length, since),
        ]

    def _told(self, document: Document, lifted: bool) -> list[int]:
        try:
            return told_chapters(self._session.library, document, whole_book=lifted)
        except InvalidQuestion:  # no chapter is finished yet
            return []

    def _how_far(
        self, document_id: str | None, lifted: bool, length: str, since: int | None
    ) -> list[Any]:
        """How far the open document's summaries are, and all that are there."""
        jobs = self._jobs(document_id)
        is_open = any(job.is_open for job in jobs)
        return [
            jobs_html(jobs, ended=False),
            gr.update(visible=is_open),
            gr.update(active=is_open),
            _made(jobs),
            self.shown(document_id, lifted, length, since),
        ]

    def _jobs(self, document_id: str | None) -> list[SummaryJob]:
        return self._session.library.store.summary_jobs_of(document_id) if document_id else []

    def tick(
        self,
        document_id: str | None,
        lifted: bool,
        length: str,
        since: int | None,
        seen: str,
    ) -> list[Any]:
        """How far the summaries are; the summaries themselves where one has been finished."""
        jobs = self._jobs(document_id)
        is_open, made = any(job.is_open for job in jobs), _made(jobs)
        return [
            jobs_html(jobs, ended=True),
            gr.update(visible=is_open),
            gr.update(active=is_open),
            made,
            gr.skip() if made == seen else self.shown(document_id, lifted, length, since),
        ]

    def shown(
        self,
        document_id: str | None,
        lifted: bool = False,
        length: str = "page",
        since: int | None = ALL,
    ) -> str:
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
        return summaries_html(document, chapters, made, showing, read_to, _number(since, ALL))

    def taken(
        self, document_id: str | None, lifted: bool, length: str, since: int | None = ALL
    ) -> Taken | None:
        """All that is shown, to take along."""
        document = self._session.find(document_id)
        if document is None:
            return None
        store, showing = self._session.library.store, self._showing(document, length)
        made = store.summaries(document)
        told = told_chapters(self._session.library, document, whole_book=lifted)
        book = made.get(BOOK if lifted or store.read_to(document.id) is None else -told[-1])
        chapters = store.chapters(document.reading)
        shown = [showing.show(book, told)] if book and not since else []
        told = [n for n in told if n > _number(since, ALL)]
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

    # Doing

    def start_one(
        self,
        document_id: str | None,
        lifted: bool,
        length: str,
        since: int | None,
        again: bool,
        chapter: int | None,
    ) -> list[Any]:
        """Have one chapter's summary made if it is missing; with `again`, in any case."""
        wish = {"chapter": _number(chapter, 1), "again": bool(again), "whole_book": bool(lifted)}
        return self._start(document_id, wish, (lifted, length, since))

    def start_all(
        self, document_id: str | None, lifted: bool, length: str, since: int | None, again: bool
    ) -> list[Any]:
        """Have missing summaries made: the chapters', then the book's; with `again`, all.

        With `since`, those of the chapters after that one.
        """
        wish = {"since": _number(since, ALL), "again": bool(again), "whole_book": bool(lifted)}
        return self._start(document_id, wish, (lifted, length, since))

    def _start(
        self, document_id: str | None, wish: dict[str, Any], shown: tuple[bool, str, int | None]
    ) -> list[Any]:
        try:
            document, library = self._session.ready(document_id), self._session.library
            asked = {name: value for name, value in wish.items() if name != "again"}
            wanted(library, document, **asked)  # refused now rather than in the background
            library.store.want_summaries(document.id, **wish)
        except REFUSALS as error:
            return [note(str(error), "warning"), *[gr.skip()] * 4]
        return self._how_far(document_id, *shown)

    def cancel(
        self, document_id: str | None, lifted: bool, length: str, since: int | None
    ) -> list[Any]:
        """Stop at once; the summary that is being made is not kept, those before it are."""
        if document_id:
            self._session.library.store.cancel_summaries(document_id)
        return self.tick(document_id, lifted, length, since, "")


def _made(jobs: list[SummaryJob]) -> str:
    """Changes when a summary is finished."""
    return repr([(job.id, job.made, job.is_open) for job in jobs])


def _number(value: Any, otherwise: int) -> int:
    """A choice of a list, of which the page may have sent anything."""
    return value if isinstance(value, int) else otherwise

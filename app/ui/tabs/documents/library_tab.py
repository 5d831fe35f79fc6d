"""The library tab: the documents, the progress of readings, adding, renaming and deleting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from app.engine import MEMORY_NOTES
from app.errors import REFUSALS
from app.intake.demo import DEMO_FILE, DEMO_QUESTIONS, demo_book
from app.position import Position, position_of
from app.storage.reader.removed import UNDO_SECONDS
from app.storage.store import Document, Job, Reading
from app.ui.inputs import choice_list, upload_box
from app.ui.session import OPEN, Session, private
from app.ui.tabs.documents.found import Found
from app.ui.tabs.documents.tags import TagChoice, TagEditor
from app.ui.tabs.documents.version import NewVersion
from app.ui.texts import (
    MEMORY_NAMES,
    NO_DOCUMENTS,
    note,
    progress_html,
    reading_name,
    status,
)

# The last column is hidden (theme.py): it says which document a row is.
HEADERS = ["Title", "Author", "Chapters", "Read to", "Added", "Status", "Id"]
WIDTHS: list[str | int] = ["32%", "19%", "10%", "13%", "12%", "14%", "0%"]
_READ = (
    "PDF, EPUB, MOBI, FB2, DOCX, ODT, RTF, PPTX, HTML, Markdown, text, subtitles, e-mail,"
    " or a zip file of these"
)
NOT_CALIBRATED = (
    "This model is not calibrated, so it may look for an answer in the wrong places. "
    "Run `bookstate calibrate` to calibrate it."
)


class LibraryTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self.picker = picker
        self._seen = gr.State("")
        self._timer = gr.Timer(1.0)
        self._removed = gr.State("")  # the document that was deleted last
        self._undo_ends = gr.Timer(UNDO_SECONDS, active=False)
        with gr.Row():
            with gr.Column(scale=7, min_width=340):
                with gr.Row(visible=False, elem_id="undo") as self._undoing:
                    self._undo_text = gr.HTML()
                    self._undo = gr.Button("Undo", size="sm", scale=0, min_width=90)
                self._build_table()
            with gr.Column(scale=3, min_width=300):
                self._build_upload()
        self._view = [
            self._table,
            self._empty,
            self.picker,
            self._details,
            self._reading,
            self._found.html,
            self._read_on,
            self._cancel,
            self._used,
            self._tag.choice,
            self._version.html,
            self._seen,
        ]
        self._wire()

    def _build_table(self) -> None:
        with gr.Row(equal_height=True):
            self._search = gr.Textbox(
                placeholder="Search titles, authors, file names",
                show_label=False,
                container=False,
                scale=3,
                min_width=200,
            )
            self._tag = TagChoice(self._session)
        with gr.Column(visible=False, elem_id="empty") as self._empty:
            gr.HTML(f'<div class="bs-empty">{NO_DOCUMENTS}</div>')
            self._demo = gr.Button("Try it with a short story", size="sm", elem_id="demo")
        self._table = gr.Dataframe(
            headers=HEADERS,
            datatype="str",
            type="array",
            column_widths=WIDTHS,
            interactive=False,
            wrap=True,
            max_height=460,
            buttons=[],
            show_label=False,
            elem_id="documents",
        )
        with gr.Column(visible=False) as self._details:
            self._reading = gr.HTML()
            self._found = Found(self._session, self.picker)
            self._version = NewVersion(self._session, self.picker)
            self._used = choice_list("Answer from this reading", visible=False, filterable=False)
            with gr.Row():
                self._read_on = gr.Button("Continue reading", size="sm", scale=0, min_width=130)
                self._cancel = gr.Button("Stop reading", size="sm", scale=0, min_width=130)
                self._delete = gr.Button("Delete", size="sm", scale=0, min_width=130)
            with gr.Row(equal_height=True):
                self._new_title = gr.Textbox(
                    placeholder="New title", show_label=False, container=False, scale=4
                )
                self._rename = gr.Button("Rename", size="sm", scale=0, min_width=130)
            self._tags = TagEditor(self._session, self.picker)
            with gr.Row(visible=False) as self._confirm:
                self._confirm_text = gr.HTML()
                self._sure = gr.Button("Delete for good", variant="stop", size="sm", min_width=120)
                self._keep = gr.Button("Cancel", size="sm", min_width=90)

    def _build_upload(self) -> None:
        limit = self._session.library.settings.max_upload_mb
        kind = self._session.library.settings.memory
        self._file = upload_box("multiple", label="Add documents", height=170, elem_id="upload")
        gr.HTML(note(f"{_READ}; at most {limit} MB."))
        with gr.Accordion("Title, memory and password", open=False):
            self._title = gr.Textbox(
                label="Title of the next document",
                placeholder="Leave empty for the file's own title",
                max_lines=1,
            )
            self._memory = gr.Radio(
                [(MEMORY_NAMES[name], name) for name in MEMORY_NOTES], value=kind, label="Memory"
            )
            self._memory_note = gr.HTML(self.describe_memory(kind))
            self._password = gr.Textbox(label="Password of the PDF", type="password", max_lines=1)
            self._add = gr.Button("Add and read", variant="primary")
        self._said = gr.HTML()

    def _wire(self) -> None:
        looking = [self._search, self.picker, self._tag.choice]
        renaming = [self.picker, self._new_title]
        ticking = [self._search, self.picker, self._seen, self._tag.choice]
        self._timer.tick(self.tick, ticking, self._view, **private(queue=False))
        self._search.change(self.view, looking, self._view, **private(trigger_mode="always_last"))
        self._tag.choice.input(self.view, looking, self._view, **private())
        self._table.select(self.open_row, None, self.picker, **private())
        self._memory.change(self.describe_memory, self._memory, self._memory_note, **private())
        gr.on(
            [self._file.upload, self._add.click],
            self.add,
            [self._file, self._title, self._password, self._memory],
            [self._file, self._title, self._password, self.picker, self._said],
            **private(show_progress="minimal"),
        ).then(self.view, looking, self._view, **private())
        self._demo.click(self.add_demo, None, [self.picker, self._said], **private()).then(
            self.view, looking, self._view, **private()
        )
        for button, act in ((self._read_on, self.read_on), (self._cancel, self.cancel)):
            button.click(act, self.picker, None, **private()).then(
                self.view, looking, self._view, **private()
            )
        gr.on(
            [self._rename.click, self._new_title.submit],
            self.rename,
            renaming,
            [self._new_title, self._said],
            **private(),
        ).then(self.view, looking, self._view, **private())
        self._used.input(self.use, self._used, self._said, **private()).then(
            self.view, looking, self._view, **private()
        )
        self._found.wire(self.view, looking, self._view)
        self._tags.wire(self.view, looking, self._view)
        self._version.wire(self.view, looking, self._view)
        confirming = [self._confirm, self._confirm_text]
        self._delete.click(self.ask_delete, self.picker, confirming, **private())
        self._keep.click(lambda: gr.Row(visible=False), None, self._confirm, **private())
        undoing = [self._removed, self._undoing, self._undo_text, self._undo_ends]
        self._sure.click(
            self.delete,
            self.picker,
            [self.picker, self._confirm, self._said, *undoing],
            **private(),
        ).then(self.view, looking, self._view, **private())
        self._undo.click(
            self.undo, self._removed, [self.picker, self._said, *undoing], **private()
        ).then(self.view, looking, self._view, **private())
        self._undo_ends.tick(self._nothing_to_undo, None, undoing, **private(queue=False))

    def on_open(self, blocks: gr.Blocks) -> None:
        """Fill the tab when the page loads and whenever another document is opened."""
        looking = [self._search, self.picker, self._tag.choice]
        blocks.load(self.view, looking, self._view, **private())
        self.picker.change(self.view, looking, self._view, **private())
        self.picker.change(lambda: gr.Row(visible=False), None, self._confirm, **private())

    # Looking

    def tick(self, search: str, selected: str | None, seen: str, tag: str = "") -> Any:
        """Refresh the view if anything has changed since it was last shown."""
        if self._fingerprint(search, selected, tag) == seen:
            return [gr.skip()] * len(self._view)
        return self.view(search, selected, tag)

    def _fingerprint(self, search: str, selected: str | None, tag: str) -> str:
        documents = [
            (d.id, d.updated_at, d.title, d.reading.id, d.reading.updated_at)
            for d in self._session.library.list(search)
        ]
        store = self._session.library.store
        jobs = [(j.id, j.status) for j in store.jobs()]
        jobs += [(-j.id, j.status) for j in store.summary_jobs(*OPEN)]
        progress = sorted(dict(self._session.worker.progress).items())
        tags = (tag, store.every_tag())
        return repr((search, selected, documents, jobs, progress, store.places(), tags))

    def view(self, search: str, selected: str | None, tag: str = "") -> list[Any]:
        """The table, the picker, and how far the open document has been read."""
        seen = self._fingerprint(search, selected, tag)
        session = self._session
        found, jobs = session.library.list(search), session.jobs()
        documents = self._tag.only(found, tag)
        places = session.library.store.places()
        summarised = {job.document_id for job in session.library.store.summary_jobs(*OPEN)}
        every = found if not search.strip() else session.library.list()
        opened = session.find(selected)
        unfinished = session.unfinished(opened) if opened else None
        job = jobs.get(unfinished.id) if unfinished else None
        is_open = job is not None and job.status in OPEN
        return [
            gr.update(
                value=[self._row(d, jobs, places, summarised) for d in documents],
                visible=bool(every),
            ),
            gr.update(visible=not every),
            # Nothing is chosen yet while the page is loaded: a link may choose in the meantime.
            gr.update(choices=[(d.title, d.id) for d in every])
            if selected is None
            else gr.update(
                choices=[(d.title, d.id) for d in every], value=opened.id if opened else None
            ),
            gr.update(visible=opened is not None),
            self._progress(opened, unfinished, jobs) if opened else "",
            self._found.shown(opened),
            gr.update(visible=unfinished is not None and not is_open),
            gr.update(visible=unfinished is not None and is_open),
            self._choices(opened),
            self._tag.shown(tag),
            self._version.shown(opened),
            seen,
        ]

    def _progress(
        self, opened: Document, unfinished: Reading | None, jobs: Mapping[str, Job]
    ) -> str:
        """Progress bars: the reading in use, and another one if it is being made."""
        bars = [opened]
        if unfinished is not None and unfinished.id != opened.reading.id:
            title = self._version.title(opened, unfinished)
            bars.append(replace(opened, title=title, reading=unfinished))
        return "".join(
            progress_html(
                bar, jobs.get(bar.reading.id), self._session.worker.progress.get(bar.reading.id)
            )
            for bar in bars
        )

    def _choices(self, opened: Document | None) -> Any:
        """The finished readings of the open document; hidden if there is only one."""
        found = self._session.library.store.readings(opened.id) if opened else []
        ready = [(reading_name(r), r.id) for r in found if r.ready]
        several = opened is not None and opened.ready and len(ready) > 1
        return gr.update(
            choices=ready, value=opened.reading.id if opened and several else None, visible=several
        )

    def _row(
        self,
        document: Document,
        jobs: Mapping[str, Job],
        places: Mapping[str, int],
        summarised: set[str],
    ) -> list[str]:
        reading, session = document.reading, self._session
        store = session.library.store
        words = status(document, jobs.get(reading.id), session.worker.progress.get(reading.id))
        others = (j for j in jobs.values() if j.document_id == document.id and j.status in OPEN)
        if document.ready and any(others):
            words += ", being read again"
        elif document.id in summarised:
            words += ", being summarised"
        is_set = document.id in places
        place = position_of(session.library, document) if is_set else Position()
        return [
            document.title,
            document.author,
            f"{store.chapter_count(reading):,}",
            f"page {place.label}" if place.label else "",
            document.created_at[:10],
            words,
            document.id,
        ]

    def open_row(self, event: gr.SelectData) -> Any:
        """Open the document of the row that was clicked."""
        document = self._session.find(str(event.row_value[-1]))
        return document.id if document else gr.skip()

    def describe_memory(self, kind: str) -> str:
        """A sentence about a memory, and a warning if its answers are known to be worse."""
        text, library = note(MEMORY_NOTES.get(kind, "")), self._session.library
        if warning := library.engine.caution(kind):
            return text + note(warning, "warning")
        measured = library.engine.calibration.measured
        return text + ("" if measured else note(NOT_CALIBRATED, "warning"))

    # Doing

    def add(
        self, files: Sequence[str] | str | None, title: str, password: str, memory: str
    ) -> list[Any]:
        """Parse files now and let the worker read them in the background."""
        paths = [Path(file) for file in ([files] if isinstance(files, str) else files or [])]
        if not paths:
            return [*[gr.skip()] * 4, note("Choose a file first.", "warning")]
        said: list[str] = []
        refused: list[Path] = []
        opened: Document | None = None
        for path in paths:
            try:
                opened, words = self._add_one(
                    path, title if len(paths) == 1 else "", password, memory
                )
                said.append(note(words, "good"))
            except REFUSALS as error:  # the file stays, so that a password can be added
                refused.append(path)
                named = f"{path.name}: {error}" if len(paths) > 1 else str(error)
                said.append(note(named, "warning"))
        left = [str(path) for path in refused] or None
        choice = gr.skip()
        if opened is not None:
            choice = gr.update(choices=[(opened.title, opened.id)], value=opened.id)
        kept = gr.skip() if refused and opened is None else left
        cleared = gr.skip() if refused else ""
        return [kept, cleared, cleared, choice, "".join(said)]

    def _add_one(self, path: Path, title: str, password: str, memory: str) -> tuple[Document, str]:
        document, known = self._session.library.register(
            path.read_bytes(), path.name, title=title, memory=memory, password=password or None
        )
        path.unlink(missing_ok=True)
        return document, self._begun(document, known)

    def _begun(self, document: Document, known: bool) -> str:
        if known and document.ready:
            return f"{document.title} has already been read; it is open now."
        self._session.enqueue(document.reading.id)
        return f"{document.title} is being read. You can close this page; reading continues."

    def add_demo(self) -> list[Any]:
        """Add the story that comes with the program, and open it."""
        try:
            document, known = self._session.library.register(demo_book(), DEMO_FILE)
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning")]
        choice = gr.update(choices=[(document.title, document.id)], value=document.id)
        ask = "Ask in Chat, for example: " + " ".join(DEMO_QUESTIONS)
        return [choice, note(self._begun(document, known), "good") + note(ask)]

    def read_on(self, selected: str | None) -> None:
        """Continue an interrupted reading."""
        document = self._session.find(selected)
        if document and (unfinished := self._session.unfinished(document)):
            self._session.enqueue(unfinished.id)

    def cancel(self, selected: str | None) -> None:
        """Stop the reading after the segment that is being read."""
        if selected:
            self._session.cancel(selected)

    def use(self, reading_id: str | None) -> str:
        """Answer from this reading of its document from now on."""
        try:
            self._session.library.use(reading_id or "")
        except REFUSALS as error:
            return note(str(error), "warning")
        return ""

    def rename(self, selected: str | None, title: str) -> list[Any]:
        """Give the open document another title."""
        try:
            self._session.library.rename(selected or "", title)
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning")]
        return ["", ""]

    def ask_delete(self, selected: str | None) -> list[Any]:
        """Ask for confirmation, and say what would be deleted."""
        document = self._session.find(selected)
        what = f"{document.title} with its memory, chats and summaries" if document else ""
        words = f"Delete {what}? You can undo this for a minute." if document else ""
        return [gr.update(visible=document is not None), note(words)]

    def delete(self, selected: str | None) -> list[Any]:
        """Delete the open document, and offer to undo that for a minute."""
        try:
            gone = self._session.remove(selected or "")
        except REFUSALS as error:
            same = [gr.skip()] * 4
            return [gr.skip(), gr.update(visible=False), note(str(error), "warning"), *same]
        words = note(f"{gone.title} was deleted.")
        if not self._session.library.store.can_bring_back(gone.id):  # the disk was full
            return [None, gr.update(visible=False), words, *self._nothing_to_undo()]
        offered = [gone.id, gr.update(visible=True), words, gr.Timer(active=True)]
        return [None, gr.update(visible=False), "", *offered]

    def undo(self, removed: str) -> list[Any]:
        """Bring back the document that was deleted last, and open it."""
        library = self._session.library
        try:
            library.store.bring_back(removed)
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning"), *self._nothing_to_undo()]
        document = library.store.document(removed)
        choice = gr.update(choices=[(document.title, document.id)], value=document.id)
        return [choice, note(f"{document.title} is back.", "good"), *self._nothing_to_undo()]

    def _nothing_to_undo(self) -> list[Any]:
        return ["", gr.update(visible=False), "", gr.Timer(active=False)]

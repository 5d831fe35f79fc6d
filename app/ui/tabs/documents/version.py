"""A new version of the open document: giving the file, and what changed with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from app.errors import REFUSALS
from app.revision.changes import Changes
from app.revision.revising import revise
from app.storage.store import Document, Reading
from app.ui.inputs import upload_box
from app.ui.session import Session, private
from app.ui.texts import note, reading_name

MOST_ROWS = 200  # chapters listed
MINUTES_OPEN = 10  # that the list stays open after the new version was read
AWAITED = "The new version is being read. Until that is done, answers are from the old one."
KEPT = (
    "You changed the file? Put the new one in its place: only what changed is read. Chats, how far "
    "you have read, and summaries of unchanged chapters stay."
)


class NewVersion:
    """The components, and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        self.html = gr.HTML(elem_id="changes")
        with gr.Accordion("New version of this document", open=False, elem_id="version"):
            gr.HTML(note(KEPT))
            self._file = upload_box("single", label="Changed file", height=140)
            with gr.Row(equal_height=True):
                self._password = gr.Textbox(
                    placeholder="Password of the PDF, if it has one",
                    show_label=False,
                    container=False,
                    type="password",
                    max_lines=1,
                    scale=4,
                )
                self._give = gr.Button("Read this version", size="sm", scale=0, min_width=150)
            self._said = gr.HTML()

    def wire(
        self, view: Callable[..., Any], looking: Sequence[Component], shown: Sequence[Component]
    ) -> None:
        """Read a file that is given, then show the tab's new ``view``; forget it with the book."""
        given = [self._file, self._password, self._said]
        gr.on(
            [self._file.upload, self._give.click],
            self.give,
            [self._picker, self._file, self._password],
            given,
            **private(show_progress="minimal"),
        ).then(view, looking, shown, **private())
        self._picker.change(lambda: [None, "", ""], None, given, **private())

    def give(self, selected: str | None, file: str | None, password: str) -> list[Any]:
        """Register a file as the new version of the open document, and have it read."""
        session, skipped = self._session, [gr.skip()] * 2
        if not selected or session.find(selected) is None:
            return [*skipped, note("Open a document first.", "warning")]
        if not file:
            return [*skipped, note("Choose the changed file first.", "warning")]
        path = Path(file)
        try:
            revised = revise(
                session.library, selected, path.read_bytes(), path.name, password=password or None
            )
        except REFUSALS as error:  # the file stays, so that a password can be added
            return [*skipped, note(str(error), "warning")]
        path.unlink(missing_ok=True)
        session.enqueue(revised.document.reading.id)
        return [None, "", ""]  # `shown` says that it is being read

    def shown(self, document: Document | None) -> str:
        """What the latest version of a document changed, as HTML; empty where there was one."""
        version = self._session.library.store.version(document.id) if document else None
        if version is None:
            return ""
        changes, day = Changes.from_dict(version.changes), version.created_at[:10]
        if version.adopted_at is None:
            return note(AWAITED, "good") + changes_html(changes, day, is_open=True)
        age = datetime.now(UTC) - datetime.fromisoformat(version.adopted_at)
        return changes_html(changes, day, is_open=age < timedelta(minutes=MINUTES_OPEN))

    def title(self, document: Document, unfinished: Reading) -> str:
        """What a reading is called that is made beside the one in use."""
        awaited = self._session.library.store.awaited_version(document.id)
        if awaited is not None and awaited.text_id == unfinished.text_id:
            return "The new version"
        return f"Read again: {reading_name(unfinished)}"


def changes_html(changes: Changes, day: str, *, is_open: bool) -> str:
    """What changed, chapter by chapter, behind one click."""
    lines = [changes.headline, *changes.lines()]
    rows = "".join(f"<li>{escape(line)}</li>" for line in lines[:MOST_ROWS])
    if len(lines) > MOST_ROWS:
        rows += f"<li>and {len(lines) - MOST_ROWS:,} more</li>"
    return (
        f"<details class='bs-found'{' open' if is_open else ''}>"
        f"<summary>What changed in the version of {escape(day)}</summary><ul>{rows}</ul></details>"
    )

"""How far the reader of the open document is; answers, summaries and people keep to it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.errors import REFUSALS, InvalidSetting
from app.position import Position, position_of, set_position
from app.storage.store import Document
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.texts import note

FINISHED = 0  # in the list of chapters: nothing is held back
LIFT = "Use the whole book anyway (it may tell the end)"


class Place:
    """The components, and what they do. ``lifted`` is true where the place is to be ignored."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        with gr.Row(visible=False, equal_height=True, elem_id="place") as self._row:
            self._chapter = choice_list("I have read to", scale=4, min_width=240)
            self._page = gr.Textbox(
                label="or to the end of page", max_lines=1, scale=1, min_width=110
            )
            self.lifted = gr.Checkbox(
                label=LIFT, visible=False, scale=3, min_width=220, elem_classes="bs-plain"
            )
        self._said = gr.HTML()
        self.view = [self._row, self._chapter, self._page, self.lifted, self._said]
        self._wire()

    def _wire(self) -> None:
        self._picker.change(self.show_place, self._picker, self.view, **private())
        self.changes = [
            self._chapter.input(
                self.read_to_chapter, [self._picker, self._chapter], self.view, **private()
            ),
            self._page.submit(
                self.read_to_page, [self._picker, self._page], self.view, **private()
            ),
        ]

    def show_place(self, document_id: str | None) -> list[Any]:
        """Show the place of the document that was opened."""
        document = self._session.find(document_id)
        if document is None:
            return [gr.update(visible=False), gr.skip(), "", False, ""]
        place = position_of(self._session.library, document)
        return self._shown(document, place, "", lifted=False)

    def read_to_chapter(self, document_id: str | None, chapter: int | None) -> list[Any]:
        """Note that the document was read to the end of a chapter, or to its end."""
        return self._set(document_id, chapter=chapter or None)

    def read_to_page(self, document_id: str | None, label: str) -> list[Any]:
        """Note that the document was read to the end of a page, by what is printed on it."""
        document = self._session.find(document_id)
        if document is None or not label.strip():
            return [gr.skip()] * len(self.view)
        pages = self._session.library.store.pages(document.reading)
        named = [p.number for p in pages if p.label == label.strip()]
        if not named:
            words = f"Page {label.strip()} is not there, or has no text; the last one is "
            return [*[gr.skip()] * 4, note(f"{words}{pages[-1].label}.", "warning")]
        return self._set(document_id, page=named[-1])

    def _set(self, document_id: str | None, **place: int | None) -> list[Any]:
        document = self._session.find(document_id)
        try:
            if document is None:
                raise InvalidSetting("Open a document first.")
            found = set_position(self._session.library, document, **place)
        except REFUSALS as error:
            return [*[gr.skip()] * 4, note(str(error), "warning")]
        return self._shown(document, found, "", lifted=False)

    def _shown(self, document: Document, place: Position, said: str, *, lifted: bool) -> list[Any]:
        chapters = self._session.library.store.chapters(document.reading)
        choices = [("the end: nothing is held back", FINISHED)]
        choices += [(f"the end of {n}. {c.title[:70]}", n) for n, c in enumerate(chapters, 1)]
        is_set = place.chapter is not None
        return [
            gr.update(visible=True),
            gr.update(choices=choices, value=place.chapter if is_set else FINISHED),
            place.label or "",
            gr.update(visible=is_set, value=lifted),
            said,
        ]

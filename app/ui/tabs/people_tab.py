"""The people tab: who and what is in the open document, and where they stand in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from app.errors import REFUSALS
from app.people.stored import people_of
from app.state_reader import Scope
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.tabs.people_html import everybody_html
from app.ui.texts import NOT_OPEN, chapter_choices, note

WHOLE = "The whole book"


class PeopleTab:
    """Components of the tab and what they do. Names are looked for only while it is shown."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        self._is_shown = gr.State(False)
        self._until = choice_list("Up to the end of", visible=False)
        self._list = gr.HTML(note(NOT_OPEN))
        self._inputs = [picker, self._until]
        picker.change(self.follow, [picker, self._is_shown], [self._until, self._list], **private())
        self._until.input(self.view, self._inputs, self._list, **private())

    def on_open(self, tab: gr.Tab, others: Iterable[gr.Tab]) -> None:
        """Look for names when the tab is opened; and no more once another one is."""
        tab.select(
            self.opened, self._picker, [self._is_shown, self._until, self._list], **private()
        )
        for other in others:
            other.select(_left, None, self._is_shown, **private(queue=False))

    def opened(self, document_id: str | None) -> list[Any]:
        """The tab is shown: the open document's names."""
        return [True, *self.follow(document_id, True)]

    def follow(self, document_id: str | None, is_shown: bool) -> list[Any]:
        """Another document was opened: its chapters, and its names if they can be seen."""
        document = self._session.find(document_id)
        if document is None or not is_shown:
            return [gr.update(choices=[], value=None, visible=False), note(NOT_OPEN)]
        chapters = self._session.library.store.chapters(document.reading)
        choices = [(WHOLE, 0), *chapter_choices(chapters)]
        return [
            gr.update(choices=choices, value=0, visible=len(chapters) > 1),
            self.view(document_id, 0),
        ]

    def view(self, document_id: str | None, until: int | None) -> str:
        """The names up to the end of a chapter; 0: of the whole book."""
        document = self._session.find(document_id)
        if document is None:
            return note(NOT_OPEN)
        until = until if isinstance(until, int) and until else None
        try:
            found = people_of(self._session.library, document, Scope(as_of_chapter=until))
        except REFUSALS as error:
            return note(str(error), "warning")
        chapters = self._session.library.store.chapters(document.reading)
        return everybody_html(found, chapters[:until])


def _left() -> bool:
    return False

"""The people tab: who and what is in the open document, and where they stand in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from app.errors import REFUSALS
from app.people.stored import end_of, people_of
from app.position import scope_for
from app.state_reader import Scope
from app.taking.contents import people_taken
from app.taking.taken import Taken
from app.ui.session import Session, private
from app.ui.tabs.people_html import everybody_html
from app.ui.tabs.reading.place import Place
from app.ui.taking import offer
from app.ui.texts import NOT_OPEN, note


class PeopleTab:
    """Components of the tab and what they do. Names are looked for only while it is shown."""

    def __init__(self, session: Session, picker: gr.Dropdown, place: Place) -> None:
        self._session = session
        self._picker = picker
        self._lifted = place.lifted
        self._is_shown = gr.State(False)
        with gr.Row(elem_classes="bs-actions"):
            offer("people", self.taken, [picker, self._lifted])
        self._list = gr.HTML(note(NOT_OPEN))
        looking = [picker, self._lifted, self._is_shown]
        picker.change(self.follow, looking, self._list, **private())
        self._lifted.input(self.follow, looking, self._list, **private())
        for change in place.changes:
            change.then(self.follow, looking, self._list, **private())

    def on_open(self, tab: gr.Tab, others: Iterable[gr.Tab]) -> None:
        """Look for names when the tab is opened; and no more once another one is."""
        looking = [self._picker, self._lifted]
        tab.select(self.opened, looking, [self._is_shown, self._list], **private())
        for other in others:
            other.select(_left, None, self._is_shown, **private(queue=False))

    def opened(self, document_id: str | None, lifted: bool) -> list[Any]:
        """The tab is shown: the open document's names."""
        return [True, self.view(document_id, lifted)]

    def follow(self, document_id: str | None, lifted: bool, is_shown: bool) -> str:
        """Another document was opened, or its reader is at another place."""
        return self.view(document_id, lifted) if is_shown else note(NOT_OPEN)

    def view(self, document_id: str | None, lifted: bool) -> str:
        """The names in what was read of a document; lifted: in all of it."""
        document = self._session.find(document_id)
        if document is None:
            return note(NOT_OPEN)
        library = self._session.library
        try:
            scope = scope_for(library, document, Scope(), whole_book=lifted)
            found = people_of(library, document, scope)
        except REFUSALS as error:
            return note(str(error), "warning")
        chapters = library.store.chapters(document.reading)
        until = end_of(scope, chapters)
        begun = [chapter for chapter in chapters if until is None or chapter.start < until]
        return everybody_html(found, begun, document.reading.id)

    def taken(self, document_id: str | None, lifted: bool) -> Taken | None:
        """The names that are shown, to take along."""
        document = self._session.find(document_id)
        if document is None:
            return None
        scope = scope_for(self._session.library, document, Scope(), whole_book=lifted)
        return people_taken(document, people_of(self._session.library, document, scope))


def _left() -> bool:
    return False

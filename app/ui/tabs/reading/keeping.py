"""Keeping in the notebook: what the links "Keep" and the Read tab's selection stand for."""

from __future__ import annotations

import gradio as gr

from app.errors import REFUSALS, InvalidSetting
from app.storage.store import Note
from app.taking.keeping import LONGEST, answer_note, passage_note, summary_note
from app.ui.acts import FOLLOW, SAY, WHAT
from app.ui.leaves import matches_in
from app.ui.session import Session, private
from app.ui.tabs.reading.book_views import Spot
from app.ui.texts import note

KEPT = "Kept in the notebook"
SELECTED = """(id, at) => {
  const chosen = String(window.getSelection()).trim();
  return [id, at, chosen || document.querySelector('#leaf mark')?.innerText || ''];
}"""


class Keeping:
    """What keeps; the links are all over the page."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker

    def on_open(self, blocks: gr.Blocks) -> None:
        """Make the links work."""
        what, said = gr.Textbox(visible=False), gr.Textbox(visible="hidden")
        hidden = gr.Button("Keep", elem_id="keep", elem_classes="bs-hidden")
        blocks.load(None, js=FOLLOW)
        hidden.click(self.keep, [what, self._picker], said, js=WHAT, **private(queue=False)).then(
            None, said, None, js=SAY
        )

    def keep(self, what: str, document_id: str | None) -> str:
        """Keep what a link names, such as "passage:READING:120-180"; returns what to say."""
        kind, _, target = what.partition(":")
        name, _, place = target.partition(":")
        try:
            document_id, kept = self._found(kind, name, place, document_id)
            self._session.library.store.keep_note(document_id, kept)
        except REFUSALS as error:
            return str(error)
        return KEPT

    def _found(self, kind: str, name: str, place: str, document_id: str | None) -> tuple[str, Note]:
        store = self._session.library.store
        numbers = [int(n) for n in place.split("-") if n.isdecimal()]
        if kind == "passage" and len(numbers) == 2:
            document = store.document_of(name)
            return document.id, passage_note(store, document, numbers[0], numbers[1])
        if kind == "summary":
            document = store.document(name)
            made = store.summaries(document)
            number = int(place) if place.removeprefix("-").isdecimal() else 0
            if number in made:
                return document.id, summary_note(store, document, made[number])
        chats = store.chats(document_id) if kind == "answer" and document_id else []
        if document_id and numbers and any(str(chat.id) == name for chat in chats):
            return document_id, answer_note(store.messages(int(name)), numbers[0])
        raise InvalidSetting("This is not there any more; open the tab again.")

    def selection_button(self, spot: gr.State) -> None:
        """A button of the Read tab; spot: what it shows."""
        chosen = gr.Textbox(visible=False)
        button = gr.Button("Keep selection", size="sm", min_width=130)
        said = gr.HTML()
        button.click(
            self.keep_selection, [self._picker, spot, chosen], said, js=SELECTED, **private()
        )

    def keep_selection(self, document_id: str | None, spot: Spot, chosen: str) -> str:
        """Keep the words that are selected in the leaf that is shown, or else the marked ones."""
        document = self._session.find(document_id)
        store = self._session.library.store
        try:
            if document is None:
                raise InvalidSetting("Open a document first.")
            if not chosen.strip() and spot.end > spot.start:  # marked on the picture of a page
                chosen = store.text_part(document.reading, spot.start, spot.end)
            if not chosen.strip():
                raise InvalidSetting("Select a passage of the text first, then keep it.")
            if len(chosen) > LONGEST:
                raise InvalidSetting(f"Select at most {LONGEST:,} characters, then keep them.")
            at = spot.start or spot.place
            leaf = max(0, at - LONGEST)
            text = store.text_part(document.reading, leaf, at + 2 * LONGEST)
            found = matches_in(text, chosen)
            if not found:
                raise InvalidSetting("Select words of the text that is shown, then keep them.")
            start, end = min(found, key=lambda span: abs(leaf + span[0] - at))
            kept = passage_note(store, document, leaf + start, leaf + end)
            store.keep_note(document.id, kept)
        except REFUSALS as error:
            return note(str(error), "warning")
        return note(f"{KEPT}.", "good")

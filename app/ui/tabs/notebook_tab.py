"""The notebook tab: what was kept from the open document, and what its reader wrote beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from app.errors import REFUSALS, InvalidSetting
from app.storage.store import Note
from app.taking.contents import NOTE_TITLES, notes_taken
from app.taking.keeping import checked_remark, own_note
from app.taking.taken import Cited, Taken
from app.ui.acts import WHAT, acts
from app.ui.session import Session, private
from app.ui.tabs.confirm import confirmed
from app.ui.taking import offer
from app.ui.texts import NOT_OPEN, note

EMPTY = (
    "Nothing is kept yet. “Keep” beside an answer, a quote or a summary puts it here; in the text, "
    "select a passage and press “Keep selection”."
)
SHOW_FORM = """() => setTimeout(() => {
  const form = document.querySelector('#note-form textarea');
  form?.scrollIntoView({block: 'center'});
  form?.focus();
}, 100)"""


class NotebookTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        self._edited = gr.State(0)  # the note that is edited; 0 for a new one
        self._of = gr.State(None)  # the document that it is about
        with gr.Row(elem_classes="bs-actions"):
            self._write = gr.Button("Write a note", size="sm", min_width=120, scale=0)
            offer("notebook", self.taken, [picker])
        with gr.Column(visible=False, elem_id="note-form") as self._form:
            self._about = gr.HTML()
            self._remark = gr.Textbox(label="Your note", lines=3, max_lines=12)
            with gr.Row():
                self._save = gr.Button("Save note", size="sm", min_width=110, variant="primary")
                self._cancel = gr.Button("Close", size="sm", min_width=90)
                self._delete = gr.Button("Delete", size="sm", min_width=90)
            self._sure = confirmed(self._delete, "Delete this from the notebook?")
            self._said = gr.HTML()
        self._shown = gr.HTML(note(NOT_OPEN), elem_id="notes")
        self._wire()

    def _wire(self) -> None:
        form = [self._form, self._edited, self._about, self._remark, self._delete, self._said]
        form.append(self._of)
        picker, shown = self._picker, self._shown
        what = gr.Textbox(visible=False)
        edit = gr.Button("Edit", elem_id="edit-note", elem_classes="bs-hidden")
        for button, act, script in ((edit, self.edit, WHAT), (self._write, self.begin, None)):
            button.click(act, [what, picker], form, js=script, **private(queue=False)).then(
                None, js=SHOW_FORM
            )
        done = [self._form, self._said, shown]
        self._save.click(self.save, [picker, self._edited, self._remark], done, **private())
        self._sure.click(self.delete, [picker, self._edited], done, **private())
        self._cancel.click(_closed, None, self._form, **private(queue=False))
        picker.change(self.view, picker, shown, **private())
        picker.change(_other_document, [picker, self._of], self._form, **private(queue=False))

    def on_open(self, tab: gr.Tab) -> None:
        """Show what was kept meanwhile when the tab is opened."""
        tab.select(self.view, self._picker, self._shown, **private())

    def view(self, document_id: str | None) -> str:
        """The notes about the open document."""
        document = self._session.find(document_id)
        if document is None:
            return note(NOT_OPEN)
        kept = self._session.library.store.notes(document.id)
        return "".join(note_html(each) for each in reversed(kept)) or note(EMPTY)

    def taken(self, document_id: str | None) -> Taken | None:
        """The notebook, to take along."""
        document = self._session.find(document_id)
        if document is None:
            return None
        return notes_taken(document, self._session.library.store.notes(document.id))

    def _note(self, document_id: str | None, number: int) -> Note:
        document = self._session.find(document_id)
        notes = self._session.library.store.notes(document.id) if document else []
        found = [each for each in notes if each.id == number]
        if not found:
            raise InvalidSetting("This note has been deleted; open the tab again.")
        return found[0]

    def edit(self, what: str, document_id: str | None) -> list[Any]:
        """Show the form for a note of this number."""
        try:
            found = self._note(document_id, int(what) if what.isdecimal() else 0)
        except REFUSALS as error:
            shown = gr.update(visible=True)
            said = note(str(error), "warning")
            return [shown, 0, "", gr.skip(), gr.update(visible=False), said, document_id]
        about = f"{NOTE_TITLES[found.kind]}: {' '.join((found.question or found.text).split())}"
        return [
            gr.update(visible=True),
            found.id,
            note(about[:200]),
            found.remark,
            gr.update(visible=True),
            "",
            document_id,
        ]

    def begin(self, _what: str, document_id: str | None) -> list[Any]:
        """Show the form for a new note."""
        if self._session.find(document_id) is None:
            return [gr.skip()] * 7
        new = note("A note of your own about this book")
        return [gr.update(visible=True), 0, new, "", gr.update(visible=False), "", document_id]

    def save(self, document_id: str | None, number: int, remark: str) -> list[Any]:
        """Store what is in the form."""
        store = self._session.library.store
        try:
            document = self._session.find(document_id)
            if document is None:
                raise InvalidSetting("Open a document first.")
            if number:
                store.set_remark(self._note(document.id, number).id, checked_remark(remark))
            else:
                store.keep_note(document.id, own_note(store, document, remark))
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning"), gr.skip()]
        return [gr.update(visible=False), "", self.view(document_id)]

    def delete(self, document_id: str | None, number: int) -> list[Any]:
        """Delete the note that is edited."""
        try:
            self._session.library.store.remove_note(self._note(document_id, number).id)
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning"), gr.skip()]
        return [gr.update(visible=False), "", self.view(document_id)]


def _closed() -> Any:
    return gr.update(visible=False)


def _other_document(document_id: str | None, edited: str | None) -> Any:
    """Close the form where another document was opened, not where its list was only renewed."""
    return gr.skip() if document_id == edited else gr.update(visible=False)


def note_html(kept: Note) -> str:
    """A note: what it is, its text, where that stands, and what was written beside it."""
    title = escape(kept.question or NOTE_TITLES[kept.kind])
    remark = f'<p class="bs-remark">{escape(kept.remark)}</p>' if kept.remark else ""
    kind = NOTE_TITLES[kept.kind] if kept.question else ""
    small = " · ".join(part for part in (kind, kept.created_at[:10]) if part)
    return (
        f'<div class="bs-kept"><h4>{title} <small>{small}</small></h4>{_body(kept)}{remark}'
        f"{acts(edit=kept.id)}</div>"
    )


def _body(kept: Note) -> str:
    if kept.kind == "passage":
        return _quotes(kept.citations)
    if kept.kind in ("summary", "note") and kept.citations:
        told = " ".join(f"{escape(str(p['text']))} {_link(p, short=True)}" for p in kept.citations)
        return f'<div class="bs-text">{told}</div>'
    return f'<div class="bs-text">{escape(kept.text)}</div>{_quotes(kept.citations)}'


def _quotes(places: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"<blockquote>“{escape(_bare(place))}” {_link(place)}</blockquote>" for place in places
    )


def _bare(place: Mapping[str, Any]) -> str:
    return " ".join(str(place["text"]).split()).strip('"\u201c\u201d')


def _link(place: Mapping[str, Any], *, short: bool = False) -> str:
    cited = Cited.of(place)
    words = escape(cited.short if short else cited.pages)
    if not place["reading_id"]:
        return words
    where = f"#read={escape(str(place['reading_id']))}:{int(place['start'])}-{int(place['end'])}"
    return f'<a class="bs-cite" href="{where}">{words}</a>'

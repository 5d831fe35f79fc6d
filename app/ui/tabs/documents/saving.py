"""Saving documents with their memories, and opening saved ones, in the page."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from time import time
from typing import Any

import gradio as gr

from app.errors import REFUSALS, InvalidSetting
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.exchange.whole import save_documents, save_library
from app.ui.inputs import upload_box
from app.ui.session import Session, private
from app.ui.texts import note, size

KEPT_SECONDS = 3600  # a saved file is there to be fetched; the next save deletes older ones
FETCH = """() => setTimeout(() => {
  const made = document.querySelector('#saved-file');
  (made?.querySelector('a') || made)?.click();
}, 300)"""
OWN = "With accounts, each saves its own documents; the command line saves the whole library."


class Saving:
    """The components, and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        with gr.Accordion("Save and open", open=False):
            with gr.Row():
                self._one = gr.Button(
                    "Save this document with its memory", size="sm", min_width=240
                )
                self._all = gr.Button("Save the whole library", size="sm", min_width=180)
                self._file = gr.DownloadButton(
                    "Download", visible=False, size="sm", min_width=160, elem_id="saved-file"
                )
            self._said = gr.HTML()
            self._upload = upload_box(label="Open a saved document", height=110, elem_id="saved")
            self._opened = gr.HTML()
        self._wire()

    def _wire(self) -> None:
        for button, act in ((self._one, self.save_one), (self._all, self.save_all)):
            button.click(
                act, self._picker, [self._file, self._said], **private(show_progress="minimal")
            ).then(None, js=FETCH)
        self._upload.upload(
            self.open_saved,
            self._upload,
            [self._upload, self._picker, self._opened],
            **private(show_progress="minimal"),
        )

    def save_one(self, document_id: str | None) -> list[Any]:
        """Write the open document with its memory, chats and notes to a file."""
        try:
            document = self._session.ready(document_id)
            out = self._folder() / f"{_plain(document.title)}.bookstate"
            export_document(self._session.library.store, document.id, out)
        except REFUSALS as error:
            return [gr.update(visible=False), note(str(error), "warning")]
        return self._made(out, f"{document.title} is saved with its memory.")

    def save_all(self, _document_id: str | None) -> list[Any]:
        """Write everything to a file; with accounts, the documents of the one who asks."""
        store = self._session.library.store
        try:
            if not store.documents():
                raise InvalidSetting("There is no document to save yet.")
            folder = self._folder()
            if store.has_accounts():
                out = folder / "my documents.zip"
                with out.open("xb") as file:
                    count = save_documents(store, file, folder)
                said = f"{count} documents are saved, each as a file of its own in the zip. {OWN}"
            else:
                out = folder / "bookstate library.zip"
                made = save_library(store, out)
                said = (
                    f"{made.documents} documents are saved. `bookstate library restore` puts them "
                    "back."
                )
        except REFUSALS as error:
            return [gr.update(visible=False), note(str(error), "warning")]
        return self._made(out, said)

    def _made(self, out: Path, said: str) -> list[Any]:
        label = f"Download {out.name} ({size(out.stat().st_size)})"
        return [gr.update(value=str(out), label=label, visible=True), note(said, "good")]

    def _folder(self) -> Path:
        """A new folder under a name that nobody can guess, where the server may send files from."""
        saves = self._session.library.settings.home / "uploads" / "saves"
        saves.mkdir(parents=True, exist_ok=True)
        for old in saves.iterdir():
            if old.stat().st_mtime < time() - KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        folder = saves / secrets.token_hex(16)
        folder.mkdir(0o700)
        return folder

    def open_saved(self, file: str | None) -> list[Any]:
        """Check a saved document as the command line does, and open it."""
        if not file:
            return [None, gr.skip(), ""]
        path, library = Path(file), self._session.library
        try:
            document = import_document(library.store, path, library.settings.reading_limits)
        except REFUSALS as error:
            return [None, gr.skip(), note(str(error), "warning")]
        finally:
            path.unlink(missing_ok=True)
        choices = [(d.title, d.id) for d in library.list()]
        opened = gr.update(choices=choices, value=document.id)
        return [None, opened, note(f"{document.title} is open, with its memory.", "good")]


def _plain(title: str) -> str:
    words = re.sub(r"[^\w' -]+", " ", title).split()
    return " ".join(words)[:60].strip() or "book"

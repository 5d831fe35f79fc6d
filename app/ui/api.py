"""Endpoints for programs; they return the same JSON as the command line.

Annotations must be real objects here (no `from __future__ import annotations`), because Gradio
derives the API's documentation from them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api

from app.answering.answers import Answer
from app.cli.documents_json import document_json
from app.errors import REFUSALS
from app.library import Stopped
from app.state_reader import Scope
from app.summaries import Summarizer
from app.ui.arguments import text, whole
from app.ui.inputs import upload_box
from app.ui.session import MODEL, Session
from app.ui.summaries_tab import summarise


class Api:
    """The public endpoints of one server."""

    def __init__(self, session: Session) -> None:
        self._session = session
        speaking: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": MODEL}
        api(self.list_documents, api_name="list_documents")
        api(self.status, api_name="status")
        api(self.ask, api_name="ask", **speaking)
        api(self.summarize, api_name="summarize", **speaking)
        self._offer_upload()

    def _offer_upload(self) -> None:
        """Offer `add_document` with real components: `gr.api` does not check uploads."""
        with gr.Group(visible=False):
            fields = [
                upload_box(label="file"),
                gr.Textbox("", label="memory"),
                gr.Textbox("", label="title"),
                gr.Textbox("", label="password"),
            ]
            shown = gr.JSON()
            gr.Button().click(self.add_document, fields, shown, api_name="add_document")

    def list_documents(self) -> list[dict[str, Any]]:
        """All documents, newest first."""
        return [document_json(d) for d in self._session.library.list()]

    def add_document(
        self, file: str | None, memory: str = "", title: str = "", password: str = ""
    ) -> dict[str, Any]:
        """Store a file and queue it for reading; `memory` is adaptive, melodi or infini."""
        if not file:
            raise gr.Error("There is no file; upload one.", print_exception=False)
        path = Path(file)
        try:
            document, known = self._session.library.register(
                path.read_bytes(),
                path.name,
                title=title,
                memory=memory or None,
                password=password or None,
            )
        except REFUSALS as error:
            raise _refusal(error) from error
        finally:
            path.unlink(missing_ok=True)
        if not document.ready:
            self._session.enqueue(document.reading.id)
        return {
            "id": document.id,
            "reading": document.reading.id,
            "title": document.title,
            "already_known": known,
        }

    def status(self, id: str) -> dict[str, Any]:
        """How far a document has been read; with the id of a reading, how far that one is."""
        try:
            document = self._session.library.store.document(text("id", id))
        except REFUSALS as error:
            raise _refusal(error) from error
        reading = document.reading
        job = self._session.jobs().get(reading.id)
        progress = self._session.worker.progress.get(reading.id)
        return {
            "id": document.id,
            "ready": document.ready,
            "segments_done": progress.segments_done if progress else reading.segments_done,
            "segments": reading.segments,
            "job": job.status if job else None,
            "error": job.error if job else "",
        }

    def ask(
        self, id: str, question: str, chapter: int = 0, as_of_chapter: int = 0
    ) -> Iterator[str | dict[str, Any]]:
        """Stream an answer's text as it grows, then the whole answer with its sources."""
        try:
            self._session.finished(self._session.library.store.document(text("id", id)))
            question = text("question", question)
            until = whole("as_of_chapter", as_of_chapter)
            scope = Scope(whole("chapter", chapter) or None, until or None)
            generation = self._session.generations.start(id, question, scope)
        except REFUSALS as error:
            raise _refusal(error) from error
        try:
            yield from generation.watch()
        finally:
            generation.stop()  # the client is gone or has the whole answer
        if generation.error:
            raise gr.Error(generation.error, print_exception=False)
        yield _finished(generation.answer)

    def summarize(self, id: str, chapter: int = 0) -> dict[str, Any]:
        """The summary of one chapter; chapter 0 is the whole book."""
        try:
            chapter = whole("chapter", chapter)
            known = self._session.library.store.document(text("id", id))
            document = self._session.finished(known)
            watch = self._session.begin_summary(document.id)
            with self._session.summarising(document.id, watch):
                made = summarise(Summarizer(self._session.library, watch), document, chapter)
        except Stopped as error:
            raise gr.Error("The summary was stopped; ask again.", print_exception=False) from error
        except REFUSALS as error:
            raise _refusal(error) from error
        return {"chapter": made.chapter, "title": made.title, "summary": made.summary}


def _refusal(error: Exception) -> gr.Error:
    return gr.Error(" ".join(str(error).split()), print_exception=False)


def _finished(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        raise gr.Error(
            "The answer failed because of an internal error; ask again. The server's log has "
            "details.",
            print_exception=False,
        )
    return answer.to_dict()

"""Endpoints for programs; they return the same JSON as the command line.

Annotations must be real objects here (no `from __future__ import annotations`), because Gradio
derives the API's documentation from them.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync
from gradio.events import api

from app.answering.answers import Answer
from app.cli.documents_json import document_json
from app.errors import REFUSALS
from app.library import Stopped
from app.position import scope_for
from app.state_reader import Scope
from app.storage.store import Document
from app.ui.arguments import flag, text, whole
from app.ui.inputs import upload_box
from app.ui.session import Session

QUIET: dict[str, Any] = {"print_exception": False}  # a refusal is no failure of the program


class Api:
    """The public endpoints of one server."""

    def __init__(self, session: Session) -> None:
        self._session = session
        api(self.list_documents, api_name="list_documents")
        api(self.status, api_name="status")
        api(self.ask, api_name="ask", concurrency_limit=None)  # they wait in the model's line
        api(self.summarize, api_name="summarize", concurrency_limit=None)
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
            raise gr.Error("There is no file; upload one.", **QUIET)
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

    async def ask(
        self,
        id: str,
        question: str,
        chapter: int = 0,
        as_of_chapter: int = 0,
        whole_book: bool = False,
        request: gr.Request | None = None,
    ) -> AsyncIterator[str | dict[str, Any]]:
        """Stream an answer's text as it grows, then the whole answer with its sources.

        Open the stream within 10 seconds: nothing is made while nobody listens.
        """
        generations = self._session.generations
        try:
            question = text("question", question)
            until = whole("as_of_chapter", as_of_chapter)
            asked = Scope(whole("chapter", chapter) or None, until or None)
            lifted = flag("whole_book", whole_book)
            document = await run_sync(self._finished, text("id", id))
            scope = await run_sync(
                partial(scope_for, whole_book=lifted), self._session.library, document, asked
            )
            await run_sync(generations.check, document.id, question, scope)
            visitor = self._session.visitor(request)
            async with self._session.heard(request) as away:
                generation = await run_sync(
                    lambda: generations.start(
                        document.id, question, scope, visitor=visitor, away=away
                    )
                )
                try:
                    async with aclosing(generation.watch()) as watching:
                        async for said in watching:
                            if said:
                                yield said
                finally:
                    generation.stop()  # the client is gone or has the whole answer
        except REFUSALS as error:
            raise _refusal(error) from error
        if generation.error:
            raise gr.Error(generation.error, **QUIET)
        if not generation.begun:
            raise gr.Error("The question was stopped before its turn; ask again.", **QUIET)
        yield _answered(generation.answer)

    async def summarize(
        self,
        id: str,
        chapter: int = 0,
        whole_book: bool = False,
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        """The summary of one chapter; chapter 0 is the book, as far as its reader is."""
        try:
            chapter = whole("chapter", chapter)
            lifted = flag("whole_book", whole_book)
            document = await run_sync(self._finished, text("id", id))
            async with self._session.heard(request) as away:
                summing = self._session.summing(document, request, away, whole_book=lifted)
                made = await summing.all_for(chapter)
        except Stopped as error:
            raise gr.Error("The summary was stopped; ask again.", **QUIET) from error
        except REFUSALS as error:
            raise _refusal(error) from error
        return {"chapter": made.chapter, "title": made.title, "summary": made.summary}

    def _finished(self, id: str) -> Document:
        return self._session.finished(self._session.library.store.document(id))


def _refusal(error: Exception) -> gr.Error:
    return gr.Error(" ".join(str(error).split()), **QUIET)


def _answered(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        raise gr.Error(
            "The answer failed because of an internal error; ask again. The server's log has "
            "details.",
            **QUIET,
        )
    return answer.to_dict()

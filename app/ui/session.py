"""What every tab works with: the library, the worker, and the answers that are being made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from time import monotonic, sleep
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from app.errors import NotReady, Unheard
from app.library import Library, Stopped
from app.line.summing import Summing
from app.line.work import HERE, Away, Visitor, always_here, never_here
from app.storage.store import Document, Job, Reading
from app.ui.generations import Generations
from app.ui.visitors import Visiting
from app.web.listeners import LISTEN_SECONDS, Listeners, page_key
from app.worker import Worker

OPEN = ("queued", "running", "cancelling")
SEGMENT_PATIENCE = 120  # seconds that the present segment of a cancelled reading may take


@dataclass(frozen=True, slots=True)
class Session:
    """One server's library, worker and running answers, shared by all visitors."""

    visiting: Visiting
    worker: Worker
    generations: Generations
    stops: dict[str, Event] = field(default_factory=dict)  # summarising, by document
    listeners: Listeners = field(default_factory=Listeners)

    def __post_init__(self) -> None:
        self.listeners.when_closed.append(lambda _: self.generations.line.sweep())

    def visitor(self, request: gr.Request | None) -> Visitor:
        """Who sent a request. Programs of an account that name no session share one."""
        if request is None:
            return HERE
        account, session = request.username or "", request.session_hash or ""
        is_named = session != LocalContext.event_id.get(None)
        return Visitor(account, session if is_named or not account else "")

    def page(self, request: gr.Request | None) -> Away:
        """Whether the page that sent a request is still open, or how long it has been away."""
        if request is None:
            return always_here
        session = request.session_hash
        if not session:
            return never_here
        return partial(self.listeners.away, (page_key(session), session))

    @asynccontextmanager
    async def heard(self, request: gr.Request | None) -> AsyncIterator[Away]:
        """Whether the client of a program's request still listens. Raises Unheard if it never did.

        A client that does not open the stream of its answer gets no place in the line.
        """
        if request is None:
            yield always_here
            return
        event_id = LocalContext.event_id.get(None)
        if event_id is None:
            raise Unheard(
                "This request has no stream to answer in; POST it to /gradio_api/call/ and open "
                "the stream of its event there."
            )
        with self.listeners.request(event_id, request.session_hash or event_id) as ear:
            if not await ear.opens(LISTEN_SECONDS):
                raise Unheard(
                    f"Nobody opened the stream of this request within {LISTEN_SECONDS:.0f} s, so "
                    "it was dropped; open it right after asking."
                )
            yield ear.away

    @property
    def library(self) -> Library:
        """The library as the visitor sees it."""
        return self.visiting.library

    def own_chat(self, chat_id: int | None) -> int | None:
        """The chat, or None where the visitor has none of this number."""
        return chat_id if chat_id is not None and self.library.store.is_chat(chat_id) else None

    def find(self, document_id: str | None) -> Document | None:
        """The document of that id; None for no id and for one that was deleted meanwhile."""
        found = [d for d in self.library.list() if d.id == document_id] if document_id else []
        return found[0] if found else None

    def ready(self, document_id: str | None) -> Document:
        """The document, read to its end. Raises NotReady with what to do."""
        document = self.find(document_id)
        if document is None:
            raise NotReady("No document is open; choose one in the library first.")
        return self.finished(document)

    def finished(self, document: Document) -> Document:
        """The document as it is. Raises NotReady where this reading of it is not finished."""
        if not document.ready:
            raise NotReady(f"{document.how_far}; wait until the reading is done.")
        return document

    def jobs(self) -> dict[str, Job]:
        """The latest job of every reading that has one."""
        return {job.reading_id: job for job in self.library.store.jobs()}

    def unfinished(self, document: Document) -> Reading | None:
        """The latest reading of a document that is still to be finished."""
        found = [r for r in self.library.store.readings(document.id) if not r.ready]
        return found[-1] if found else None

    def enqueue(self, reading_id: str) -> None:
        """Ask the worker to make a reading, from where it stopped."""
        self.library.store.enqueue(reading_id)
        self.worker.wake()

    def cancel(self, document_id: str) -> None:
        """Ask that all readings of a document stop after their present segments."""
        for reading in self.library.store.readings(document_id):
            self.library.store.cancel_job(reading.id)

    def begin_summary(self, document_id: str) -> Callable[[], None]:
        """A function for summaries that begin now: it raises Stopped once they should end."""
        stop = self.stops[document_id] = Event()

        def watch() -> None:
            if stop.is_set():
                raise Stopped

        return watch

    def summing(
        self,
        document: Document,
        request: gr.Request | None,
        away: Away,
        *,
        again: bool = False,
        whole_book: bool = False,
    ) -> Summing:
        """What makes summaries of a document for the sender of a request."""
        line, should_end = self.generations.line, self.begin_summary(document.id)
        who = self.visitor(request), away
        return Summing(
            self.library, line, document, should_end, *who, again=again, whole_book=whole_book
        )

    def stop_summary(self, document_id: str | None) -> None:
        """End the summary that is being made of a document; it is not kept."""
        if document_id in self.stops and self.find(document_id):
            self.stops[document_id].set()

    def remove(self, document_id: str) -> Document:
        """Delete a document once nothing writes to it any more. Raises UnknownDocument."""
        self.library.store.check_there(document_id)
        self.library.store.cancel_summaries(document_id)
        self.stop_summary(document_id)
        self.generations.stop_document(document_id)
        self.cancel(document_id)
        deadline = monotonic() + SEGMENT_PATIENCE
        while monotonic() < deadline:
            if not any(job.document_id == document_id for job in self.library.store.jobs(*OPEN)):
                break
            sleep(0.05)
        return self.library.remove(document_id, undoable=True)


def private(**more: Any) -> dict[str, Any]:
    """Options of an event that is the page's own business and not part of the API."""
    return {"api_visibility": "private", "show_progress": "hidden", **more}

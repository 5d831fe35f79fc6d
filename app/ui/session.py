"""What every tab works with: the library, the worker, and the answers that are being made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic, sleep
from typing import Any

from app.errors import NotReady
from app.library import Library, Stopped
from app.storage.store import Document, Job, Reading
from app.ui.generations import Generations
from app.ui.visitors import Visiting
from app.worker import Worker

OPEN = ("queued", "running", "cancelling")
MODEL = "model"  # concurrency id: answers and summaries wait in one line
SEGMENT_PATIENCE = 120  # seconds that the present segment of a cancelled reading may take


@dataclass(frozen=True, slots=True)
class Session:
    """One server's library, worker and running answers, shared by all visitors."""

    visiting: Visiting
    worker: Worker
    generations: Generations
    stops: dict[str, Event] = field(default_factory=dict)  # summarising, by document
    _summing: defaultdict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))

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
        """The reading of a document that is still to be finished: the one in use, or the latest."""
        if not document.ready:
            return document.reading
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

    @contextmanager
    def summarising(self, document_id: str, watch: Callable[[], None]) -> Iterator[None]:
        """Hold the model for one summary. Raises Stopped if it should end before it begins."""
        with self.generations.model, self._summing[document_id]:
            watch()
            yield

    def stop_summary(self, document_id: str | None) -> None:
        """End the summary that is being made of a document; it is not kept."""
        if document_id in self.stops and self.find(document_id):
            self.stops[document_id].set()

    def remove(self, document_id: str) -> Document:
        """Delete a document once nothing writes to it any more. Raises UnknownDocument."""
        self.library.store.check_there(document_id)
        self.stop_summary(document_id)
        self.generations.stop_document(document_id)
        self.cancel(document_id)
        if self._summing[document_id].acquire(timeout=SEGMENT_PATIENCE):  # its summary has ended
            self._summing[document_id].release()
        deadline = monotonic() + SEGMENT_PATIENCE
        while monotonic() < deadline:
            if not any(job.document_id == document_id for job in self.library.store.jobs(*OPEN)):
                break
            sleep(0.05)
        return self.library.remove(document_id)


def private(**more: Any) -> dict[str, Any]:
    """Options of an event that is the page's own business and not part of the API."""
    return {"api_visibility": "private", "show_progress": "hidden", **more}

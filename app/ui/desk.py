"""What every tab works with: the library, the background reader, and who speaks at present."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from time import monotonic, sleep
from typing import Any

from app.errors import NotReady
from app.library import Library
from app.store import Document, Job
from app.ui.turns import Turns
from app.worker import Worker

OPEN = ("queued", "running", "cancelling")
MODEL = "model"  # concurrency id: answers and summaries wait in one line
SEGMENT_PATIENCE = 120  # seconds that the present segment of a cancelled reading may take


@dataclass(frozen=True, slots=True)
class Desk:
    """One server's library, reader and speaker, shared by all visitors."""

    library: Library
    worker: Worker
    turns: Turns
    stops: dict[str, Event] = field(default_factory=dict)  # summarising, by document

    def find(self, document_id: str | None) -> Document | None:
        """The document of that id; None for no id and for one that was deleted meanwhile."""
        found = [d for d in self.library.list() if d.id == document_id] if document_id else []
        return found[0] if found else None

    def ready(self, document_id: str | None) -> Document:
        """The document, read to its end. Raises NotReady with what to do."""
        document = self.find(document_id)
        if document is None:
            raise NotReady("No document is open; choose one in the library first.")
        if not document.ready:
            raise NotReady(
                f"{document.title!r} has been read to segment {document.segments_done} of "
                f"{document.segments}; wait until the reading is done."
            )
        return document

    def jobs(self) -> dict[str, Job]:
        """The latest job of every document that has one."""
        return {job.document_id: job for job in self.library.store.jobs()}

    def enqueue(self, document_id: str) -> None:
        """Ask the background reader to read a document, from where it stopped."""
        self.library.store.enqueue(document_id)
        self.worker.wake()

    def remove(self, document_id: str) -> Document:
        """Delete a document once nothing writes to it any more."""
        self.turns.stop_document(document_id)
        self.library.store.cancel_job(document_id)
        deadline = monotonic() + SEGMENT_PATIENCE
        while monotonic() < deadline:
            job = self.jobs().get(document_id)
            if job is None or job.status not in OPEN:
                break
            sleep(0.05)
        return self.library.remove(document_id)


def private(**more: Any) -> dict[str, Any]:
    """Options of an event that is the page's own business and not part of the API."""
    return {"api_visibility": "private", "show_progress": "hidden", **more}

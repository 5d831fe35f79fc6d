"""The worker: one thread that processes the jobs table.

Jobs are stored in the database, so nothing is lost when a tab is closed, a server is stopped or a
process is killed. At start-up, a job that was running is queued again and continues from its last
checkpoint.
"""

from __future__ import annotations

import logging
from threading import Event, Thread
from time import monotonic

from app.errors import REFUSALS, Busy, StoreFailed
from app.library import Library, ReadProgress, Stopped
from app.storage.store import Job

log = logging.getLogger(__name__)

READING = ("reading", "Read it again: reading continues where it stopped")
BUSY_SECONDS = 5.0  # until a document that another process is reading is tried again


class Worker:
    """Reads queued documents one after the other until it is stopped."""

    def __init__(
        self, library: Library, poll_seconds: float = 1.0, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self._library = library
        self._poll_seconds = poll_seconds
        self._busy_seconds = busy_seconds
        self._busy_until: dict[int, float] = {}  # by job
        self._stop = Event()
        self._wake = Event()
        self._thread = Thread(target=self._run, name="bookstate-worker", daemon=True)
        self.progress: dict[str, ReadProgress] = {}  # by reading

    def start(self) -> None:
        """Queue the jobs that an earlier process left running, and start the thread."""
        for job in self._library.store.jobs("running"):
            self._library.store.set_job(job.id, status="queued")
        for job in self._library.store.jobs("cancelling"):
            self._library.store.set_job(job.id, status="cancelled")
        self._thread.start()

    def stop(self, timeout: float | None = 30) -> None:
        """Stop after the segment that is being read; its job stays queued."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)

    def wake(self) -> None:
        """Look for jobs now instead of at the next poll."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._library.store.delete_removed()
                job = self._next()
                if job is not None:
                    self._work(job)
                    continue
            except StoreFailed as error:  # the database cannot be used; try again later
                log.error("The worker waits: %s", error)
            self._pause()

    def _next(self) -> Job | None:
        """The first queued job whose document, as far as known, no other process is reading."""
        moment = monotonic()
        self._busy_until = {job: end for job, end in self._busy_until.items() if end > moment}
        waiting = self._library.store.jobs("queued")
        return next((job for job in waiting if job.id not in self._busy_until), None)

    def _pause(self) -> None:
        self._wake.wait(self._poll_seconds)
        self._wake.clear()

    def _work(self, job: Job) -> None:
        store = self._library.store
        if not store.start_job(job.id):
            return

        def on_progress(progress: ReadProgress) -> None:
            self.progress[job.reading_id] = progress
            if self._stop.is_set() or store.job_status(job.id) != "running":
                raise Stopped  # also if the document was deleted, and its job with it
            store.set_job(job.id, tokens_per_second=progress.tokens_per_second)

        try:
            self._library.read(job.reading_id, on_progress)
        except Stopped:
            store.put_back_job(job.id)
        except Busy as error:
            log.info("%s", error)
            self._busy_until[job.id] = monotonic() + self._busy_seconds
            store.put_back_job(job.id)
        except REFUSALS as error:
            log.warning("Reading %s failed: %s", job.document_id, error)
            store.set_job(job.id, status="failed", error=str(error))
        except Exception as error:  # concerns only this document: the next ones can still be read
            log.exception("Reading %s failed", job.document_id)
            store.set_job(job.id, status="failed", error=explained(error, *READING))
        else:
            store.set_job(job.id, status="done", error="")
        finally:
            self.progress.pop(job.reading_id, None)


def explained(error: Exception, what: str, again: str) -> str:
    """What a user can do about an unexpected error.

    what: the work that it stopped. again: how to start that once more, and what is kept.
    """
    said = str(error).strip().partition("\n")[0]
    memory = ("out of memory", "can't allocate memory", "not enough memory")  # torch's words
    if isinstance(error, MemoryError) or any(words in said for words in memory):
        return (
            "This computer ran out of memory. Close other programs or choose a smaller backbone, "
            f"then {again[0].lower()}{again[1:]}."
        )
    return (
        f"An internal error stopped the {what} ({type(error).__name__}: {said[:200]}). {again}. "
        "If that fails too, report this error with the server's log."
    )

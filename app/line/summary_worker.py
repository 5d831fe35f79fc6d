"""The worker for summaries: one thread that has stored wishes made, a chapter at a time.

Each chapter is work in the background of the model's line (`line.py`): while it is made, whatever a
visitor asks is answered first. The wishes are stored, with what was made of each, so that a restart
costs at most the chapter that was being made. Turns go round the accounts, chapter by chapter;
among the wishes of one account, a single chapter comes before books.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import count
from threading import Event, Thread
from time import monotonic

from app.errors import REFUSALS, StoreFailed
from app.library import Library, Stopped
from app.line.line import Line
from app.line.work import Work
from app.storage.store import BOOK, Document, SummaryJob
from app.summaries.summarizer import Summarizer
from app.summaries.wanted import wanted
from app.worker import explained

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # between looks at whether the job was cancelled
SPAN = 2  # segments that could be summarised while the book's summary gets a sentence
MOST_SPANS = 14  # about so many sentences it gets, and one for every four segments at most
SUMMARISING = ("summary", "Start it again: what was finished is kept")


class _Part(Work):
    """One summary of a job."""

    background = True

    def __init__(self, document_id: str, make: Callable[[], None]) -> None:
        super().__init__(document_id)
        self.failed: Exception | None = None
        self.made = False
        self._make = make

    def make(self) -> None:
        """Make it, in the line's thread."""
        self.begin()
        try:
            self._make()
            self.made = True
        except Exception as error:  # noqa: BLE001 - the job says why it failed
            self.failed = error


class SummaryWorker:
    """Has the summaries made that are wanted, one after the other, until it is stopped."""

    def __init__(self, library: Library, line: Line, poll_seconds: float = 0.5) -> None:
        self._library = library
        self._line = line
        self._poll_seconds = poll_seconds
        self._stop = Event()
        self._part: _Part | None = None
        self._turns = count(1)
        self._served: dict[int | None, int] = {}  # the last turn of each account
        self._paces: dict[int, tuple[float, int]] = {}  # seconds and segments, by job
        self._thread = Thread(target=self._run, name="bookstate-summaries", daemon=True)

    def start(self) -> None:
        """Start the thread; what an earlier process had begun goes on."""
        self._thread.start()

    def stop(self, timeout: float | None = 30) -> None:
        """Stop after the present token; the next start makes that chapter again."""
        self._stop.set()
        if (part := self._part) is not None:
            part.stop()
            self._line.sweep()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                job = self._next()
                if job is not None and self._work(job):
                    continue
            except StoreFailed as error:  # the database cannot be used; try again later
                log.error("The worker for summaries waits: %s", error)
            self._stop.wait(self._poll_seconds)

    def _next(self) -> SummaryJob | None:
        """A job of the account whose last turn is longest ago; those that were cancelled end."""
        for job in self._library.store.summary_jobs("cancelling"):
            self._end(job, "cancelled")
        jobs = self._library.store.summary_jobs("running", "queued")

        def turn(job: SummaryJob) -> tuple[int, bool, int]:
            return self._served.get(job.account, 0), job.chapter == BOOK, job.id

        return min(jobs, key=turn, default=None)

    def _work(self, job: SummaryJob) -> bool:
        """Have the next summary of a job made; False if the part was stopped."""
        store = self._library.store
        self._served[job.account] = next(self._turns)
        try:
            document = store.document(job.document_id)
            numbers = wanted(
                self._library, document, job.chapter, job.since, whole_book=job.whole_book
            )
        except REFUSALS as error:
            self._end(job, "failed", str(error))
            return True
        if not store.begin_summary_job(job.id):
            return True
        store.set_summary_job(job.id, wanted=numbers)
        number = next((n for n in numbers if n not in job.made), None)
        if number is None:
            self._end(job, "done")
            return True
        part = self._part = _Part(document.id, lambda: self._make(job, document, numbers, number))
        self._line.join(part)
        if self._stop.is_set():
            part.stop()
            self._line.sweep()
        part.wait()
        return self._after(job, part, numbers, number)

    def _after(self, job: SummaryJob, part: _Part, numbers: list[int], number: int) -> bool:
        """Note what came of a part."""
        store, error = self._library.store, part.failed
        if part.made:
            made = [*job.made, number]
            store.set_summary_job(job.id, made=made)
            if set(numbers) <= set(made):
                self._end(job, "done")
        elif error is None or isinstance(error, Stopped):
            return store.summary_job_status(job.id) != "running"  # else it is tried again later
        elif isinstance(error, REFUSALS):
            log.warning("Summarising %s failed: %s", job.document_id, error)
            self._end(job, "failed", str(error))
        else:  # concerns only this document: others can still be summarised
            log.error("Summarising %s failed", job.document_id, exc_info=error)
            self._end(job, "failed", explained(error, *SUMMARISING))
        return True

    def _end(self, job: SummaryJob, status: str, error: str = "") -> None:
        self._paces.pop(job.id, None)
        more = {"share": 1.0} if status == "done" else {}
        self._library.store.set_summary_job(
            job.id, status=status, error=error, seconds_left=None, **more
        )

    def _make(self, job: SummaryJob, document: Document, numbers: list[int], number: int) -> None:
        """Make one summary, in the line's thread."""
        progress = _Progress(self._library, job, document, numbers)
        before = self._paces.get(job.id, (0.0, 0))
        begun = monotonic()
        looked = 0.0
        told = 0

        def watch() -> None:
            nonlocal looked
            if self._stop.is_set() or (self._part is not None and self._part.stopped):
                raise Stopped
            if monotonic() - looked > LOOK_SECONDS:
                looked = monotonic()
                if self._library.store.summary_job_status(job.id) != "running":
                    raise Stopped  # it was cancelled, or deleted with its document
            self._line.give_way()

        def on_told(segments: int) -> None:
            nonlocal told
            told += segments * (SPAN if number == BOOK else 1)
            pace = self._paces[job.id] = (before[0] + monotonic() - begun, before[1] + told)
            progress.note(told, pace)

        progress.note(0, before)
        summarizer = Summarizer(
            self._library,
            watch,
            again=job.again,
            whole_book=job.whole_book,
            made=job.made,
            on_told=on_told,
        )
        watch()
        if number == BOOK:
            summarizer.book(document)
        else:
            summarizer.chapter(document, number)


class _Progress:
    """How far a job is, counted in segments that are summarised."""

    def __init__(
        self, library: Library, job: SummaryJob, document: Document, numbers: list[int]
    ) -> None:
        self._library = library
        self._job = job
        weights = self._weights(document, numbers)
        self._total = sum(weights.values())
        self._before = sum(weights[n] for n in job.made if n in weights)

    def _weights(self, document: Document, numbers: list[int]) -> Mapping[int, int]:
        """About how many segments each of the summaries is made from."""
        inside = self._library.store.segment_chapters(document.reading)
        weights = {n: max(1, inside.count(n)) for n in numbers if n != BOOK}
        if BOOK in numbers:
            weights[BOOK] = SPAN * min(MOST_SPANS, 1 + sum(weights.values()) // 4)
        return weights

    def note(self, told: int, pace: tuple[float, int]) -> None:
        """Store it. told: segments of the present summary; pace: seconds for so many segments."""
        done = min(self._before + told, self._total)
        seconds, segments = pace
        known = segments > 0 and done < self._total
        self._library.store.set_summary_job(
            self._job.id,
            share=done / self._total,
            seconds_left=(self._total - done) * seconds / segments if known else None,
        )

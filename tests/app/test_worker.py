"""The worker: queue, cancel, resume, restart, deletion."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
import torch
from novels import novel

from app.library import Library, OnProgress
from app.storage.store import Document, Job, Reading
from app.worker import Worker
from ingest.book import WindowTooSmallError
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memory import Bundle, Written

PATIENCE = 60  # seconds


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


@contextmanager
def working(library: Library) -> Iterator[Worker]:
    worker = Worker(library, poll_seconds=0.02)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        assert not worker._thread.is_alive()


def statuses(library: Library) -> list[str]:
    return [job.status for job in library.store.jobs()]


def queued(library: Library, seed: int = 0) -> Document:
    document, _ = library.register(novel(seed=seed), f"novel{seed}.md")
    library.store.enqueue(document.reading.id)
    return document


class Gate:
    """Holds a reading before it goes on behind a given segment, until the test opens it."""

    def __init__(self, library: Library, segment: int) -> None:
        self.reached, self.opened = Event(), Event()
        self._read, self._segment = library.read, segment
        library.read = self._gated  # type: ignore[method-assign]

    def _gated(self, document_id: str, on_progress: OnProgress) -> Document:
        def held(progress: object) -> None:
            if getattr(progress, "segments_done", 0) == self._segment:
                self.reached.set()
                assert self.opened.wait(PATIENCE)
            on_progress(progress)  # type: ignore[arg-type]

        return self._read(document_id, held)


def test_queued_documents_are_read_in_turn(library: Library) -> None:
    first, second = queued(library, 0), queued(library, 1)
    with working(library) as worker:
        wait_for(lambda: statuses(library) == ["done", "done"])
        assert worker.progress == {}
        third = queued(library, 2)
        worker.wake()
        wait_for(lambda: statuses(library) == ["done"] * 3)
    for document in (first, second, third):
        assert library.store.document(document.id).ready
    assert all(job.tokens_per_second > 0 for job in library.store.jobs())


def test_a_cancelled_job_stops_and_a_new_one_goes_on(library: Library) -> None:
    document = queued(library)
    gate = Gate(library, 5)
    with working(library) as worker:
        assert gate.reached.wait(PATIENCE)
        assert worker.progress[document.id].segments_done == 4
        library.store.cancel_job(document.reading.id)
        gate.opened.set()
        wait_for(lambda: statuses(library) == ["cancelled"])
        assert library.store.document(document.id).reading.segments_done == 4
        library.store.enqueue(document.reading.id)
        worker.wake()
        wait_for(lambda: statuses(library) == ["cancelled", "done"])
    assert library.store.document(document.id).ready


def test_a_job_that_is_cancelled_while_it_is_taken_up_does_not_start(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = queued(library)
    jobs, taken = library.store.jobs, Event()

    def overtaken(*wanted: str) -> list[Job]:
        found = jobs(*wanted)
        if wanted == ("queued",) and found:
            library.store.cancel_job(document.reading.id)
            taken.set()
        return found

    monkeypatch.setattr(library.store, "jobs", overtaken)
    with working(library):
        assert taken.wait(PATIENCE)
    assert statuses(library) == ["cancelled"]
    assert library.store.document(document.id).reading.segments_done == 0


def test_stopping_keeps_the_job_for_the_next_start(library: Library) -> None:
    document = queued(library)
    gate = Gate(library, 5)
    worker = Worker(library, poll_seconds=0.02)
    worker.start()
    assert gate.reached.wait(PATIENCE)
    worker._stop.set()
    gate.opened.set()
    worker.stop()
    assert statuses(library) == ["queued"]
    assert not library.store.document(document.id).ready
    with working(library):
        wait_for(lambda: statuses(library) == ["done"])


@pytest.mark.parametrize(("left", "then"), [("running", "done"), ("cancelling", "cancelled")])
def test_what_a_dead_process_left_is_taken_up(library: Library, left: str, then: str) -> None:
    document = queued(library)
    job = library.store.jobs()[0]
    library.store.set_job(job.id, status=left)
    with working(library):
        wait_for(lambda: statuses(library) == [then])
    assert library.store.document(document.id).ready == (then == "done")


def test_deleting_a_document_while_it_is_read_does_not_stop_the_worker(library: Library) -> None:
    document = queued(library, 0)
    gate = Gate(library, 3)
    with working(library) as worker:
        assert gate.reached.wait(PATIENCE)
        removal = Thread(target=library.remove, args=[document.id])
        removal.start()
        wait_for(lambda: statuses(library) == ["cancelling"])
        gate.opened.set()
        removal.join(PATIENCE)
        second = queued(library, 1)
        wait_for(lambda: statuses(library) == ["done"])
        assert document.id not in worker.progress
    assert [d.id for d in library.list()] == [second.id]


def test_deleting_a_document_just_before_a_checkpoint_does_not_either(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = queued(library, 0)
    checkpoint, deleted = library.store.checkpoint, Event()

    def late(reading: Reading, **values: object) -> None:
        if reading.id == document.reading.id and not deleted.is_set():
            library.store.remove(document.id)
            deleted.set()
        checkpoint(reading, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(library.store, "checkpoint", late)
    with working(library):
        assert deleted.wait(PATIENCE)
        queued(library, 1)
        wait_for(lambda: statuses(library) == ["done"])
    assert library.store.db.execute("SELECT count(*) FROM states").fetchone()[0] > 0
    assert library.store.state_parts(document.reading) == {}


@contextmanager
def read_elsewhere(library: Library, document: Document) -> Iterator[None]:
    """As while another process reads the document."""
    other = Library(library.settings)
    with other._alone(document):
        yield
    other.close()


def test_a_document_that_another_process_reads_waits_and_holds_up_no_other(
    library: Library,
) -> None:
    first, second = queued(library, 0), queued(library, 1)
    tries = 0
    read = library.read

    def counted(document_id: str, on_progress: OnProgress) -> Document:
        nonlocal tries
        tries += document_id == first.id
        return read(document_id, on_progress)

    library.read = counted  # type: ignore[method-assign]
    worker = Worker(library, poll_seconds=0.01, busy_seconds=0.2)
    with read_elsewhere(library, first):
        worker.start()
        wait_for(lambda: statuses(library) == ["queued", "done"])
        began, before = time.monotonic(), tries
        wait_for(lambda: tries >= before + 2)
        assert time.monotonic() - began > 0.2
        assert library.store.document(second.id).ready
    wait_for(lambda: statuses(library) == ["done", "done"])
    worker.stop()
    assert library.store.document(first.id).ready


def test_a_job_that_waits_for_another_process_can_be_cancelled(library: Library) -> None:
    document = queued(library)
    with read_elsewhere(library, document):
        worker = Worker(library, poll_seconds=0.01, busy_seconds=60)
        worker.start()
        wait_for(lambda: bool(worker._busy_until))
        library.store.cancel_job(document.reading.id)
        wait_for(lambda: statuses(library) == ["cancelled"])
        began = time.monotonic()
        worker.stop()
        assert time.monotonic() - began < 5
    assert statuses(library) == ["cancelled"]


def test_a_window_that_is_too_small_fails_the_job_too(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Document:
        raise WindowTooSmallError("a character has more tokens than the window")

    queued(library)
    monkeypatch.setattr(library, "read", refuse)
    with working(library):
        wait_for(lambda: statuses(library) == ["failed"])


def test_a_refusal_fails_the_job_with_its_reason(library: Library, settings: object) -> None:
    document = queued(library)
    library.store.update_reading(document.reading.id, backbone_sha256="0" * 64)
    with working(library):
        wait_for(lambda: statuses(library) == ["failed"])
    assert "choose it with --backbone" in library.store.jobs()[0].error


UNFORESEEN = {
    "out of memory": (MemoryError(), "This computer ran out of memory"),
    "a GPU out of memory": (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        "This computer ran out of memory",
    ),
    "torch cannot allocate": (
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"
        ),
        "This computer ran out of memory",
    ),
    "torch": (
        RuntimeError("expected scalar type Float\nbut found BFloat16"),
        r"\(RuntimeError: expected scalar type Float\)\. Read it again",
    ),
    "a fault of ours": (KeyError("slots"), r"\(KeyError: 'slots'\)\. Read it again"),
}


@pytest.mark.parametrize("case", UNFORESEEN)
def test_an_error_that_nobody_foresaw_fails_its_job_alone(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    case: str,
) -> None:
    error, said = UNFORESEEN[case]
    first, second = queued(library, 0), queued(library, 1)
    write, windows = AdaptiveMemory.write, 0

    def failing(self: AdaptiveMemory, tokens: torch.Tensor, carry: Bundle) -> Written:
        nonlocal windows
        windows += 1
        if windows == 6:
            raise error
        return write(self, tokens, carry)

    monkeypatch.setattr(AdaptiveMemory, "write", failing)
    with working(library) as worker:
        wait_for(lambda: statuses(library) == ["failed", "done"])
        assert re.search(said, library.store.jobs()[0].error)
        assert worker.progress == {}
        assert type(error).__name__ in caplog.text and "Traceback" in caplog.text
        assert library.store.document(second.id).ready
        library.store.enqueue(first.id)
        worker.wake()
        wait_for(lambda: statuses(library) == ["failed", "done", "done"])
    assert library.store.document(first.id).ready


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_worker_ends_with_its_process(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exit is no failure of the document."""
    queued(library)

    def leave(*_: object) -> Document:
        raise SystemExit

    monkeypatch.setattr(library, "read", leave)
    worker = Worker(library, poll_seconds=0.02)
    worker.start()
    worker._thread.join(PATIENCE)
    assert not worker._thread.is_alive()
    assert statuses(library) == ["running"]  # queued again at the next start

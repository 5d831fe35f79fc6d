"""Summaries in the background: they survive, can be cancelled, and hold nobody up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from novels import QUESTION, novel, read_novel
from played import busy
from torch import Tensor

from app.errors import NotReady, UnknownDocument
from app.library import Library
from app.line.line import Line
from app.line.summary_worker import SummaryWorker
from app.line.work import Visitor, Work
from app.position import set_position
from app.state_reader import Scope
from app.storage.store import BOOK, Document, Summary, SummaryJob
from app.summaries.summarizer import Summarizer
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.visitors import Visiting
from app.worker import Worker
from memory_models.memories.slot_reading import SlotReading

PATIENCE = 60


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


@contextmanager
def working(library: Library, line: Line | None = None) -> Iterator[SummaryWorker]:
    worker = SummaryWorker(library, line or Line(), poll_seconds=0.01)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        assert not worker._thread.is_alive()


def jobs(library: Library) -> list[SummaryJob]:
    return library.store.summary_jobs()


def statuses(library: Library) -> list[str]:
    return [job.status for job in jobs(library)]


class Steps:
    """Acts once at a step of the model, as soon as `when` holds; notes what is stored."""

    def __init__(self, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        self.saved: list[int] = []
        self.act: Callable[[], object] | None = None
        self.when: Callable[[], bool] = lambda: True
        self.acted = Event()
        step, save = SlotReading.step, library.store.save_summary

        def stepped(reading: SlotReading, tokens: Tensor, last: int) -> Tensor:
            if self.act is not None and self.when():
                act, self.act = self.act, None
                act()
                self.acted.set()
            return step(reading, tokens, last)

        def saved(document: Document, summary: Summary) -> None:
            save(document, summary)
            self.saved.append(summary.chapter)

        monkeypatch.setattr(SlotReading, "step", stepped)
        monkeypatch.setattr(library.store, "save_summary", saved)

    def at(self, saved: list[int], act: Callable[[], object]) -> None:
        """Act in the middle of the summary after those."""
        self.when, self.act = (lambda: self.saved == saved), act


@pytest.fixture
def steps(library: Library, monkeypatch: pytest.MonkeyPatch) -> Steps:
    monkeypatch.setattr("app.line.summary_worker.LOOK_SECONDS", 0.0)
    return Steps(library, monkeypatch)


def test_all_that_is_wanted_is_made_and_noted(library: Library, steps: Steps) -> None:
    document = read_novel(library)
    library.store.want_summaries(document.id)
    seen: list[SummaryJob] = []
    steps.at([1], lambda: seen.extend(jobs(library)))
    with working(library):
        wait_for(lambda: statuses(library) == ["done"])
    (job,) = jobs(library)
    assert steps.saved == [1, 2, 3, BOOK]
    assert job.made == job.wanted == (1, 2, 3, BOOK) and job.share == 1.0
    (half,) = seen
    assert (half.status, half.made, half.next) == ("running", (1,), 2)
    assert 0 < half.share < 1 and half.seconds_left is not None and half.seconds_left > 0


@pytest.mark.parametrize("kind", ["infini", "melodi"])
def test_every_memory_is_summarised(library: Library, kind: str) -> None:
    document = read_novel(library, memory=kind)
    library.store.want_summaries(document.id)
    with working(library):
        wait_for(lambda: statuses(library) == ["done"])
    assert set(library.store.summaries(document)) == {BOOK, 1, 2, 3}


def test_a_restart_goes_on_with_the_chapter_that_was_being_made(
    library: Library, steps: Steps
) -> None:
    document = read_novel(library)
    library.store.want_summaries(document.id, again=True)
    worker = SummaryWorker(library, Line(), poll_seconds=0.01)
    steps.at([1], worker._stop.set)  # as at Ctrl-C
    worker.start()
    assert steps.acted.wait(PATIENCE)
    worker.stop()
    assert statuses(library) == ["running"] and steps.saved == [1]
    with working(library):
        wait_for(lambda: statuses(library) == ["done"])
    assert steps.saved == [1, 2, 3, BOOK]  # nothing is made twice, even if all is made again


@pytest.mark.parametrize(("left", "then"), [("running", "done"), ("cancelling", "cancelled")])
def test_what_a_dead_process_left_is_taken_up(library: Library, left: str, then: str) -> None:
    document = read_novel(library)
    job = library.store.want_summaries(document.id, chapter=2)
    library.store.set_summary_job(job, status=left)
    with working(library):
        wait_for(lambda: statuses(library) == [then])
    assert set(library.store.summaries(document)) == ({2} if then == "done" else set())


def test_a_cancelled_job_stops_at_once_and_a_new_one_goes_on(
    library: Library, steps: Steps
) -> None:
    document = read_novel(library)
    library.store.want_summaries(document.id)
    steps.at([1], lambda: library.store.cancel_summaries(document.id))
    with working(library):
        wait_for(lambda: statuses(library) == ["cancelled"])
        assert steps.saved == [1]
        library.store.want_summaries(document.id)
        wait_for(lambda: statuses(library) == ["done"])  # the cancelled one is forgotten
    assert steps.saved == [1, 2, 3, BOOK]


def test_a_job_that_waits_is_cancelled_without_beginning(library: Library) -> None:
    document = read_novel(library)
    library.store.want_summaries(document.id)
    library.store.cancel_summaries(document.id)
    with working(library):
        time.sleep(0.05)
    assert statuses(library) == ["cancelled"] and library.store.summaries(document) == {}


def test_a_question_is_answered_in_the_middle_of_a_chapter_and_changes_no_bit(
    session: Session, steps: Steps
) -> None:
    library = session.library
    document = read_novel(library)
    book = Summarizer(library).book(document)
    before = library.store.summaries(document)
    stream = library.ask(document.id, QUESTION)
    list(stream)
    alone = library.answer(document.id, stream)
    steps.saved.clear()
    asked: list[Any] = []

    def ask() -> None:
        whole = Scope()
        asked.append(session.generations.start(document.id, QUESTION, whole))

    steps.at([1], ask)
    library.store.want_summaries(document.id, again=True)
    with working(library, session.generations.line):
        assert steps.acted.wait(PATIENCE)
        (question,) = asked
        assert question.wait(PATIENCE)
        assert steps.saved == [1]  # the second chapter waits in the middle
        wait_for(lambda: statuses(library) == ["done"])
    assert question.answer.answer == alone.answer
    assert question.answer.confidence == alone.confidence
    assert library.store.summaries(document) == before and before[BOOK] == book


def test_the_document_is_deleted_meanwhile(session: Session, steps: Steps) -> None:
    library, started = session.library, Event()
    document, other = read_novel(library), read_novel(library, seed=1)
    library.store.want_summaries(document.id)
    steps.at([1], started.set)
    with working(library, session.generations.line):
        assert started.wait(PATIENCE)
        removal = Thread(target=session.remove, args=[document.id])
        removal.start()
        removal.join(PATIENCE)
        assert not removal.is_alive() and jobs(library) == []
        library.store.want_summaries(other.id, chapter=1)
        wait_for(lambda: statuses(library) == ["done"])  # the worker goes on
    assert [d.id for d in library.list()] == [other.id]


def test_another_process_deletes_it(library: Library, steps: Steps) -> None:
    document = read_novel(library)
    library.store.want_summaries(document.id)
    steps.at([1], lambda: library.remove(document.id))
    with working(library):
        assert steps.acted.wait(PATIENCE)
        other = read_novel(library, seed=1)
        library.store.want_summaries(other.id, chapter=1)
        wait_for(lambda: statuses(library) == ["done"])


def test_a_job_that_fails_says_why_and_can_be_started_again(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    document = read_novel(library)
    chapter = Summarizer.chapter
    errors = [NotReady("It is not ready."), MemoryError(), RuntimeError("a fault"), None]

    def failing(self: Summarizer, *given: Any) -> Summary:
        if (error := errors[0]) is not None:
            raise error
        return chapter(self, *given)

    monkeypatch.setattr(Summarizer, "chapter", failing)
    said = []
    with working(library):
        while errors[0] is not None:
            library.store.want_summaries(document.id, chapter=1)
            wait_for(lambda: statuses(library) == ["failed"])
            said.append(jobs(library)[0].error)
            errors.pop(0)
        library.store.want_summaries(document.id, chapter=1)
        wait_for(lambda: statuses(library) == ["done"])
    assert said[0] == "It is not ready."
    assert "ran out of memory" in said[1] and "start it again" in said[1]
    assert "(RuntimeError: a fault)" in said[2] and "Traceback" in caplog.text


def test_a_chapter_that_is_not_there_fails(library: Library) -> None:
    document = read_novel(library)
    library.store.want_summaries(document.id, chapter=9)
    with working(library):
        wait_for(lambda: statuses(library) == ["failed"])
    assert "chapters 1 to 3" in jobs(library)[0].error


class TestOrder:
    def made(self, library: Library, wishes: list[tuple[Document, int]]) -> list[tuple[str, int]]:
        """Which summaries are made, in order, if all are wanted before the first is begun."""
        made: list[tuple[str, int]] = []
        save = library.store.save_summary

        def saved(document: Document, summary: Summary) -> None:
            made.append((document.title, summary.chapter))
            save(document, summary)

        library.store.save_summary = saved  # type: ignore[method-assign]
        for document, chapter in wishes:
            library.store.want_summaries(document.id, chapter=chapter)
        with working(library):
            wait_for(lambda: set(statuses(library)) == {"done"})
        return made

    def test_a_single_chapter_comes_before_books(self, library: Library) -> None:
        one, two = (read_novel(library, seed=n) for n in (0, 1))
        one, two = library.rename(one.id, "one"), library.rename(two.id, "two")
        made = self.made(library, [(one, BOOK), (two, BOOK), (one, 2)])
        assert made[0] == ("one", 2)
        assert [title for title, _ in made[1:]] == ["one"] * 3 + ["two"] * 4

    def test_accounts_take_turns(self, library: Library) -> None:
        for name in ("ada", "bob"):
            library.store.add_account(name, "a long secret")
        his = library.seen_by(library.store.account("bob").id)
        one, two = library.add(novel(), "a.md", title="ada's"), his.add(novel(), "b.md", title="b")
        made = self.made(library, [(one.document, BOOK), (two.document, BOOK)])
        assert [title for title, _ in made] == ["ada's", "b"] * 4


def test_a_wish_is_stored_once(library: Library) -> None:
    store, document = library.store, read_novel(library)
    assert store.want_summaries(document.id) == store.want_summaries(document.id)
    assert store.want_summaries(document.id, chapter=1) != store.want_summaries(document.id)
    with pytest.raises(UnknownDocument):
        store.want_summaries("nothing")


def test_only_the_chapters_since_one_are_made(library: Library, steps: Steps) -> None:
    document = read_novel(library)
    set_position(library, document, chapter=2)
    library.store.want_summaries(document.id, since=1)
    with working(library):
        wait_for(lambda: statuses(library) == ["done"])
    assert steps.saved == [2]


def test_another_account_sees_and_stops_nothing(library: Library) -> None:
    document = read_novel(library)
    for name in ("ada", "bob"):
        library.store.add_account(name, "a long secret")
    library.store.want_summaries(document.id)
    ada, bob = (library.store.seen_by(library.store.account(n).id) for n in ("ada", "bob"))
    assert len(ada.summary_jobs()) == len(ada.summary_jobs_of(document.id)) == 1
    assert bob.summary_jobs() == bob.summary_jobs_of(document.id) == []
    bob.cancel_summaries(document.id)
    assert statuses(library) == ["queued"]
    with pytest.raises(UnknownDocument):
        bob.want_summaries(document.id, chapter=1)
    ada.cancel_summaries(document.id)
    assert statuses(library) == ["cancelled"]


class Named(Work):
    """Work that notes its name when it is made."""

    def __init__(self, made: list[str], name: str, *, background: bool = False) -> None:
        super().__init__("", Visitor("", name))
        self.background = background
        self._made, self.name = made, name

    def make(self) -> None:
        self.begin()
        self._made.append(self.name)


def test_work_in_the_background_comes_last() -> None:
    line, made = Line(), []  # type: Line, list[str]
    with busy(line):
        for name in ("background", "asked", "asked later"):
            line.join(Named(made, name, background=name == "background"))
    wait_for(lambda: len(made) == 3)
    assert made == ["asked", "asked later", "background"]


def test_what_gives_way_is_among_what_is_being_made() -> None:
    line, made, seen = Line(), [], []  # type: Line, list[str], list[list[Work]]

    class Giving(Named):
        def make(self) -> None:
            line.join(Watching(made, "asked"))
            line.give_way()
            super().make()

    class Watching(Named):
        def make(self) -> None:
            seen.append(line.works())
            super().make()

    giving = Giving(made, "background", background=True)
    line.join(giving)
    assert giving.wait(PATIENCE)
    assert made == ["asked", "background"]
    assert seen[0][0] is giving and len(seen[0]) == 2
    assert line.works() == []

"""The summaries tab through its handlers: it starts jobs, follows them and cancels them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from novels import novel, read_novel
from played import busy

from app.errors import NotReady
from app.library import Library
from app.line.summary_worker import SummaryWorker
from app.position import set_position
from app.storage.store import BOOK, Summary
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.summaries_tab import ALL, SINCE, SO_FAR, WHOLE, SummariesTab
from app.ui.tabs.summary_progress import WAITS
from app.ui.visitors import Visiting
from app.worker import Worker

gr = pytest.importorskip("gradio")
LOOK = (False, "page", ALL)  # not lifted, whole summaries, all chapters
PATIENCE = 60


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


@pytest.fixture
def tab(session: Session) -> Iterator[SummariesTab]:
    with gr.Blocks(analytics_enabled=False):
        yield SummariesTab(session, gr.Dropdown([]))


@contextmanager
def working(session: Session) -> Iterator[None]:
    worker = SummaryWorker(session.library, session.generations.line, poll_seconds=0.01)
    worker.start()
    yield
    worker.stop()


def ended(tab: SummariesTab, document_id: str) -> list[Any]:
    """What the timer shows once nothing is made any more."""
    deadline = time.monotonic() + PATIENCE
    while (shown := tab.tick(document_id, *LOOK, ""))[2]["active"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return shown


def test_all_are_started_and_filled_in(session: Session, tab: SummariesTab) -> None:
    document = read_novel(session.library)
    said, cancel, timer, _, shown = tab.start_all(document.id, *LOOK, False)
    assert WAITS in said and cancel["visible"] and timer["active"]
    assert shown.count("not summarised yet") == 4
    with working(session):
        said, cancel, timer, _, shown = ended(tab, document.id)
    assert "done" in said and not cancel["visible"] and not timer["active"]
    assert "not summarised" not in shown
    assert set(session.library.store.summaries(document)) == {BOOK, 1, 2, 3}


def test_again_makes_what_is_there(session: Session, tab: SummariesTab) -> None:
    document, store = read_novel(session.library), session.library.store
    store.save_summary(document, Summary(2, "Two", "An older one."))
    with working(session):
        tab.start_one(document.id, *LOOK, False, 2)
        ended(tab, document.id)
        assert store.summaries(document)[2].summary == "An older one."
        tab.start_one(document.id, *LOOK, True, 2)
        ended(tab, document.id)
    assert store.summaries(document)[2].summary != "An older one."


def test_a_page_that_is_loaded_again_shows_it_and_can_cancel(
    session: Session, tab: SummariesTab
) -> None:
    document = read_novel(session.library)
    tab.start_all(document.id, *LOOK, False)
    with gr.Blocks(analytics_enabled=False):
        other = SummariesTab(session, gr.Dropdown([]))
    _, _, _, said, cancel, timer, _, _ = other.open_document(document.id)
    assert "All summaries" in said and cancel["visible"] and timer["active"]
    assert "stopped" in other.cancel(document.id, *LOOK)[0]
    assert "stopped" in tab.tick(document.id, *LOOK, "")[0]
    assert not tab.view(document.id, *LOOK)[3]["visible"]


def test_the_timer_sends_summaries_only_when_there_is_one_more(
    session: Session, tab: SummariesTab
) -> None:
    document = read_novel(session.library)
    *_, seen, _ = tab.start_all(document.id, *LOOK, False)
    assert tab.tick(document.id, *LOOK, seen)[-1] == gr.skip()
    (job,) = session.library.store.summary_jobs()
    session.library.store.set_summary_job(job.id, made=[1], wanted=[1, 2], share=0.5)
    said, *_, then, shown = tab.tick(document.id, *LOOK, seen)
    assert "chapter 2 (2 of 2)" in said and 'aria-valuenow="50"' in said
    assert then != seen and "Chapter 1" in shown


def test_time_left_is_said(session: Session, tab: SummariesTab) -> None:
    document = read_novel(session.library)
    tab.start_all(document.id, *LOOK, False)
    (job,) = session.library.store.summary_jobs()
    for seconds, words in ((59, "0:59 left"), (3725, "1:02:05 left")):
        session.library.store.set_summary_job(job.id, wanted=[1], seconds_left=float(seconds))
        assert words in tab.tick(document.id, *LOOK, "")[0]


def test_one_that_failed_says_why_until_it_is_started_again(
    session: Session, tab: SummariesTab
) -> None:
    document = read_novel(session.library)
    tab.start_all(document.id, *LOOK, False)
    (job,) = session.library.store.summary_jobs()
    session.library.store.set_summary_job(job.id, status="failed", error="<b>No</b>.")
    said = tab.view(document.id, *LOOK)[2]
    assert "failed: &lt;b&gt;No&lt;/b&gt;. It can be started again." in said
    assert "failed" not in tab.start_all(document.id, *LOOK, False)[0]


def test_what_cannot_be_made_is_refused_at_once(session: Session, tab: SummariesTab) -> None:
    document, _ = session.library.register(novel(), "a.md")
    assert "wait until" in tab.start_all(document.id, *LOOK, False)[0]
    assert "No document is open" in tab.start_one(None, *LOOK, False, 1)[0]
    read = read_novel(session.library, seed=1)
    assert "chapters 1 to 3" in tab.start_one(read.id, *LOOK, False, 7)[0]
    set_position(session.library, read, chapter=1)
    assert "not finished chapter 2" in tab.start_one(read.id, *LOOK, False, 2)[0]
    assert session.library.store.summary_jobs() == []
    with pytest.raises(NotReady):
        session.ready(None)


def test_a_reader_s_place_gives_the_story_so_far_and_what_came_since(
    session: Session, tab: SummariesTab
) -> None:
    document, store = read_novel(session.library), session.library.store
    assert tab.view(document.id, *LOOK)[1]["value"] == WHOLE
    set_position(session.library, document, chapter=2)
    since, button, *_ = tab.view(document.id, *LOOK)
    assert since["visible"] and [n for _, n in since["choices"]] == [ALL, 1]
    assert button["value"] == SO_FAR
    assert tab.view(document.id, True, "page", ALL)[1]["value"] == WHOLE
    since, button, *_, shown = tab.view(document.id, False, "page", 1)
    assert since["value"] == 1 and button["value"] == SINCE
    assert "2. Chapter 2" in shown and "1. Chapter 1" not in shown
    with working(session):
        tab.start_all(document.id, False, "page", 1, False)
        ended(tab, document.id)
        assert set(store.summaries(document)) == {2}
        tab.start_all(document.id, *LOOK, False)
        ended(tab, document.id)
    assert set(store.summaries(document)) == {1, 2, -2}
    taken = tab.taken(document.id, False, "page", 1)
    assert taken is not None and [s.title[:1] for s in taken.sections] == ["2"]


def test_the_model_is_busy_elsewhere(session: Session, tab: SummariesTab) -> None:
    document = read_novel(session.library)
    with busy(session.generations.line), working(session):
        tab.start_one(document.id, *LOOK, False, 1)
        time.sleep(0.1)
        assert tab.tick(document.id, *LOOK, "")[2]["active"]
        assert session.library.store.summaries(document) == {}
    assert set(session.library.store.summaries(document)) <= {1}

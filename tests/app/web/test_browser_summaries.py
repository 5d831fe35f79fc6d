"""Summaries in the background, in Chromium: they go on without the page, and can be cancelled."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from novels import QUESTION, read_novel
from played import busy

from app.library import Library
from app.line.summary_worker import SummaryWorker
from app.position import set_position
from app.storage.store import BOOK
from app.ui.generations import Generations
from app.ui.server import _build, launch_ui
from app.ui.session import Session
from app.ui.visitors import Visiting
from app.worker import Worker

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


@pytest.fixture
def address(session: Session) -> Iterator[str]:
    read_novel(session.library)
    blocks = _build(session)
    worker = SummaryWorker(session.library, session.generations.line, poll_seconds=0.05)
    worker.start()
    yield launch_ui(blocks, session.library, "127.0.0.1", 0)
    session.generations.stop_all()
    worker.stop()
    blocks.close(verbose=False)


def open_summaries(page: Any, address: str, library: Library) -> None:
    page.goto(address)
    title = library.list()[0].title
    page.locator("[role=gridcell]:visible").filter(has_text=title).first.click()
    page.get_by_role("tab", name="Summaries").click()


def test_it_goes_on_without_the_page_and_is_shown_again(
    browser: Any, session: Session, address: str
) -> None:
    library = session.library
    (document,) = library.list()
    page = browser.new_page()
    with busy(session.generations.line):
        open_summaries(page, address, library)
        page.get_by_role("button", name="Summarise the whole book").click()
        page.get_by_role("progressbar").wait_for()
        page.reload()
        page.get_by_role("tab", name="Summaries").click()
        page.get_by_role("progressbar").wait_for()
        page.get_by_role("button", name="Cancel", exact=True).wait_for()
    page.get_by_text("All summaries: done.").wait_for()  # the page follows it to its end
    page.get_by_text("not summarised yet").first.wait_for(state="hidden")
    assert not page.get_by_role("button", name="Cancel", exact=True).is_visible()
    assert set(library.store.summaries(document)) == {BOOK, 1, 2, 3}
    page.close()


def test_it_is_cancelled_from_another_page(browser: Any, session: Session, address: str) -> None:
    library = session.library
    page, other = browser.new_page(), browser.new_page()
    with busy(session.generations.line):
        open_summaries(page, address, library)
        page.get_by_role("button", name="Summarise this chapter").click()
        page.get_by_role("progressbar").wait_for()
        open_summaries(other, address, library)
        other.get_by_role("button", name="Cancel", exact=True).click()
        for each in (page, other):
            each.get_by_text("the summaries that were finished are kept").wait_for()
            assert each.get_by_role("progressbar").count() == 0
    assert library.store.summaries(library.list()[0]) == {}
    page.close()
    other.close()


def test_a_place_offers_the_story_so_far_and_what_came_since(
    browser: Any, session: Session, address: str
) -> None:
    library = session.library
    set_position(library, library.list()[0], chapter=2)
    page = browser.new_page()
    open_summaries(page, address, library)
    page.get_by_role("button", name="Story so far").wait_for()
    page.get_by_label("Show").click()
    page.get_by_role("option", name="what came after chapter 1").click()
    page.get_by_role("button", name="Summarise these chapters").click()
    page.get_by_text("The chapters after chapter 1: done.").wait_for()
    assert set(library.store.summaries(library.list()[0])) == {2}
    page.close()


def test_a_question_is_answered_while_a_book_is_summarised(
    browser: Any, session: Session, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.summaries.summarizer.WINDOW_TOKENS", 400)  # it takes its time
    library = session.library
    page = browser.new_page()
    open_summaries(page, address, library)
    page.get_by_role("button", name="Summarise the whole book").click()
    page.get_by_role("progressbar").wait_for()
    page.get_by_role("tab", name="Chat").click()
    page.locator("textarea:visible").first.fill(QUESTION)
    page.keyboard.press("Enter")
    page.get_by_text("of 10 answers").first.wait_for()
    page.close()

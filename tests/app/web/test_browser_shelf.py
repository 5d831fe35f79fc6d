"""The shelf in Chromium: tags set in the library, and one question to several books."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from novels import QUESTION, novel
from played import busy

from app.library import Library
from app.position import set_position
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

SIZES = {"phone": (390, 844), "laptop": (1366, 768), "wide": (1920, 1080)}
SLOW = 60_000  # milliseconds, where other programs need the machine


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def session(library: Library) -> Session:
    for number in (1, 2, 3):
        data = novel(2, 3, seed=number)
        document = library.add(data, f"book{number}.md", title=f"Book {number}").document
        library.store.add_tags(document.id, ["The Harbour" if number < 3 else "Old"])
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


@pytest.fixture
def address(session: Session) -> Iterator[str]:
    blocks = _build(session)
    yield launch_ui(blocks, session.library, "127.0.0.1", 0)
    session.generations.stop_all()
    blocks.close(verbose=False)


@pytest.fixture(params=SIZES)
def page(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, height = SIZES[request.param]
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(SLOW)
    said: list[str] = []
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(address)
    opened.locator("[role=gridcell]:visible").first.wait_for()
    yield opened
    assert said == []
    opened.close()


def open_tab(page: Any, name: str) -> None:
    """Open a tab; on a phone it may be in the menu of the tabs that have no room."""
    page.locator("[role=gridcell]:visible").first.wait_for()
    tab = page.get_by_role("tab", name=name)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").first.click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()


def ask(page: Any, shelf: str) -> None:
    """Choose a shelf and ask it."""
    page.get_by_label("Shelf", exact=True).locator("visible=true").last.click()
    page.get_by_role("option", name=shelf).click()
    page.locator("textarea:visible").first.fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).locator("visible=true").click()


def test_a_shelf_is_asked_and_a_citation_opens_the_text(page: Any, session: Session) -> None:
    open_tab(page, "Shelf")
    ask(page, "The Harbour (2)")
    page.get_by_text("Done, in").wait_for()
    answers = page.locator("#shelf .bs-shelf")
    assert {answers.nth(n).locator("h4").inner_text() for n in range(answers.count())} <= {
        "Book 1",
        "Book 2",
    }
    assert "Book 3" not in page.locator("#shelf").inner_text()
    assert answers.count() >= 1  # the tiny model abstains from nothing
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    link = answers.first.locator("a").first
    href = str(link.get_attribute("href"))
    assert href.startswith("#read=")
    link.click()
    page.locator("#leaf mark").first.wait_for()


def test_tags_are_set_and_choose_what_is_listed(page: Any, session: Session) -> None:
    page.locator("[role=gridcell]:visible").filter(has_text="Book 3").first.click()
    box = page.locator("#tags textarea, #tags input").locator("visible=true")
    playwright.expect(box).to_have_value("Old", timeout=SLOW)
    box.fill("Alone, <b>odd</b>")
    page.get_by_role("button", name="Save tags").click()
    playwright.expect(box).to_have_value("<b>odd</b>, Alone", timeout=SLOW)
    (third,) = (d for d in session.library.list() if d.title == "Book 3")
    assert session.library.store.tags(third.id) == ["<b>odd</b>", "Alone"]
    page.get_by_label("Tag", exact=True).locator("visible=true").last.click()
    page.get_by_role("option", name="The Harbour (2)").click()
    rows = page.locator("[role=gridcell]:visible")
    page.wait_for_function(
        "![...document.querySelectorAll('#documents [role=gridcell]')].some("
        "cell => cell.offsetParent && cell.innerText.includes('Book 3'))"
    )
    assert rows.filter(has_text="Book 1").count() >= 1


def test_it_waits_for_its_turn_and_can_be_stopped(
    browser: Any, address: str, session: Session
) -> None:
    page = browser.new_page()
    page.set_default_timeout(SLOW)
    page.goto(address)
    open_tab(page, "Shelf")
    with busy(session.generations.line):
        ask(page, "All books (3)")
        page.get_by_text("Waiting for its turn").wait_for()
        page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
        page.get_by_text("Stopped; what was answered").wait_for()
    assert page.locator("#shelf .bs-shelf").count() == 0
    page.close()


def test_a_book_that_was_not_read_is_named(browser: Any, address: str, session: Session) -> None:
    library = session.library
    library.register(novel(seed=9), "unread.md", title="Unread")
    (first,) = (d for d in library.list() if d.title == "Book 1")
    set_position(library, first, chapter=1)
    page = browser.new_page()
    page.set_default_timeout(SLOW)
    page.goto(address)
    open_tab(page, "Shelf")
    ask(page, "All books (4)")
    page.get_by_text("Unread: It has not been read to its end yet").wait_for()
    page.get_by_text("Done, in").wait_for()
    page.close()

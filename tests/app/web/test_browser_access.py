"""What axe-core finds on every tab, light and dark: nothing serious, and nothing at all of ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from novels import QUESTION, read_novel

from app.library import Library
from app.ui.generations import Generations
from app.ui.server import _build, launch_ui
from app.ui.session import Session
from app.ui.visitors import Visiting
from app.worker import Worker

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("axe_playwright_python")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]
LONG = 60_000
RUN = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
SERIOUS = ("serious", "critical")
# Of Gradio's own parts, none of them serious: a page has no landmarks for all of its parts, and
# a tab's heading begins at another level than the tab before.
GRADIO = {"region", "heading-order", "page-has-heading-one", "landmark-one-main"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def address(library: Library) -> Iterator[str]:
    document = read_novel(library)
    visiting = Visiting(library)
    session = Session(visiting, Worker(library), Generations(visiting))
    blocks = _build(session)
    yield f"{launch_ui(blocks, library, '127.0.0.1', 0)}?__theme=THEME#open={document.id}"
    session.generations.stop_all()
    blocks.close(verbose=False)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab(browser: Any, address: str, theme: str) -> None:
    axe = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(LONG)
    page.goto(address.replace("THEME", theme))
    page.locator("#place").wait_for()  # the document is open
    page.evaluate(axe)
    found = []
    names = [name for name in page.locator("[role=tab]").all_inner_texts() if name.strip()]
    assert len(set(names)) >= 8
    for name in dict.fromkeys(names):
        page.get_by_role("tab", name=name, exact=True).first.click()
        page.wait_for_timeout(700)
        if name == "Chat":
            page.locator("#question textarea").fill(QUESTION)
            page.keyboard.press("Enter")
            page.locator(".bs-answer").wait_for()
        if name == "Memory":  # Gradio's empty plot, shown until its library is loaded, is not ours
            page.locator(".js-plotly-plot").nth(1).wait_for()
        for violation in page.evaluate(RUN):
            if violation["impact"] in SERIOUS or violation["id"] not in GRADIO:
                where = [f"{n['target'][-1]} {n['html'][:120]}" for n in violation["nodes"][:4]]
                found.append((name, violation["impact"], violation["id"], where))
    page.close()
    assert not found, "\n".join(map(str, found))

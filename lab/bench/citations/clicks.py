"""How long it takes in a browser from the click on a citation to its mark on the screen.

Chromium with Playwright, both of which may be missing; the clock is the page's own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from statistics import median, quantiles
from typing import Any

from app.library import Library
from app.storage.store import Document
from app.ui.server import build_ui, launch_ui
from app.worker import Worker

CHROMIUM = ("chromium", "google-chrome", "chromium-browser")
TEXT, PAGE = "Text", "Page"
_CLICK = """(href) => new Promise((resolve, reject) => {
  const link = [...document.querySelectorAll('#talk a')].find(
    (a) => a.getAttribute('href') === href);
  // Gradio may keep the elements and change what is in them.
  const marks = () => [...document.querySelectorAll('#leaf mark')].map((m) => m.outerHTML).join();
  const before = marks();
  const begun = performance.now();
  link.click();
  const look = () => {
    const pane = document.querySelector('#leaf .bs-pane');
    const mark = marks() !== before && document.querySelector('#leaf mark');
    const picture = pane?.querySelector('img');
    const box = mark ? mark.getBoundingClientRect() : {height: 0};
    const seen = box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
    if (seen && (!picture || picture.complete)) resolve(performance.now() - begun);
    else if (performance.now() - begun > 20000) reject(new Error('no mark within 20 s'));
    else requestAnimationFrame(look);
  };
  look();
})"""


def missing() -> str:
    """What is missing to measure clicks, or empty."""
    if find_spec("playwright") is None:
        return "Playwright is not installed"
    return "" if _chromium() else "there is no Chromium"


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def click_times(library: Library, documents: Sequence[Document], clicks: int) -> dict[str, Any]:
    """Milliseconds of clicks on the citations of chats about documents, or why there are none."""
    if why := missing():
        return {"not measured": why}
    from playwright.sync_api import sync_playwright

    blocks = build_ui(library, Worker(library))
    address = launch_ui(blocks, library, "127.0.0.1", 0)
    rows = []
    try:
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
            for document in documents:
                for view in (TEXT, PAGE) if document.format == "pdf" else (TEXT,):
                    page = browser.new_page(viewport={"width": 1366, "height": 800})
                    page.goto(address)
                    page.evaluate(f"localStorage.setItem('bookstate-view', '{view}')")
                    page.goto(f"{address}#open={document.id}")
                    page.reload()
                    found = _clicked(page, document, clicks)
                    rows.append({"format": document.format, "view": view} | _summed(found))
                    page.close()
            browser.close()
    finally:
        blocks.close(verbose=False)
    return {"rows": rows}


def _clicked(page: Any, document: Document, clicks: int) -> list[float]:
    """The times of clicks on citations that are spread over a chat."""
    page.wait_for_function(f"localStorage.getItem('bookstate') === '{document.id}'")
    chat = page.get_by_role("tab", name="Chat")
    chat.click()
    links = page.locator("#talk a[href^='#read=']")
    links.last.wait_for()
    count = links.count()
    hrefs = [links.nth(n).get_attribute("href") for n in range(0, count, max(1, count // clicks))]
    times = []
    for href in hrefs[:clicks]:
        chat.click()
        links.last.wait_for(state="visible")
        page.wait_for_timeout(300)
        times.append(float(page.evaluate(_CLICK, href)))
    return times


def _summed(times: Sequence[float]) -> dict[str, Any]:
    return {
        "clicks": len(times),
        "ms, first": round(times[0]),
        "ms, median": round(median(times)),
        "ms, 90 of 100": round(quantiles(times, n=10)[-1]),
        "ms, worst": round(max(times)),
    }

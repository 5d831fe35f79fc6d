"""The pages of a PDF in Chromium: a citation is clicked, and its words are marked on the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from document_makers import pdf

from app.answering.evidence import Sentence
from app.answering.places import placed
from app.library import Library
from app.storage.store import Document, Message
from app.ui.server import build_ui, launch_ui
from app.worker import Worker

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

CITED = "Mara hid the lantern behind the church."
PAGES = [
    "\n".join(f"Tobias mended the clock of house {n} on page {page}." for n in range(30))
    for page in range(1, 5)
]
PAGES[2] = PAGES[2].replace("Tobias mended the clock of house 20 on page 3.", CITED)
LABELS = "/PageLabels << /Nums [0 << /S /r >> 2 << /S /D >>] >>"
INK = """() => {
  const image = document.querySelector('#leaf img');
  const mark = document.querySelector('#leaf mark');
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const whole = image.getBoundingClientRect(), box = mark.getBoundingClientRect();
  const scale = image.naturalWidth / whole.width;
  const [x, y, w, h] = [box.left - whole.left, box.top - whole.top, box.width, box.height].map(
    (n) => Math.round(n * scale));
  const ink = (top) => {
    let dark = 0;
    const data = context.getImageData(x, top, w, h).data;
    for (let n = 0; n < data.length; n += 4) dark += data[n] < 128;
    return dark;
  };
  return {ink: ink(y), width: w, height: h, top: box.top, bottom: box.bottom,
    share: (box.top - whole.top) / whole.height};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def document(library: Library) -> Document:
    """A PDF of four pages, ii and 1 among them, with a chat that cites its third page."""
    document, _ = library.register(pdf(PAGES, catalog=LABELS), "clocks.pdf")
    store, reading = library.store, document.reading
    text = store.text(reading.text_id).text
    at = text.index(CITED)
    segments = store.segments(reading, 0)
    segment = next(s for s in segments if s.start <= at < s.end)
    offset = at - segment.start
    sentence = Sentence(segments.index(segment), offset, offset + 39, 0, 1, 1.0, CITED)
    (evidence,) = placed(store, reading, [sentence])
    assert evidence.label_first == "1" and evidence.page_first == 3
    chat = store.start_chat(document.id, "Lanterns")
    store.say(chat, Message("user", "What did Mara hide?"))
    answer = Message("assistant", "The lantern", 0.9, evidence=[asdict(evidence)], word="sure")
    store.say(chat, Message(**{**asdict(answer), "reading_id": reading.id}))
    return document


@pytest.fixture
def address(library: Library, document: Document) -> Iterator[str]:
    blocks = build_ui(library, Worker(library))
    yield launch_ui(blocks, library, "127.0.0.1", 0)
    blocks.close(verbose=False)


@pytest.mark.parametrize("width", [390, 1366])
def test_a_citation_is_marked_on_its_page(
    browser: Any, address: str, document: Document, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{address}#open={document.id}")
    page.wait_for_selector("#place", state="visible")
    page.get_by_role("tab", name="Chat").click()
    page.locator("#talk a").filter(has_text="page 1").first.click()
    page.wait_for_selector("#leaf p mark")  # as text
    assert page.inner_text("#leaf mark") == CITED
    page.locator("#view").get_by_text("Page", exact=True).click()
    page.wait_for_selector("#leaf img")
    page.wait_for_function("() => document.querySelector('#leaf img').complete")
    found = page.evaluate(INK)
    assert found["ink"] > 200 and 20 * found["height"] > found["width"] > 8 * found["height"]
    assert 0.3 < found["share"] < 0.5  # line 21 of 30, in the upper half of the page
    page.wait_for_function(
        "() => { const box = document.querySelector('#leaf mark').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0; }"
    )
    assert "Picture of page 1 of clocks; marked: Mara hid" in page.get_attribute("#leaf img", "alt")
    page.reload()  # the address holds where one is, and the browser that pages are wanted
    page.wait_for_selector("#leaf img")
    page.wait_for_selector("#leaf .bs-drawn mark")
    assert not [text for text in said if "Content Security Policy" in text]
    context.close()


def test_pages_are_turned_with_the_arrow_keys(
    browser: Any, address: str, document: Document
) -> None:
    page = browser.new_page()
    page.goto(address)
    page.evaluate("localStorage.setItem('bookstate-view', 'Page')")
    page.goto(f"{address}#read={document.reading.id}:0-0")
    page.reload()
    pane = page.locator("#leaf .bs-pane")
    page.wait_for_selector("#leaf img")
    assert "page i of clocks" in str(pane.get_attribute("aria-label"))
    pane.focus()
    for label in ("ii", "1", "2", "2"):
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f"#leaf .bs-pane[aria-label^='page {label} of']")
        page.wait_for_function("() => document.activeElement.matches('.bs-pane')")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#leaf .bs-pane[aria-label^='page 1 of']")
    page.close()

"""A new version in the page, in Chromium; skipped where Playwright or Chromium is not installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from novels import novel, read_novel

from app.library import Library
from app.storage.store import Message
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
OWL = "A marble owl sat on the mill. "
LONG = 60_000  # milliseconds


@pytest.fixture
def address(library: Library) -> Iterator[str]:
    visiting = Visiting(library)
    session = Session(visiting, Worker(library, poll_seconds=0.1), Generations(visiting))
    session.worker.start()
    blocks = _build(session)
    yield launch_ui(blocks, library, "127.0.0.1", 0)
    session.worker.stop()
    session.generations.stop_all()
    blocks.close(verbose=False)


def sentence_of(library: Library, document_id: str) -> tuple[str, int]:
    """A sentence of the last chapter, and where it starts."""
    reading = library.store.document(document_id).reading
    text = library.store.text(reading.text_id).text
    start = text.rindex("Chapter 3") + len("Chapter 3\n\n")
    return text[start : text.index(".", start) + 1], start


@pytest.mark.parametrize("width", [390, 1366])
def test_a_changed_file_takes_the_place_of_the_old_one(
    library: Library, address: str, tmp_path: Path, width: int
) -> None:
    document = read_novel(library)
    sentence, start = sentence_of(library, document.id)
    numbers = {"page_first": 1, "page_last": 1, "label_first": "1", "label_last": "1"}
    place = {"text": sentence, "start": start, "end": start + len(sentence), "segment": 0}
    said = {**place, **numbers, "chapter": 3, "weight": 0.5}
    chat = library.store.start_chat(document.id, "Who?")
    library.store.say(chat, Message("user", "Who?"))
    reading = document.reading.id
    library.store.say(
        chat, Message("assistant", "It.", 0.9, evidence=[said], word="sure", reading_id=reading)
    )
    file = tmp_path / "novel 2.md"
    file.write_bytes(novel().replace(b"# Chapter 2\n\n", f"# Chapter 2\n\n{OWL}".encode()))
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page: Any = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(f"{address}#open={document.id}")
        page.get_by_role("button", name="New version of this document").click(timeout=LONG)
        page.locator("#version input[type=file]").set_input_files(file)
        page.get_by_text("2. Chapter 2: 7 words added").wait_for(timeout=LONG)
        page.get_by_text("The new version is being read").wait_for(state="hidden", timeout=LONG)
        page.get_by_text("2. Chapter 2: 7 words added").wait_for(timeout=LONG)
        now = library.store.document(document.id)
        assert now.file_name == "novel 2.md" and now.reading.id != reading
        (moved,) = library.store.messages(chat)[1].evidence
        page.goto("about:blank")
        page.goto(f"{address}#read={now.reading.id}:{moved['start']}-{moved['end']}")
        page.locator("#leaf mark").wait_for(timeout=LONG)
        assert page.inner_text("#leaf mark") == sentence
        browser.close()

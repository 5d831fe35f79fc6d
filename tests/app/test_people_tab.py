"""The People tab: what it shows, when it looks, and that a book cannot put HTML into the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.library import Library
from app.people import stored
from app.people.who import Everybody, Named, Quote
from app.position import set_position
from app.settings import Settings
from app.storage.store import Document
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.people_html import everybody_html
from app.ui.tabs.people_tab import PeopleTab
from app.ui.tabs.reading.place import Place
from app.ui.texts import NOT_OPEN
from app.ui.visitors import Visiting
from app.worker import Worker
from ingest.book import Chapter

gr = pytest.importorskip("gradio")

EVIL = "<img src=x onerror=alert(1)>"
BOOK = """# One

“Come in,” said Mara Holt. Mara was a pilot of the old harbour in Sandhaven, and Mara smiled.

# Two

“Who is it?” asked Anton. Then Anton Kerr smiled at Miss Holt. They came to Sandhaven at night.
"""


@pytest.fixture
def library(home: Path, tiny_backbone: Path) -> Library:
    settings = Settings.model_validate(
        {"home": home, "backbone": str(tiny_backbone), "window": 32, "keep_ratio": 0.25}
    )
    return Library(settings)


@pytest.fixture
def tab(library: Library) -> PeopleTab:
    visiting = Visiting(library)
    session = Session(visiting, Worker(library), Generations(visiting))
    with gr.Blocks():
        picker = gr.Dropdown([])
        return PeopleTab(session, picker, Place(session, picker))


@pytest.fixture
def document(library: Library) -> Document:
    return library.add(BOOK.encode(), "book.md").document


def test_nothing_is_looked_for_until_the_tab_is_open(
    tab: PeopleTab, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Everybody:
        pytest.fail("names were looked for although nobody sees them")

    monkeypatch.setattr(stored, "people", fail)
    monkeypatch.setattr(stored, "_kept", type(stored._kept)())
    assert NOT_OPEN in tab.follow(document.id, False, False)


def test_the_open_document_is_shown(tab: PeopleTab, document: Document) -> None:
    is_shown, html = tab.opened(document.id, False)
    assert is_shown is True
    for part in ("Mara Holt", "Miss Holt", "Anton Kerr", "Sandhaven", "4 times", "page 1", "<svg"):
        assert part in html
    assert f'href="#read={document.reading.id}:' in html
    assert NOT_OPEN in tab.opened(None, False)[1]
    assert tab.follow(document.id, False, True) == html


def test_the_list_keeps_to_the_readers_place(
    tab: PeopleTab, document: Document, library: Library
) -> None:
    set_position(library, document, chapter=1)
    html = tab.view(document.id, False)
    assert "Mara Holt" in html
    assert "Anton" not in html
    assert "of 2 chapters" not in html
    assert "Anton Kerr" in tab.view(document.id, True)


def test_whatever_comes_from_a_book_is_escaped() -> None:
    quote = Quote(f"{EVIL} was here.", 0, 9, 1, EVIL, 1)
    named = Named(
        EVIL, "person", ((EVIL, 3), ("Mara", 2)), 5, ((1, 5),), 1, 2, EVIL, EVIL, (quote,)
    )
    chapters = [Chapter(f'" onload="alert(1) {EVIL}', 0, 9), Chapter(EVIL, 9, 12)]
    html = everybody_html(Everybody((named,), (named,), (named,)), chapters, EVIL)
    assert "<img" not in html
    assert not re.search(r'"\s*onload', html)
    assert "&lt;img" in html


def test_the_chart_has_a_bar_for_each_chapter_with_the_name() -> None:
    named = Named("Mara", "person", (("Mara", 5),), 5, ((1, 4), (3, 1)), 1, 2, "1", "2", ())
    chapters = [Chapter(f"Part {n}", n, n + 1) for n in range(4)]
    html = everybody_html(Everybody((named,)), chapters, EVIL)
    assert html.count("<rect") == 2
    assert 'aria-label="In 2 of 4 chapters; most often in chapter 1: Part 0"' in html

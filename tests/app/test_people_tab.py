"""The People tab: what it shows, when it looks, and that a book cannot put HTML into the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.library import Library
from app.people import stored
from app.people.who import Everybody, Named, Quote
from app.settings import Settings
from app.storage.store import Document
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.people_html import everybody_html
from app.ui.tabs.people_tab import PeopleTab
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
    with gr.Blocks():
        return PeopleTab(Session(visiting, Worker(library), Generations(visiting)), gr.Dropdown([]))


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
    assert NOT_OPEN in tab.follow(document.id, False)[1]


def test_the_open_document_is_shown_with_its_chapters(tab: PeopleTab, document: Document) -> None:
    is_shown, until, html = tab.opened(document.id)
    assert is_shown is True
    assert [value for _, value in until["choices"]] == [0, 1, 2]
    for part in ("Mara Holt", "Miss Holt", "Anton Kerr", "Sandhaven", "4 times", "page 1", "<svg"):
        assert part in html


def test_the_list_follows_the_document_and_the_chapter(tab: PeopleTab, document: Document) -> None:
    assert "Anton" in tab.view(document.id, 2)
    assert "Anton" not in tab.view(document.id, 1)
    assert NOT_OPEN in tab.view(None, 0)
    assert "bs-warning" in tab.view(document.id, 7)
    assert NOT_OPEN in tab.follow(None, True)[1]


def test_whatever_comes_from_a_book_is_escaped() -> None:
    quote = Quote(f"{EVIL} was here.", 0, 9, 1, EVIL, 1)
    named = Named(
        EVIL, "person", ((EVIL, 3), ("Mara", 2)), 5, ((1, 5),), 1, 2, EVIL, EVIL, (quote,)
    )
    chapters = [Chapter(f'" onload="alert(1) {EVIL}', 0, 9), Chapter(EVIL, 9, 12)]
    html = everybody_html(Everybody((named,), (named,), (named,)), chapters)
    assert "<img" not in html
    assert not re.search(r'"\s*onload', html)
    assert "&lt;img" in html


def test_the_chart_has_a_bar_for_each_chapter_with_the_name() -> None:
    named = Named("Mara", "person", (("Mara", 5),), 5, ((1, 4), (3, 1)), 1, 2, "1", "2", ())
    chapters = [Chapter(f"Part {n}", n, n + 1) for n in range(4)]
    html = everybody_html(Everybody((named,)), chapters)
    assert html.count("<rect") == 2
    assert 'aria-label="In 2 of 4 chapters; most often in chapter 1: Part 0"' in html

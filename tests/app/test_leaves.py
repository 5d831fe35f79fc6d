"""The text as the read tab shows it."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novels import novel, read_novel

from app.library import Library
from app.position import position_of
from app.ui.generations import Generations
from app.ui.leaves import LONGEST, leaf_at, leaf_html, leaves_of, matches_html, matches_in
from app.ui.session import Session
from app.ui.tabs.reading.book_views import Spot
from app.ui.tabs.reading.place import Place
from app.ui.tabs.reading.read_tab import ReadTab
from app.ui.visitors import Visiting
from app.worker import Worker
from ingest.book import Chapter, Page

gr = pytest.importorskip("gradio")


def plain(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_leaves_cover_the_text_and_stay_inside_chapters() -> None:
    text = "A word. " * 9000
    chapters = [Chapter("One", 0, 60_000), Chapter("Two", 60_000, len(text))]
    leaves = leaves_of(text, chapters)
    assert [leaf.start for leaf in leaves][1:] == [leaf.end for leaf in leaves][:-1]
    assert leaves[0].start == 0 and leaves[-1].end == len(text)
    assert all(leaf.end - leaf.start <= 1.25 * LONGEST for leaf in leaves)
    assert [leaf.chapter for leaf in leaves] == sorted(leaf.chapter for leaf in leaves)
    assert sum(leaf.ends_chapter for leaf in leaves) == 2
    assert leaf_at(leaves, 60_000).chapter == 2 and leaf_at(leaves, 59_999).chapter == 1
    assert leaf_at(leaves, -5) == leaves[0] and leaf_at(leaves, 10**9) == leaves[-1]


@given(
    st.text(alphabet="ab<&\n ", min_size=1, max_size=60).filter(str.strip),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_what_is_marked_is_the_span(text: str, a: int, b: int) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    (leaf,) = leaves_of(text, [Chapter("x", 0, len(text))])
    html = leaf_html(leaf, "x", text, [Page(1, "1", 0, len(text))], (start, end))
    marked = "".join(plain(part) for part in re.findall(r"<mark>(.*?)</mark>", html, re.S))
    assert "".join(marked.split()) == "".join(text[start:end].split())
    assert "<mark></mark>" not in html


def test_a_book_is_text_in_the_page() -> None:
    text = "<img src=x onerror=alert(1)>\n\nsecond & last"
    (leaf,) = leaves_of(text, [Chapter("<b>", 0, len(text))])
    html = leaf_html(leaf, "<b>", text, [Page(1, "<i>", 0, len(text))])
    assert "<img" not in html and "<b>" not in html and "<i>" not in html
    assert "second &amp; last" in html
    found = matches_html("abc", text, [Page(1, "<i>", 0, len(text))], [(0, 4)], "<img")
    assert "<img" not in found and "<i>" not in found


def test_pages_stand_where_they_begin() -> None:
    text = "One two three. Four five six."
    (leaf,) = leaves_of(text, [Chapter("x", 0, len(text))])
    pages = [Page(1, "xii", 0, 15), Page(2, "1", 15, len(text))]
    assert 'three. <span class="bs-page" title="page">1</span>Four' in leaf_html(
        leaf, "x", text, pages
    )


def test_phrases_are_found_over_line_ends_and_in_any_case() -> None:
    text = "The Harbour\nmaster saw the harbour  master (and the harbour.master)."
    assert [text[a:b] for a, b in matches_in(text, "harbour master")] == [
        "Harbour\nmaster",
        "harbour  master",
    ]
    assert matches_in(text, "(and") and not matches_in(text, "h.rbour")
    assert len(matches_in("a " * 500, "a")) == 101


@pytest.fixture
def tab(library: Library) -> Any:
    session = Session(Visiting(library), Worker(library), Generations(Visiting(library)))
    with gr.Blocks():
        picker = gr.Dropdown([])
        yield ReadTab(session, picker, Place(session, picker))


def test_the_tab_opens_a_citation_and_turns_its_leaves(library: Library, tab: ReadTab) -> None:
    document = read_novel(library)
    text = library.store.text(document.reading.text_id).text
    chapters = library.store.chapters(document.reading)
    start = chapters[1].start + 20
    picked, tabs, chapter, spot, leaf, _, switch = tab.follow(
        f"read={document.reading.id}:{start}-{start + 9}", None
    )
    assert picked["value"] == document.id and tabs["selected"] == "read"
    assert chapter["value"] == 2 and spot == Spot(document.id, start, start, start + 9)
    assert not switch["visible"]  # it is no PDF
    assert tab.open_book(document.id, spot)[0] == gr.skip()  # the marked place stays
    assert tab.open_book(document.id)[1] == Spot(document.id)
    assert plain(re.findall(r"<mark>(.*?)</mark>", leaf, re.S)[0]) in text[start : start + 9]
    third = Spot(document.id, chapters[2].start)
    assert tab.turn_on(document.id, spot)[1] == tab.turn_on(document.id, third)[1] == third
    assert tab.turn_back(document.id, spot)[1] == Spot(document.id)
    assert tab.open_chapter(document.id, 3)[1] == third
    assert tab.follow(f"open={document.id}", document.id)[1] == gr.skip()


@pytest.mark.parametrize(
    "link", ["", "read", "read=", "read=zzz:1-2", "open=zzz", "x=1", "read=a:b"]
)
def test_a_link_to_nowhere_changes_nothing(tab: ReadTab, link: str) -> None:
    assert all(value == gr.skip() for value in tab.follow(link, None))


def test_a_span_beyond_the_text_opens_the_end(library: Library, tab: ReadTab) -> None:
    document = read_novel(library)
    shown = tab.follow(f"read={document.id}:{10**12}-{10**13}", document.id)
    assert shown[2]["value"] == 3 and "<mark>" not in shown[4]


def test_search_keeps_to_what_was_read(library: Library, tab: ReadTab) -> None:
    document = library.add(novel() + b"The lighthouse burned down.\n", "a.md").document
    assert "1 found" in tab.find(document.id, "lighthouse", False)
    assert "keep to what you have read" in tab.read_to_here(document.id, Spot(document.id))
    assert position_of(library, document).chapter == 1
    assert "is not in what may be shown" in tab.find(document.id, "lighthouse", False)
    assert "1 found" in tab.find(document.id, "lighthouse", True)
    assert "at least 2 letters" in tab.find(document.id, "l", True)
    assert tab.find(document.id, " ", True) == ""


def test_edges_are_pairs() -> None:
    leaves = leaves_of("x" * 100_000, [Chapter("x", 0, 100_000)])
    assert all(a.end == b.start for a, b in pairwise(leaves))

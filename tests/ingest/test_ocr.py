"""Lines of a picture as text, and the recogniser where it is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from ingest.ocr import recogniser
from ingest.ocr.page_text import page_text
from ingest.ocr.recogniser import Line, NoRecogniser, Recogniser
from lab.bench.ocr import distance


def line(text: str, left: float, top: float, width: float = 100) -> Line:
    return Line(text, left, top, left + width, top + 20, 1.0)


def test_rows_are_lines_and_space_parts_paragraphs_and_cells() -> None:
    found = [
        line("second row", 0, 24), line("beside", 103, 2), line("first row", 0, 0),
        line("new paragraph", 0, 90), line("a cell", 300, 92),
    ]  # fmt: skip
    assert page_text(found) == "first row beside\nsecond row\n\nnew paragraph | a cell"
    assert page_text([]) == ""


def test_the_slope_of_a_turned_page_is_taken_out() -> None:
    corners = [np.array([(0, 0 + y), (900, 45 + y), (899, 65 + y), (-1, 20 + y)]) for y in (0, 30)]
    slope = recogniser._slope(corners)
    assert slope == pytest.approx(0.05)
    _, top, _, bottom = recogniser._edges(corners[1], slope)
    assert (top, bottom) == pytest.approx((30, 50), abs=0.1)


def test_without_the_extra_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoRecogniser, match=r'pip install "bookstate\[ocr\]"'):
        Recogniser()


def test_distance_counts_characters() -> None:
    assert distance("", "abc") == distance("abc", "") == 3
    assert distance("kitten", "sitting") == 3
    assert distance("the ferry", "the ferry") == 0

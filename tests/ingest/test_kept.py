"""Cutting a new version of a book: windows that did not change stay, whatever the text is."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from clock import within
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.book import Book, Chapter, Page, Segment, Window, check_partition
from ingest.isolation.cutting import split_apart
from ingest.kept import split_keeping
from ingest.segments import split_book

WINDOW = 40


def count(text: str) -> int:
    return len(text.split()) + text.count("\n") + 1


def book(*chapters: str) -> Book:
    starts = [sum(map(len, chapters[:n])) for n in range(len(chapters) + 1)]
    text = "".join(chapters)
    marks = tuple(Chapter(f"C{n}", a, b) for n, (a, b) in enumerate(pairwise(starts)))
    pages = tuple(
        Page(n, str(n), at, min(at + 700, len(text)))
        for n, at in enumerate(range(0, len(text), 700), start=1)
    )
    return Book("B", text, marks, pages, "text")


def windows(of: Book) -> list[Window]:
    return [Window(of.text[s.start : s.end], s.tokens) for s in split_book(of, count, WINDOW)]


def checked(of: Book, old: list[Window]) -> tuple[Segment, ...]:
    """The segments, which are as a memory needs them."""
    found = split_keeping(of, count, WINDOW, old)
    check_partition("segment", found, 0, len(of.text))
    for segment in found:
        text = of.text[segment.start : segment.end]
        chapter = of.chapters[segment.chapter]
        assert chapter.start <= segment.start < segment.end <= chapter.end
        assert segment.tokens == count(text) <= WINDOW
        assert text.strip() or not of.text[chapter.start : chapter.end].strip()
    return found


def prose(seed: int, sentences: int = 40) -> str:
    chance = random.Random(seed)
    words = ["lamp", "gull", "harbour", "Mara", "found", "old", "the", "by", "sold", "clock"]
    lines = [" ".join(chance.choices(words, k=9)).capitalize() + "." for _ in range(sentences)]
    return "\n\n".join(" ".join(lines[n : n + 5]) for n in range(0, sentences, 5)) + "\n\n"


ONE, TWO, THREE = prose(1), prose(2), prose(3)


def texts(of: Book, found: tuple[Segment, ...]) -> list[str]:
    return [of.text[s.start : s.end] for s in found]


def test_the_same_text_is_cut_as_before() -> None:
    old = windows(book(ONE, TWO))
    assert texts(book(ONE, TWO), checked(book(ONE, TWO), old)) == [w.text for w in old]


def test_moved_chapters_are_cut_as_before() -> None:
    old = windows(book(ONE, TWO, THREE))
    new = book(THREE, ONE, TWO)
    assert set(texts(new, checked(new, old))) == {w.text for w in old}


def test_one_changed_word_touches_one_window() -> None:
    old = windows(book(ONE, TWO))
    at = len(ONE) // 2
    new = book(ONE[:at] + "umbrella " + ONE[at:], TWO)
    found = texts(new, checked(new, old))
    assert len([text for text in found if text not in {w.text for w in old}]) <= 2


def test_a_word_between_two_windows_makes_no_window_of_that_word() -> None:
    old = windows(book(ONE))
    cut = len(old[0].text)
    new = book(ONE[:cut] + "Then. " + ONE[cut:])
    found = checked(new, old)
    assert min(s.tokens for s in found[:-1]) > WINDOW // 4
    assert len(set(texts(new, found)) - {w.text for w in old}) <= 2


def test_a_blank_gap_is_cut_with_its_window() -> None:
    old = windows(book(ONE, TWO))
    new = book(ONE + "\n" * 20, TWO)
    checked(new, old)


def test_nothing_of_another_text_is_kept() -> None:
    new = book(THREE.upper())
    assert checked(new, windows(book(ONE, TWO))) == split_book(new, count, WINDOW)


def test_a_window_over_two_new_chapters_is_not_kept() -> None:
    old = windows(book(ONE))
    new = book(ONE[: len(old[0].text) // 2], ONE[len(old[0].text) // 2 :])
    assert old[0].text not in texts(new, checked(new, old))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 300), st.sampled_from(["", "\n\n", ONE[:200]])),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_edits(edits: list[tuple[float, int, str]], swapped: bool) -> None:
    """Text is cut out and put in; every segment is still as it must be."""
    old = windows(book(ONE, TWO))
    first = ONE
    for share, length, words in edits:
        at = int(share * len(first))
        first = first[:at] + words + first[at + length :]
    first = first if first.strip() else "Nothing."
    checked(book(TWO, first) if swapped else book(first, TWO), old)


@pytest.mark.parametrize("unit", ["a", "a ", " ", "\n", "ab. ", "The same words again. "])
def test_hostile_text_takes_no_longer(unit: str) -> None:
    """A text that repeats itself, and windows that nearly stand in it."""
    text = (unit * 50_000)[:50_000]
    new = book(f"x{text}")
    old = [Window(f"{text[:1_000]}{n}", 40) for n in range(250)]
    old += [Window(text[:1_000], 40)] * 250

    def quick(part: str) -> int:
        return len(part) // 25 + 1

    with within(10):
        check_partition("segment", split_keeping(new, quick, WINDOW, old), 0, len(new.text))


def test_a_child_cuts_as_well(tiny_backbone: Path) -> None:
    from memory_models.tokenizer import Tokenizer

    file = tiny_backbone / "tokenizer.json"
    tokenizer = Tokenizer.from_file(file)
    before, new = book(ONE, TWO), book(TWO, ONE[:500] + THREE[:100] + ONE[500:])
    old = [
        Window(before.text[s.start : s.end], s.tokens)
        for s in split_book(before, tokenizer.count, 64)
    ]
    expected = split_keeping(new, tokenizer.count, 64, old)
    assert split_apart(new, file, 64, windows=old) == expected
    assert expected != split_book(new, tokenizer.count, 64)

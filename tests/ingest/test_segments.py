import re
import time
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.book import Book, Chapter, Page, check_partition
from ingest.segments import WindowTooSmallError, split_book, split_text


def words(text):
    return len(re.findall(r"\s?\w+|\s?[^\w\s]|\s", text))


def unruly(text):
    """Not additive: joining two texts may cost more, or less, than both."""
    return max(1, words(text) + zlib.crc32(text.encode()) % 7 - 3) if len(text) > 1 else len(text)


def utf8(text):
    return len(text.encode())


def book_of(text, *cuts):
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(text)}), len(text)]
    spans = list(pairwise(edges))
    chapters = tuple(Chapter(f"c{n}", a, b) for n, (a, b) in enumerate(spans))
    pages = tuple(Page(n, str(n), a, b) for n, (a, b) in enumerate(spans, 1))
    return Book("t", text, chapters, pages, "text")


def check(book, count, window):
    segments = split_book(book, count, window)
    check_partition("segment", segments, 0, len(book.text))
    for n, segment in enumerate(segments):
        chapter = book.chapters[segment.chapter]
        assert segment.index == n
        assert chapter.start <= segment.start < segment.end <= chapter.end
        assert segment.tokens == count(book.text[segment.start : segment.end]) <= window
    return segments


@settings(max_examples=150, deadline=None)
@given(
    st.text(min_size=1, max_size=400).filter(str.strip),
    st.lists(st.integers(0, 400), max_size=4),
    st.integers(4, 60),
    st.sampled_from([words, unruly, utf8, len]),
)
def test_segments_partition_any_text(text, cuts, window, count):
    check(book_of(text, *cuts), count, window)
    segments = split_book(book_of(text), count, window)
    assert split_text(text, count, window) == [(s.start, s.end) for s in segments]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["A b. ", "Mr. X said no. ", "\n\n", "\n", " " * 9, "word ", "“Oh!” ", "。"]
        ),
        min_size=1,
    ),
    st.integers(1, 12),
)
def test_segments_partition_prose_at_tiny_windows(pieces, window):
    text = "".join(pieces) + "x"
    check(book_of(text), words, window)
    check(book_of(text), unruly, window)


def sentences(count, words_each=12):
    for n in range(count):
        yield f"Sentence {n} has " + " ".join(["plain"] * (words_each - 4)) + " words."


def test_segments_end_behind_sentences_and_fill_the_window():
    parts = list(sentences(900))
    text = "\n\n".join(" ".join(parts[n : n + 5]) for n in range(0, 900, 5))
    segments = check(book_of(text), words, 256)
    assert all(re.search(r"\.\s*$", text[s.start : s.end]) for s in segments)
    assert sum(s.tokens for s in segments[:-1]) / len(segments[:-1]) > 0.9 * 256


def test_titles_and_initials_do_not_end_a_sentence():
    text = "When Mr. Jones and J. R. Smith met Dr. Gray they spoke for long of old times. " * 40
    for segment in check(book_of(text), words, 30):
        assert text[segment.start : segment.end].startswith("When")


def test_a_sentence_longer_than_the_window_is_cut_at_clauses():
    text = "Short one. So it went" + " and on it went, along it went," * 40 + " to an end. Done."
    pieces = [text[s.start : s.end] for s in check(book_of(text), words, 60)]
    assert pieces[0] == "Short one. "
    assert all(piece.endswith(", ") for piece in pieces[1:-1])


def test_a_very_long_word():
    began = time.process_time()
    segments = check(book_of("a" * 100_000), utf8, 512)
    assert len(segments) <= 100_000 / 512 * 1.1
    check(book_of("x " + "é" * 20_000), utf8, 8)
    assert time.process_time() - began < 8


def test_white_space_only_is_no_segment_where_a_neighbour_can_take_it():
    text = "One two three four five six.   Seven eight nine ten." + "\n" * 5
    for segment in check(book_of(text), words, 12):
        assert text[segment.start : segment.end].strip()


def test_a_chapter_that_fits_is_one_segment_and_pages_are_named():
    text = "One two. " * 5
    segments = check(book_of(text, 9, 18), words, 100)
    assert [(s.chapter, s.page_first, s.page_last) for s in segments] == [
        (0, 1, 1),
        (1, 2, 2),
        (2, 3, 3),
    ]


def test_a_segment_that_spans_pages_names_the_first_and_last():
    text = "One two three. " * 3
    pages = (Page(1, "i", 0, 15), Page(3, "1", 15, 30), Page(4, "2", 30, 45))
    book = Book("t", text, (Chapter("c", 0, 45),), pages, "text")
    (segment,) = split_book(book, words, 100)
    assert (segment.page_first, segment.page_last) == (1, 4)


def test_a_window_below_one_character_is_refused():
    with pytest.raises(WindowTooSmallError, match="3 tokens and the window 2"):
        split_book(book_of("ab漢"), utf8, 2)
    with pytest.raises(ValueError, match="window is 0"):
        split_book(book_of("ab"), utf8, 0)
    with pytest.raises(ValueError, match="window is 0"):
        split_text("ab", utf8, 0)


def test_a_text_of_nothing_has_no_segments():
    assert split_text("", words, 10) == []


def test_the_tokenizer_is_not_called_quadratically():
    text = " ".join(sentences(8000))
    seen = 0

    def count(piece):
        nonlocal seen
        seen += len(piece)
        return words(piece)

    split_book(book_of(text), count, 512)
    assert seen < 9 * len(text)


@pytest.mark.parametrize("unit", ["a", "! ", " ", "word. ", "\u3002", "x\n\n"])
def test_a_long_text_is_counted_in_small_parts(unit: str) -> None:
    text = "x" + unit * (1_300_000 // len(unit)) + "\n\nx"
    longest = 0

    def count(piece: str) -> int:
        nonlocal longest
        longest = max(longest, len(piece))
        return (len(piece) + 3) // 4

    spans = split_text(text, count, 512)
    assert "".join(text[start:end] for start, end in spans) == text
    assert longest <= 64 * 512

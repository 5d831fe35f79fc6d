"""Segments of a new version of a book: what did not change stays as it was cut before.

Each window of the old version that stands word for word in one chapter of the new one stays a
segment, wherever that is; only the text between them is cut anew. Windows are looked up by short
blocks of the new text, so it takes time in proportion to both texts, whatever they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.book import Book, Segment, Window, check_partition
from ingest.segments import Count, cut_text, split_book

_BLOCK = 16  # characters
_MOST_PLACES = 64  # of one block that are tried
_TINY = 8  # a gap below an eighth of the usual window is cut together with a window beside it
_MOST_EVEN = 8  # parts that a gap is cut into evenly; the ends of more hardly matter


@dataclass(frozen=True, slots=True)
class _Part:
    """text[start:end] of the new version; ``tokens`` of a window that stays, 0 for a gap."""

    start: int
    end: int
    tokens: int = 0


def split_keeping(
    book: Book, count_tokens: Count, window: int, windows: Sequence[Window]
) -> tuple[Segment, ...]:
    """Cut a book as `split_book` does, but keep the old windows that still stand in it.

    Without any of these, the segments are those of `split_book`.
    """
    kept = _standing(book, windows)
    if not kept:
        return split_book(book, count_tokens, window)
    tiny = sum(part.end - part.start for part in kept) // len(kept) // _TINY
    starts = [part.start for part in kept]
    pages = [page.start for page in book.pages]
    segments: list[Segment] = []
    for number, chapter in enumerate(book.chapters):
        inside = kept[bisect_left(starts, chapter.start) : bisect_left(starts, chapter.end)]
        parts = _without_slivers(book.text, _with_gaps(inside, chapter.start, chapter.end), tiny)
        alone = len(parts) == 1
        for part in parts:
            for start, end, tokens in _cut(book.text, part, count_tokens, window, alone=alone):
                first, last = (bisect_right(pages, at) - 1 for at in (start, end - 1))
                numbers = book.pages[first].number, book.pages[last].number
                segments.append(Segment(len(segments), number, start, end, *numbers, tokens))
    check_partition("segment", segments, 0, len(book.text))
    return tuple(segments)


def _standing(book: Book, windows: Sequence[Window]) -> list[_Part]:
    """Where old windows stand in the new text, each inside one chapter, without overlaps."""
    ends = [chapter.end for chapter in book.chapters]
    blocks = _Blocks(book.text)
    taken = _Taken()
    cursor = 0
    for window in windows:
        if window.text.isspace():
            continue
        size = len(window.text)
        places = [
            at
            for at in blocks.places(window.text, cursor)
            if at + size <= ends[bisect_right(ends, at)] and taken.is_free(at, at + size)
        ]
        if places:
            at = min(places, key=lambda at: (at < cursor, abs(at - cursor)))
            taken.add(_Part(at, at + size, window.tokens))
            cursor = at + size
    return taken.parts


class _Blocks:
    """Every sixteenth place of a text by the sixteen characters that begin there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: dict[str, list[int]] = {}
        for at in range(0, len(text) - _BLOCK + 1, _BLOCK):
            places = self._places.setdefault(text[at : at + _BLOCK], [])
            if len(places) < _MOST_PLACES:
                places.append(at)

    def places(self, wanted: str, cursor: int) -> Iterator[int]:
        """Where ``wanted`` stands: first at the cursor, then where one of its blocks does."""
        if self._text.startswith(wanted, cursor) and cursor < len(self._text):
            yield cursor
            return
        middle = max(0, len(wanted) - 2 * _BLOCK) // 2
        found: set[int] = set()
        for base in (0, middle):
            for offset in range(base, min(base + _BLOCK, len(wanted) - _BLOCK + 1)):
                for at in self._places.get(wanted[offset : offset + _BLOCK], ()):
                    place = at - offset
                    if place >= 0 and place not in found and self._text.startswith(wanted, place):
                        found.add(place)
                        yield place


class _Taken:
    """Parts of the new text that old windows have, in order."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self._starts: list[int] = []

    def is_free(self, start: int, end: int) -> bool:
        """True if no part overlaps text[start:end]."""
        at = bisect_right(self._starts, start)
        before, after = self.parts[at - 1 : at], self.parts[at : at + 1]
        return all(p.end <= start for p in before) and all(p.start >= end for p in after)

    def add(self, part: _Part) -> None:
        """Take a part that is free."""
        at = bisect_right(self._starts, part.start)
        self.parts.insert(at, part)
        self._starts.insert(at, part.start)


def _with_gaps(kept: Sequence[_Part], start: int, end: int) -> list[_Part]:
    """The parts of one chapter: kept windows, and gaps where there is text between them."""
    parts: list[_Part] = []
    for part in [*kept, _Part(end, end)]:
        if start < part.start:
            parts.append(_Part(start, part.start))
        if part.start < part.end:
            parts.append(part)
        start = part.end
    return parts


def _without_slivers(text: str, parts: Sequence[_Part], tiny: int) -> list[_Part]:
    """The same parts, where no gap is blank or tiny unless it is a whole chapter.

    A few words by themselves are a poor segment, so the shorter window beside them is given up.
    """
    given_up: set[int] = set()
    for at, part in enumerate(parts):
        is_sliver = part.end - part.start < tiny or text[part.start : part.end].isspace()
        beside = [n for n in (at - 1, at + 1) if 0 <= n < len(parts)]
        if part.tokens == 0 and is_sliver and not given_up.intersection(beside):
            given_up |= set(sorted(beside, key=lambda n: parts[n].end - parts[n].start)[:1])
    joined: list[_Part] = []
    for at, part in enumerate(parts):
        tokens = 0 if at in given_up else part.tokens
        if tokens == 0 and joined and joined[-1].tokens == 0:
            joined[-1] = _Part(joined[-1].start, part.end)
        else:
            joined.append(_Part(part.start, part.end, tokens))
    return joined


def _cut(
    text: str, part: _Part, count: Count, window: int, *, alone: bool
) -> list[tuple[int, int, int]]:
    """(start, end, tokens) of the segments of a part; a gap beside kept windows is cut evenly.

    Else a word that was added to a full window would leave a segment of that word.
    """
    if part.tokens:
        return [(part.start, part.end, part.tokens)]
    gap = text[part.start : part.end]
    found = cut_text(gap, count, window)
    if not alone and 1 < len(found) <= _MOST_EVEN:
        share = sum(tokens for _, _, tokens in found) // len(found)
        even = cut_text(gap, count, min(window, share + share // 8 + 1))
        found = even if len(even) == len(found) else found
    return [(part.start + start, part.start + end, tokens) for start, end, tokens in found]

"""Cut a book into segments: as many whole sentences as fit a model's window.

It takes time in proportion to the text, and memory for a part of it at once, whatever the text is.
A long text is cut in a process of its own (`ingest/isolation/cutting.py`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from langchain_text_splitters import RecursiveCharacterTextSplitter

from ingest.book import Book, InvalidBookError, Segment, WindowTooSmallError, check_partition
from ingest.cuts import (
    CLAUSE_END,
    LINE_END,
    PARAGRAPH_END,
    SENTENCE_END,
    WORD_END,
    each_clause_end,
    each_sentence_end,
    even_cuts,
)
from ingest.pages import PageIndex

_PIECES_PER_WINDOW = 16  # the splitter's pieces have at most window / 16 tokens
_PROBES = 8  # token counts that finding the end of one segment may take
_LONGEST_COUNTED = 64  # characters per token of the window; a longer piece is not counted
_BLOCK = 1_000_000  # characters that the splitter gets at once, about
_FIRST_RATE = 4.0  # characters per token, assumed until the text has shown its own rate
_SEPARATORS = [PARAGRAPH_END, SENTENCE_END, LINE_END, CLAUSE_END, WORD_END, ""]

Count = Callable[[str], int]


def split_book(book: Book, count_tokens: Count, window: int) -> tuple[Segment, ...]:
    """Cut every chapter of ``book`` into segments of at most ``window`` tokens.

    ``count_tokens`` returns the number of tokens of a text. Counts need not be additive, so each
    segment's own text is counted. Segments partition each chapter exactly. Each ends at the end of
    a sentence, unless one sentence is longer than the window. Raises ValueError for a window below
    1, and WindowTooSmallError if a single character does not fit.
    """
    _check_window(window)
    segments: list[Segment] = []
    pages = PageIndex(book.pages)
    rate = _FIRST_RATE
    for number, chapter in enumerate(book.chapters):
        filler = _Filler(book.text[chapter.start : chapter.end], count_tokens, window, rate)
        for start, end, tokens in filler.fill():
            begin, stop = chapter.start + start, chapter.start + end
            first, last = pages.of(begin, stop)
            segments.append(
                Segment(len(segments), number, begin, stop, first.number, last.number, tokens)
            )
        rate = filler.rate
    check_partition("segment", segments, 0, len(book.text))
    return tuple(segments)


def split_text(text: str, count_tokens: Count, window: int) -> list[tuple[int, int]]:
    """(start, end) of each segment of a text without chapters, cut as ``split_book`` does."""
    return [(start, end) for start, end, _ in cut_text(text, count_tokens, window)]


def cut_text(text: str, count_tokens: Count, window: int) -> list[tuple[int, int, int]]:
    """(start, end, tokens) of each segment of such a text."""
    _check_window(window)
    return _Filler(text, count_tokens, window, _FIRST_RATE).fill()


def _check_window(window: int) -> None:
    if window < 1:
        raise ValueError(f"window is {window} tokens; it must be at least 1")


def _pieces(text: str, count: Count, window: int) -> list[int]:
    """Ends of small pieces of ``text``, each cut at the best place that the splitter finds."""
    most = window * _LONGEST_COUNTED

    @lru_cache(maxsize=65536)  # the splitter counts the same piece up to three times
    def counted(piece: str) -> int:
        return count(piece) if len(piece) <= most else len(piece)

    splitter = RecursiveCharacterTextSplitter(
        separators=_SEPARATORS,
        is_separator_regex=True,
        keep_separator="end",
        strip_whitespace=False,
        chunk_size=max(1, window // _PIECES_PER_WINDOW),
        chunk_overlap=0,
        length_function=counted,
    )
    ends: list[int] = []
    end = 0
    for start, stop in pairwise([0, *even_cuts(text, _BLOCK), len(text)]):
        for piece in splitter.split_text(text[start:stop]):
            end += len(piece)
            ends.append(end)
    if end != len(text):
        raise InvalidBookError(
            f"the text splitter returned {end} of {len(text)} characters; this is a bug, please "
            "report it"
        )
    return ends


def _among(ends: Sequence[int], places: Iterator[int]) -> Iterator[int]:
    """Those of ``ends`` that are also ``places``; both ascend."""
    place = next(places, None)
    for end in ends:
        while place is not None and place < end:
            place = next(places, None)
        if place == end:
            yield end


@dataclass(slots=True)
class _Filler:
    """Cuts one chapter's text into segments.

    ``rate`` is a running average of characters per token, which later chapters start from.
    """

    text: str
    count: Count
    window: int
    rate: float
    ends: list[int] = field(init=False)  # where pieces end
    stops: list[int] = field(init=False)  # those that also end a sentence
    clauses: list[int] = field(init=False)  # those that also end a sentence or a clause

    def __post_init__(self) -> None:
        if len(self.text) <= self.window * self.rate * 2 and self._fits(0, len(self.text)):
            self.ends = self.stops = self.clauses = [len(self.text)]
            return
        self.ends = _pieces(self.text, self.count, self.window)
        stops = {len(self.text), *_among(self.ends, each_sentence_end(self.text))}
        clauses = stops.union(_among(self.ends, each_clause_end(self.text)))
        self.stops = [end for end in self.ends if end in stops]
        self.clauses = [end for end in self.ends if end in clauses]

    def fill(self) -> list[tuple[int, int, int]]:
        """(start, end, tokens) of each segment, in order."""
        filled: list[tuple[int, int, int]] = []
        start = 0
        while start < len(self.text):
            end, tokens = self._next(start)
            filled.append((start, end, tokens))
            start = end
        return self._without_blanks(filled)

    def _next(self, start: int) -> tuple[int, int]:
        """(end, tokens) of the segment that starts at ``start``."""
        for ends in (self.stops, self.clauses, self.ends):
            at = bisect_right(ends, start)
            found = self._longest(start, ends[at : at + self.window * 4])
            # Ending with a clause is not worth leaving more than half of the window empty.
            if found and (ends is not self.clauses or 2 * found[1] >= self.window):
                return found
        piece = self.ends[bisect_right(self.ends, start)]
        found = self._longest(start, range(start + 1, piece + 1))
        if found:
            return found
        tokens = self.count(self.text[start])
        raise WindowTooSmallError(
            f"the character {self.text[start]!r} has {tokens} tokens and the window {self.window};"
            " use a larger window"
        )

    def _fits(self, start: int, end: int) -> bool:
        return self.count(self.text[start:end]) <= self.window

    def _tokens(self, start: int, end: int) -> int:
        """Tokens of text[start:end]: exact where it fits the window, else an estimate above it.

        The estimate avoids counting a long text.
        """
        reach = start + max(64, int(4 * self.window * self.rate))
        if end > reach:
            tokens = self.count(self.text[start:reach])
            if tokens > self.window:
                return tokens * (end - start) // (reach - start)
        return self.count(self.text[start:end])

    def _longest(self, start: int, ends: Sequence[int]) -> tuple[int, int] | None:
        """(end, tokens) of the last of ``ends`` that fits the window, found with a few probes."""
        low, high = -1, len(ends)
        best: tuple[int, int] | None = None
        goal = start + self.window * self.rate
        for _ in range(_PROBES):
            if high - low <= 1:
                break
            at = min(max(bisect_right(ends, goal) - 1, low + 1), high - 1)
            tokens = self._tokens(start, ends[at])
            if tokens > 0:
                goal = start + (ends[at] - start) * self.window / tokens
            if tokens <= self.window:
                low, best = at, (ends[at], tokens)
            else:
                high = at
        if best is None and ends:
            tokens = self._tokens(start, ends[0])
            best = (ends[0], tokens) if tokens <= self.window else None
        if best and best[1] > self.window // 2:
            self.rate += 0.3 * ((best[0] - start) / best[1] - self.rate)
        return best

    def _without_blanks(self, filled: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Give each segment of only white space the last sentence or piece of the one before it."""
        for at in range(len(filled) - 1, 0, -1):
            start, end, _ = filled[at]
            if not self.text[start:end].isspace():
                continue
            before = filled[at - 1][0]
            for cut in self._cuts_between(before, start):
                head, tail = self.count(self.text[before:cut]), self.count(self.text[cut:end])
                if head <= self.window and tail <= self.window:
                    filled[at - 1 : at + 1] = [(before, cut, head), (cut, end, tail)]
                    break
        return filled

    def _cuts_between(self, start: int, end: int) -> list[int]:
        """Up to four cuts inside (start, end) with text on both sides, the last ones first."""
        cuts: list[int] = []
        for ends in (self.stops, self.ends):
            inside = ends[bisect_right(ends, start) : bisect_right(ends, end - 1)]
            cuts += [cut for cut in reversed(inside[-4:]) if self.text[cut:end].strip()]
        return cuts

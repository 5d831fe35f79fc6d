"""On which page a place of a text stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.book import Page


@dataclass(frozen=True, slots=True)
class PageIndex:
    """The pages of a text, in order, and the page of any place in it."""

    pages: Sequence[Page]
    _starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", [page.start for page in self.pages])

    def at(self, place: int) -> Page:
        """The page of the character at ``place``; the first or the last one for a place outside."""
        return self.pages[max(0, bisect_right(self._starts, place) - 1)]

    def of(self, start: int, end: int) -> tuple[Page, Page]:
        """The pages on which text[start:end] begins and ends."""
        return self.at(start), self.at(max(start, end - 1))

    def over(self, start: int, end: int) -> Sequence[Page]:
        """All pages that hold a part of text[start:end]."""
        first = max(0, bisect_right(self._starts, start) - 1)
        last = max(first, bisect_right(self._starts, max(start, end - 1)) - 1)
        return self.pages[first : last + 1]

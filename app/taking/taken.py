"""What is taken along, whatever file it becomes: a title, sections, and entries with citations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cited:
    """Words with the pages where they stand, by number and as printed."""

    text: str
    page_first: int
    page_last: int
    label_first: str
    label_last: str

    @classmethod
    def of(cls, place: Mapping[str, Any]) -> Cited:
        """A stored place; some older ones have only the numbers of pages, or only their labels."""
        first, last = place.get("page_first", 0), place.get("page_last", 0)
        return cls(
            str(place["text"]),
            int(first),
            int(last),
            str(place.get("label_first") or first),
            str(place.get("label_last") or last),
        )

    @property
    def pages(self) -> str:
        """ "page 3" or "pages 3-4"."""
        first, last = self.label_first, self.label_last
        return f"page {first}" if first == last else f"pages {first}-{last}"

    @property
    def short(self) -> str:
        """ "p. 3" or "pp. 3-4"."""
        first, last = self.label_first, self.label_last
        return f"p. {first}" if first == last else f"pp. {first}-{last}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said: a text, or sentences that each have pages; the quotes under it; a remark.

    is_item: one of a list. remark: the reader's own words about it.
    """

    text: str = ""
    sentences: tuple[Cited, ...] = ()
    quotes: tuple[Cited, ...] = ()
    remark: str = ""
    is_item: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it; level 2 is inside the section before it."""

    title: str
    entries: tuple[Entry, ...] = ()
    level: int = 1


@dataclass(frozen=True, slots=True)
class Taken:
    """Everything that goes into one file."""

    title: str
    author: str
    what: str  # "Chat", "Summaries", "People and places" or "Notebook"
    sections: tuple[Section, ...]

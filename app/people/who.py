"""Who and what is in a text, with where they stand and sentences that tell about them.

Everything is made from the part of the text that was read: names, variants, counts and quotes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.people.kinds import PERSON, PLACE
from app.people.listing import Entry, everybody
from app.people.quotes import Sentences, telling
from ingest.book import Chapter, Page
from ingest.pages import PageIndex

MOST = 200  # names of one kind that are listed
MOST_QUOTED = 100  # of these have quotes
Part = TypeVar("Part", Chapter, Page)


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the text: text[start:end], with the page and the chapter it begins in."""

    text: str
    start: int
    end: int
    page_first: int
    label: str
    chapter: int


@dataclass(frozen=True, slots=True)
class Named:
    """A person or a place of a text.

    kind: "person", "place" or "unknown". variants: the forms of the name, the usual ones first,
    each with its mentions. chapters: numbers of chapters, from 1, each with the mentions there.
    """

    name: str
    kind: str
    variants: tuple[tuple[str, int], ...]
    mentions: int
    chapters: tuple[tuple[int, int], ...]
    first_page: int
    last_page: int
    first_label: str
    last_label: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Everybody:
    """The people, the places, and the names of which neither is sure; most mentioned first.

    note: what a person must know about the list, else empty.
    """

    people: tuple[Named, ...] = ()
    places: tuple[Named, ...] = ()
    others: tuple[Named, ...] = ()
    note: str = ""


def people(
    text: str, chapters: Sequence[Chapter], pages: Sequence[Page], until: int | None = None
) -> Everybody:
    """Who and what is in a text up to the offset `until`; what comes behind it counts nowhere."""
    if until is not None:
        text = text[: max(0, until)]
        chapters = [_cut(c, len(text)) for c in chapters if c.start < len(text)]
        pages = [_cut(p, len(text)) for p in pages if p.start < len(text)]
    if not text.strip():
        return Everybody()
    entries = everybody(text, chapters)
    made = _Making(text, chapters, pages)
    return Everybody(
        made.listed([e for e in entries if e.kind == PERSON and _is_somebody(e)]),
        made.listed([e for e in entries if e.kind == PLACE and e.mentions > 1]),
        made.listed([e for e in entries if e.kind not in (PERSON, PLACE) and e.mentions > 1]),
    )


def _cut(part: Part, end: int) -> Part:
    return replace(part, end=min(part.end, end))


def _is_somebody(entry: Entry) -> bool:
    """A name that stands in the text once must be more than one word."""
    return entry.mentions > 1 or " " in entry.name


class _Making:
    """Makes what is shown of the entries of one text."""

    def __init__(self, text: str, chapters: Sequence[Chapter], pages: Sequence[Page]) -> None:
        self._text = text
        self._pages = PageIndex(pages)
        self._chapter_starts = [chapter.start for chapter in chapters]
        self._sentences = Sentences(text)

    def listed(self, entries: Sequence[Entry]) -> tuple[Named, ...]:
        """The first of the entries, and the very first with quotes."""
        return tuple(
            self._named(entry, quoted=number < MOST_QUOTED)
            for number, entry in enumerate(entries[:MOST])
        )

    def _named(self, entry: Entry, *, quoted: bool) -> Named:
        starts = [mention.start for mention in entry.places]
        first, last = self._pages.at(starts[0]), self._pages.at(starts[-1])
        chapters = Counter(self._chapter(start) for start in starts)
        places = entry.places
        spans = telling(self._text, self._sentences, places, entry.kind) if quoted else []
        return Named(
            entry.name,
            entry.kind,
            tuple(entry.variants.most_common()),
            entry.mentions,
            tuple(sorted(chapters.items())),
            first.number,
            last.number,
            first.label,
            last.label,
            tuple(self._quote(*span) for span in spans),
        )

    def _quote(self, start: int, end: int) -> Quote:
        page = self._pages.at(start)
        chapter = self._chapter(start)
        return Quote(self._text[start:end], start, end, page.number, page.label, chapter)

    def _chapter(self, at: int) -> int:
        return bisect_right(self._chapter_starts, at)

"""Divide a text into chapters: at the marks that its format gives, or at headings in the text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.book import Chapter, InvalidBookError
from ingest.cuts import even_cuts
from ingest.headings import (
    CAPITALS_LEVEL,
    NAMED,
    NUMERAL_LEVEL,
    Heading,
    heading_at,
    is_capitals,
    is_caseless_title,
    is_title,
    tidy,
)
from ingest.paragraphs import paragraphs

FRONT_MATTER = "Front matter"
# All in characters, but for _FEW.
_PART_CHARACTERS = 28_000  # of an invented part; about 5,000 English words
_LONG_CHAPTER = 60_000  # longer chapters suggest that finer headings were missed
_TRIVIAL = 200  # text before the first heading is front matter only if it is longer
_DENSEST = 300  # with less text per chapter, the headings found are not chapters
_FEW = 8  # up to this many chapters may be denser
_LIST_GAP = 160  # headings closer than this stand in a list, such as a table of contents

_OUTER = re.compile(r"\W*(?:(?:the )?\w+ )?(?:part|book|volume|vol|act|section)\b", re.IGNORECASE)
_CHAPTER = re.compile(r"\W*(?:chapter|chap|letter|canto|scene|\d{1,3}\b|[IVXLC]+\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text where a chapter starts; ``level`` 1 is the outermost division.

    ``matter`` is as in `Chapter`.
    """

    start: int
    title: str
    level: int = 1
    matter: str = "main"


def chapters_from_marks(
    text: str, marks: Sequence[Mark], title: str, *, look: bool = True
) -> tuple[Chapter, ...]:
    """Chapters of ``text`` at the marks of an outline, a table of contents or headings.

    Marks are used down to one level: the outermost whose entries are chapters rather than parts.
    An outline with fewer than two different places, or with more than eight entries and less than
    300 characters for each, is ignored; `find_chapters` then looks for headings in the text.
    ``title`` names a book of one chapter. ``look``: whether it may; a reader that knows how
    headings are set has found those that there are.
    """
    usable = _usable(text, marks)
    chosen = _choose(usable, len(text))
    if len({mark.start for mark in chosen}) < 2 or _too_dense(chosen, len(text)):
        return find_chapters(text, title) if look else equal_parts(text, title)
    return _partition(text, chosen)


def find_chapters(text: str, title: str = "") -> tuple[Chapter, ...]:
    """Chapters of a plain text at its headings, or else equal parts of about 5,000 words.

    Raises InvalidBookError for a text that is only white space.
    """
    if not text.strip():
        raise InvalidBookError("the text is blank and has no chapters; raise EmptyDocument instead")
    chosen = _choose(_usable(text, _heading_marks(text)), len(text))
    if _lopsided(text, chosen):
        capitals = _capitals(text, paragraphs(text), [])
        chosen = [Mark(heading.start, tidy(heading.title)) for heading in capitals]
    if not _convincing(text, chosen):
        return equal_parts(text, title)
    return _partition(text, chosen)


def _lopsided(text: str, marks: Sequence[Mark]) -> bool:
    """Whether one chapter would hold most of a long book, because its real headings were missed."""
    edges = [0, *(mark.start for mark in marks), len(text)]
    longest = max(b - a for a, b in pairwise(edges))
    return longest > 2 * _LONG_CHAPTER and 2 * longest > len(text)


def _convincing(text: str, marks: Sequence[Mark]) -> bool:
    """Whether the headings found are likely the text's chapters."""
    if _too_dense(marks, len(text)):
        return False
    if len(marks) >= 2:
        return True
    # A single heading is a chapter only if it opens a short text.
    return len(marks) == 1 and len(text) <= _PART_CHARACTERS and marks[0].start <= _TRIVIAL


def _too_dense(marks: Sequence[Mark], length: int) -> bool:
    return len(marks) > _FEW and length < _DENSEST * len(marks)


def _usable(text: str, marks: Sequence[Mark]) -> list[Mark]:
    """The marks that have a title and lie inside the text, sorted."""
    tidied = (replace(mark, title=tidy(mark.title)) for mark in marks)
    inside = (mark for mark in tidied if mark.title and 0 <= mark.start < len(text))
    return sorted(inside, key=lambda mark: (mark.start, mark.level))


def _choose(marks: Sequence[Mark], length: int) -> list[Mark]:
    """The marks from the outermost level down to the one whose entries are chapters."""
    levels = sorted({mark.level for mark in marks})
    chosen: list[Mark] = []
    for level in levels:
        deeper = [mark for mark in marks if mark.level <= level]
        if chosen and not _descend(chosen, [m for m in marks if m.level == level], length):
            break
        chosen = deeper
    return chosen


def _descend(upper: Sequence[Mark], lower: Sequence[Mark], length: int) -> bool:
    """Whether the marks of the next level, ``lower``, are chapters too, and not mere sections."""
    if _too_dense([*upper, *lower], length):
        return False
    if len(upper) < 2:
        return True
    starts = [mark.start for mark in upper] + [length]
    places = [mark.start for mark in lower]  # sorted, as all marks are
    held = [bisect_left(places, b) - bisect_left(places, a) for a, b in pairwise(starts)]
    sizes = [b - a for a, b in pairwise(starts)]
    if any(size > 0.6 * length and count >= 2 for size, count in zip(sizes, held, strict=True)):
        return True
    parents = [mark for mark, count in zip(upper, held, strict=True) if count]
    if parents and 2 * sum(bool(_OUTER.match(mark.title)) for mark in parents) >= len(parents):
        return True
    if 2 * sum(bool(_CHAPTER.match(mark.title)) for mark in lower) >= len(lower):
        return 2 * sum(bool(_CHAPTER.match(mark.title)) for mark in parents) < len(parents)
    return length / len(upper) > _LONG_CHAPTER


def _partition(text: str, marks: Sequence[Mark]) -> tuple[Chapter, ...]:
    """Chapters from each mark to the next; a chapter with hardly more than a title joins the next.

    Text before the first mark becomes front matter, unless it is short.
    """
    merged: list[Mark] = []
    sizes = [b.start - a.start for a, b in pairwise(marks)]
    tiny = min(_TRIVIAL, sorted(sizes)[len(sizes) // 2] // 10) if sizes else 0
    between = _Between(text)
    for mark in marks:
        before = merged[-1] if merged else None
        between.reach(mark.start)
        bare = before is not None and between.letters <= _letters(before.title)
        if before and (bare or (between.length < tiny and before.level < mark.level)):
            merged[-1] = replace(mark, start=before.start, title=_joined(before.title, mark.title))
        else:
            merged.append(mark)
            between = _Between(text, mark.start)
    if len(text[: merged[0].start].strip()) > _TRIVIAL:
        merged.insert(0, Mark(0, FRONT_MATTER))
    starts = [0, *(mark.start for mark in merged[1:]), len(text)]
    ends = starts[1:]
    # A last mark that is followed by white space only is not a chapter.
    if len(ends) > 1 and not text[starts[-2] :].strip():
        ends = [*ends[:-2], len(text)]
    return tuple(
        Chapter(mark.title, start, end, matter=mark.matter)
        for mark, start, end in zip(merged, starts, ends, strict=False)
    )


@dataclass(slots=True)
class _Between:
    """What stands between one mark and a later one, which moves on; the text is seen once."""

    text: str
    at: int = 0
    letters: int = 0
    first: int = -1  # where something other than white space stands
    last: int = -1  # where the last such thing ends

    def reach(self, end: int) -> None:
        """Look on, up to ``end``."""
        part = self.text[self.at : end]
        self.letters += _letters(part)
        if bare := part.strip():
            start = self.at + len(part) - len(part.lstrip())
            self.first = start if self.first < 0 else self.first
            self.last = start + len(bare)
        self.at = end

    @property
    def length(self) -> int:
        """Characters without the white space around them."""
        return self.last - self.first if self.first >= 0 else 0


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _joined(outer: str, inner: str) -> str:
    """The titles as "Outer: Inner", or only the longer one if it contains the other."""
    if inner.casefold() in outer.casefold():
        return outer
    if outer.casefold() in inner.casefold():
        return inner
    return f"{outer}: {inner}"[:200]


def equal_parts(text: str, title: str = "") -> tuple[Chapter, ...]:
    """Chapters "Part 1", "Part 2" ... of about equal length; a single chapter for a short text."""
    count = max(1, round(len(text) / _PART_CHARACTERS))
    cuts = even_cuts(text, -(-len(text) // count), paragraphs_only=True) if count > 1 else []
    if not cuts:
        return (Chapter(tidy(title) or "Part 1", 0, len(text)),)
    edges = [0, *cuts, len(text)]
    parts = enumerate(pairwise(edges), start=1)
    return tuple(Chapter(f"Part {n}", a, b, made_up=True) for n, (a, b) in parts)


def _heading_marks(text: str) -> list[Mark]:
    """Marks at the headings in the text that count plausibly."""
    spans = paragraphs(text)
    found = [heading_at(text, start, end) for start, end in spans]
    families: dict[str, list[Heading]] = defaultdict(list)
    for heading in _without_lists(text, [heading for heading in found if heading]):
        families[heading.family].append(heading)
    kept: list[Heading] = []
    for family, headings in families.items():
        if family in ("#", NAMED):
            kept += headings
        elif headings[0].level == NUMERAL_LEVEL:
            kept += _strict_sequence(headings)
        else:
            kept += _sequence(headings)
    kept += _continued(kept, families)
    kept.sort(key=lambda heading: heading.start)
    if all(heading.level < 4 for heading in kept):
        kept += _capitals(text, spans, kept)
    following = {a: b for (a, _), b in pairwise(spans)}
    preceding = {b: (a, end) for (a, end), (b, _) in pairwise(spans)}
    marks: list[Mark] = []
    for heading in kept:
        title = _with_subtitle(text, heading, following)
        start, title = _with_overtitle(text, heading, preceding, title)
        marks.append(Mark(start, title, heading.level))
    return marks


def _without_lists(text: str, headings: list[Heading]) -> list[Heading]:
    """The headings without those of a table of contents, which have hardly any text in between."""
    kept: list[Heading] = []
    run: list[Heading] = []
    later = Counter(_key(heading) for heading in headings)
    for at, heading in enumerate(headings):
        run.append(heading)
        following = headings[at + 1].start if at + 1 < len(headings) else len(text)
        if len(text[heading.end : following].strip()) < _LIST_GAP and at + 1 < len(headings):
            continue
        kept += _after_list(run, later)
        run = []
    return kept


def _after_list(run: list[Heading], times: Counter[tuple[str, int | None, str]]) -> list[Heading]:
    """Of a run of headings with hardly any text in between, those that are not a list's entries.

    ``times``: how often each heading occurs in the text; a table's entries occur again.
    """
    if len({heading.level for heading in run}) >= len(run):
        return run
    # "PART I", "CHAPTER I" right after the list's last entry open the book itself.
    keep = len(run) - 1
    while keep > 0 and run[keep - 1].level < run[keep].level:
        keep -= 1
    listed, opening = run[:keep], run[keep:]
    again = sum(times[_key(heading)] > 1 for heading in listed)
    if len(listed) < 3 and again < len(listed):
        return run
    rising = listed and (opening[-1].number or 0) > max(h.number or 0 for h in listed[-2:])
    return [] if rising and times[_key(opening[-1])] > 1 else opening


def _key(heading: Heading) -> tuple[str, int | None, str]:
    """What is the same in a heading and its entry in a table of contents."""
    named = heading.title.casefold() if heading.number is None else ""
    return heading.family.removesuffix(" titled"), heading.number, named


def _sequence(headings: list[Heading]) -> list[Heading]:
    """The headings whose numbers increase, or start again at 1 (in a new part)."""
    kept: list[Heading] = []
    last = 0
    for heading in headings:
        number = heading.number or 0
        if number == 1 or number > last:
            if not (kept and number == last == 1 and heading.start - kept[-1].end < _LIST_GAP):
                kept.append(heading)
            last = number
    return kept


def _strict_sequence(headings: list[Heading]) -> list[Heading]:
    """Bare numerals in runs 1, 2, 3 ... of three or more; single numbers may be missing."""
    runs: list[list[Heading]] = []
    for heading in headings:
        number = heading.number or 0
        last = (runs[-1][-1].number or 0) if runs else 0
        if number == 1:
            runs.append([heading])
        elif runs and last < number <= last + 2:
            runs[-1].append(heading)
    return [heading for run in runs if len(run) >= 3 for heading in run]


def _continued(kept: list[Heading], families: dict[str, list[Heading]]) -> list[Heading]:
    """Headings that continue a count without its word, as "VII. THE ..." after "ADVENTURE VI"."""
    more: list[Heading] = []
    taken = {heading.start for heading in kept}
    for word in sorted({h.family for h in kept if h.number and 3 < h.level < NUMERAL_LEVEL}):
        last = [h for h in kept if h.family == word][-1]
        for heading in families.get("roman titled", []) + families.get("arabic titled", []):
            if heading.start in taken or heading.start < last.start:
                continue
            if heading.number == (last.number or 0) + 1:
                last = replace(heading, level=last.level)
                more.append(last)
    return more


def _capitals(text: str, spans: list[tuple[int, int]], known: list[Heading]) -> list[Heading]:
    """Titles in capitals on lines of their own, if they divide the whole text as chapters would."""
    taken = {heading.start for heading in known}
    lines = [(a, b) for a, b in spans if a not in taken and is_capitals(text[a:b].strip())]
    edges = [a for a, _ in lines] + [len(text)]
    far = [line for n, line in enumerate(lines) if edges[n + 1] - line[1] > 1_500]
    if len(far) < 3 or len(far) < 0.6 * len(lines):
        return []
    if not 3_000 <= (len(text) - far[0][0]) / len(far) <= _LONG_CHAPTER:
        return []
    return [Heading(a, b, text[a:b], "capitals", CAPITALS_LEVEL) for a, b in far]


def _with_subtitle(text: str, heading: Heading, following: dict[int, tuple[int, int]]) -> str:
    """The heading's title, with the chapter's name if that is the next paragraph."""
    bare = heading.number is not None and len(heading.title.split()) <= 3
    if not bare or heading.start not in following:
        return heading.title
    start, end = following[heading.start]
    line = text[start:end].strip()
    if len(line) > 80 or "\n" in line or not (is_title(line) or is_caseless_title(line)):
        return heading.title
    speech = line.endswith((",", ";", ":", '"', "”", "!", "?")) and not is_capitals(line)
    if speech or heading_at(text, start, end):
        return heading.title
    return f"{heading.title.rstrip('.:')}. {tidy(line)}"


def _with_overtitle(
    text: str, heading: Heading, preceding: dict[int, tuple[int, int]], title: str
) -> tuple[int, str]:
    """Start and title of a heading, with a line in capitals above a first chapter.

    That line is the name of a story or part.
    """
    if heading.number != 1 or heading.start not in preceding:
        return heading.start, title
    start, end = preceding[heading.start]
    line = text[start:end].strip()
    if not is_capitals(line) or line.endswith((",", ";", ":")) or heading_at(text, start, end):
        return heading.start, title
    return start, _joined(tidy(line), title)

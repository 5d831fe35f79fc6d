"""Chapters of a PDF without an outline, by how their headings are set and numbered.

Words alone make no chapter: "Section 4.1 and the order of ..." may be a line of a paragraph. A
heading is set in another way than the text, or apart from it; and the headings of chapters are set
alike over the whole document, or are numbered without gaps.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.chapters import Mark
from ingest.readers.pdf.edges.heads import usual_size
from ingest.readers.pdf.headlines import Headline, Style, headlines_of, spread
from ingest.readers.pdf.lines import Sheet

_FEWEST = 3  # chapters, where nothing but their numbers or their type shows them
_SHORTEST = 700  # characters of a numbered chapter, on average
_SHORTEST_UNNUMBERED = 1_800
_SLIDE = 900  # characters of a page that may be a slide
_ALIGNED = 8.0  # points: how far headings of one kind may begin from each other
_PLACED = 0.5  # the share of pages whose lines must have places
_LARGE = 1.15  # of the text's size
_WORD = re.compile(r"\w+")
_MOST_WORDS = 40
_BESIDE = re.compile(
    r"\W{0,3}(?:abstract|summary|introduction|conclusions?|references|bibliography|literatur"
    r"|acknowledge?ments?|preface|foreword|prologue|epilogue|afterword|glossary|index|appendi(?:x|ces)"
    r"|notes|about the authors?|résumé|zusammenfassung|danksagung)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sections:
    """The marks of chapters; ``look`` is whether the text may be searched for headings instead.

    It may where the lines' places are not known.
    """

    marks: list[Mark]
    look: bool = False


def sections_of(sheets: Sequence[Sheet], text: str, starts: Sequence[int]) -> Sections:
    """Marks of the chapters that the headings of a PDF's pages show, [] if none convince."""
    placed = sum(any(line.placed for line in sheet.lines) for sheet in sheets)
    filled = sum(any(line.text.strip() for line in sheet.lines) for sheet in sheets)
    if placed < _PLACED * max(1, filled):
        return Sections([], look=True)
    found = headlines_of(sheets)
    chosen = _numbered(found, len(text)) or _alike(found, sheets, len(text))
    return Sections(list(_marks(chosen, text, [*starts, len(text)])))


def _numbered(found: Sequence[Headline], length: int) -> list[Headline]:
    """Headings that are numbered 1, 2, 3 ... and set alike, with those beside them."""
    groups: dict[tuple[str, str, Style], list[Headline]] = defaultdict(list)
    for one in found:
        if one.number is not None and one.depth == 1:
            groups[one.word, one.kind, _family(one)].append(one)
    best: list[Headline] = []
    for (word, _, _), members in groups.items():
        run = _run(members, restarts=bool(word))
        fewest = 2 if word else _FEWEST
        if len(run) < fewest or len({one.page for one in run}) < 2:
            continue
        if (not word and length < _SHORTEST * len(run)) or _listed(run):
            continue
        if not best or _weight(run) > _weight(best):
            best = run
    return _with_beside(best, found) if best else []


def _family(one: Headline) -> Style:
    """The style without what may change within one kind of heading: "2 Rules" and "3 API"."""
    style = one.style
    return Style(style.size, style.bold, style.italic, False, "")


def _weight(run: Sequence[Headline]) -> tuple[bool, int, int]:
    return bool(run[0].word) and run[0].kind != "letter", run[0].style.size, len(run)


def _run(members: Sequence[Headline], *, restarts: bool) -> list[Headline]:
    """The longest run of headings that count from 1 (or 2) without more than one gap.

    restarts: numbers may begin again at 1, as in a new part.
    """
    best: list[Headline] = []
    run: list[Headline] = []
    for one in members:
        number = one.number or 0
        last = run[-1].number or 0 if run else 0
        if run and (number in (last + 1, last + 2) or (restarts and number == 1 and last > 1)):
            run.append(one)
        elif number in (1, 2) and (not run or len(run) < 3):
            best = max(best, run, key=len)
            run = [one]
    best = max(best, run, key=len)
    counted = [one.number or 0 for one in best]
    missing = sum(b - a - 1 for a, b in pairwise(counted) if b > a)
    return best if missing <= max(1, len(best) // 5) else []


def _listed(run: Sequence[Headline]) -> bool:
    """Whether the headings follow each other as the items of a list do, most on one page."""
    return len({one.page for one in run}) * 3 < len(run)


def _with_beside(run: list[Headline], found: Sequence[Headline]) -> list[Headline]:
    """Numbered headings with those without a number that are set alike, such as "References"."""
    style = _family(run[0])
    lefts = [one.left for one in run]
    middles = [one.middle for one in run]
    taken = {(one.page, one.line) for one in run}
    numbered = {one.kind for one in run}
    more = []
    for one in found:
        if (one.page, one.line) in taken or one.kind in numbered:
            continue
        alike = _family(one) == style or (
            one.style.size == style.size and one.style.bold == style.bold
        )
        named = bool(_BESIDE.match(one.title))
        near = min(abs(one.left - x) for x in lefts) < _ALIGNED
        near = near or min(abs(one.middle - x) for x in middles) < _ALIGNED
        if alike and named and (near or not one.plain):
            more.append(one)
    return sorted([*run, *more], key=lambda one: (one.page, one.line))


def _alike(found: Sequence[Headline], sheets: Sequence[Sheet], length: int) -> list[Headline]:
    """Headings without numbers that are set alike, larger than the text, all over the document."""
    size = usual_size(sheets)
    groups: dict[Style, list[Headline]] = defaultdict(list)
    for one in found:
        if not one.plain and one.apart and one.depth == 1:
            groups[one.style].append(one)
    for style in sorted(groups, key=lambda s: (-s.size, not s.bold, not s.capitals)):
        members = _without_own_title(groups[style])
        if style.size >= 2 * _LARGE * size and _are_chapters(members, len(sheets), length):
            return members
    return []


def _without_own_title(members: list[Headline]) -> list[Headline]:
    """Headings without the document's own title, high on the first page above the first one."""
    first = members[0]
    titled = len(members) > 1 and members[1].page == 0 and first.page == 0 and first.high > 0.6
    return members[1:] if titled else members


def _are_chapters(members: Sequence[Headline], pages: int, length: int) -> bool:
    """Whether headings without numbers divide a document as chapters would."""
    held = {one.page for one in members}
    if (
        len(members) < _FEWEST
        or len(held) < _FEWEST
        or length < _SHORTEST_UNNUMBERED * len(members)
    ):
        return False
    high = sorted(one.high for one in members)
    same_place = high[len(high) * 4 // 5] - high[len(high) // 5] < 0.08
    if 2 * len(held) > pages and (same_place or length < _SLIDE * pages):  # slides, or a catalogue
        return False
    times = Counter(one.title.casefold() for one in members)
    if len(times) < 0.8 * len(members):
        return False
    middle = median(one.left for one in members)
    centre = median(one.middle for one in members)
    aligned = sum(
        abs(one.left - middle) < _ALIGNED or abs(one.middle - centre) < _ALIGNED for one in members
    )
    first, last = members[0].page, members[-1].page
    return (
        aligned >= 0.7 * len(members)
        and last - first >= 0.3 * pages
        and max(spread(members)) < 0.7 * pages
    )


def _marks(chosen: Sequence[Headline], text: str, edges: Sequence[int]) -> list[Mark]:
    """Marks at the places of headings in the text, looked for on their pages."""
    marks = []
    reached = 0
    for one in chosen:
        match = _place(one.title, text, max(reached, edges[one.page]), edges[one.page + 1])
        if match is not None:
            marks.append(Mark(match.start(), one.title))
            reached = match.end()
    return marks


def _place(title: str, text: str, start: int, end: int) -> re.Match[str] | None:
    """Where a title's words stand in text[start:end], whatever is between them."""
    words = _WORD.findall(title)[:_MOST_WORDS]
    pattern = r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)"
    return re.compile(pattern, re.IGNORECASE).search(text, start, end)

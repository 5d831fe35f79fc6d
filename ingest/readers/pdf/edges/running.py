"""Drops running heads, running feet and page numbers from a PDF's pages."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from ingest.headings import heading_at
from ingest.readers.pdf.edges.heads import heads_of
from ingest.readers.pdf.edges.margins import margins_of
from ingest.readers.pdf.lines import Sheet

_EDGE_LINES = 2  # lines at the top and bottom of a page that may be running heads or feet
_NEARBY_PAGES = 6
_LONGEST_HEAD = 90  # characters of a running head
# A printed page number, such as "37", "- xii -" or "Page 3 of 20".
_FOLIO = re.compile(
    r"\W*+(?:page|seite|p\.)?\s*+(\d{1,4}|[ivxlcdm]{1,8})(?:\s*+(?:/|of|von)\s*+\d{1,4})?\W*+$",
    re.I,
)
_NUMBERS = re.compile(r"\d+|\b[ivxlcdm]+\b")
_LETTERS = re.compile(r"[^\W\d_]+")
_PUNCTUATED = re.compile(r"[.!?,;]$")


def without_running_lines(sheets: Sequence[Sheet]) -> list[Sheet]:
    """The pages without running heads, running feet and page numbers.

    Where the lines' places are known, these tell heads from text; elsewhere their words do.
    """
    plain = [Sheet(() if _is_placed(sheet) else sheet.lines) for sheet in sheets]
    placed = [sheet if _is_placed(sheet) else replace(sheet, lines=()) for sheet in sheets]
    margins = margins_of(placed)
    beside = [_without(sheet, marked) for sheet, marked in zip(placed, margins, strict=True)]
    by_words = _kept([[line.text for line in sheet.lines] for sheet in plain])
    by_place = heads_of(beside)
    kept = []
    for sheet, text, words, dropped in zip(sheets, beside, by_words, by_place, strict=True):
        if _is_placed(sheet):
            kept.append(_without(text, dropped))
        else:
            kept.append(replace(sheet, lines=tuple(sheet.lines[at] for at in words)))
    return kept


def _without(sheet: Sheet, dropped: set[int]) -> Sheet:
    """A page without some of its lines, which are named by their index."""
    if not dropped:
        return sheet
    lines = tuple(line for at, line in enumerate(sheet.lines) if at not in dropped)
    return replace(sheet, lines=lines)


def _is_placed(sheet: Sheet) -> bool:
    return any(line.placed for line in sheet.lines)


def _kept(sheets: Sequence[list[str]]) -> list[list[int]]:
    """Which lines of each page are not running heads, running feet or page numbers.

    A line at the top or bottom of a page is dropped if the same line, apart from numbers, is at
    that edge of most pages. It is also dropped if it is there on at least two other pages nearby;
    its first occurrence then stays, because it may be the chapter's own title. A number is dropped
    if the numbers at the edges increase with the pages. No page loses all of its lines.
    """
    shift = _folio_shift(sheets)
    places: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for number, sheet in enumerate(sheets):
        for at, top in _edges(sheet):
            places[top, _key(sheet[at])].append(number)
    holding: dict[str, set[int]] = defaultdict(set)
    for number, sheet in enumerate(sheets):
        for line in sheet:
            holding[line.strip()].add(number)

    @cache
    def same(top: bool, text: str) -> list[int]:
        """The pages with exactly this line that have such a line at this edge."""
        return [page for page in places[top, _key(text)] if page in holding[text]]

    kept: list[list[int]] = []
    for number, sheet in enumerate(sheets):
        drop = {at for at, _ in _edges(sheet) if _is_folio(sheet[at], number, shift)}
        for at, top in _edges(sheet):
            others = places[top, _key(sheet[at])]
            if at in drop or not _may_recur(sheet[at], others):
                continue
            text = sheet[at].strip()
            if _is_heading(text):
                again = len(same(top, text)) > 2 and number != same(top, text)[0]
            else:
                again = _recurs(text, number, others, len(sheets))
            if again:
                drop.add(at)
        rest = [at for at in range(len(sheet)) if at not in drop]
        kept.append(rest if any(sheet[at].strip() for at in rest) else list(range(len(sheet))))
    return kept


def _is_heading(line: str) -> bool:
    """Whether a line is a heading; in a PDF, "#" or a number in digits does not make one."""
    found = heading_at(line, 0, len(line))
    return found is not None and found.family not in ("#", "arabic")


def _edges(sheet: list[str]) -> list[tuple[int, bool]]:
    """(index, whether at the top) of the first and last lines of a page.

    They are at most two at each edge, and some line is always left between them, unless the page
    has only two lines; then those that are page numbers count.
    """
    filled = [at for at, line in enumerate(sheet) if line.strip()]
    if len(filled) < 2:
        return []
    if len(filled) == 2:
        return [(at, at == filled[0]) for at in filled if _FOLIO.match(sheet[at])]
    depth = min(_EDGE_LINES, (len(filled) - 1) // 2)
    return [(at, True) for at in filled[:depth]] + [(at, False) for at in filled[-depth:]]


def _key(line: str) -> str:
    """A line as it is compared with others: without case, numbers and extra spaces."""
    return " ".join(_NUMBERS.sub("#", line.casefold()).split())


def _may_recur(line: str, others: list[int]) -> bool:
    """Whether a line could be a running head: frequent enough, short and not prose."""
    text = line.strip()
    letter = _LETTERS.search(text)
    prose = _PUNCTUATED.search(text) or (letter and letter[0].islower())
    return len(others) > 2 and len(text) <= _LONGEST_HEAD and not prose


def _recurs(text: str, page: int, others: list[int], pages: int) -> bool:
    """Whether a line on ``page`` is a running head; others: the pages that have it at that edge."""
    if 2 * len(others) > pages:
        return True
    first, end = (
        bisect_left(others, page - _NEARBY_PAGES),
        bisect_right(others, page + _NEARBY_PAGES),
    )
    is_first = page == others[first] and "#" not in _key(text)
    return end - first > 2 and not is_first


def _folio_shift(sheets: Sequence[list[str]]) -> set[int]:
    """The differences between printed and physical page numbers that occur too often for chance."""
    shifts: Counter[int] = Counter()
    for number, sheet in enumerate(sheets):
        shifts.update({value - number for value in _folios(sheet)})
    return {shift for shift, times in shifts.items() if times >= min(3, max(2, len(sheets)))}


def _folios(sheet: list[str]) -> set[int]:
    """The Arabic numbers at a page's edges that may be its printed number."""
    found = (_FOLIO.match(sheet[at]) for at, _ in _edges(sheet))
    return {int(match[1]) for match in found if match and match[1].isdecimal()}


def _is_folio(line: str, page: int, shifts: set[int]) -> bool:
    """Whether a line is the printed number of ``page``."""
    match = _FOLIO.match(line)
    if match is None:
        return False
    if match[1].isdecimal():
        return int(match[1]) - page in shifts
    return match[1].islower() and bool(shifts)

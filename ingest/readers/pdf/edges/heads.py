"""Running heads, running feet and page numbers, known by where they stand on a PDF's pages.

What stands in the same place of several pages, with the same words apart from numbers, apart from
the text, is no part of the text. That holds for heads that alternate, dates and names of files. The
text itself may begin or end several pages in the same way, too; so a line counts only if a gap
separates it from what is next to it, or if most pages have such a line there.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingest.headings import heading_at, number_of
from ingest.readers.pdf.lines import CELL_GAP, Line, Sheet

_ROWS = 4  # of a page at each edge that may be running heads or feet
_SAME = 3.0  # points: how far the places of one head may be apart
_FEWEST = 3  # pages that have a head
_NEARBY = 8  # pages before and after one in which a chapter's head is looked for
_OFTEN = 0.3  # the share of pages from which a head is the whole document's
_OFTEN_LARGE = 0.4  # the same for large lines, which may be the titles of slides
_GAP = 1.3  # of the usual distance of baselines: what separates a head from the text
_LARGE = 1.25  # of the text's size: larger lines are titles
_LONGEST = 160  # characters of a head

_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    " hundred am pm"
)
_MONTHS = (
    "january february march april may june july august september october november december"
    " jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday"
    " saturday sunday mon tue wed thu fri sat sun"
)
_VARIES = re.compile(rf"\d+|\b(?:[ivxlcdm]+|{'|'.join((_WORDS + ' ' + _MONTHS).split())})\b")
_LETTER = re.compile(r"[^\W\d_]")
_RUN = re.compile(r"#(?:[^\w#]*+#)*+")
# A number at a line's beginning or end that may be the page's: "37", "- xii -", "Page 3 of 20".
_FIRST = re.compile(r"\W{0,8}(\d{1,4}|[ivxlcdm]{1,8})(?!\w)", re.IGNORECASE)
_LAST = re.compile(r"(?<!\w)(\d{1,4}|[ivxlcdm]{1,8})(?:\s?(?:/|of|von)\s?\d{1,4})?\W{0,8}$", re.I)
_BARE = re.compile(
    r"\W{0,8}(?:(?:page|seite|p\.|pag\.|s\.)\s?)?(?:\d{1,4}|[ivxlcdm]{1,8})"
    r"(?:\s?(?:/|of|von)\s?\d{1,4})?\W{0,8}$",
    re.IGNORECASE,
)
_START = re.compile(r"\d{1,4}\W{1,8}")
_END = re.compile(r"(?<=\w)\W{1,8}\d{1,4}$")
_AROUND = " #|/.-–—"
_TAIL = 48  # characters at a line's end in which its number is looked for


@dataclass(frozen=True, slots=True)
class _Row:
    """Lines on one baseline near an edge. off: how far from the edge; gap: to the next row inwards,
    in points.
    """

    page: int
    top: bool
    off: float
    gap: float
    lines: tuple[int, ...]


class _Places:
    """Distances from an edge at which something stands, and on how many pages near each."""

    def __init__(self) -> None:
        self._pages: dict[int, set[int]] = defaultdict(set)

    def add(self, off: float, page: int) -> None:
        """Something stands at ``off`` on a page."""
        self._pages[round(off / _SAME)].add(page)

    def count(self, off: float) -> int:
        """On how many pages it stands there, give or take a few points."""
        near = round(off / _SAME)
        return sum(len(self._pages[n]) for n in (near - 1, near, near + 1) if n in self._pages)

    def nearby(self, off: float, page: int) -> int:
        """On how many of the pages around ``page`` it stands there."""
        near = round(off / _SAME)
        buckets = [self._pages[n] for n in (near - 1, near, near + 1) if n in self._pages]
        around = range(page - _NEARBY, page + _NEARBY + 1)
        return sum(any(other in pages for pages in buckets) for other in around)


@dataclass(slots=True)
class _Seen:
    """What all pages have at their edges."""

    sheets: Sequence[Sheet]
    size: float  # of most of the text
    step: float  # the usual distance of baselines
    texts: Counter[str] = field(default_factory=Counter)
    keys: dict[tuple[bool, str], _Places] = field(default_factory=lambda: defaultdict(_Places))
    folios: dict[tuple[bool, int], _Places] = field(default_factory=lambda: defaultdict(_Places))
    heads: dict[bool, _Places] = field(default_factory=lambda: defaultdict(_Places))
    sized: dict[tuple[bool, int], _Places] = field(default_factory=lambda: defaultdict(_Places))


def heads_of(sheets: Sequence[Sheet]) -> list[set[int]]:
    """Which lines of each page, by their index, are running heads, running feet or numbers."""
    seen = _Seen(sheets, usual_size(sheets), usual_step(sheets))
    rows = [list(_edge_rows(sheet, page)) for page, sheet in enumerate(sheets)]
    for row in (row for page in rows for row in page):
        _note(seen, row)
    for row in (row for page in rows for row in page):
        if any(_repeats(seen, row, at) for at in row.lines):
            size = max(sheets[row.page].lines[at].size for at in row.lines)
            seen.heads[row.top].add(row.off, row.page)
            seen.sized[row.top, round(size)].add(row.off, row.page)
    first: set[str] = set()
    headed: set[str] = set()
    found: list[set[int]] = []
    emptied: list[bool] = []
    for page in rows:
        dropped: set[int] = set()
        for top in (True, False):
            taken = list(_outermost(seen, [row for row in page if row.top is top], headed))
            dropped |= {at for row in taken for at in row.lines}
        rest = _without_titles(sheets, page[0].page if page else 0, dropped, first)
        emptied.append(rest is None)
        found.append(rest or set())
    if 2 * sum(emptied) < len(sheets):  # else the same on all pages is all there is
        for page in (page for page, bare in zip(rows, emptied, strict=True) if bare):
            found[page[0].page] = set(_of_all(seen, page))
    return found


def _of_all(seen: _Seen, rows: Sequence[_Row]) -> Iterator[int]:
    """The lines of a page without other text, such as one with a picture, that are heads for sure:
    the document's own, and the page's number.
    """
    for row in rows:
        for at in row.lines:
            text = seen.sheets[row.page].lines[at].text.strip()
            folio = _BARE.match(text) is not None and _is_folio(seen, row, text)
            count = seen.keys[row.top, key_of(text)].count(row.off) if _LETTER.search(text) else 0
            if folio or (count >= _FEWEST and count > _OFTEN * len(seen.sheets)):
                yield at


def usual_size(sheets: Sequence[Sheet]) -> float:
    """The size of most of the text, in points; 0 where places are not known."""
    sizes: Counter[float] = Counter()
    for sheet in sheets:
        for line in sheet.lines:
            if line.placed:
                sizes[round(2 * line.size) / 2] += len(line.text)
    return max(sizes, key=lambda size: (sizes[size], size)) if sizes else 0.0


def usual_step(sheets: Sequence[Sheet]) -> float:
    """The usual distance from one baseline to the next within a block, in points."""
    steps = [
        step
        for sheet in sheets
        for above, below in pairwise(sheet.lines)
        if above.block == below.block and not above.turned and above.placed
        if 0.8 * below.size < (step := above.baseline - below.baseline) < 3 * below.size
    ]
    return median(steps) if steps else 1.2 * usual_size(sheets)


def _edge_rows(sheet: Sheet, page: int) -> Iterator[_Row]:
    """The outermost rows of a page, from each edge inwards."""
    placed = [
        at for at, line in enumerate(sheet.lines)
        if line.placed and not line.turned and line.text.strip()
    ]  # fmt: skip
    placed.sort(key=lambda at: -sheet.lines[at].baseline)
    rows: list[list[int]] = []
    for at in placed:
        line = sheet.lines[at]
        near = rows and sheet.lines[rows[-1][0]].baseline - line.baseline < 0.4 * line.size
        rows[-1].append(at) if near else rows.append([at])
    heights = [sheet.lines[row[0]].baseline for row in rows]
    for top in (True, False):
        order = range(len(rows)) if top else range(len(rows) - 1, -1, -1)
        inwards = 1 if top else -1
        for n in list(order)[:_ROWS]:
            off = sheet.height - heights[n] if top else heights[n]
            inner = n + inwards
            gap = abs(heights[n] - heights[inner]) if 0 <= inner < len(rows) else sheet.height
            yield _Row(page, top, off, gap, tuple(rows[n]))


def _note(seen: _Seen, row: _Row) -> None:
    """Count what a row has: its words, and numbers that may be the page's."""
    for at in row.lines:
        text = seen.sheets[row.page].lines[at].text.strip()
        seen.keys[row.top, key_of(text)].add(row.off, row.page)
        seen.texts[text] += 1
        for number in _numbers(text):
            seen.folios[row.top, number - row.page].add(row.off, row.page)


def key_of(text: str) -> str:
    """A line as it is compared with others: without case, dates, extra spaces and numbers.

    A number before or after the words, which may stand in a cell of its own, leaves no trace.
    """
    words = " ".join(text[:_LONGEST].replace(CELL_GAP, " ").casefold().split())
    return _RUN.sub("#", _VARIES.sub("#", words)).strip(_AROUND)


def _numbers(text: str) -> set[int]:
    """The numbers at a line's ends that may be its page's."""
    ends = (_FIRST.match(text), _LAST.search(text[-_TAIL:]))
    found = (number_of(match[1]) for match in ends if match)
    return {number for number in found if number is not None}


def _repeats(seen: _Seen, row: _Row, at: int) -> bool:
    """Whether a line stands in the same place of at least three pages, apart from numbers."""
    text = seen.sheets[row.page].lines[at].text.strip()
    if len(text) > _LONGEST:
        return False
    pages = len(seen.sheets)
    if not _LETTER.search(text):
        same = 2 * seen.texts[text] > pages and seen.texts[text] >= _FEWEST
        return same or (_BARE.match(text) is not None and _is_folio(seen, row, text))
    places = seen.keys[row.top, key_of(text)]
    if places.count(row.off) < _FEWEST:
        return False
    return places.count(row.off) > _OFTEN * pages or places.nearby(row.off, row.page) >= _FEWEST


def _is_folio(seen: _Seen, row: _Row, text: str) -> bool:
    """Whether a line begins or ends with its page's number, as lines there do on other pages."""
    return any(
        seen.folios[row.top, number - row.page].count(row.off) >= _FEWEST
        for number in _numbers(text)
    )


def _outermost(seen: _Seen, rows: Sequence[_Row], first: set[str]) -> Iterator[_Row]:
    """The rows from an edge inwards that are heads; what follows the last one is the text.

    Several rows are heads together, with a gap inside the innermost one, or there on most pages. A
    single row of several cells without a gap stays where it stands first: it may head a table.
    """
    taken: list[_Row] = []
    for row in rows:
        if not _is_head(seen, row, outermost=not taken):
            break
        taken.append(row)
    while len(taken) > 1 and not _has_gap(seen, taken[-1]) and not _is_usual(seen, taken[-1]):
        taken.pop()
    if len(taken) == 1 and not _has_gap(seen, taken[0]):
        lines = [seen.sheets[taken[0].page].lines[at] for at in taken[0].lines]
        texts = [line.text.strip() for line in lines]
        cells = sum(line.cells for line in lines)
        numbered = any(_is_folio(seen, taken[0], text) for text in texts)
        new = cells > 1 and not numbered and not set(map(key_of, texts)) <= first
        first.update(map(key_of, texts))
        if new or not _is_usual(seen, taken[0]):
            return
    yield from taken


def _is_head(seen: _Seen, row: _Row, *, outermost: bool) -> bool:
    lines = [seen.sheets[row.page].lines[at] for at in row.lines]
    texts = [line.text.strip() for line in lines]
    size = max(line.size for line in lines)
    pages = len(seen.sheets)
    known = [_repeats(seen, row, at) for at in row.lines]
    if size > _LARGE * seen.size:  # a title, unless it is the same on many pages
        return all(_is_often(seen, row, text) or _is_folio(seen, row, text) for text in texts)
    if all(known):
        # What ends with a colon goes on below; it is the text's, unless most pages have it.
        opens = any(text.endswith(":") for text in texts)
        return not opens or all(2 * seen.texts[text] > pages for text in texts)
    if sum(map(len, texts)) > _LONGEST:
        return False
    folio = any(_is_folio(seen, row, text) for text in texts)
    if any(known) or all(_BARE.match(text) for text in texts):
        return folio or any(known)
    # A head that this page alone has, where other pages have theirs, beside its number or alone.
    usual = max(_FEWEST, pages // 3)
    return seen.sized[row.top, round(size)].count(row.off) >= usual and (
        folio or (outermost and row.gap > _GAP * seen.step)
    )


def _is_often(seen: _Seen, row: _Row, text: str) -> bool:
    """Whether a line stands there on many pages of the document, apart from numbers."""
    count = seen.keys[row.top, key_of(text)].count(row.off)
    return count >= _FEWEST and count > _OFTEN_LARGE * len(seen.sheets)


def _is_usual(seen: _Seen, row: _Row) -> bool:
    """Whether most pages have a head where a row is."""
    return 2 * seen.heads[row.top].count(row.off) > len(seen.sheets)


def _has_gap(seen: _Seen, row: _Row) -> bool:
    """Whether more than the usual distance separates a row from the next one inwards."""
    size = max(seen.sheets[row.page].lines[at].size for at in row.lines)
    return row.gap > _GAP * max(seen.step, size)


def _without_titles(
    sheets: Sequence[Sheet], page: int, dropped: set[int], first: set[str]
) -> set[int] | None:
    """The lines to drop without those that are a chapter's own title, where it stands first.

    None if the page would lose all of its lines.
    """
    if not dropped:
        return dropped
    lines = sheets[page].lines
    kept = set()
    for at in dropped:
        text = " ".join(lines[at].text.split())
        if text in first or not _is_title(text):
            continue
        first.add(text)
        if not any(text.casefold() in line.text.casefold() for line in _others(lines, dropped)):
            kept.add(at)
    rest = [at for at, line in enumerate(lines) if at not in dropped and line.text.strip()]
    return dropped - kept if rest or kept else None


def _others(lines: Sequence[Line], dropped: set[int]) -> list[Line]:
    return [line for at, line in enumerate(lines) if at not in dropped]


def _is_title(text: str) -> bool:
    """Whether a line is a chapter's heading, and not one that goes with its page's number."""
    return _is_heading(text) and not any(
        bare != text and _is_heading(bare) for bare in (_END.sub("", text), _START.sub("", text))
    )


def _is_heading(text: str) -> bool:
    """Whether a line is a heading; in a PDF, "#" or a number in digits does not make one."""
    found = heading_at(text, 0, len(text))
    return found is not None and found.family not in ("#", "arabic", "arabic titled")

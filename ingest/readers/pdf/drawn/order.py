"""The reading order of a page: columns are read one after the other, a table row by row.

The page is cut into slabs between which nothing stands. Slabs that leave the same gutters free
form a zone. A zone with gutters is a table or has columns; columns are taken apart in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingest.readers.pdf.drawn.fragments import Fragment

_GUTTER = 0.95  # of the font size: the least width of a gutter
_SPAN = tuple[float, float]
_DEEPEST = 12  # columns within columns
_FEWEST_ROWS = 3  # of columns; fewer are read as rows
_PROSE_LETTERS = 18  # of a usual line of prose in a column
_PROSE_FILL = 0.55  # of the column's width that a usual line of prose takes
_FOOT = 1.3  # of the font size: the space above a foot, which belongs to no column


@dataclass(slots=True)
class _Zone:
    """Slabs that leave the same gutters free; ``spans`` are the intervals that they fill."""

    slabs: list[list[Fragment]] = field(default_factory=list)
    spans: list[_SPAN] = field(default_factory=list)

    def fragments(self) -> list[Fragment]:
        return [fragment for slab in self.slabs for fragment in slab]


@dataclass(frozen=True, slots=True)
class Row:
    """The fragments of one line, or of a table's row, and the block in which it stands."""

    fragments: list[Fragment]
    block: int
    table: bool


def rows_in_order(fragments: Sequence[Fragment]) -> list[Row]:
    """The rows of a page's fragments, in reading order."""
    rows: list[Row] = []
    size = median(fragment.size for fragment in fragments) if fragments else 1.0
    for block, (zone, table) in enumerate(_zones_in_order(list(fragments), size, 0)):
        rows += [Row(row, block, table) for slab in zone for row in _rows(slab)]
    return rows


def _zones_in_order(
    fragments: list[Fragment], size: float, depth: int
) -> Iterator[tuple[list[list[Fragment]], bool]]:
    """(slabs, whether they are a table's rows) of each block, in reading order."""
    pending: list[list[Fragment]] = []
    for zone in _zones(_slabs(fragments), _GUTTER * size):
        columns = _columns(zone, _GUTTER * size)
        if len(columns) < 2 or (len(zone.slabs) < _FEWEST_ROWS and _is_rowwise(columns)):
            pending += zone.slabs
            continue
        if pending:
            yield pending, False
            pending = []
        if depth >= _DEEPEST or _is_table(columns, len(zone.slabs)):
            yield zone.slabs, True
            continue
        if sum(f.rtl for f in zone.fragments()) * 2 > len(zone.fragments()):
            columns.reverse()
        for column in columns:
            yield from _zones_in_order(column, size, depth + 1)
    if pending:
        yield pending, False


def _slabs(fragments: list[Fragment]) -> list[list[Fragment]]:
    """The fragments from top to bottom, in groups between which nothing stands."""
    slabs: list[list[Fragment]] = []
    low = 0.0
    for fragment in sorted(fragments, key=lambda fragment: -fragment.high):
        if slabs and fragment.high > low:
            slabs[-1].append(fragment)
            low = min(low, fragment.low)
        else:
            slabs.append([fragment])
            low = fragment.low
    return slabs


def _zones(slabs: list[list[Fragment]], width: float) -> list[_Zone]:
    """Slabs in zones; width: that of the narrowest gutter."""
    zones: list[_Zone] = []
    for number, slab in enumerate(slabs):
        spans = _filled([(f.left, f.right) for f in slab])
        zone = zones[-1] if zones else None
        if zone is not None and _fits(zone, slab, spans, width, number == len(slabs) - 1):
            zone.slabs.append(slab)
            zone.spans = _filled(zone.spans + spans)
        else:
            zones.append(_Zone([slab], spans))
    return zones


def _fits(zone: _Zone, slab: list[Fragment], spans: list[_SPAN], width: float, last: bool) -> bool:
    """Whether a slab leaves the zone's gutters free, or neither has any."""
    open_zone, open_slab = _gutters(zone.spans, width), _gutters(spans, width)
    if not open_zone and not open_slab:
        return True
    if not _gutters(_filled(zone.spans + spans), width):
        return False
    if last and len(slab) == 1:
        above = min(f.low for f in zone.slabs[-1])
        return above - slab[0].high < _FOOT * slab[0].size
    return True


def _filled(spans: list[_SPAN]) -> list[_SPAN]:
    """The union of intervals."""
    union: list[_SPAN] = []
    for left, right in sorted(spans):
        if union and left <= union[-1][1]:
            if right > union[-1][1]:
                union[-1] = (union[-1][0], right)
        else:
            union.append((left, right))
    return union


def _gutters(spans: list[_SPAN], width: float) -> list[_SPAN]:
    """The intervals of at least ``width`` between filled ones."""
    return [
        (before[1], after[0]) for before, after in pairwise(spans) if after[0] - before[1] >= width
    ]


def _columns(zone: _Zone, width: float) -> list[list[Fragment]]:
    """The fragments of a zone by column, from left to right."""
    edges = [right for _, right in _gutters(zone.spans, width)]
    columns: list[list[Fragment]] = [[] for _ in range(len(edges) + 1)]
    for fragment in zone.fragments():
        at = sum(edge <= fragment.left + 1e-6 for edge in edges)
        columns[at].append(fragment)
    return [column for column in columns if column]


def _is_table(columns: list[list[Fragment]], rows: int) -> bool:
    """Whether columns are cells of rows: drawn row by row, and not all of them prose."""
    if all(map(_is_prose, columns)):
        return False
    cells = [fragment for column in columns[1:] for fragment in column]
    numbers = sum(fragment.text.strip("($€£-–+ ")[:1].isdigit() for fragment in cells)
    if rows >= _FEWEST_ROWS and numbers > 0.6 * len(cells) and not any(map(_is_prose, columns[1:])):
        return True
    return _is_rowwise(columns)


def _is_rowwise(columns: list[list[Fragment]]) -> bool:
    """Whether the content stream goes from column to column in each row."""
    drawn = sorted((f.order, number) for number, column in enumerate(columns) for f in column)
    switches = sum(a != b for (_, a), (_, b) in pairwise(drawn))
    shorter = sorted(map(len, columns))[-2]
    return switches >= max(1.0, 0.6 * shorter + len(columns) - 2)


def _is_prose(column: list[Fragment]) -> bool:
    """Whether a column's usual line is long and fills it."""
    if len(column) < _FEWEST_ROWS:
        return False
    width = max(f.right for f in column) - min(f.left for f in column)
    usual = median(f.right - f.left for f in column)
    letters = median(sum(2 if letter > "\u2e80" else 1 for letter in f.text) for f in column)
    return letters >= _PROSE_LETTERS and usual >= _PROSE_FILL * width


def _rows(slab: list[Fragment]) -> list[list[Fragment]]:
    """The fragments of a slab by line, from top to bottom, each line in reading order."""
    rows: list[list[Fragment]] = []
    for fragment in sorted(slab, key=lambda fragment: -fragment.baseline):
        first = rows[-1][0] if rows else None
        if first and first.baseline - fragment.baseline < 0.35 * max(first.size, fragment.size):
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    for row in rows:
        rtl = 2 * sum(fragment.rtl for fragment in row) > len(row)
        row.sort(key=lambda f: -f.right if rtl else f.left)
    return rows

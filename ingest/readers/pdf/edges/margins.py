"""Running heads in a PDF's margins: beside the text, or turned along the page's edge."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ingest.readers.pdf.edges.heads import key_of
from ingest.readers.pdf.lines import Line, Sheet

_SAME = 4.0  # points: how far the places of one head may be apart
_FEWEST = 3  # pages that have a head
_OFTEN = 0.2  # the share of pages that have it
_EDGE = 0.22  # of the page's height, at its top and bottom, where a head may stand beside the text
_PROSE = 30  # characters of a line by which the text's width is known
_LONGEST = 90  # characters of a head
_LETTER = re.compile(r"[^\W\d_]")

_Place = tuple[str, bool, int, int]


def margins_of(sheets: Sequence[Sheet]) -> list[set[int]]:
    """Which lines of each page, by their index, are running heads in a margin.

    They stand in the same place of at least three pages and of one page in five, with the same
    words apart from numbers. Numbers alone, as of a poem's lines, stay.
    """
    found = [dict(_beside(sheet)) for sheet in sheets]
    pages: dict[_Place, set[int]] = defaultdict(set)
    for page, lines in enumerate(found):
        for key, turned, across, up in lines.values():
            pages[key, turned, across, up].add(page)
    least = max(_FEWEST, _OFTEN * len(sheets))
    return [{at for at, place in lines.items() if _times(pages, place) >= least} for lines in found]


def _times(pages: dict[_Place, set[int]], place: _Place) -> int:
    """On how many pages something stands in a place, give or take a few points."""
    key, turned, across, up = place
    near = [
        pages.get((key, turned, across + x, up + y), set()) for x in (-1, 0, 1) for y in (-1, 0, 1)
    ]
    return len(set().union(*near))


def _beside(sheet: Sheet) -> Iterator[tuple[int, _Place]]:
    """The lines of a page that may be heads in a margin, by their index, and their places."""
    prose = [
        line for line in sheet.lines
        if line.placed and not line.turned and len(line.text) >= _PROSE and _in_middle(sheet, line)
    ]  # fmt: skip
    lefts, rights = sorted(line.left for line in prose), sorted(line.right for line in prose)
    for at, line in enumerate(sheet.lines):
        text = line.text.strip()
        if not line.placed or len(text) > _LONGEST or not _LETTER.search(text):
            continue
        if not line.turned:
            if not prose or _in_middle(sheet, line):
                continue
            left, right = lefts[len(lefts) // 10], rights[len(rights) * 9 // 10]
            if line.right > left and line.left < right:
                continue
        place = round(line.left / _SAME), round(line.bottom / _SAME)
        yield at, (key_of(text), line.turned, *place)


def _in_middle(sheet: Sheet, line: Line) -> bool:
    return _EDGE * sheet.height < line.baseline < (1 - _EDGE) * sheet.height

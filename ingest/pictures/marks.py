"""Where the words of a sentence stand on the picture of a page.

The sentence comes from the document's text and the letters from PDFium; both are reduced to letters
(`letters.py`) and aligned. A page may have them in another order than the text, such as a column
that is drawn later, or a heading between two parts of the sentence; so the sentence is looked for
in pieces, as long ones as there are. What aligns badly is not marked at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.pictures.letters import bare_letters
from ingest.pictures.page import SCALE, Box, PagePicture

MOST_WANTED = 4_000  # letters of a sentence that are looked for
_SHORTEST = 10  # letters of a piece, or the whole sentence if that is shorter
_COVERED = 0.75  # of a sentence's letters: with fewer it is not marked
_SAME_LINE = 0.5  # of a letter's height: how much two boxes of one line overlap at least
_WIDE_GAP = 2.5  # of a letter's height: a wider space is between columns
_TURNED = 1.5  # how much further down than across the letters of a text on its side go


@dataclass(frozen=True, slots=True)
class _Piece:
    """Letters start <= n < end of a page."""

    start: int
    end: int


def marks_of(text: str, page_text: str, at: int, picture: PagePicture) -> list[Box]:
    """The boxes of ``text`` on a page, one a line; none if it does not stand there.

    ``page_text`` is the text of this page, in which ``text`` begins at ``at``: it tells which of
    several places on the page is meant.
    """
    wanted = bare_letters(text)[:MOST_WANTED]
    before, whole = len(bare_letters(page_text[:at])), len(bare_letters(page_text))
    expected = len(picture.letters) * before // max(1, whole)
    nth = _occurrences_before(bare_letters(page_text), wanted, before)
    pieces = aligned(wanted, picture.letters, expected, nth)
    return [box for piece in pieces for box in _lines(piece, picture)]


def aligned(wanted: str, page: str, expected: int, nth: int = 0) -> list[_Piece]:
    """The parts of a page's letters that are the wanted ones; none if too few are there.

    expected: where they probably begin. nth: how often they stand on the page before that.
    """
    if not wanted:
        return []
    exact = list(_places(page, wanted))
    if exact:
        start = exact[nth] if nth < len(exact) else min(exact, key=lambda p: abs(p - expected))
        return [_Piece(start, start + len(wanted))]
    pieces = list(_pieces(wanted, page, expected))
    covered = sum(piece.end - piece.start for piece in pieces)
    return pieces if covered >= _COVERED * len(wanted) else []


def _occurrences_before(page: str, wanted: str, before: int) -> int:
    return sum(place < before for place in _places(page, wanted)) if wanted else 0


def _places(page: str, wanted: str) -> Iterator[int]:
    """Where letters stand on a page, without overlaps."""
    at = page.find(wanted)
    while at >= 0:
        yield at
        at = page.find(wanted, at + len(wanted))


def _pieces(wanted: str, page: str, expected: int) -> Iterator[_Piece]:
    """The longest pieces of the wanted letters that stand on a page, one after the other."""
    done, near = 0, expected
    while len(wanted) - done >= _SHORTEST:
        length = _longest(wanted, done, page)
        if length < _SHORTEST:
            done += 1  # a letter that the page does not have, or has otherwise
            continue
        piece = wanted[done : done + length]
        start = min(_places(page, piece), key=lambda place: (place < near, abs(place - near)))
        yield _Piece(start, start + length)
        done, near = done + length, start + length


def _longest(wanted: str, start: int, page: str) -> int:
    """How many of the wanted letters from ``start`` on stand on a page together."""
    if wanted[start : start + _SHORTEST] not in page:
        return 0
    low, high = _SHORTEST, len(wanted) - start
    while low < high:
        middle = (low + high + 1) // 2
        if wanted[start : start + middle] in page:
            low = middle
        else:
            high = middle - 1
    return low


def _lines(piece: _Piece, picture: PagePicture) -> Iterator[Box]:
    """The boxes of the letters of a piece, joined where they stand on one line."""
    boxes = [picture.box(n) for n in range(piece.start, piece.end)]
    if not boxes:
        return
    shape = picture.width / max(1, picture.height)
    is_upright = not _on_its_side(boxes, shape)
    line = boxes[0]
    for box in boxes[1:]:
        if _continues(line, box, shape, is_upright=is_upright):
            line = Box(
                min(line.left, box.left),
                min(line.top, box.top),
                max(line.right, box.right),
                max(line.bottom, box.bottom),
            )
        else:
            yield line
            line = box
    yield line


def _on_its_side(boxes: Sequence[Box], shape: float) -> bool:
    """Whether the letters follow each other up or down the page."""
    if len(boxes) < 2:
        return False
    across = median(abs(b.left - a.left) for a, b in pairwise(boxes))
    down = median(abs(b.top - a.top) for a, b in pairwise(boxes))
    return down / max(shape, 1 / SCALE) > _TURNED * across


def _continues(line: Box, box: Box, shape: float, *, is_upright: bool) -> bool:
    """Whether a letter stands on a line, right behind it.

    shape: the page's width by its height, as boxes measure both in parts of `SCALE`.
    """
    if is_upright:
        shared = min(line.bottom, box.bottom) - max(line.top, box.top)
        height = min(line.bottom - line.top, box.bottom - box.top)
        room = _WIDE_GAP * (box.bottom - box.top) / shape
        gap = max(box.left - line.right, line.left - box.left)
    else:
        shared = min(line.right, box.right) - max(line.left, box.left)
        height = min(line.right - line.left, box.right - box.left)
        room = _WIDE_GAP * (box.right - box.left) * shape
        gap = max(box.top - line.bottom, line.top - box.bottom)
    return shared >= _SAME_LINE * height and gap <= room

"""Gives the texts that are laid on a page, such as a field's value, their place among its runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from ingest.readers.pdf.added import Added
from ingest.readers.pdf.drawn.runs import Run
from ingest.readers.pdf.drawn.styles import Face

_FACE = Face("", False, False)
_USUAL_SIZE = 10.0
_WIDTH = 0.5  # of the font size: a character's usual width
_LOOKED_AT = 60  # runs in whose neighbourhood a text may belong
_Box = tuple[float, float, float, float]


def framed(box: _Box, turn: int) -> _Box:
    """A box of the file's coordinates in a frame turned by quarter turns, anticlockwise."""
    left, bottom, right, top = box
    if turn == 0:
        return box
    if turn == 1:
        return bottom, -right, top, -left
    if turn == 2:
        return -right, -top, -left, -bottom
    return -top, left, -bottom, right


def added_runs(added: Sequence[Added], runs: Sequence[Run], turn: int) -> list[Run]:
    """The lines of texts that lie on a page, each in the order of what it stands beside."""
    near = sorted((run for run in runs if run.turn == turn), key=lambda run: run.baseline)
    heights = [run.baseline for run in near]
    found: list[Run] = []
    for one in added:
        box = framed(one.box, turn) if one.box is not None else None
        if box is not None and not _is_drawn(box, near, heights):
            for run in _lines(one.text, box, turn):
                run.order = _order(run, near, heights)
                found.append(run)
    return found


def _is_drawn(box: _Box, near: Sequence[Run], heights: Sequence[float]) -> bool:
    """Whether the page itself shows text in a box: what a field looks like is drawn there."""
    at = bisect_left(heights, box[1])
    for run in near[at : at + _LOOKED_AT]:
        if run.baseline > box[3]:
            break
        if box[0] <= (run.left + run.right) / 2 <= box[2]:
            return True
    return False


def _lines(text: str, box: _Box, turn: int) -> Iterator[Run]:
    """The lines of a text from the top of its box on."""
    left, bottom, right, top = box
    lines = text.split("\n")
    size = min(_USUAL_SIZE, max(1.0, 0.8 * (top - bottom) / len(lines)))
    step = max(1.2 * size, 0.0)
    first = (top + bottom) / 2 - 0.3 * size if len(lines) == 1 else top - size
    for number, line in enumerate(lines):
        if line.strip():
            base = first - number * step
            end = min(max(right, left + size), left + _WIDTH * size * len(line))
            yield Run(
                turn, size, _FACE, base, 0, base - 0.2 * size, base + 0.8 * size, left,
                max(end, left + 0.1), parts=[line.strip()], gaps=[0.0], spaced=[True], lead=True,
            )  # fmt: skip


def _order(run: Run, near: Sequence[Run], heights: Sequence[float]) -> int:
    """The order of the run that a text stands beside, or below."""
    at = bisect_left(heights, run.baseline)
    best, order = float("inf"), 1 << 40
    for other in near[max(0, at - _LOOKED_AT) : at + _LOOKED_AT]:
        apart = max(run.left - other.right, other.left - run.right, 0.0)
        distance = apart + 4 * abs(other.baseline - run.baseline)
        if distance < best:
            best, order = distance, other.order
    return order

"""The lines of a picture in reading order, as the text of a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ingest.ocr.recogniser import Line

_SAME_ROW = 0.5  # of a line's height: how far two pieces of one row may stand apart, up or down
_PARAGRAPH = 1.0  # of a line's height: the space above a new paragraph
_COLUMN_GAP = 1.5  # of a line's height: the space between pieces that are cells or columns


def page_text(lines: Sequence[Line]) -> str:
    """The text of a page: a row of the picture is a line, and a blank line parts paragraphs."""
    if not lines:
        return ""
    height = median(line.bottom - line.top for line in lines)
    text = ""
    bottom = 0.0
    for row in _rows(lines, height):
        top = min(piece.top for piece in row)
        if text:
            text += "\n\n" if top - bottom > _PARAGRAPH * height else "\n"
        text += _row_text(row, height)
        bottom = max(piece.bottom for piece in row)
    return text


def _rows(lines: Sequence[Line], height: float) -> list[list[Line]]:
    """The pieces of text that stand beside each other, row by row."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=_middle):
        if rows and _middle(line) - _middle(rows[-1][-1]) < _SAME_ROW * height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda piece: piece.left) for row in rows]


def _row_text(row: Sequence[Line], height: float) -> str:
    text = row[0].text
    for before, piece in pairwise(row):
        wide = piece.left - before.right > _COLUMN_GAP * height
        text += (" | " if wide else " ") + piece.text
    return text


def _middle(line: Line) -> float:
    return (line.top + line.bottom) / 2

"""A page's lines in reading order, from its characters' places."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from re import Match
from statistics import median
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.readers.pdf.added import Added
from ingest.readers.pdf.drawn.fragments import Fragment, fragments_of
from ingest.readers.pdf.drawn.order import Row, rows_in_order
from ingest.readers.pdf.drawn.pdfium import has_pictures, page_box, plain_text
from ingest.readers.pdf.drawn.placed import added_runs, framed
from ingest.readers.pdf.drawn.runs import PageRuns, Run
from ingest.readers.pdf.lines import CELL_GAP, Line, Sheet, plain_line

_MOST_PLACED = 200_000  # characters of a page; a fuller one is taken as PDFium orders it
_FEW = 50  # characters of a page that may be a picture
_MARKER = re.compile(r"[\W\d]{1,5}|\(?\w{1,2}[.)]|[IVXLC]{1,6}\.?")
# Accents that stand by themselves, and those that belong to the letter before them.
_ACCENTS = {
    "¨": "\u0308",
    "´": "\u0301",
    "ˆ": "\u0302",
    "˜": "\u0303",
    "ˇ": "\u030c",
    "˚": "\u030a",
}
_ACCENTED = re.compile(rf"([{''.join(_ACCENTS)}])([^\W\d_])")
_Box = tuple[float, float, float, float]


def sheet_of(page: Any, text: Any, most: int, added: Sequence[Added] = ()) -> tuple[Sheet, int]:
    """A page, and how many of its characters PDFium cannot name.

    most: how many of its characters are taken; added: the texts that lie on it.
    """
    left, bottom, right, top, quarter = page_box(page)
    count = min(pdfium.FPDFText_CountChars(text), most)
    width, height = (
        (right - left, top - bottom) if quarter % 2 == 0 else (top - bottom, right - left)
    )
    if count > _MOST_PLACED:
        plain = plain_text(text, count)
        lines = tuple(plain_line(line) for line in [*plain.splitlines(), *_notes(added)])
        return Sheet(lines, width, height, drawn=count), 0
    found = PageRuns(text, max(0, count))
    runs = [run for run in found.runs if _is_on(run, (left, bottom, right, top))]
    main = _main_turn(runs, quarter)
    frame = framed((left, bottom, right, top), main)
    runs += added_runs(added, runs, main)
    notes = [replace(plain_line(note), turned=True) for note in _notes(added)]
    lines = (*_lines(runs, main, frame), *notes)
    bare = found.drawn < _FEW and has_pictures(page)
    sheet = Sheet(
        lines, frame[2] - frame[0], frame[3] - frame[1], drawn=found.drawn,
        turn=(main - quarter) % 4, pictures=bare,
    )  # fmt: skip
    return sheet, found.unmapped


def _notes(added: Sequence[Added]) -> list[str]:
    """The lines of the notes on a page, which have no place in its text."""
    return [line for one in added if one.box is None for line in one.text.split("\n")]


def _is_on(run: Run, page: _Box) -> bool:
    """Whether a run is on the page at all; what lies beside it is never seen."""
    left, bottom, right, top = framed(
        (run.left, run.bottom, run.right, run.top), -(run.turn or 0) % 4
    )
    return left < page[2] and right > page[0] and bottom < page[3] and top > page[1]


def _main_turn(runs: Sequence[Run], quarter: int) -> int:
    """The direction in which most of the text runs."""
    letters: Counter[int] = Counter({quarter: 1})
    for run in runs:
        if run.turn is not None:
            letters[run.turn] += sum(map(len, run.parts))
    return letters.most_common(1)[0][0]


def _lines(runs: Sequence[Run], main: int, frame: _Box) -> list[Line]:
    """The lines of the main text, then those of the text that is turned."""
    lines: list[Line] = []
    block = 0
    for turn in sorted({run.turn for run in runs if run.turn is not None}, key=lambda t: t != main):
        rows = rows_in_order(fragments_of([run for run in runs if run.turn == turn]))
        found = [_line(row, block) for row in rows]
        block = max((line.block for line in found), default=block) + 1
        lines += [_moved(line, turn, main, frame) for line in found if line.text.strip()]
    for run in runs:
        if run.turn is None:
            slanted = _slanted(run, block)
            lines.append(_moved(slanted, 0, main, frame, slanted=True))
    return lines


def _line(row: Row, block: int) -> Line:
    """A row as a line, in the frame of its text."""
    cells: list[list[Fragment]] = []
    for fragment in row.fragments:
        before = cells[-1][-1].text.strip() if cells else ""
        apart = row.table and not _MARKER.fullmatch(before)
        if apart or not cells:
            cells.append([fragment])
        else:
            cells[-1].append(fragment)
    text = ""
    for cell in cells:
        gap = " " if text.endswith(":") else CELL_GAP  # a label and what it names
        text += (gap if text else "") + " ".join(part.text for part in cell)
    main = max(row.fragments, key=lambda fragment: len(fragment.text))
    letters = sum(len(fragment.text) for fragment in row.fragments)
    return Line(
        _composed(text),
        min(fragment.left for fragment in row.fragments),
        min(fragment.bottom for fragment in row.fragments),
        max(fragment.right for fragment in row.fragments),
        max(fragment.top for fragment in row.fragments),
        median([fragment.size for fragment in row.fragments]) if len(cells) > 1 else main.size,
        2 * sum(len(f.text) for f in row.fragments if f.face.bold) > letters,
        2 * sum(len(f.text) for f in row.fragments if f.face.italic) > letters,
        main.face.name,
        block=block + row.block,
        baseline=main.baseline,
        cells=len(cells),
    )


def _composed(text: str) -> str:
    """A text in which an accent that is drawn before its letter, as TeX does, is part of it."""

    def one(match: Match[str]) -> str:
        letter = {"ı": "i", "ȷ": "j"}.get(match[2], match[2])
        whole = unicodedata.normalize("NFC", letter + _ACCENTS[match[1]])
        return whole if len(whole) == 1 else match[0]

    return _ACCENTED.sub(one, text)


def _slanted(run: Run, block: int) -> Line:
    """The text of a run at an angle, such as a stamp across the page."""
    text = "".join(
        (" " if spaced and at else "") + part
        for at, (part, spaced) in enumerate(zip(run.parts, run.spaced, strict=True))
    )
    return Line(
        text, run.left, run.bottom, run.right, run.top, run.size, run.face.bold, run.face.italic,
        run.face.name, turned=True, block=block, baseline=run.baseline,
    )  # fmt: skip


def _moved(line: Line, turn: int, main: int, frame: _Box, *, slanted: bool = False) -> Line:
    """A line in the coordinates of the page as its main text is read."""
    box = (line.left, line.bottom, line.right, line.top)
    if turn != main:
        box = framed(framed(box, -turn % 4), main)
    left, bottom, right, top = box
    return replace(
        line,
        left=left - frame[0],
        bottom=bottom - frame[1],
        right=right - frame[0],
        top=top - frame[1],
        turned=slanted or turn != main,
        baseline=(line.baseline if turn == main else bottom) - frame[1],
    )

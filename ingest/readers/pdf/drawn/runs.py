"""A page's characters in runs: what is drawn one after the other on one line.

PDFium gives the codes of all characters at once, but places only one by one, so a word is asked
for the places of its first and last characters; the places in between are needed only where a
space may be missing. A box is as wide as the font says the character is, and as high as the font.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.readers.pdf.drawn.fast import BOX, address, loose_box, object_of
from ingest.readers.pdf.drawn.pdfium import plain_text
from ingest.readers.pdf.drawn.styles import Face, Frame, Style, Styles, turned

_HYPHEN = "\x02"  # PDFium's mark for a hyphen at a line's end
_NEW_RUN = 1.0  # of the font size: a wider gap ends the run
_BACK = 0.6  # of the font size: a step back that ends the run
_RISE = 0.12  # of the font size: another baseline
_WORD = re.compile(r"\S+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_WORD = 14  # letters; spaces may be missing in a longer one
_MISSING_SPACE = 0.17  # of the font size
_FIRST_RTL = "\u0590"


@dataclass(slots=True)
class Run:
    """Words that follow each other on one baseline, in a frame in which they run rightwards.

    turn: the quarter turns of the frame against the file's coordinates, anticlockwise; None for
    text at another angle, whose places are the file's. order: its place in the content stream.
    gaps: the space before each part; spaced: whether the file itself has a space there; lefts:
    where it begins. lead: whether a space comes before the run.
    """

    turn: int | None
    size: float
    face: Face
    baseline: float
    order: int
    bottom: float
    top: float
    left: float
    right: float
    rtl: bool = False
    lead: bool = False
    parts: list[str] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    spaced: list[bool] = field(default_factory=list)
    lefts: list[float] = field(default_factory=list)


def is_rtl(code: int) -> bool:
    """Whether a character belongs to a script that is written from right to left."""
    return code >= 0x590 and (
        code <= 0x8FF
        or 0xFB1D <= code <= 0xFDFF
        or 0xFE70 <= code <= 0xFEFE
        or 0x10800 <= code <= 0x10FFF
    )


class PageRuns:
    """The runs of one page, and how many of its characters have no known meaning."""

    def __init__(self, text: Any, count: int) -> None:
        self._text = address(text)
        self._characters = _characters(text, count)
        self._surrogates = _SURROGATE.search(self._characters) is not None
        self._styles = Styles(text)
        self._box = (ctypes.c_float * 4)()
        self._box_at = ctypes.byref(self._box)
        self.unmapped = 0
        """How many characters have no known meaning."""
        self.drawn = 0
        """How many characters, without spaces, the page draws."""
        self.runs: list[Run] = []
        text_at, style, key = self._text, None, 0
        for word in _WORD.finditer(self._characters):
            start, end = word.span()
            # Most words belong to the text object of the word before.
            if style and end - start <= _LONG_WORD and object_of(text_at, end - 1) == key:
                self._add_part(style, start, end, True)
            else:
                style, key = self._add_word(start, end)

    def _add_word(self, start: int, end: int) -> tuple[Style | None, int]:
        """Add the parts of a word, each in one text object; returns the last one and its style."""
        at, spaced = start, True
        style, key = None, 0
        while at < end:
            key = object_of(self._text, at) or 0
            last = self._last_of(key, at, end)
            style = self._styles.of(key, at) if key else None  # 0: PDFium made it up
            if style is not None:
                for first, stop in self._spaced_out(style, at, last + 1):
                    self._add_part(style, first, stop, spaced or first > at)
                spaced = False
            at = last + 1
        return style, key

    def _last_of(self, key: int, first: int, end: int) -> int:
        """The last character before ``end`` that belongs to the same text object as ``first``."""
        text = self._text
        low, high = first, end - 1
        if low == high or (object_of(text, high) or 0) == key:
            return high
        while high - low > 1:
            middle = (low + high) // 2
            if (object_of(text, middle) or 0) == key:
                low = middle
            else:
                high = middle
        return low

    def _spaced_out(self, style: Style, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of a long word between which there is room for a space."""
        if end - start <= _LONG_WORD or style.turn is None:
            yield start, end
            return
        boxes = [self._place(at, style.turn) for at in range(start, end)]
        gaps = [boxes[at + 1][0] - boxes[at][2] for at in range(len(boxes) - 1)]
        usual = sorted(gaps)[len(gaps) // 2]
        first = start
        for at, gap in enumerate(gaps, start + 1):
            if gap > max(usual, 0.0) + _MISSING_SPACE * style.size:
                yield first, at
                first = at
        yield first, end

    def _place(self, at: int, turn: int | None) -> Frame:
        loose_box(self._text, at, self._box_at)
        left, top, right, bottom = BOX.unpack(self._box)
        return turned((left, bottom, right, top), turn)

    def _add_part(self, style: Style, start: int, end: int, spaced: bool) -> None:
        """Add the characters of one text object to the last run, or begin a new one."""
        part = self._characters[start:end]
        self.drawn += end - start
        meanings = style.meanings
        if meanings.unknown or not meanings.known.issuperset(part):
            self.unmapped += meanings.unknown_in(self._text, part, start)
        box_of, unpack = loose_box, BOX.unpack
        box_of(self._text, start, self._box_at)
        left, top, right, bottom = unpack(self._box)
        if style.turn:
            left, bottom, right, top = turned((left, bottom, right, top), style.turn)
        if end - start > 1:
            box_of(self._text, end - 1, self._box_at)
            first, high, last, low = unpack(self._box)
            if style.turn:
                first, low, last, high = turned((first, low, last, high), style.turn)
            if first < left:
                left = first
            if last > right:
                right = last
        baseline = bottom + style.rise
        rtl = part[0] >= _FIRST_RTL and is_rtl(ord(part[0]))
        if self._surrogates and _SURROGATE.search(part):
            # PDFium gives a character outside the basic plane as two.
            part = part.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        run = self.runs[-1] if self.runs else None
        gap = _gap(run, style, left, right, baseline, rtl) if run else None
        if run is None or gap is None:
            run = Run(
                style.turn, style.size, style.face, baseline, len(self.runs), bottom, top, left,
                right, rtl, spaced,
            )  # fmt: skip
            self.runs.append(run)
            gap = 0.0
        else:
            if left < run.left:
                run.left = left
            if right > run.right:
                run.right = right
        run.parts.append(part)
        run.gaps.append(gap)
        run.spaced.append(spaced)
        run.lefts.append(left)


def _characters(text: Any, count: int) -> str:
    """The characters of a page, of which the n-th is PDFium's n-th."""
    found = plain_text(text, count).replace("\ufffe", "-").replace(_HYPHEN, "-")
    if len(found) == count:
        return found
    # Characters without a meaning, or outside the basic plane, shift the places.
    codes = [pdfium.FPDFText_GetUnicode(text, at) for at in range(count)]
    letters = (chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes)
    return "".join(letters).replace(_HYPHEN, "-")


def _gap(
    run: Run, style: Style, left: float, right: float, baseline: float, rtl: bool
) -> float | None:
    """The space between a run and the next character, or None if it starts a new run."""
    size = run.size
    if style.turn != run.turn:
        return None
    if style.turn is None:
        return 0.0
    if abs(baseline - run.baseline) > _RISE * max(size, style.size):
        return None
    if not 0.6 < style.size / size < 1.67:
        return None
    gap = left - run.right
    if rtl and run.rtl:
        gap = run.left - right
    elif rtl != run.rtl and not -_BACK * size < gap < _NEW_RUN * size:
        return None
    if -_BACK * size < gap < _NEW_RUN * size:
        return gap
    # The letters of a ligature share one box.
    return 0.0 if abs(run.right - right) < 0.02 * size and right > left else None

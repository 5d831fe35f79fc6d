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
from math import atan2, degrees, hypot
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.readers.pdf.drawn.pdfium import plain_text

_HYPHEN = "\x02"  # PDFium's mark for a hyphen at a line's end
_NO_OBJECT = bytes(8)  # a null pointer: PDFium made this character up
_NEW_RUN = 1.0  # of the font size: a wider gap ends the run
_BACK = 0.6  # of the font size: a step back that ends the run
_RISE = 0.12  # of the font size: another baseline
_SNAP = 4.0  # degrees from a right angle that count as one
_WORD = re.compile(r"\S+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_WORD = 14  # letters; spaces may be missing in a longer one
_MISSING_SPACE = 0.17  # of the font size
_BOLD_WEIGHT = 600
_NAME = 256  # bytes of a font's name that are asked for


@dataclass(frozen=True, slots=True)
class Face:
    """A font: its name without a subset's prefix, and what it looks like."""

    name: str
    bold: bool
    italic: bool


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


@dataclass(frozen=True, slots=True)
class _Style:
    """How one text object is set."""

    size: float
    face: Face
    turn: int | None
    rise: float  # from the box's edge to the baseline, in the frame
    font: bytes


_Frame = tuple[float, float, float, float]


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
        self._text = text
        self._characters = _characters(text, count)
        self._faces: dict[bytes, Face] = {}
        self._styles: dict[bytes, _Style] = {}
        self._known: dict[bytes, set[str]] = {}
        self._unknown: dict[bytes, set[str]] = {}
        self._box = pdfium.FS_RECTF()
        self._box_at = ctypes.byref(self._box)
        self.unmapped = 0
        """How many characters have no known meaning."""
        self.drawn = 0
        """How many characters, without spaces, the page draws."""
        self.runs: list[Run] = []
        for word in _WORD.finditer(self._characters):
            self._add_word(word.start(), word.end())

    def _add_word(self, start: int, end: int) -> None:
        """Add the parts of a word; another text object begins another part."""
        at, spaced = start, True
        while at < end:
            thing = pdfium.FPDFText_GetTextObject(self._text, at)
            key = bytes(thing)
            last = self._last_of(key, at, end)
            if key != _NO_OBJECT:
                style = self._styles.get(key)
                if style is None:
                    style = self._styles[key] = self._style(at, thing)
                for first, stop in self._spaced_out(style, at, last + 1):
                    self._add_part(style, first, stop, spaced or first > at)
                spaced = False
            at = last + 1

    def _last_of(self, key: bytes, first: int, end: int) -> int:
        """The last character before ``end`` that belongs to the same text object as ``first``."""
        object_of, text = pdfium.FPDFText_GetTextObject, self._text
        low, high = first, end - 1
        if low == high or bytes(object_of(text, high)) == key:
            return high
        while high - low > 1:
            middle = (low + high) // 2
            if bytes(object_of(text, middle)) == key:
                low = middle
            else:
                high = middle
        return low

    def _spaced_out(self, style: _Style, start: int, end: int) -> Iterator[tuple[int, int]]:
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

    def _place(self, at: int, turn: int | None) -> _Frame:
        pdfium.FPDFText_GetLooseCharBox(self._text, at, self._box_at)
        return _framed(self._box, turn)

    def _add_part(self, style: _Style, start: int, end: int, spaced: bool) -> None:
        """Add the characters of one text object to the last run, or begin a new one."""
        part = self._characters[start:end].replace(_HYPHEN, "-")
        self._count(style.font, part, start)
        left, bottom, right, top = self._place(start, style.turn)
        if end - start > 1:
            other = self._place(end - 1, style.turn)
            left, right = min(left, other[0]), max(right, other[2])
        baseline = bottom + style.rise
        rtl = is_rtl(ord(part[0]))
        if _SURROGATE.search(part):  # PDFium gives a character outside the basic plane as two
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
            run.left, run.right = min(run.left, left), max(run.right, right)
        run.parts.append(part)
        run.gaps.append(gap)
        run.spaced.append(spaced)
        run.lefts.append(left)

    def _count(self, font: bytes, part: str, start: int) -> None:
        """Count the characters of a part, and those whose meaning PDFium only guesses."""
        self.drawn += len(part)
        known = self._known.setdefault(font, set())
        unknown = self._unknown.setdefault(font, set())
        if not known.issuperset(part):
            for at, letter in enumerate(part, start):
                if letter not in known:
                    known.add(letter)
                    if pdfium.FPDFText_HasUnicodeMapError(self._text, at) == 1:
                        unknown.add(letter)
        if unknown:
            self.unmapped += sum(letter in unknown for letter in part)

    def _style(self, index: int, thing: Any) -> _Style:
        """How the text object of a character is set."""
        text, matrix = self._text, pdfium.FS_MATRIX()
        if not pdfium.FPDFText_GetMatrix(text, index, ctypes.byref(matrix)):
            matrix.a = matrix.d = 1.0
        size = abs(pdfium.FPDFText_GetFontSize(text, index))
        size *= hypot(matrix.c, matrix.d) or hypot(matrix.a, matrix.b) or 1.0
        angle = degrees(atan2(matrix.b, matrix.a)) % 360
        turn: int | None = round(angle / 90) % 4
        if min(abs(angle - 90 * step) for step in range(5)) > _SNAP:
            turn = None
        x, y = ctypes.c_double(), ctypes.c_double()
        pdfium.FPDFText_GetCharOrigin(text, index, ctypes.byref(x), ctypes.byref(y))
        _, bottom, _, top = self._place(index, turn)
        baseline = (y.value, -x.value, -y.value, x.value)[turn or 0]
        if not 0.05 * (top - bottom) < size < 20 * (top - bottom) + 1:
            size = max(top - bottom, 0.1)
        font = pdfium.FPDFTextObj_GetFont(thing)
        key = bytes(font) if font else b""
        if key not in self._faces:
            self._faces[key] = _face(text, index, font)
        return _Style(size, self._faces[key], turn, baseline - bottom, key)


def _characters(text: Any, count: int) -> str:
    """The characters of a page, of which the n-th is PDFium's n-th."""
    found = plain_text(text, count).replace("\ufffe", _HYPHEN)
    if len(found) == count:
        return found
    # Characters without a meaning, or outside the basic plane, shift the places.
    codes = [pdfium.FPDFText_GetUnicode(text, at) for at in range(count)]
    return "".join(chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes)


def _face(text: Any, index: int, font: Any) -> Face:
    name, italic = "", False
    if font:
        buffer = (ctypes.c_char * _NAME)()
        size = pdfium.FPDFFont_GetBaseFontName(font, buffer, _NAME)
        if 0 < size <= _NAME:
            name = buffer.value.decode("utf-8", errors="replace")
        angle = ctypes.c_int()
        italic = bool(pdfium.FPDFFont_GetItalicAngle(font, ctypes.byref(angle)) and angle.value)
    if name[6:7] == "+":
        name = name[7:]
    lowered = name.lower()
    bold = pdfium.FPDFText_GetFontWeight(text, index) >= _BOLD_WEIGHT
    bold = bold or any(word in lowered for word in ("bold", "black", "heavy", "semibd", "cmbx"))
    italic = italic or any(word in lowered for word in ("italic", "oblique", "slanted", "cmti"))
    return Face(name, bold, italic)


def _framed(box: Any, turn: int | None) -> tuple[float, float, float, float]:
    """(left, bottom, right, top) of a box in the frame of text at ``turn`` quarter turns."""
    if not turn:
        return box.left, box.bottom, box.right, box.top
    if turn == 1:
        return box.bottom, -box.right, box.top, -box.left
    if turn == 2:
        return -box.right, -box.top, -box.left, -box.bottom
    return -box.top, box.left, -box.bottom, box.right


def _gap(
    run: Run, style: _Style, left: float, right: float, baseline: float, rtl: bool
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

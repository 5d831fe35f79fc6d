"""How the text objects of a page are set: size, font, direction, baseline."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from math import atan2, degrees, hypot
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

from ingest.readers.pdf.drawn.fast import has_no_meaning

_SNAP = 4.0  # degrees from a right angle that count as one
_BOLD_WEIGHT = 600
_NAME = 256  # bytes of a font's name that are asked for
_BOLD = ("bold", "black", "heavy", "semibd", "cmbx")
_ITALIC = ("italic", "oblique", "slanted", "cmti")

Frame = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """A font: its name without a subset's prefix, and what it looks like."""

    name: str
    bold: bool
    italic: bool


@dataclass(slots=True)
class Meanings:
    """The characters of a font that were seen, and those whose meaning PDFium only guesses."""

    known: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def unknown_in(self, text: int, part: str, start: int) -> int:
        """How many characters of a part, which begins at ``start``, have no known meaning."""
        for at, letter in enumerate(part, start):
            if letter not in self.known:
                self.known.add(letter)
                if has_no_meaning(text, at) == 1:
                    self.unknown.add(letter)
        return sum(letter in self.unknown for letter in part) if self.unknown else 0


@dataclass(frozen=True, slots=True)
class Style:
    """How one text object is set."""

    size: float
    face: Face
    turn: int | None
    rise: float  # from the box's edge to the baseline, in the frame
    meanings: Meanings


class Styles:
    """The styles of one page's text objects."""

    def __init__(self, text: Any) -> None:
        self._text = text
        self._known: dict[int, Style] = {}  # by the object's address
        self._fonts: dict[bytes, tuple[Face, Meanings]] = {}
        self._box, self._matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._box_at, self._matrix_at = ctypes.byref(self._box), ctypes.byref(self._matrix)
        self._x_at, self._y_at = ctypes.byref(self._x), ctypes.byref(self._y)

    def of(self, key: int, index: int) -> Style:
        """The style of the object at the address ``key``, to which the character belongs."""
        style = self._known.get(key)
        if style is None:
            style = self._known[key] = self._style(index)
        return style

    def _style(self, index: int) -> Style:
        text, matrix = self._text, self._matrix
        a, b, c, d = 1.0, 0.0, 0.0, 1.0
        if pdfium.FPDFText_GetMatrix(text, index, self._matrix_at):
            a, b, c, d = matrix.a, matrix.b, matrix.c, matrix.d
        size = abs(pdfium.FPDFText_GetFontSize(text, index))
        size *= hypot(c, d) or hypot(a, b) or 1.0
        turn: int | None = 0
        if b or a <= 0:
            angle = degrees(atan2(b, a)) % 360
            turn = round(angle / 90) % 4
            if min(abs(angle - 90 * step) for step in range(5)) > _SNAP:
                turn = None
        pdfium.FPDFText_GetCharOrigin(text, index, self._x_at, self._y_at)
        x, y = self._x.value, self._y.value
        pdfium.FPDFText_GetLooseCharBox(text, index, self._box_at)
        box = self._box
        _, bottom, _, top = turned((box.left, box.bottom, box.right, box.top), turn)
        baseline = (y, -x, -y, x)[turn or 0]
        if not 0.05 * (top - bottom) < size < 20 * (top - bottom) + 1:
            size = max(top - bottom, 0.1)
        font = pdfium.FPDFTextObj_GetFont(pdfium.FPDFText_GetTextObject(text, index))
        key = bytes(font) if font else b""
        if key not in self._fonts:
            self._fonts[key] = (_face(text, index, font), Meanings())
        face, meanings = self._fonts[key]
        return Style(size, face, turn, baseline - bottom, meanings)


def turned(box: Frame, turn: int | None) -> Frame:
    """(left, bottom, right, top) of a box in the frame of text at ``turn`` quarter turns."""
    left, bottom, right, top = box
    if not turn:
        return box
    if turn == 1:
        return bottom, -right, top, -left
    if turn == 2:
        return -right, -top, -left, -bottom
    return -top, left, -bottom, right


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
    bold = bold or any(word in lowered for word in _BOLD)
    italic = italic or any(word in lowered for word in _ITALIC)
    return Face(name, bold, italic)

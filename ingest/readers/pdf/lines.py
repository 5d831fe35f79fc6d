"""What is known of a PDF's page: its lines, each with its place and its type."""

from __future__ import annotations

from dataclasses import dataclass

CELL_GAP = " | "
"""What stands between the cells of a table's row, as in the text of HTML tables."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page as people see it, or one row of a table.

    left, bottom, right, top: points, from the lower left corner of the page as its text is read
    (its /Rotate is applied, and `Sheet.turn`). size: the font size in points, the median of the
    line's characters. bold, italic: whether most characters are, by weight or by the font's name.
    font: the name of the font of most characters, without a subset's prefix. turned: the text runs
    in another direction than the page's main text; left to top are then the box that it fills.
    block: lines with the same number stand in one column or block of the page; numbers grow in
    reading order. baseline: the y of the line that the letters stand on. cells: how many cells a
    table's row has. A line of the second reader, which knows no places, has the size 0.
    """

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    bold: bool = False
    italic: bool = False
    font: str = ""
    turned: bool = False
    block: int = 0
    baseline: float = 0.0
    cells: int = 1

    @property
    def placed(self) -> bool:
        """Whether the line's place and type are known."""
        return self.size > 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: its lines in reading order, its width and height in points.

    reader: "pdfium", or "pypdf" for a page that the second reader read better; "" for a page that
    could not be read. undecodable: its text has letters, but they are not those that are drawn, so
    ``lines`` is empty. drawn: how many characters the page draws, readable or not. turn: the
    quarter turns, anticlockwise, by which the main text is turned on the page as it is looked at;
    places, width and height are those of the page turned back, so that its text is upright.
    pictures: whether the page shows pictures and hardly any text. broken: whether its drawing
    has errors, so that some of the text may be missing.
    """

    lines: tuple[Line, ...]
    width: float = 0.0
    height: float = 0.0
    reader: str = "pdfium"
    undecodable: bool = False
    drawn: int = 0
    turn: int = 0
    pictures: bool = False
    broken: bool = False

    @property
    def letters(self) -> int:
        """How many letters and digits the lines have."""
        return sum(sum(map(str.isalnum, line.text)) for line in self.lines)


def plain_line(text: str) -> Line:
    """A line whose place is not known."""
    return Line(text, 0.0, 0.0, 0.0, 0.0, 0.0)

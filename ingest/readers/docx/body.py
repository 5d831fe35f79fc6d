"""A Word document's paragraphs and tables, in order, as blocks of text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from ingest.readers.compose import clean
from ingest.readers.docx.equations import linear
from ingest.readers.docx.inline import Fields, Inline, Note, note_mark
from ingest.readers.docx.numbering import Numbering
from ingest.readers.docx.styles import Styles, inside

LIST = "list"
_LEFT_OUT = frozenset(
    {"w:sectPr", "w:del", "w:moveFrom", "w:tblPr", "w:tblGrid", "w:trPr", "w:tcPr", "w:sdtPr"}
    | {"w:tblPrEx", "w:sdtEndPr", "w:customXmlPr"}
)
_ROW_CELL = 300  # characters; rows of longer cells are read as paragraphs
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, or a row of a table.

    ``level`` is as in `Look`. Blocks of one ``group`` stand on lines that follow each other.
    ``goes_on``: the next block goes on where this one ends.
    """

    text: str
    level: int | None = None
    group: str = ""
    goes_on: bool = False


class Body:
    """Makes blocks of the elements of a document's body; ``notes`` gives a note's content, once."""

    def __init__(
        self, styles: Styles, numbering: Numbering, notes: Callable[[Note], Element | None]
    ) -> None:
        self.hidden = False  # whether hidden text was left out
        self.foreign = 0  # parts in other formats, which are not read
        self.fields = Fields()
        self._styles, self._numbering, self._notes = styles, numbering, notes
        self._numbers: dict[str, dict[str, int]] = {}
        self._tables = 0

    def blocks(self, element: Element) -> Iterator[Block]:
        """The blocks of one element: a paragraph, a table, or what has such inside."""
        tag = element.tag
        if tag == "w:p":
            yield from self._paragraph(element)
        elif tag == "w:tbl":
            self._tables += 1
            group = f"table {self._tables}"
            for row in _inside(element, "w:tr"):
                yield from self._row(row, group)
        elif tag in ("m:oMathPara", "m:oMath"):
            yield Block(_tidy(linear(element)))
        elif tag == "mc:AlternateContent":
            for choice in element:
                found = [block for block in self._all(choice) if block.text]
                yield from found
                if found:
                    break
        elif tag in ("w:altChunk", "w:subDoc"):
            self.foreign += 1
        elif tag not in _LEFT_OUT:
            yield from self._all(element)

    def _all(self, element: Element) -> Iterator[Block]:
        for child in element:
            yield from self.blocks(child)

    def _paragraph(self, element: Element) -> Iterator[Block]:
        properties = element.find("w:pPr")
        look = self._styles.look(properties)
        self.fields.paragraph()
        inline = Inline(self._styles, self.fields, self._numbers)
        inline.walk(element)
        self.hidden = self.hidden or inline.hidden
        text = _tidy("".join(inline.pieces))
        label = self._numbering.label(look.listed) if text and look.listed else ""
        if label and not text.startswith(label):
            text = f"{label} {text}"
        if text:
            group = LIST if look.listed and look.level is None else ""
            yield Block(text, look.level, group, _goes_on(properties))
        for later in inline.later:
            yield from self._later(later)

    def _later(self, later: Element | Note | str) -> Iterator[Block]:
        """A text box or a note, which is read after the paragraph that it stands in."""
        if isinstance(later, str):
            yield Block(_tidy(later))
            return
        content = self._notes(later) if isinstance(later, Note) else later
        if content is None:
            return
        mark = note_mark(later, self._numbers) if isinstance(later, Note) else ""
        for block in self._all(content):
            if block.text:
                text = f"{mark} {block.text}" if mark else block.text
                yield replace(block, text=text, level=None)
                mark = ""

    def _row(self, row: Element, group: str) -> Iterator[Block]:
        """A row on one line, or its paragraphs where they are long."""
        if inside(row, "w:trPr", "w:del") is not None:
            return
        cells = [
            [block for block in self._all(cell) if block.text]
            for cell in _inside(row, "w:tc")
            if inside(cell, "w:tcPr", "w:cellDel") is None
        ]
        cells = [cell for cell in cells if cell]
        plain = all(block.level is None for cell in cells for block in cell)
        if plain and all(sum(len(b.text) for b in cell) <= _ROW_CELL for cell in cells):
            lines = (" ".join(block.text for block in cell) for cell in cells)
            if text := " | ".join(_LINES.sub(" ", line) for line in lines):
                yield Block(text, None, group)
            return
        for cell in cells:
            yield from cell


def _inside(element: Element, name: str) -> Iterator[Element]:
    """The rows of a table or the cells of a row, also those in what is wrapped around them."""
    for child in element:
        if child.tag == name:
            yield child
        elif child.tag == "mc:AlternateContent":
            yield from next((found for c in child if (found := list(_inside(c, name)))), [])
        elif child.tag not in _LEFT_OUT and child.tag not in ("w:p", "w:tbl"):
            yield from _inside(child, name)


def _goes_on(properties: Element | None) -> bool:
    """Whether a paragraph's end is deleted, or it is a large initial of the next one."""
    if properties is None:
        return False
    frame = properties.find("w:framePr")
    initial = frame is not None and frame.get("w:dropCap", "none") != "none"
    return initial or inside(properties, "w:rPr", "w:del") is not None


def _tidy(text: str) -> str:
    """A paragraph's text without spaces at the edges of its lines, and with single ones inside."""
    lines = _SPACES.sub(" ", clean(text)).split("\n")
    return "\n".join(line.strip() for line in lines).strip()

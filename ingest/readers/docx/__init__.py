"""Word documents (.docx), read from their XML.

The text is what a reader of the printed document sees, with tracked changes accepted: no comments,
no hidden text, no running heads. Text boxes and notes follow the paragraph that they stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from xml.etree.ElementTree import Element

from ingest.book import Book, UnreadableDocument
from ingest.chapters import Mark
from ingest.readers.archive import Archive, local
from ingest.readers.compose import Draft, compose, only_heading, title_from
from ingest.readers.docx.body import Block, Body
from ingest.readers.docx.inline import Note
from ingest.readers.docx.numbering import Numbering
from ingest.readers.docx.parts import Parts
from ingest.readers.docx.styles import TITLE, Styles

_MAIN = "word/document.xml"
_LONGEST_HEADING = 300  # characters; a longer one is a paragraph that was set as a heading
_PROPERTIES = "docProps/core.xml"


def read_docx(data: bytes, name: str) -> Book:
    """A .docx file as a Book.

    Raises DamagedDocument, TooLarge, EmptyDocument, and ProtectedDocument for encrypted content.
    """
    archive = Archive(data, "DOCX")
    parts = Parts(archive)
    main = main_part(archive)
    links = {link.kind: link.target for link in parts.relations(main).values()}
    notes = _Notes(parts, links)
    body = Body(
        Styles(_blocks(parts, links.get("styles", "word/styles.xml"))),
        Numbering(_blocks(parts, links.get("numbering", ""))),
        notes.content,
    )
    text, marks = _joined(block for part in parts.blocks(main) for block in body.blocks(part))
    properties = _properties(archive)
    titles = [mark.title for mark in marks if mark.level == TITLE]
    headings = _chapters(marks)
    title = title_from(
        name, properties.get("title"), *titles[: len(titles) == 1], only_heading(headings)
    )
    author = properties.get("creator", "")
    return compose(
        Draft("docx", text, title, author, marks=headings, warnings=_warnings(body, notes))
    )


def main_part(archive: Archive) -> str:
    """The name of the part with the text; most programs call it word/document.xml."""
    parts = Parts(archive)
    with suppress(UnreadableDocument):  # then the usual name is tried
        for link in parts.relations("").values():
            known = link.target.lower().startswith("word/") and link.target.lower().endswith(".xml")
            if link.kind == "officeDocument" and known and link.target in archive.names:
                return link.target
    return _MAIN


class _Notes:
    """The footnotes and endnotes, each of which is given once."""

    def __init__(self, parts: Parts, links: dict[str, str]) -> None:
        self._parts, self._links = parts, links
        self._notes: dict[str, dict[str, Element]] = {}
        self.missing = 0

    def content(self, note: Note) -> Element | None:
        """A note's content, the first time that it is asked for."""
        if note.kind not in self._notes:
            part = self._links.get(f"{note.kind}s", "")
            found = _blocks(self._parts, part, level=1)
            self._notes[note.kind] = {element.get("w:id", ""): element for element in found}
            if not self._notes[note.kind]:
                self.missing += 1
        return self._notes[note.kind].pop(note.id, None)


def _blocks(parts: Parts, part: str, level: int = 1) -> Iterator[Element]:
    """The elements of a part that a document may lack."""
    return parts.blocks(part, level) if part in parts else iter(())


def _joined(blocks: Iterable[Block]) -> tuple[str, list[Mark]]:
    """The blocks as one text, and a mark at each heading."""
    pieces: list[str] = []
    marks: list[Mark] = []
    length = 0
    last = Block("", goes_on=True)
    for block in blocks:
        if not block.text:
            continue
        lines = "\n" if block.group and block.group == last.group else "\n\n"
        gap = "" if last.goes_on else lines
        start = length + len(gap)
        if block.level is not None and len(block.text) <= _LONGEST_HEADING:
            marks.append(Mark(start, block.text, block.level))
        pieces += [gap, block.text]
        length = start + len(block.text)
        last = block
    return "".join(pieces), marks


def _chapters(marks: list[Mark]) -> list[Mark]:
    """The headings; several titles in one document are headings above the others."""
    titles = sum(mark.level == TITLE for mark in marks)
    if titles == len(marks) or titles > 1:
        return [Mark(mark.start, mark.title, mark.level + 1) for mark in marks]
    return [mark for mark in marks if mark.level != TITLE]


def _warnings(body: Body, notes: _Notes) -> list[str]:
    found = []
    if body.hidden:
        found.append("Text that is set as hidden in the document is left out.")
    if body.foreign:
        found.append(
            f"{body.foreign} other documents are embedded in this one; their text is not read."
        )
    if body.fields.lost:
        found.append("A field of the document never ends; its instruction may be in the text.")
    if notes.missing:
        found.append("The document refers to notes that the file does not contain.")
    return found


def _properties(archive: Archive) -> dict[str, str]:
    if _PROPERTIES not in archive.names:
        return {}
    return {local(element): element.text or "" for element in archive.xml(_PROPERTIES)}

"""The parts of an Office file as XML, one block at a time, so that a long document stays small."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from ingest.book import DamagedDocument, TooLarge
from ingest.readers.archive import DEEPEST, Archive

_MOST_ELEMENTS = 12_000_000
_CHUNK = 1 << 18  # bytes
_WORD_NAMES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_MATH_NAMES = (
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://purl.oclc.org/ooxml/officeDocument/math",
)
_DRAWING_NAMES = (
    "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://purl.oclc.org/ooxml/drawingml/main",
)
_RELATION_NAMES = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)
# Entities are declared in document type declarations, which Office files do not have.
_DOCTYPES = tuple("<!DOCTYPE".encode(name) for name in ("ascii", "utf-16-le", "utf-16-be"))
# The short names of the namespaces that are read. The second of each is the strict standard's.
_SHORT = {
    **dict.fromkeys(_WORD_NAMES, "w:"),
    **dict.fromkeys(_MATH_NAMES, "m:"),
    **dict.fromkeys(_DRAWING_NAMES, "a:"),
    **dict.fromkeys(_RELATION_NAMES, "r:"),
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc:",
    "urn:schemas-microsoft-com:vml": "v:",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A link from one part to another: its kind, such as "footnotes", and the part's name."""

    kind: str
    target: str


class Parts:
    """The parts of an Office file. Elements are named "w:p"; those of other namespaces "?:p"."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._elements = 0  # read so far
        self._short: dict[str, str] = {}  # the short names of names
        # Names are not case-sensitive in these files.
        self._names = {name.lower(): name for name in sorted(archive.names)}

    def __contains__(self, part: str) -> bool:
        return part.lower() in self._names

    def blocks(self, part: str, level: int = 2) -> Iterator[Element]:
        """The elements of a part at a level, one after the other; the outermost has level 0.

        Raises DamagedDocument, TooLarge or ProtectedDocument.
        """
        data = self._archive.read(self._names.get(part.lower(), part))
        if any(start in data for start in _DOCTYPES):
            raise self.damaged(f"its part {part} has a document type declaration")
        try:
            yield from self._parsed(data, part, level)
        except (ParseError, ValueError, LookupError) as error:
            raise self.damaged(f"its part {part} is not well-formed XML") from error

    def _parsed(self, data: bytes, part: str, level: int) -> Iterator[Element]:
        parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
        depth = 0
        above: list[Element] = []  # the open elements above the level
        for at in range(0, len(data) + 1, _CHUNK):
            parser.feed(data[at : at + _CHUNK])
            if at + _CHUNK > len(data):
                parser.close()
            events = cast("Iterator[tuple[str, Element]]", parser.read_events())
            for event, element in events:
                if event == "start":
                    depth += 1
                    if depth > DEEPEST:
                        raise self._too_large(part)
                    if depth <= level:
                        above.append(element)
                    continue
                self._name(element)
                self._elements += 1
                if depth == level + 1:
                    if self._elements > _MOST_ELEMENTS:
                        raise self._too_large(part)
                    yield element
                    above[-1].clear()
                elif depth <= level:
                    above.pop()
                depth -= 1

    def _name(self, element: Element) -> None:
        """Give an element and its attributes their short names."""
        names = self._short
        element.tag = names.get(element.tag) or self._known(element.tag)
        if element.attrib:
            named = {
                names.get(key) or self._known(key): text for key, text in element.attrib.items()
            }
            element.attrib.clear()
            element.attrib.update(named)

    def _known(self, name: str) -> str:
        """The short name of an element or attribute, from now on known."""
        space, _, word = name.rpartition("}")
        self._short[name] = f"{_SHORT.get(space[1:], '?:')}{word}" if space else word
        return self._short[name]

    def _too_large(self, part: str) -> TooLarge:
        return TooLarge(
            f"The document's part {part} is nested more than {DEEPEST} levels deep or has more than"
            f" {_MOST_ELEMENTS:,} elements; save the document as plain text."
        )

    def relations(self, part: str) -> dict[str, Relation]:
        """The links of a part (that of the whole file is ""), by their id, without outside ones."""
        folder, name = posixpath.split(part)
        listed = posixpath.join(folder, "_rels", f"{name}.rels")
        if listed not in self:
            return {}
        found: dict[str, Relation] = {}
        for element in self.blocks(listed, level=1):
            target, kind = element.get("Target", ""), element.get("Type", "")
            if element.tag.endswith(":Relationship") and element.get("TargetMode") != "External":
                place = unquote(target.replace("\\", "/"))
                full = posixpath.normpath(posixpath.join("/", folder, place)).lstrip("/")
                found[element.get("Id", "")] = Relation(kind.rpartition("/")[2], full)
        return found

    def damaged(self, why: str) -> DamagedDocument:
        """The error to raise for this file; ``why`` completes its message."""
        return self._archive.damaged(why)

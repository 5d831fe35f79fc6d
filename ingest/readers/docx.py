"""Word documents (.docx): mammoth converts them to HTML, which is then read as HTML."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from xml.parsers.expat import ExpatError

import mammoth  # type: ignore[import-untyped]

from ingest.book import Book, DamagedDocument
from ingest.readers.archive import FAILURES, Archive, local
from ingest.readers.compose import Draft, compose, only_heading, title_from
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse

_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"
# What mammoth raises for malformed parts; it has no exceptions of its own.
_FAILURES = (*FAILURES, ExpatError, ArithmeticError, AssertionError, AttributeError, RecursionError)


def read_docx(data: bytes, name: str) -> Book:
    """A .docx file as a Book.

    Raises DamagedDocument, TooLarge, EmptyDocument, and ProtectedDocument for encrypted content.
    """
    archive = Archive(data, "DOCX")
    # mammoth's own XML parser expands entities, and it follows relations to parts of any name. It
    # gets an archive of those parts alone that were parsed safely before.
    parts = {
        part: archive.checked(part)
        for part in sorted(archive.names)
        if part.lower().endswith((".xml", ".rels"))
    }
    flow = MarkupText()
    flow.add(parse(_to_html(parts)))
    properties = _properties(archive)
    title = title_from(name, properties.get("title"), only_heading(flow.headings))
    author = properties.get("creator", "")
    return compose(Draft("docx", flow.text(), title, author, marks=flow.headings))


def _to_html(parts: Mapping[str, bytes]) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    try:
        result = mammoth.convert_to_html(
            packed,
            style_map=_STYLES,
            convert_image=mammoth.images.img_element(lambda image: {}),
        )
    except _FAILURES as error:
        raise DamagedDocument(
            "The DOCX file is damaged or incomplete; open it in a word processor and save it again."
        ) from error
    # Footnotes end with a link back to the text, which is removed.
    return str(result.value).replace("↑</a>", "</a>")


def _properties(archive: Archive) -> dict[str, str]:
    if "docProps/core.xml" not in archive.names:
        return {}
    return {local(element): element.text or "" for element in archive.xml("docProps/core.xml")}

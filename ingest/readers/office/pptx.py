"""Presentations (.pptx): slides are pages and chapters, notes follow their slide."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from html import escape
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from ingest.book import Book
from ingest.chapters import Mark
from ingest.readers.archive import Archive, local
from ingest.readers.compose import Draft, PageStart, compose, title_from
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse

PRESENTATION = "ppt/presentation.xml"
_ROLES_LEFT_OUT = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})
_TITLES = ("title", "ctrTitle")


def read_pptx(data: bytes, name: str) -> Book:
    """A .pptx file as a Book.

    Raises DamagedDocument, TooLarge, EmptyDocument, and ProtectedDocument for encrypted content.
    """
    archive = Archive(data, "PPTX")
    flow = MarkupText()
    pages: list[PageStart] = []
    marks: list[Mark] = []
    missing: list[str] = []
    for number, path in enumerate(_slides(archive), 1):
        if path not in archive.names:
            missing.append(f"Slide {number} is missing in the file.")
            continue
        start, headings = flow.length, len(flow.headings)
        flow.add(parse(_slide(archive, path)))
        if flow.length == start:
            continue
        start = start and start + 2  # the blank line before it belongs to the slide before
        pages.append(PageStart(start, number, str(number)))
        titles = [heading.title for heading in flow.headings[headings:]]
        marks.append(Mark(start, titles[0] if titles else f"Slide {number}"))
    properties = _properties(archive)
    return compose(
        Draft(
            "pptx",
            flow.text(),
            title_from(name, properties.get("title")),
            properties.get("creator", ""),
            marks=marks,
            pages=pages,
            warnings=missing,
        )
    )


def _slides(archive: Archive) -> Iterator[str]:
    """The paths of the slides in the order in which they are shown, each once."""
    targets = _relations(archive, PRESENTATION)
    seen: set[str] = set()
    for element in archive.xml(PRESENTATION).iter():
        if local(element) == "sldId":
            keys = [v for key, v in element.attrib.items() if key.endswith("}id")]
            path = targets.get(keys[0], ("", ""))[1] if keys else ""
            if path and path not in seen:
                seen.add(path)
                yield path


def _relations(archive: Archive, path: str) -> dict[str, tuple[str, str]]:
    """(type, path) of each part that ``path`` refers to, by the name of the reference."""
    folder, base = posixpath.split(path)
    listed = f"{folder}/_rels/{base}.rels"
    if listed not in archive.names:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for element in archive.xml(listed):
        if element.get("TargetMode") == "External":
            continue
        target = unquote(element.get("Target", ""))
        full = target[1:] if target.startswith("/") else posixpath.join(folder, target)
        kind = element.get("Type", "").rpartition("/")[2]
        found[element.get("Id", "")] = (kind, posixpath.normpath(full))
    return found


def _slide(archive: Archive, path: str) -> str:
    """A slide as HTML, with the text of its diagrams and its notes."""
    parts = [_html(archive.xml(path))]
    related = sorted(set(_relations(archive, path).values()))
    for kind, target in related:
        if target not in archive.names:
            continue
        if kind == "diagramData":
            parts.append(_html(archive.xml(target)))
        elif kind == "notesSlide":
            notes = _html(archive.xml(target), plain=True)
            parts.append(f"<div>Notes:</div>{notes}" if _has_text(notes) else "")
    return "".join(parts)


def _has_text(markup: str) -> bool:
    return any(part.rpartition(">")[2].strip() for part in markup.split("<"))


def _html(element: Element, *, plain: bool = False) -> str:
    """An element of DrawingML and what is in it as HTML; ``plain``: a title is no heading."""
    tag = local(element)
    if tag == "t":
        return escape(element.text or "")
    if tag in ("br", "tab"):
        return "<br>" if tag == "br" else " "
    if tag == "Fallback" or (tag == "fld" and element.get("type") == "slidenum"):
        return ""
    role = _role(element) if tag == "sp" else ""
    if role in _ROLES_LEFT_OUT:
        return ""
    inside = "".join(_html(child, plain=plain) for child in element)
    if role in _TITLES and not plain and _has_text(inside):
        words = inside.replace("<p>", "").replace("</p>", " ")
        return f"<h1>{words}</h1>"
    block = {"p": "p", "tbl": "table", "tr": "tr", "tc": "td", "sp": "div", "pt": "div"}.get(tag)
    return f"<{block}>{inside}</{block}>" if block and inside else inside


def _role(shape: Element) -> str:
    """What a shape is a placeholder for, or ""."""
    for element in shape.iter():
        if local(element) == "ph":
            return element.get("type", "body")
        if local(element) == "txBody":
            break
    return ""


def _properties(archive: Archive) -> dict[str, str]:
    if "docProps/core.xml" not in archive.names:
        return {}
    return {local(element): element.text or "" for element in archive.xml("docProps/core.xml")}

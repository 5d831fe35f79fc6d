"""FictionBook (.fb2): sections become chapters, notes stand at the end."""

from __future__ import annotations

from html import escape
from xml.etree.ElementTree import Element

from ingest.book import Book, DamagedDocument
from ingest.matter import Part
from ingest.readers.archive import local
from ingest.readers.compose import Draft, compose, title_from
from ingest.readers.ebooks.forgiving import forgiving_tree
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse
from ingest.readers.office.xml_tree import parse_xml

_BLOCKS = {
    "p": "p", "v": "p", "subtitle": "p", "text-author": "p", "cite": "blockquote",
    "poem": "div", "stanza": "div", "epigraph": "div", "annotation": "div", "table": "table",
    "tr": "tr", "td": "td", "th": "th", "date": "p",
}  # fmt: skip
_DROPPED = frozenset({"binary", "image", "description", "stylesheet"})


def read_fb2(data: bytes, name: str) -> Book:
    """A FictionBook file as a Book. Raises DamagedDocument, TooLarge or EmptyDocument."""
    root, warnings = _tree(data)
    flow = MarkupText()
    parts: list[Part] = []
    info = _first(root, "title-info")
    annotation = _first(info, "annotation") if info is not None else None
    if annotation is not None:
        _add(flow, _html(annotation, 1), parts, Part(0, 0, "Annotation", "front"))
    for body in (child for child in root if local(child) == "body"):
        noted = body.get("name", "").lower() in ("notes", "comments", "footnotes")
        part = Part(0, 0, "Notes", "back") if noted else None
        _add(flow, _html(body, 1), parts, part)
    title = _text(_first(info, "book-title")) if info is not None else ""
    authors = [_name(each) for each in info if local(each) == "author"] if info is not None else []
    return compose(
        Draft(
            "fb2",
            flow.text(),
            title_from(name, title),
            ", ".join(filter(None, authors)),
            marks=flow.headings,
            warnings=warnings,
            parts=parts,
        )
    )


def _tree(data: bytes) -> tuple[Element, list[str]]:
    """The file as a tree, and a warning if its marks have errors. Raises DamagedDocument."""
    try:
        return parse_xml(data, "FB2"), []
    except DamagedDocument:
        root = forgiving_tree(data, "FictionBook")
        if root is None or _first(root, "body") is None:
            raise
        return root, ["The FB2 file has errors in its marks; some of its text may be missing."]


def _add(flow: MarkupText, markup: str, parts: list[Part], part: Part | None) -> None:
    """Append markup; ``part`` says what it is, if it is no part of the work."""
    start = flow.length
    flow.add(parse(markup))
    if part is not None and flow.length > start:
        parts.append(Part(start, flow.length, part.title, part.matter))


def _html(element: Element, level: int) -> str:
    """An element and what is in it as HTML; ``level`` is that of the next title."""
    tag = local(element)
    if tag in _DROPPED:
        return ""
    if tag == "title":
        lines = [_text(line) for line in element if local(line) == "p"]
        said = ". ".join(line.rstrip(".") for line in lines if line) or _text(element)
        return f"<h{min(level, 6)}>{escape(said)}</h{min(level, 6)}>" if said else ""
    if tag == "empty-line":
        return "<br>"
    deeper = level + 1 if tag == "section" else level
    inside = escape(element.text or "") + "".join(
        _html(child, level if local(child) == "title" else deeper) + escape(child.tail or "")
        for child in element
    )
    if tag in ("section", "body"):
        return f"<section>{inside}</section>"
    block = _BLOCKS.get(tag)
    return f"<{block}>{inside}</{block}>" if block else inside


def _first(root: Element, name: str) -> Element | None:
    return next((element for element in root.iter() if local(element) == name), None)


def _text(element: Element | None) -> str:
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def _name(author: Element) -> str:
    """An author's name in the order in which it is said."""
    kinds = ("first-name", "middle-name", "last-name")
    found = [_text(part) for kind in kinds for part in author if local(part) == kind]
    return " ".join(filter(None, found)) or _text(_first(author, "nickname"))

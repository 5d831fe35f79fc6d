"""OpenDocument texts (.odt, .fodt), by way of HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from xml.etree.ElementTree import Element

from ingest.book import Book, ProtectedDocument
from ingest.readers.archive import Archive, local
from ingest.readers.compose import Draft, compose, only_heading, title_from
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse
from ingest.readers.office.xml_tree import parse_xml

_MANIFEST = "META-INF/manifest.xml"
_BLOCKS = {
    "p": "p", "list": "ul", "list-item": "li", "list-header": "li", "table": "table",
    "table-row": "tr", "table-cell": "td", "covered-table-cell": "td", "section": "div",
    "text-box": "div",
}  # fmt: skip
_DROPPED = frozenset(
    {"annotation", "tracked-changes", "title", "desc", "sequence-decls", "variable-decls"}
    | {"user-field-decls", "forms", "scripts", "font-face-decls", "automatic-styles", "styles"}
    | {"master-styles", "settings", "meta", "binary-data", "note-citation", "event-listeners"}
)
_MOST_SPACES = 100


def read_odt(data: bytes, name: str) -> Book:
    """An OpenDocument text in a zip file as a Book.

    Raises DamagedDocument, TooLarge, EmptyDocument, and ProtectedDocument for encrypted content.
    """
    archive = Archive(data, "ODT")
    if _MANIFEST in archive.names:
        listed = archive.xml(_MANIFEST)
        if any(local(element) == "encryption-data" for element in listed.iter()):
            raise ProtectedDocument(
                "The ODT file is encrypted; save a copy without a password in its word processor."
            )
    meta = archive.xml("meta.xml") if "meta.xml" in archive.names else None
    return _book(archive.xml("content.xml"), meta, name)


def read_flat_odt(data: bytes, name: str) -> Book:
    """An OpenDocument text in one XML file as a Book. Raises what ``read_odt`` does."""
    root = parse_xml(data, "ODT")
    return _book(root, root, name)


def _book(content: Element, meta: Element | None, name: str) -> Book:
    titled = _title_styles(content)
    body = next((e for e in content.iter() if local(e) == "body"), content)
    flow = MarkupText()
    flow.add(parse(_html(body, titled)))
    title, author = (_meta(meta, key) for key in ("title", "creator"))
    author = _meta(meta, "initial-creator") or author
    title = title_from(name, title, only_heading(flow.headings))
    return compose(Draft("odt", flow.text(), title, author, marks=flow.headings))


def _title_styles(content: Element) -> frozenset[str]:
    """The names of the styles that stand for a document's title."""
    names = {"Title"}
    for element in content.iter():
        if local(element) == "style" and _attribute(element, "parent-style-name") == "Title":
            names.add(_attribute(element, "name"))
    return frozenset(names)


def _html(element: Element, titled: frozenset[str]) -> str:
    """An element and what is in it as HTML."""
    tag = local(element)
    if tag in _DROPPED:
        return ""
    if tag == "s":
        count = _attribute(element, "c")
        return " " * min(int(count) if count.isdecimal() else 1, _MOST_SPACES)
    if tag in ("tab", "line-break"):
        return " " if tag == "tab" else "<br>"
    if tag == "note":
        return ""  # it follows its paragraph
    if tag == "ruby-text":
        return f"({escape(''.join(element.itertext()))})"
    inside = escape(element.text or "") + "".join(
        _html(child, titled) + escape(child.tail or "") for child in element
    )
    notes = "".join(_notes(element, titled)) if tag in ("p", "h") else ""
    if tag == "h":
        digits = _attribute(element, "outline-level")
        level = min(max(int(digits), 1), 6) if digits.isdecimal() and len(digits) < 3 else 1
        return f"<h{level}>{inside}</h{level}>{notes}"
    if tag == "p" and _attribute(element, "style-name") in titled:
        return f"<h1>{inside}</h1>{notes}"
    block = _BLOCKS.get(tag)
    return f"<{block}>{inside}</{block}>{notes}" if block else inside


def _notes(paragraph: Element, titled: frozenset[str]) -> Iterator[str]:
    """The footnotes of a paragraph, each a paragraph of its own, with its number."""
    for note in paragraph.iter():
        if local(note) != "note":
            continue
        number = next((e.text or "" for e in note.iter() if local(e) == "note-citation"), "")
        for part in note:
            if local(part) == "note-body":
                said = _html(part, titled)
                yield said.replace("<p>", f"<p>[{escape(number)}] ", 1)


def _attribute(element: Element, name: str) -> str:
    """The value of an attribute in any namespace, or ""."""
    return next((v for key, v in element.attrib.items() if key.rpartition("}")[2] == name), "")


def _meta(root: Element | None, name: str) -> str:
    found = (e.text for e in root.iter() if local(e) == name and e.text) if root is not None else ()
    return next(iter(found), "")

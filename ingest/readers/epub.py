"""EPUB 2 and 3 files: the spine gives the text's order, the table of contents its chapters."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from selectolax.lexbor import LexborHTMLParser

from ingest.book import Book, ProtectedDocument
from ingest.chapters import Mark
from ingest.matter import Part
from ingest.readers.archive import Archive, local
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, PageStart, compose, title_from
from ingest.readers.ebooks.epub_matter import landmarks, matter_of
from ingest.readers.epub_contents import Contents, read_nav, read_ncx
from ingest.readers.html import declared_charset
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import MarkupTooDeep, parse

CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_DEEPEST_CONTENTS = 300  # levels of elements in a table of contents
_TEXT_TYPES = (
    "application/xhtml+xml",
    "text/html",
    "application/x-dtbook+xml",
    "text/x-oeb1-document",
)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file that the package's manifest lists."""

    path: str
    media_type: str
    properties: str


def read_epub(data: bytes, name: str) -> Book:
    """An EPUB file as a Book.

    Raises DamagedDocument, TooLarge, EmptyDocument, and ProtectedDocument for encrypted content.
    """
    archive = Archive(data, "EPUB")
    package_path = _package_path(archive)
    package = archive.xml(package_path)
    items = _manifest(package, posixpath.dirname(package_path))
    spine = _spine(archive, package, items)
    _refuse_locked(archive, {item.path for item in spine})
    flow = MarkupText()
    marked = _landmarks(archive, items)
    parts: list[Part] = []
    for item in spine:
        raw = archive.read(item.path)
        tree = parse(decode(raw, declared_charset(raw)), xml=True)
        start, kind = flow.length, matter_of(tree, marked.get(item.path, ""))
        flow.add(tree, item.path)
        if kind and start < flow.length:
            parts.append(Part(start, flow.length, kind.title, kind.matter))
    contents = _contents(archive, package, items)
    marks = [Mark(_place(flow, e.target), e.title, e.level) for e in contents.chapters]
    marks = [mark for mark in marks if mark.start >= 0]
    return compose(
        Draft(
            "epub",
            flow.text(),
            title_from(name, *_metadata(package, "title")),
            ", ".join(_metadata(package, "creator")),
            marks=marks if len({mark.start for mark in marks}) > 1 else flow.headings,
            pages=_pages(flow, contents),
            parts=parts,
        )
    )


def _package_path(archive: Archive) -> str:
    """The path of the package file, which the container file names."""
    if CONTAINER in archive.names:
        for element in archive.xml(CONTAINER).iter():
            path = unquote(element.get("full-path", ""))
            if local(element) == "rootfile" and path in archive.names:
                return path
    packages = sorted(name for name in archive.names if name.lower().endswith(".opf"))
    if not packages:
        raise archive.damaged("it has no package file (.opf)")
    return packages[0]


def _manifest(package: Element, folder: str) -> dict[str, _Item]:
    """The manifest's items by id; ``folder`` is the package file's."""
    items: dict[str, _Item] = {}
    for element in package.iter():
        if local(element) == "item" and element.get("href"):
            path = posixpath.normpath(posixpath.join(folder, unquote(element.get("href", ""))))
            kind, properties = element.get("media-type", ""), element.get("properties", "")
            items[element.get("id", "")] = _Item(path, kind.lower(), properties)
    return items


def _spine(archive: Archive, package: Element, items: dict[str, _Item]) -> list[_Item]:
    """The documents with text, in reading order, without the table of contents."""
    spine: dict[str, _Item] = {}  # by path; a document that is named again is not read again
    for element in package.iter():
        item = items.get(element.get("idref", "")) if local(element) == "itemref" else None
        if item is None or "nav" in item.properties.split() or item.path in spine:
            continue
        is_text = item.media_type in _TEXT_TYPES or item.path.endswith((".xhtml", ".html", ".htm"))
        if is_text and item.path in archive.names:
            spine[item.path] = item
    if not spine:
        raise archive.damaged("its spine names no text that the file contains")
    return list(spine.values())


def _refuse_locked(archive: Archive, paths: set[str]) -> None:
    """Raise ProtectedDocument if one of ``paths`` is encrypted; encrypted fonts are allowed."""
    if _ENCRYPTION not in archive.names:
        return
    for entry in archive.xml(_ENCRYPTION).iter():
        if local(entry) != "EncryptedData":
            continue
        inside = list(entry.iter())
        methods = {e.get("Algorithm", "") for e in inside if local(e) == "EncryptionMethod"}
        targets = {unquote(e.get("URI", "")) for e in inside if local(e) == "CipherReference"}
        if targets & paths and not methods <= set(_FONT_OBFUSCATION):
            raise ProtectedDocument(
                "The EPUB file's text is locked by digital rights management;"
                " use a copy without it."
            )


def _contents(archive: Archive, package: Element, items: dict[str, _Item]) -> Contents:
    """The entries of the navigation document, or else of the NCX file, or else none."""
    found = Contents()
    for item in items.values():
        if "nav" in item.properties.split() and item.path in archive.names:
            tree = _flat(archive, item.path)
            found = read_nav(tree, item.path) if tree else found
            break
    if found.chapters and found.pages:
        return found
    for item in items.values():
        is_ncx = item.media_type == "application/x-dtbncx+xml" or item.path.endswith(".ncx")
        if is_ncx and item.path in archive.names:
            tree = _flat(archive, item.path)
            older = read_ncx(tree, item.path) if tree else Contents()
            return Contents(found.chapters or older.chapters, found.pages or older.pages)
    return found


def _landmarks(archive: Archive, items: dict[str, _Item]) -> dict[str, str]:
    """What the navigation document says that files are, by path."""
    for item in items.values():
        if "nav" in item.properties.split() and item.path in archive.names:
            tree = _flat(archive, item.path)
            return landmarks(tree, item.path) if tree else {}
    return {}


def _flat(archive: Archive, path: str) -> LexborHTMLParser | None:
    """A table of contents parsed, or None for one that is nested so deeply that it is none."""
    try:
        return parse(decode(archive.read(path), "utf-8"), xml=True, deepest=_DEEPEST_CONTENTS)
    except MarkupTooDeep:
        return None


def _place(flow: MarkupText, target: str) -> int:
    """The offset of a target: its fragment's, or else its file's, or else -1."""
    return flow.anchors.get(target, flow.anchors.get(target.partition("#")[0], -1))


def _pages(flow: MarkupText, contents: Contents) -> list[PageStart]:
    """The pages of the page list, or else those that page breaks in the text mark."""
    listed = [(flow.anchors[e.target], e.title) for e in contents.pages if e.target in flow.anchors]
    if len(listed) > 1:
        return [PageStart(at, n, label) for n, (at, label) in enumerate(sorted(listed), 1)]
    return flow.pages if len(flow.pages) > 1 else []


def _metadata(package: Element, name: str) -> list[str]:
    """The texts of the package's elements ``name``, such as "title"."""
    return [e.text for e in package.iter() if local(e) == name and e.text and e.text.strip()]

"""An EPUB's package file: what the book is called, its files, and the order to read them in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

from ingest.book import DamagedDocument, NoTextLayer, ProtectedDocument
from ingest.readers.archive import Archive, local
from ingest.readers.charset import decode
from ingest.readers.epub.paths import Paths
from ingest.readers.markup_tree import parse

CONTAINER = "META-INF/container.xml"
SVG = "image/svg+xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_DEEPEST = 300  # levels of elements in a package file that is not well-formed
_TEXT_TYPES = (
    "application/xhtml+xml",
    "text/html",
    "application/x-dtbook+xml",
    "text/x-oeb1-document",
    SVG,
)
_TEXT_NAMES = (".xhtml", ".html", ".htm", ".svg")
_MOST_FALLBACKS = 20
_NUMBERS = re.compile(r"(\d+)")
# A file that each way of locking a book leaves in it.
_LOCKS = (
    ("META-INF/license.lcpl", "Readium LCP"),
    ("META-INF/sinf.xml", "Apple's FairPlay"),
    ("META-INF/rights.xml", "Adobe's ADEPT"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A file that the package's manifest lists; ``path`` is "" for one that is not there."""

    path: str
    media_type: str = ""
    properties: str = ""
    fallback: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is a document with text, or a drawing that may hold some."""
        known = self.media_type in _TEXT_TYPES or self.path.lower().endswith(_TEXT_NAMES)
        return bool(self.path) and known and not self.media_type.startswith("application/x-dtbncx")

    @property
    def is_contents(self) -> bool:
        """Whether it is the navigation document."""
        return "nav" in self.properties.split()


@dataclass(frozen=True, slots=True)
class _Entry:
    """An element of the package file."""

    name: str
    attributes: Mapping[str, str | None]
    text: str

    def get(self, name: str) -> str:
        return self.attributes.get(name) or ""


@dataclass(slots=True)
class Package:
    """What the package file says."""

    items: dict[str, Item] = field(default_factory=dict)
    spine: list[Item] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    creators: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_package(archive: Archive, paths: Paths) -> Package:
    """The package of a book. Raises DamagedDocument, TooLarge, NoTextLayer."""
    found = Package()
    path = _package_path(archive, paths)
    entries = _entries(archive, path, found) if path else []
    folder = posixpath.dirname(path)
    for entry in entries:
        if entry.name == "item" and entry.get("href"):
            place = paths.find(folder, entry.get("href")) or ""
            kind, fallback = entry.get("media-type").lower().strip(), entry.get("fallback")
            found.items[entry.get("id")] = Item(place, kind, entry.get("properties"), fallback)
    found.titles = [e.text for e in entries if e.name == "title" and e.text.strip()]
    found.creators = [e.text for e in entries if e.name == "creator" and e.text.strip()]
    _read_spine(found, [e.get("idref") for e in entries if e.name == "itemref"], folder, paths)
    if not found.spine:
        _read_all(archive, found)
    return found


def _package_path(archive: Archive, paths: Paths) -> str:
    """The path of the package file, which the container file names; "" if there is none."""
    with suppress(DamagedDocument):  # a damaged container is made up for
        for element in archive.xml(CONTAINER).iter() if CONTAINER in archive.names else ():
            if local(element) == "rootfile":
                path = paths.find("", element.get("full-path", ""))
                if path:
                    return path
    return next((name for name in sorted(archive.names) if name.lower().endswith(".opf")), "")


def _entries(archive: Archive, path: str, found: Package) -> list[_Entry]:
    """The elements of the package file, which is read as HTML if it is not well-formed."""
    data = archive.read(path)
    try:
        elements = archive.parsed(data, path).iter()
        return [_Entry(local(e), dict(e.attrib), e.text or "") for e in elements]
    except DamagedDocument:
        if b"<!ENTITY" in data:
            raise
    found.warnings.append(
        "The EPUB file's list of its parts is damaged; it was read as far as it goes."
    )
    tree = parse(decode(data, "utf-8"), xml=True, deepest=_DEEPEST)
    return [
        _Entry((node.tag or "").rpartition(":")[2], dict(node.attributes), node.text())
        for node in tree.css("item, itemref, dc\\:title, dc\\:creator")
    ]


def _read_spine(found: Package, ids: list[str], folder: str, paths: Paths) -> None:
    """Fill the spine: each document once, or what stands in for one that has no text."""
    seen: set[str] = set()
    lost = images = 0
    for name in ids:
        item = found.items.get(name) or Item(paths.find(folder, name) or "")
        chosen = _with_text(item, found.items)
        if item.is_contents or chosen.path in seen:
            continue
        if chosen.is_text:
            seen.add(chosen.path)
            found.spine.append(chosen)
        elif chosen.path:
            images += 1
        else:
            lost += 1
    if lost:
        found.warnings.append(
            f"{lost} of the book's {len(ids)} parts are not in the EPUB file; their text is"
            " missing."
        )
    if images and not found.spine:
        raise NoTextLayer(
            "The EPUB file holds images of pages and no text; convert it with a program that"
            " recognises text (OCR)."
        )
    if images:
        found.warnings.append(f"{images} of the book's {len(ids)} parts are images without text.")


def _with_text(item: Item, items: Mapping[str, Item]) -> Item:
    """The item, or the first of those that stand in for it that has text."""
    chosen = item
    for _ in range(_MOST_FALLBACKS):
        if chosen.is_text or chosen.fallback not in items:
            break
        chosen = items[chosen.fallback]
    return chosen if chosen.is_text and not chosen.is_contents else item


def _read_all(archive: Archive, found: Package) -> None:
    """Make up for a spine that names no text: all documents, in the order of the manifest."""
    listed = [item for item in found.items.values() if item.is_text and not item.is_contents]
    if not listed:
        names = sorted(archive.names, key=_by_number)
        pages = [name for name in names if name.lower().endswith(_TEXT_NAMES[:3])]
        listed = [Item(name) for name in pages if not name.startswith("META-INF/")]
    found.spine = list({item.path: item for item in listed}.values())
    if not found.spine:
        known = any(name.lower().endswith(".opf") for name in archive.names)
        why = "its spine names no text that the file contains" if known else ""
        raise archive.damaged(why or "it has no package file (.opf)")
    found.warnings.append(
        "The EPUB file does not say in which order its parts are read; they are in the order in"
        " which the file lists them."
    )


def _by_number(name: str) -> list[tuple[int, int | str]]:
    """What sorts "page10" after "page9"."""
    parts = _NUMBERS.split(name)
    return [(1, int(part)) if part.isdecimal() else (0, part) for part in parts]


def refuse_locked(archive: Archive, paths: Paths, members: set[str]) -> None:
    """Raise ProtectedDocument if one of ``members`` is encrypted; encrypted fonts are allowed."""
    if _ENCRYPTION not in archive.names:
        return
    for entry in archive.xml(_ENCRYPTION).iter():
        if local(entry) != "EncryptedData":
            continue
        inside = list(entry.iter())
        methods = {e.get("Algorithm", "") for e in inside if local(e) == "EncryptionMethod"}
        links = [e.get("URI", "") for e in inside if local(e) == "CipherReference"]
        targets = {paths.find("", link) or unquote(link) for link in links}
        if targets & members and not methods <= set(_FONT_OBFUSCATION):
            lock = next((name for file, name in _LOCKS if file in archive.names), "")
            by = f" ({lock})" if lock else ""
            raise ProtectedDocument(
                f"The EPUB file's text is locked by digital rights management{by};"
                " use a copy without it."
            )

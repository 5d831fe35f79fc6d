"""EPUB 2 and 3 files: the spine gives the text's order, the table of contents its chapters."""

from __future__ import annotations

from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser

from ingest.book import Book, DamagedDocument
from ingest.chapters import Mark
from ingest.matter import Part
from ingest.readers.archive import Archive
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, PageStart, compose, title_from
from ingest.readers.epub.contents import Contents, Resolve, read_nav, read_ncx
from ingest.readers.epub.matter import landmarks, matter_of
from ingest.readers.epub.package import CONTAINER, Package, read_package, refuse_locked
from ingest.readers.epub.paths import Paths
from ingest.readers.html import declared_charset
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import MarkupTooDeep, parse

__all__ = ["CONTAINER", "read_epub"]

_Read = Callable[[LexborHTMLParser, str, Resolve], Contents]
_DEEPEST_CONTENTS = 300  # levels of elements in a table of contents


def read_epub(data: bytes, name: str) -> Book:
    """An EPUB file as a Book.

    Raises DamagedDocument, TooLarge, EmptyDocument, NoTextLayer for a book of images, and
    ProtectedDocument for encrypted content.
    """
    archive = Archive(data, "EPUB")
    paths = Paths(archive.names)
    package = read_package(archive, paths)
    refuse_locked(archive, paths, {item.path for item in package.spine})
    tables = _Tables(archive, package, paths)
    flow, parts = _text(archive, package, tables.landmarks())
    contents = tables.contents()
    marks = [Mark(_place(flow, e.target), e.title, e.level) for e in contents.chapters]
    marks = [mark for mark in marks if mark.start >= 0]
    return compose(
        Draft(
            "epub",
            flow.text(),
            title_from(name, *package.titles),
            ", ".join(package.creators),
            marks=marks if len({mark.start for mark in marks}) > 1 else flow.headings,
            pages=_pages(flow, contents),
            parts=parts,
            warnings=package.warnings,
        )
    )


def _text(
    archive: Archive, package: Package, marked: dict[str, str]
) -> tuple[MarkupText, list[Part]]:
    """The text of the spine's documents, and which parts of it are not the work itself.

    A document that cannot be unpacked is left out, unless all are such.
    """
    flow = MarkupText()
    parts: list[Part] = []
    failed: list[DamagedDocument] = []
    for item in package.spine:
        try:
            raw = archive.read(item.path)
        except DamagedDocument as error:
            failed.append(error)
            continue
        tree = parse(decode(raw, declared_charset(raw)), xml=True)
        start, kind = flow.length, matter_of(tree, marked.get(item.path, ""))
        flow.add(tree, item.path)
        if kind and start < flow.length:
            parts.append(Part(start, flow.length, kind.title, kind.matter))
    if failed and len(failed) == len(package.spine):
        raise failed[0]
    if failed:
        package.warnings.append(
            f"{len(failed)} of the book's {len(package.spine)} parts cannot be unpacked; their text"
            " is missing."
        )
    return flow, parts


class _Tables:
    """The navigation document and the NCX file, each unpacked and parsed once."""

    def __init__(self, archive: Archive, package: Package, paths: Paths) -> None:
        self._archive = archive
        self._warnings = package.warnings
        self._resolve = paths.target
        self._items = [item for item in package.items.values() if item.path]
        self._nav = next((item for item in self._items if item.is_contents), None)
        self._nav_tree = self._parsed(self._nav.path) if self._nav else None

    def _parsed(self, path: str) -> LexborHTMLParser | None:
        """The tree of a table of contents; None for one that is damaged."""
        try:
            markup = decode(self._archive.read(path), "utf-8")
            return parse(markup, xml=True, deepest=_DEEPEST_CONTENTS)
        except (MarkupTooDeep, DamagedDocument):
            return None

    def landmarks(self) -> dict[str, str]:
        """What the navigation document says that files are, by path."""
        if self._nav is None or self._nav_tree is None:
            return {}
        return landmarks(self._nav_tree, self._nav.path, self._resolve)

    def contents(self) -> Contents:
        """The entries of the navigation document, or else of the NCX file, or else none."""
        found = Contents()
        if self._nav is not None:
            found = self._entries(self._nav_tree, self._nav.path, read_nav)
        if found.chapters and found.pages:
            return found
        for item in self._items:
            is_ncx = item.media_type == "application/x-dtbncx+xml" or item.path.endswith(".ncx")
            if is_ncx:
                older = self._entries(self._parsed(item.path), item.path, read_ncx)
                return Contents(found.chapters or older.chapters, found.pages or older.pages)
        return found

    def _entries(self, tree: LexborHTMLParser | None, path: str, read: _Read) -> Contents:
        if tree is None:
            self._warnings.append("The EPUB file's table of contents is damaged and is not used.")
            return Contents()
        return read(tree, path, self._resolve)


def _place(flow: MarkupText, target: str) -> int:
    """The offset of a target: its fragment's, or else its file's, or else -1."""
    return flow.anchors.get(target, flow.anchors.get(target.partition("#")[0], -1))


def _pages(flow: MarkupText, contents: Contents) -> list[PageStart]:
    """The pages of the page list, or else those that page breaks in the text mark."""
    listed = [(flow.anchors[e.target], e.title) for e in contents.pages if e.target in flow.anchors]
    if len(listed) > 1:
        return [PageStart(at, n, label) for n, (at, label) in enumerate(sorted(listed), 1)]
    return flow.pages if len(flow.pages) > 1 else []

"""An EPUB's table of contents and page list: a navigation document (EPUB 3) or NCX file (2)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode


@dataclass(frozen=True, slots=True)
class Entry:
    """A title and its target, "path" or "path#fragment"; ``level`` 1 is the outermost."""

    title: str
    target: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Contents:
    """The entries for chapters and for printed pages, in the order of the file."""

    chapters: tuple[Entry, ...] = ()
    pages: tuple[Entry, ...] = ()


def read_nav(tree: LexborHTMLParser, path: str) -> Contents:
    """The entries of a navigation document, which is at ``path`` in the archive."""
    chapters: tuple[Entry, ...] = ()
    pages: tuple[Entry, ...] = ()
    for nav in tree.css("nav"):
        kind = (nav.attributes.get("epub:type") or nav.attributes.get("role") or "").lower()
        links = ((link, link.attributes.get("href")) for link in nav.css("a"))
        entries = tuple(
            Entry(_words(link), resolve(path, href), _depth(link, "ol"))
            for link, href in links
            if href and _words(link)
        )
        if "page-list" in kind or "pagelist" in kind:
            pages = entries
        elif "toc" in kind or (not kind and not chapters):
            chapters = entries
    return Contents(chapters, pages)


def read_ncx(tree: LexborHTMLParser, path: str) -> Contents:
    """The entries of an NCX file, which is at ``path`` in the archive.

    It is parsed as HTML, not XML, because many NCX files are not well-formed.
    """
    return Contents(_points(tree, "navpoint", path), _points(tree, "pagetarget", path))


def _points(tree: LexborHTMLParser, tag: str, path: str) -> tuple[Entry, ...]:
    """The entries whose elements have the name ``tag``."""
    entries: list[Entry] = []
    for point in tree.css(tag):
        label = point.css_first("navlabel text", None) or point.css_first("navlabel", None)
        content = point.css_first("content", None)
        source = content.attributes.get("src") if content else None
        if label and source and _words(label):
            entries.append(Entry(_words(label), resolve(path, source), _depth(point, tag) + 1))
    return tuple(entries)


def _depth(node: LexborNode, tag: str) -> int:
    """How many ancestors of ``node`` have the name ``tag``."""
    depth, parent = 0, node.parent
    while parent is not None:
        depth += parent.tag == tag
        parent = parent.parent
    return depth


def _words(node: LexborNode) -> str:
    return " ".join(node.text().split())


def resolve(base: str, href: str) -> str:
    """The target of a link in the file ``base``, as a path in the archive with its fragment."""
    path, mark, fragment = href.partition("#")
    full = posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(path)))
    return f"{full if path else base}{mark}{unquote(fragment)}"

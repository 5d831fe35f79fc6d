"""The plain text of files that are not PDFs, by a walk that shares no code with the readers."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

_UNSEEN = frozenset(
    {"script", "style", "template", "noscript", "head", "title", "nav", "button", "select"}
    | {"textarea", "iframe", "audio", "video", "canvas"}
)
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins"}
    | {"kbd", "mark", "q", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup"}
    | {"tt", "u", "var", "wbr"}
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track"}
    | {"wbr"}
)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_CHARSET = re.compile(rb"charset\s*+=\s*+[\"']?([\w-]+)|encoding\s*+=\s*+[\"']([\w-]+)", re.I)
_MARKS = re.compile(r"<!--.*?-->|\]\([^)]*\)|</?[a-zA-Z][^>]*>", re.S)


class NoReference(ValueError):
    """The file is so damaged that there is nothing to compare with."""


def plain_text(data: bytes, suffix: str) -> str | None:
    """The text of a file as its own marks give it; None for a format that is not compared.

    Raises NoReference for a damaged file.
    """
    ways = {
        ".html": _html, ".htm": _html, ".xhtml": _html, ".epub": _epub, ".docx": _docx,
        ".md": _markdown, ".markdown": _markdown, ".txt": _decoded,
    }  # fmt: skip
    way = ways.get(suffix)
    try:
        return way(data) if way else None
    except (ValueError, KeyError, OSError, SyntaxError, zipfile.BadZipFile) as error:
        raise NoReference(f"{type(error).__name__}: {error}") from error


class _Walk(HTMLParser):
    """Collects the text between tags, but for that of elements that are not shown as text."""

    def __init__(self, *, xml: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._xml = xml
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        void = tag in _VOID
        hidden = any(name == "hidden" for name, _ in attrs) and not void
        if self._unseen:
            self._unseen += [tag] if tag == self._unseen[0] else []
        elif tag in _UNSEEN or hidden:
            self._unseen.append(tag)
        if tag not in _INLINE:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._xml and tag not in _VOID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen and tag == self._unseen[-1]:
            self._unseen.pop()
        if tag not in _INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def _walked(text: str, *, xml: bool = False) -> str:
    walk = _Walk(xml=xml)
    walk.feed(text)
    walk.close()
    return "".join(walk.parts)


def _decoded(data: bytes) -> str:
    found = _CHARSET.search(data[:2048])
    named = (found[1] or found[2]).decode() if found else "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        named = "utf-16"
    for encoding in ("utf-8-sig", named, "cp1252"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("utf-8", "replace")


def _html(data: bytes) -> str:
    return _walked(_decoded(data))


def _markdown(data: bytes) -> str:
    return _MARKS.sub(" ", _decoded(data))


def _epub(data: bytes) -> str:
    """The documents of the spine, in its order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        container = fromstring(archive.read("META-INF/container.xml"))
        package_path = next(
            e.attrib["full-path"] for e in container.iter() if "full-path" in e.attrib
        )
        package = fromstring(archive.read(package_path))
        folder = posixpath.dirname(package_path)
        items = {e.get("id"): e.get("href", "") for e in package.iter() if _local(e) == "item"}
        parts = []
        for entry in (e for e in package.iter() if _local(e) == "itemref"):
            href = unquote(items.get(entry.get("idref"), "")).partition("#")[0]
            path = posixpath.normpath(posixpath.join(folder, href))
            if href and path in archive.namelist():
                parts.append(_walked(_decoded(archive.read(path)), xml=True))
        return "\n".join(parts)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _docx(data: bytes) -> str:
    """The runs of the body, then those of foot- and endnotes; deleted text is left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml")
        roots = [fromstring(archive.read(name)) for name in names if name in archive.namelist()]
    return "\n".join("".join(_runs(root)) for root in roots)


def _runs(root: Element) -> Iterator[str]:
    waiting: list[Element | str] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif node.tag in (f"{_W}del", f"{_W}moveFrom", f"{_MC}Fallback", f"{_W}instrText"):
            continue
        elif node.tag in (f"{_W}t", f"{_M}t"):
            yield node.text or ""
        elif node.tag in (f"{_W}tab", f"{_W}br", f"{_W}cr", f"{_W}noBreakHyphen"):
            yield "-" if node.tag == f"{_W}noBreakHyphen" else " "
        else:
            ends = [f"{_W}p", f"{_W}tc", f"{_M}oMath"]
            waiting += ["\n"] if node.tag in ends else []
            waiting += reversed(node)

"""HTML to text: blocks become paragraphs; headings, anchors and page breaks become offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.book import TooLarge
from ingest.chapters import Mark
from ingest.readers.compose import PageStart, clean

_DROPPED = frozenset(
    {"script", "style", "nav", "template", "noscript", "head", "iframe", "embed"}
    | {"button", "select", "input", "textarea", "audio", "video", "canvas"}
)
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "blockquote", "ul", "ol", "dl", "table", "figure"}
    | {"figcaption", "main", "header", "footer", "aside", "address", "hr", "pre", "body", "center"}
    | {"form", "fieldset", "details", "summary", "caption", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hgroup", "menu", "dir", "dd", "legend", "html"}
)
_LINES = frozenset({"li", "tr", "dt", "br", "option", "text"})
_CELLS = frozenset({"td", "th"})
_DRAWING_DROPPED = frozenset({"title", "desc", "metadata"})  # of a drawing (SVG)
_HEADING = re.compile(r"h([1-6])$")
_PAGE_CLASS = re.compile(r"\b(?:pagenum|pageno|page-?number|pagebreak|x-ebookmaker-pageno)\b", re.I)
_SPACE = re.compile(r"\s+")
_NOTE = re.compile(r"\b(?:foot|end|rear)note")

_PAGE_NUMBER = re.compile(r"\d+|\b[ivxlcdm]+\b", re.IGNORECASE)
_LONGEST_LABEL = 16  # characters of a page's label
_MOST_INSIDE = 64  # nodes of an element that is a page's label
_LONGEST_HEADING = 1_000
_MOST_NODES = 6_000_000  # of all documents of a book


class _Gap(IntEnum):
    """What separates two pieces of text; a higher value is a stronger separation."""

    NONE = 0
    SPACE = 1
    CELL = 2
    LINE = 3
    PARAGRAPH = 4


_GAPS = {
    _Gap.NONE: "",
    _Gap.SPACE: " ",
    _Gap.CELL: " | ",
    _Gap.LINE: "\n",
    _Gap.PARAGRAPH: "\n\n",
}


@dataclass(slots=True)
class MarkupText:
    """The text of one or more HTML documents; offsets are indices into ``text()``."""

    headings: list[Mark] = field(default_factory=list)
    anchors: dict[str, int] = field(default_factory=dict)
    pages: list[PageStart] = field(default_factory=list)
    length: int = 0  # of the text so far
    _parts: list[str] = field(default_factory=list)
    _gap: _Gap = _Gap.NONE  # before the next piece of text
    _verbatim: int = 0  # open pre elements
    _cell_at: int = -1  # where the last cell or list item starts
    _rows: list[int] = field(default_factory=list)  # where the open table rows start
    _open: list[tuple[int, int, int]] = field(default_factory=list)  # headings: level, part, start
    _nodes: int = 0  # of all documents so far
    _waiting: list[str] = field(default_factory=list)  # anchors of the next piece of text
    _waiting_pages: list[str] = field(default_factory=list)  # page labels of the next piece

    def text(self) -> str:
        """The text added so far."""
        return "".join(self._parts)

    def add(self, tree: LexborHTMLParser, key: str = "") -> None:
        """Append a document; the anchor of its start is ``key``, those of its ids ``key#id``."""
        self._waiting.append(key)
        self._gap = _Gap.PARAGRAPH
        node = tree.body or tree.root
        above: list[LexborNode] = []  # the open elements around the node
        while node is not None:
            entered = self._visit(node, key)
            child = node.first_child if entered else None
            if child is not None:
                above.append(node)
                node = child
                continue
            if entered:
                self._leave(node.tag or "")
            following = node.next if above else None
            while above and following is None:
                node = above.pop()
                self._leave(node.tag or "")
                following = node.next if above else None
            node = following
        self._settle()
        self._verbatim, self._cell_at = 0, -1

    def _visit(self, node: LexborNode, key: str) -> bool:
        """Write a text or start an element; returns whether there is an element to go into."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise TooLarge(
                f"The document has more than {_MOST_NODES:,} elements and texts, which is the"
                " limit; split it into smaller documents."
            )
        if node.is_text_node:
            self._write_text(node.text_content or "")
            return False
        return bool(node.is_element_node) and self._enter(node, key)

    def _settle(self) -> None:
        """Give the waiting anchors and page breaks their offset, which is now known."""
        for anchor in self._waiting:
            self.anchors.setdefault(anchor, self.length)
        for label in self._waiting_pages:
            self.pages.append(PageStart(self.length, len(self.pages) + 1, label))
        self._waiting.clear()
        self._waiting_pages.clear()

    def _enter(self, node: LexborNode, key: str) -> bool:
        """Start an element; returns False if its content is to be skipped."""
        tag, attributes = node.tag or "", node.attributes
        self._waiting += [f"{key}#{attributes[a]}" for a in ("id", "name") if attributes.get(a)]
        if tag in _DROPPED or tag in _DRAWING_DROPPED:
            return False
        kind = f"{attributes.get('epub:type') or ''} {attributes.get('role') or ''}"
        if "hidden" in attributes and not _NOTE.search(kind):
            return False
        if "noteref" in kind and (mark := _short_text(node)):
            self._write(f"[{mark.strip('[]() ')}]")
            return False
        label = _page_label(node, attributes)
        if label is not None:
            self._waiting_pages.append(label)
            return False
        if tag == "img":
            self._initial(attributes.get("alt") or "")
        elif tag == "tspan" and ("x" in attributes or "y" in attributes):
            self._gap = max(self._gap, _Gap.SPACE)  # placed by itself
        elif tag == "tr":
            self._rows.append(self.length)
        elif tag in _CELLS and self._rows and self.length > self._rows[-1]:
            self._gap = _Gap.CELL
        self._break(tag)
        if tag in _CELLS or tag == "li":
            self._cell_at = self.length
        elif tag == "pre":
            self._verbatim += 1
        elif heading := _HEADING.match(tag):
            self._open.append((int(heading[1]), len(self._parts), self.length))
        return True

    def _leave(self, tag: str) -> None:
        """End an element."""
        if tag == "pre":
            self._verbatim -= 1
        elif tag == "tr" and self._rows:
            self._rows.pop()
        elif _HEADING.match(tag) and self._open:
            self._close_heading(*self._open.pop())
        if tag in _CELLS:
            self._gap = self._gap if self.length == self._cell_at else _Gap.SPACE
        elif tag != "br":
            self._break(tag)

    def _close_heading(self, level: int, first: int, start: int) -> None:
        """Mark what was written since an element started; a long heading is not copied whole."""
        written = ""
        for at in range(first, len(self._parts)):
            if written or self._parts[at].strip():
                written += self._parts[at]
            else:
                start += len(self._parts[at])
            if len(written) > _LONGEST_HEADING:
                break
        if written:
            start += len(written) - len(written.lstrip())
            self.headings.append(Mark(start, written.lstrip()[:_LONGEST_HEADING], level))

    def _break(self, tag: str) -> None:
        """Set the gap that the start or end of an element makes."""
        # The first block of a cell or list item starts on the same line.
        opens = tag in _BLOCKS and self.length != self._cell_at
        if opens or (tag == "br" and self._gap == _Gap.LINE):
            self._gap = _Gap.PARAGRAPH
        elif tag in _LINES:
            self._gap = max(self._gap, _Gap.LINE)

    def _initial(self, alternative: str) -> None:
        """Write an image's alternative text of one or two letters: it is a decorated initial.

        Such an image is part of the word that it starts.
        """
        if len(alternative) <= 2 and alternative.isalpha():
            self._write(alternative)

    def _write_text(self, raw: str) -> None:
        """Append a text node; outside pre elements its white space collapses."""
        cleaned = clean(raw)
        if self._verbatim:
            if cleaned:
                self._write(cleaned)
            return
        words = _SPACE.sub(" ", cleaned)
        if words.startswith(" "):
            self._gap = max(self._gap, _Gap.SPACE)
        if words.strip():
            self._write(words.strip())
            self._gap = _Gap.SPACE if words.endswith(" ") else _Gap.NONE

    def _write(self, piece: str) -> None:
        """Append the gap and then ``piece``."""
        gap = _GAPS[self._gap] if self.length else ""
        if gap and self._parts[-1].endswith("\n"):
            gap = gap[1:] if self._gap > _Gap.CELL else ""
        if gap:
            self._parts.append(gap)
            self.length += len(gap)
        self._settle()
        self._parts.append(piece)
        self.length += len(piece)
        self._gap = _Gap.NONE


def _page_label(node: LexborNode, attributes: dict[str, str | None]) -> str | None:
    """The printed label of the page that starts at an element, or None if no page does."""
    kind = f"{attributes.get('epub:type') or ''} {attributes.get('role') or ''}"
    marked = "pagebreak" in kind
    if not marked and not _PAGE_CLASS.search(attributes.get("class") or ""):
        return None
    inner = _short_text(node)
    if inner is None:
        return None
    label = attributes.get("title") or attributes.get("aria-label") or inner
    found = _PAGE_NUMBER.search(label)
    if marked:
        return found[0] if found else label
    return found[0] if found else None


def _short_text(node: LexborNode) -> str | None:
    """The text of an element, or None if it is too long or too complex for a page's label."""
    text, seen = "", 0
    stack = [node.first_child]
    while stack:
        inside = stack.pop()
        if inside is None:
            continue
        seen += 1
        if inside.is_text_node:
            text = _SPACE.sub(" ", text + clean(inside.text_content or ""))
        stack += [inside.next, inside.first_child]
        if seen > _MOST_INSIDE or len(text.strip()) > _LONGEST_LABEL:
            return None
    return text.strip()

"""HTML to text: blocks become paragraphs; headings, anchors and page breaks become offsets."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from enum import IntEnum

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.book import TooLarge
from ingest.chapters import Mark
from ingest.readers.compose import PageStart, clean

_DROPPED = frozenset(
    {"script", "style", "nav", "template", "noscript", "head", "iframe", "object", "embed"}
    | {"svg", "button", "select", "input", "textarea", "audio", "video", "canvas"}
)
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "blockquote", "ul", "ol", "dl", "table", "figure"}
    | {"figcaption", "main", "header", "footer", "aside", "address", "hr", "pre", "body", "center"}
    | {"form", "fieldset", "details", "summary", "caption", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hgroup", "menu", "dir", "dd", "legend", "html"}
)
_LINES = frozenset({"li", "tr", "dt", "br", "option"})
_CELLS = frozenset({"td", "th"})
_HEADING = re.compile(r"h([1-6])$")
_PAGE_CLASS = re.compile(r"\b(?:pagenum|pageno|page-?number|pagebreak|x-ebookmaker-pageno)\b", re.I)
_SPACE = re.compile(r"\s+")

_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_ATTRIBUTES = r"(?:\s(?:[^<>\"'/]|/(?!>)|\"[^\"<]*\"|'[^'<]*')*+)?"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_VOID})[\s/>])([A-Za-z][\w:.-]*+)({_ATTRIBUTES})/>", re.I)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)

# The parser's time grows with the square of the depth. Elements that HTML closes implicitly, such
# as p and li, do not nest and are not counted.
_DEEPEST = 10_000
_NESTING = re.compile(
    r"<(/?)(?:div|section|article|aside|main|blockquote|[ou]l|dl|table|center|font|span|small|big"
    r"|b|i|u|s|em|strong|a|sub|sup|code|tt|pre|form|fieldset|figure|nav|menu|dir)(?=[\s>/])",
    re.IGNORECASE,
)


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


def parse(markup: str, *, xml: bool = False) -> LexborHTMLParser:
    """Parse ``markup``; ``xml`` gives self-closed tags and CDATA the meaning they have in XHTML.

    Raises TooLarge if elements are nested more than 10,000 levels deep.
    """
    if xml:
        markup = _CDATA.sub(lambda match: html.escape(match[1]), markup)
        markup = _SELF_CLOSED.sub(r"<\1\2></\1>", markup)
    depth = 0
    for match in _NESTING.finditer(markup):
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > _DEEPEST:
            raise TooLarge(
                f"The document's elements are nested more than {_DEEPEST} levels deep;"
                " save it as plain text."
            )
    return LexborHTMLParser(markup.replace("\0", ""))


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
    _open: list[tuple[int, int]] = field(default_factory=list)  # headings: (level, first part)
    _waiting: list[str] = field(default_factory=list)  # anchors of the next piece of text
    _waiting_pages: list[str] = field(default_factory=list)  # page labels of the next piece

    def text(self) -> str:
        """The text added so far."""
        return "".join(self._parts)

    def add(self, tree: LexborHTMLParser, key: str = "") -> None:
        """Append a document; the anchor of its start is ``key``, those of its ids ``key#id``."""
        self._waiting.append(key)
        self._gap = _Gap.PARAGRAPH
        stack = [(tree.body or tree.root, False)]
        while stack:
            node, leaving = stack.pop()
            if node is None:
                continue
            if leaving:
                self._leave(node.tag or "")
            elif node.is_text_node:
                self._write_text(node.text_content or "")
            elif node.is_element_node and self._enter(node, key):
                stack.append((node, True))
                stack += [(child, False) for child in reversed([*node.iter(include_text=True)])]
        self._settle()
        self._verbatim, self._cell_at = 0, -1

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
        if tag in _DROPPED or "hidden" in attributes:
            return False
        label = _page_label(node, attributes)
        if label is not None:
            self._waiting_pages.append(label)
            return False
        if tag == "img":
            self._initial(attributes.get("alt") or "")
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
            self._open.append((int(heading[1]), len(self._parts)))
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

    def _close_heading(self, level: int, first: int) -> None:
        written = "".join(self._parts[first:])
        if written.strip():
            start = self.length - len(written.lstrip())
            self.headings.append(Mark(start, written, level))

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
    inner = _SPACE.sub(" ", clean(node.text())).strip()
    if len(inner) > 16:
        return None
    label = attributes.get("title") or attributes.get("aria-label") or inner
    found = re.search(r"\d+|\b[ivxlcdm]+\b", label, re.IGNORECASE)
    if marked:
        return found[0] if found else label
    return found[0] if found else None

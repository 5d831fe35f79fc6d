"""HTML files."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from ingest.book import Book
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, compose, only_heading, title_from
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse

_DECLARED = re.compile(rb"(?:charset|encoding)\s*+=\s*+[\"']?\s*+([\w.:-]++)", re.IGNORECASE)
_XHTML = re.compile(r"<\?xml|<html[^<>]+?xmlns=", re.IGNORECASE)


def read_html(data: bytes, name: str) -> Book:
    """An HTML or XHTML file as a Book. Raises EmptyDocument or UnsupportedFormat."""
    markup = decode(data, declared_charset(data))
    tree = parse(markup, xml=bool(_XHTML.search(markup[:1024])))
    flow = MarkupText()
    flow.add(tree)
    return compose(
        Draft(
            "html",
            flow.text(),
            title_from(name, _title(tree), only_heading(flow.headings)),
            _author(tree),
            marks=flow.headings,
            pages=flow.pages if len(flow.pages) > 1 else (),
        )
    )


def declared_charset(data: bytes) -> str | None:
    """The encoding that a meta element or XML declaration in the first 4 KiB names.

    As in the HTML standard, it is UTF-8 if the declaration cannot be true: if it is written in
    single bytes but names UTF-16 or UTF-32, or if it names an unknown encoding.
    """
    match = _DECLARED.search(data[:4096])
    if match is None:
        return None
    named = match[1].decode("ascii", errors="replace").lower()
    # As in browsers: pages that name one of these are in fact in Windows-1252.
    if named in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
        return "cp1252"
    return named if _reads_itself(match[0], named) else "utf-8"


def _reads_itself(declaration: bytes, encoding: str) -> bool:
    """Whether a declaration reads the same in the encoding that it names."""
    try:
        return declaration.decode(encoding) == declaration.decode("ascii")
    except (UnicodeError, LookupError):
        return False


def _title(tree: LexborHTMLParser) -> str | None:
    title = tree.css_first("head > title", None)
    return title.text() if title else None


def _author(tree: LexborHTMLParser) -> str:
    for meta in tree.css("meta"):
        if (meta.attributes.get("name") or "").lower() in ("author", "dc.creator"):
            return meta.attributes.get("content") or ""
    return ""

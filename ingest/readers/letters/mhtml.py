"""Web pages saved with all they need in one file (.mhtml)."""

from __future__ import annotations

from dataclasses import replace

from ingest.book import Book, DamagedDocument
from ingest.readers.html import read_html
from ingest.readers.letters.message import FAILURES, leaves, parsed


def starts_as_mhtml(head: bytes) -> bool:
    """Whether headers say that the file is a web page with its parts."""
    top = head.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")[0].lower()
    related = b"content-type: multipart/related" in top
    return related and (b"text/html" in top or b"snapshot-content-location" in top)


def read_mhtml(data: bytes, name: str) -> Book:
    """A saved web page as a Book; frames inside of it are not read.

    Raises DamagedDocument, TooLarge, EmptyDocument or UnsupportedFormat.
    """
    others = 0
    page: bytes | None = None
    for part in leaves(parsed(data)):
        if part.get_content_type() not in ("text/html", "application/xhtml+xml"):
            continue
        try:
            payload = part.get_payload(decode=True)
        except FAILURES:
            continue
        if not isinstance(payload, bytes) or not payload.strip():
            continue
        if page is None:
            page = payload
        else:
            others += 1
    if page is None:
        raise DamagedDocument(
            "The MHTML file has no page in it, or its end is missing; save the page again."
        )
    book = replace(read_html(page, name), format="mhtml")
    if others:
        said = f"The page has {others} frames or parts of its own, which were not read."
        book = replace(book, warnings=(*book.warnings, said))
    return book

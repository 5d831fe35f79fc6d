"""Plain text files in any encoding; form feeds are page breaks."""

from __future__ import annotations

from ingest.book import Book, UnsupportedFormat
from ingest.readers.charset import decode, looks_binary
from ingest.readers.compose import Draft, PageStart, clean, compose, title_from


def read_text(data: bytes, name: str) -> Book:
    """A plain text file as a Book; its chapters are found by their headings.

    Raises UnsupportedFormat for binary data and EmptyDocument for a text of only white space.
    """
    text = decode(data)
    if looks_binary(text[:4096].encode(errors="replace")):
        raise UnsupportedFormat(
            f"{name} contains binary data, not text; convert it to PDF, EPUB, DOCX, HTML or"
            " plain text."
        )
    pages: list[PageStart] = []
    parts: list[str] = []
    length = 0
    sheets = text.split("\f")
    for number, sheet in enumerate(sheets, 1):
        part = clean(sheet)
        # A form feed separates words as a newline does; the words of two pages must not join.
        if number < len(sheets) and not part.endswith("\n"):
            part += "\n"
        if part.strip():
            pages.append(PageStart(length, number, str(number)))
        parts.append(part)
        length += len(part)
    body = "".join(parts)
    return compose(Draft("text", body, title_from(name), pages=pages if len(sheets) > 1 else ()))

"""The pages of a PDF: their text by PDFium, or by pypdf where that reads a page better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pypdf import PdfReader
from pypdf._page import PageObject

from ingest.book import TooLarge
from ingest.readers.pdf.lines import Sheet, plain_line
from ingest.readers.pdf.opening import FAILURES, attempt, damaged

_MOST_CHARACTERS = 64 << 20


def read_pages(
    data: bytes, reader: PdfReader, password: str | None
) -> tuple[list[Sheet], list[str]]:
    """The pages of a document, and what people should know about them.

    Raises DamagedDocument if no page can be read, and TooLarge.
    """
    # Importing it loads machine code, which only the process that reads files may do.
    from ingest.readers.pdf.layout import sheet_of
    from ingest.readers.pdf.pdfium import PageUnreadable, Pdfium

    sheets: list[Sheet] = []
    known: dict[tuple[int, int], Sheet] = {}
    length = 0
    with Pdfium(data, password) as document:
        count = attempt(lambda: len(reader.pages), 0) or document.pages
        for number in range(count):
            try:
                with document.page(number) as (page, text):
                    sheet, _ = sheet_of(page, text, _MOST_CHARACTERS - length)
            except PageUnreadable:
                sheet = Sheet((), reader="")
            sheets.append(sheet)
    if not sheets:
        raise damaged("it has no pages")
    return sheets, []

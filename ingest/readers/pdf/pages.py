"""The pages of a PDF: their text by PDFium, or by pypdf where that reads a page better."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pypdf import PdfReader
from pypdf._page import PageObject

from ingest.book import TooLarge
from ingest.readers.pdf.added import Added, added_texts
from ingest.readers.pdf.drawing import is_broken
from ingest.readers.pdf.fonts import CodedFonts
from ingest.readers.pdf.lines import Sheet, plain_line
from ingest.readers.pdf.opening import FAILURES, MOST_PAGES, attempt, damaged
from ingest.readers.pdf.quality import likeness, names_glyphs, plausible, substance

MOST_CHARACTERS = 64 << 20
_SECOND_SECONDS = 20.0  # of processor time for the second reader, all pages together
_MOST_CONTENT = 8 << 20  # bytes of a page's drawing that the second reader is given
_POOR = 0.55  # a text of less likeness to words is read again
_UNMAPPED = 0.1  # of the characters without a known meaning: the page is read again
_GUESSED = 0.5  # of the characters without a known meaning: the text must look like words
_WORDS = 0.75  # likeness of a text that is taken though its characters are guessed
_FEWEST = 12  # characters by which a text can be judged
_BETTER = 1.25


class _Pages:
    """Reads the pages of one document."""

    def __init__(self, reader: PdfReader | None) -> None:
        self._reader = reader
        self._known: dict[tuple[int, int], Sheet] = {}  # by the page's object
        self._fonts = CodedFonts()
        self._spent = 0.0
        self.length = 0

    def sheet(self, number: int, first: Callable[[int, list[Added]], tuple[Sheet, int]]) -> Sheet:
        """The page ``number`` from 0; ``first`` reads it with PDFium."""
        page = attempt(lambda: self._page(number), None)
        place = page.indirect_reference if page is not None else None
        key = (place.idnum, place.generation) if place else (-1, number)
        if key not in self._known:
            added: list[Added] = []
            if page is not None:
                added = attempt(lambda: added_texts(page), added)
            try:
                sheet, unmapped = first(number, added)
            except LookupError:
                sheet, unmapped = Sheet((), reader=""), 0
            sheet = self._better(sheet, unmapped, page)
            if page is not None and sheet.reader and attempt(lambda: is_broken(page), False):
                sheet = replace(sheet, broken=True)
            self._known[key] = sheet
        sheet = self._known[key]
        self.length += sum(len(line.text) for line in sheet.lines)
        if self.length > MOST_CHARACTERS:
            raise TooLarge(
                f"The PDF has more than {MOST_CHARACTERS:,} characters of text, which is the"
                " limit; split it into smaller documents."
            )
        return sheet

    def _page(self, number: int) -> PageObject | None:
        return self._reader.pages[number] if self._reader else None

    def _better(self, sheet: Sheet, unmapped: int, page: PageObject | None) -> Sheet:
        """The page as PDFium reads it, or as pypdf does, or without text that nobody can read."""
        text = "\n".join(line.text for line in sheet.lines)
        if page is not None and sheet.letters and attempt(lambda: self._fonts.on(page), False):
            unmapped = unmapped if plausible(text) else sheet.drawn
        guessed = unmapped > _UNMAPPED * max(1, sheet.drawn)
        poor = sheet.drawn == 0 or guessed  # what is drawn beside the page is not lost
        poor = poor or (sheet.drawn >= _FEWEST and likeness(text) < _POOR)
        if not poor:
            return sheet
        try:
            second = self._second(page) if page is not None else None
        except FAILURES:
            return sheet if sheet.letters else replace(sheet, reader="")
        unknown = unmapped > _GUESSED * sheet.drawn and not plausible(text)
        if sheet.drawn >= _FEWEST and unknown:
            text, sheet = "", replace(sheet, lines=(), undecodable=True)
        if second is None:
            return sheet
        if names_glyphs(second) or (sheet.undecodable and likeness(second) < _WORDS):
            return replace(sheet, undecodable=sheet.undecodable or not sheet.lines)
        if substance(second) > _BETTER * substance(text) + _FEWEST or (not text and second.strip()):
            lines = tuple(plain_line(line) for line in second.split("\n"))
            return replace(sheet, lines=lines, reader="pypdf", undecodable=False)
        return sheet

    def _second(self, page: PageObject) -> str | None:
        """The page's text by pypdf; None without fonts, or if it would take long."""
        if self._spent > _SECOND_SECONDS:
            return None
        begun = time.process_time()
        try:
            if not _has_fonts(page):
                return None
            return page.extract_text()
        finally:
            self._spent += time.process_time() - begun


def can_open(data: bytes, password: str | None) -> bool:
    """Whether PDFium finds pages in a document that pypdf cannot open."""
    from ingest.readers.pdf.drawn.pdfium import Pdfium

    with Pdfium(data, password) as document:
        return 0 < document.pages <= MOST_PAGES


def read_pages(data: bytes, reader: PdfReader | None, password: str | None) -> list[Sheet]:
    """The pages of a document.

    ``reader`` is None if pypdf cannot open the document. Raises DamagedDocument if no page can be
    read, and TooLarge.
    """
    # Importing these loads machine code, which only the process that reads files may do.
    from ingest.readers.pdf.drawn.layout import sheet_of
    from ingest.readers.pdf.drawn.pdfium import Pdfium

    pages = _Pages(reader)
    with Pdfium(data, password) as document:

        def first(number: int, added: Sequence[Added]) -> tuple[Sheet, int]:
            with document.page(number) as (page, text):
                return sheet_of(page, text, 1 + MOST_CHARACTERS - pages.length, added)

        count = attempt(lambda: len(reader.pages) if reader else 0, 0) or document.pages
        sheets = [pages.sheet(number, first) for number in range(count)]
    if not sheets:
        raise damaged("it has no pages")
    if not any(sheet.reader for sheet in sheets):
        raise damaged(
            "none of its pages can be read" if len(sheets) > 1 else "its page cannot be read"
        )
    return sheets


def _has_fonts(page: PageObject) -> bool:
    """Whether a page, or a form that it draws, may show text, and its drawing is not too long."""
    resources = page.get("/Resources")
    found = resources.get_object() if resources is not None else None
    if not found or ("/Font" not in found and "/XObject" not in found):
        return False
    contents = page.get_contents()
    return contents is not None and len(contents.get_data()) <= _MOST_CONTENT


def page_warnings(sheets: Sequence[Sheet]) -> list[str]:
    """Sentences about the pages that could not be read as they should be."""
    lost = [n for n, sheet in enumerate(sheets, 1) if not sheet.reader]
    second = [n for n, sheet in enumerate(sheets, 1) if sheet.reader == "pypdf"]
    broken = [n for n, sheet in enumerate(sheets, 1) if sheet.broken]
    coded = [n for n, sheet in enumerate(sheets, 1) if sheet.undecodable]
    bare = [
        n for n, sheet in enumerate(sheets, 1)
        if sheet.reader and not sheet.letters and not sheet.undecodable and sheet.pictures
    ]  # fmt: skip
    found = []
    if lost:
        found.append(f"{_listed(lost)} cannot be read; {_its(lost)} text is missing.")
    if second:
        was = "was" if len(second) == 1 else "were"
        found.append(f"{_listed(second)} {was} read with a second reader, because the first one "
                     f"found less; the order of {_its(second)} text may be wrong.")  # fmt: skip
    if broken:
        is_ = "is" if len(broken) == 1 else "are"
        found.append(
            f"{_listed(broken)} {is_} damaged; some of {_its(broken)} text may be missing."
        )
    if coded:
        have = "has" if len(coded) == 1 else "have"
        found.append(f"{_listed(coded)} {have} letters that cannot be decoded; {_its(coded)} text "
                     "is missing unless text recognition (OCR) reads it.")  # fmt: skip
    if bare:
        is_ = "is a picture" if len(bare) == 1 else "are pictures"
        found.append(f"{_listed(bare)} {is_} without text; text recognition (OCR) could read "
                     f"{'it' if len(bare) == 1 else 'them'}.")  # fmt: skip
    return found


def _its(numbers: Sequence[int]) -> str:
    return "its" if len(numbers) == 1 else "their"


def _listed(numbers: Sequence[int]) -> str:
    """ "Page 3", or "Pages 3, 5 to 8 and 12"; at most ten parts."""
    if len(numbers) == 1:
        return f"Page {numbers[0]}"
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    named = [f"{a}" if a == b else f"{a} {'to' if b > a + 1 else 'and'} {b}" for a, b in spans]
    if len(named) > 10:
        named = [*named[:9], f"{len(named) - 9} other places"]
    if len(named) == 1:
        return f"Pages {named[0]}"
    return f"Pages {', '.join(named[:-1])} and {named[-1]}"

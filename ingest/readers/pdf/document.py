"""PDF files: the text of each page, page labels, and chapters from the outline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pypdf import PdfReader

from ingest.book import Book, DamagedDocument, NoTextLayer
from ingest.readers.compose import Draft, PageStart, compose, title_from
from ingest.readers.pdf.attached import attached_warning
from ingest.readers.pdf.edges.running import without_running_lines
from ingest.readers.pdf.lines import Sheet, plain_line
from ingest.readers.pdf.opening import FAILURES, attempt, check_tree, damaged, open_pdf
from ingest.readers.pdf.outline import outline_marks
from ingest.readers.pdf.pages import can_open, page_warnings, read_pages
from ingest.readers.pdf.paragraphs import join_pages
from ingest.readers.pdf.sections import sections_of

_FEWEST_LETTERS = 5  # per page; a PDF with fewer is probably scanned


def read_pdf(
    data: bytes,
    name: str,
    password: str | None = None,
    recognised: Mapping[int, str] | None = None,
) -> Book:
    """A PDF file as a Book; ``password`` is its user or owner password.

    ``recognised``: what was recognised on pages that are pictures, by their numbers. Raises
    NeedsPassword, WrongPassword, ProtectedDocument, NoTextLayer, DamagedDocument.
    """
    reader, warnings = _opened(data, password)
    sheets = read_pages(data, reader, password)
    found: list[str] = []
    if recognised:
        sheets, found = _with_recognised(sheets, recognised)
    attached = attempt(lambda: attached_warning(reader) if reader else "", "")
    warnings += [*page_warnings(sheets), *filter(None, [attached]), *found]
    _refuse_pictures(sheets)
    bare = [number + 1 for number in pages_without_text(sheets)]
    sheets = without_running_lines(sheets)
    text, starts = join_pages(sheets)
    count = len(starts)
    none: list[str] = []
    labels = attempt(lambda: [str(label) for label in reader.page_labels] if reader else [], none)
    if len(labels) != count:
        labels = [str(number) for number in range(1, count + 1)]
    ends = [*starts[1:], len(text)]
    pages = [
        PageStart(starts[n], n + 1, labels[n])
        for n in range(count)
        if text[starts[n] : ends[n]].strip()
    ]
    facts = attempt(lambda: reader.metadata if reader else None, None)
    title = attempt(lambda: str(facts.title or "") if facts else "", "")
    author = attempt(lambda: str(facts.author or "") if facts else "", "")
    marks, look = outline_marks(reader, text, starts, ends) if reader else [], True
    if len({mark.start for mark in marks}) < 2:
        sections = sections_of(sheets, text, starts)
        marks, look = sections.marks, sections.look
    return compose(
        Draft(
            "pdf",
            text,
            title_from(name, title),
            author,
            marks,
            pages,
            warnings,
            look=look,
            bare=bare,
        )
    )


def _opened(data: bytes, password: str | None) -> tuple[PdfReader | None, list[str]]:
    """The document's structure, or None and a warning if only its pages can be read."""
    try:
        reader = open_pdf(data, password)
        try:
            check_tree(reader)
        except FAILURES as error:
            raise damaged("its list of pages cannot be read") from error
    except DamagedDocument:
        if not can_open(data, password):
            raise
        return None, ["The PDF is damaged; its outline, page labels and title are missing."]
    return reader, []


def pages_without_text(sheets: Sequence[Sheet]) -> list[int]:
    """The pages, from 0, of which only a picture can be read: what text recognition would take."""
    return [number for number, sheet in enumerate(sheets) if sheet.reader and not sheet.letters]


def _with_recognised(
    sheets: Sequence[Sheet], recognised: Mapping[int, str]
) -> tuple[list[Sheet], list[str]]:
    """The pages with the recognised text of pictures, and a warning that says which they are."""
    taken = [n for n in pages_without_text(sheets) if recognised.get(n + 1, "").strip()]
    read = list(sheets)
    for n in taken:
        lines = tuple(plain_line(line) for line in recognised[n + 1].split("\n"))
        read[n] = replace(sheets[n], lines=lines, undecodable=False, pictures=False)
    count = "1 page" if len(taken) == 1 else f"{len(taken)} pages"
    words = f"The text of {count} was recognised on pictures and may have wrong letters."
    return read, [words] if taken else []


def _refuse_pictures(sheets: Sequence[Sheet]) -> None:
    """Raise NoTextLayer if the pages have hardly any letters."""
    letters = sum(sheet.letters for sheet in sheets)
    bare = sum(sheet.pictures or sheet.undecodable for sheet in sheets)
    few = len(sheets) > 4 and letters < _FEWEST_LETTERS * len(sheets)
    scanned = few and 2 * bare > len(sheets)
    if letters == 0 or scanned:
        raise NoTextLayer(
            f"The PDF has no text layer: there are {letters} letters on {len(sheets)} pages, so"
            " these are probably scanned images; install the extra ocr, which recognises their"
            ' text (pip install "bookstate[ocr]"), or run ocrmypdf on the file first.',
            tuple(number + 1 for number in pages_without_text(sheets)),
        )

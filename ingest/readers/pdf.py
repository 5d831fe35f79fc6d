"""PDF files: the text of each page, page labels, and chapters from the outline."""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, DeprecationError, PyPdfError
from pypdf.generic import ArrayObject, Destination, DictionaryObject, PdfObject

from ingest.book import (
    Book,
    DamagedDocument,
    NeedsPassword,
    NoTextLayer,
    ProtectedDocument,
    TooLarge,
    WrongPassword,
)
from ingest.chapters import Mark
from ingest.readers.compose import Draft, PageStart, compose, title_from
from ingest.readers.pdf_text import join_pages, without_running_lines

_Result = TypeVar("_Result")

# What pypdf raises for broken files; according to its documentation, not only its own exceptions.
_FAILURES = (
    PyPdfError,
    DependencyError,
    DeprecationError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_FEWEST_LETTERS = 5  # per page; a PDF with fewer is probably scanned
_MOST_PAGES = 50_000  # a page tree may name one page again and again
_MOST_CHARACTERS = 64 << 20
_MOST_SEARCHED = 64 << 20  # characters, for the titles of the outline
_MOST_TITLE_WORDS = 40
_WORD = re.compile(r"\w+")

# pypdf logs a warning for every small error in a file; these must not reach the program's output.
logging.getLogger("pypdf").addHandler(logging.NullHandler())
logging.getLogger("pypdf").propagate = False


def read_pdf(data: bytes, name: str, password: str | None = None) -> Book:
    """A PDF file as a Book; ``password`` is its user or owner password.

    Raises NeedsPassword, WrongPassword, ProtectedDocument, NoTextLayer, DamagedDocument.
    """
    reader = _open(data, password)
    sheets = _sheets(reader)
    _refuse_pictures(sheets)
    text, starts = join_pages(without_running_lines(sheets))
    count = len(starts)
    none: list[str] = []
    labels = _attempt(lambda: [str(label) for label in reader.page_labels], none)
    if len(labels) != count:
        labels = [str(number) for number in range(1, count + 1)]
    ends = [*starts[1:], len(text)]
    pages = [
        PageStart(starts[n], n + 1, labels[n])
        for n in range(count)
        if text[starts[n] : ends[n]].strip()
    ]
    facts = _attempt(lambda: reader.metadata, None)
    title = _attempt(lambda: str(facts.title or "") if facts else "", "")
    author = _attempt(lambda: str(facts.author or "") if facts else "", "")
    marks = _marks(reader, text, starts, ends)
    return compose(Draft("pdf", text, title_from(name, title), author, marks, pages))


def _attempt(act: Callable[[], _Result], otherwise: _Result) -> _Result:
    """The result of ``act``, or ``otherwise`` if an optional part of the file is broken."""
    try:
        return act()
    except _FAILURES:
        return otherwise


def _open(data: bytes, password: str | None) -> PdfReader:
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            _decrypt(reader, password)
        return reader
    except (DependencyError, NotImplementedError) as error:
        raise ProtectedDocument(
            "The PDF is encrypted with a method that is not supported; save a copy without"
            " protection."
        ) from error
    except _FAILURES as error:
        raise _damaged("it cannot be opened") from error


def _decrypt(reader: PdfReader, password: str | None) -> None:
    # Many files only forbid printing or copying; they open with an empty password.
    for attempt in (password or "", ""):
        with suppress(UnicodeError):  # a password that is no text opens nothing
            if reader.decrypt(attempt) != PasswordType.NOT_DECRYPTED:
                return
    if password:
        raise WrongPassword("The password does not open this PDF; enter another one.")
    raise NeedsPassword("The PDF is encrypted; enter its password.")


def _sheets(reader: PdfReader) -> list[list[str]]:
    """The lines of each page, as pypdf extracts them."""
    sheets: list[list[str]] = []
    known: dict[tuple[int, int], list[str]] = {}  # by the page's object
    length = 0
    try:
        _check_tree(reader)
        for page in reader.pages:
            place = page.indirect_reference
            key = (place.idnum, place.generation) if place else (-1, len(sheets))
            if key not in known:
                known[key] = page.extract_text().split("\n")
            sheets.append(known[key])
            length += sum(map(len, known[key]))
            if length > _MOST_CHARACTERS:
                raise TooLarge(
                    f"The PDF has more than {_MOST_CHARACTERS:,} characters of text, which is the"
                    " limit; split it into smaller documents."
                )
    except RecursionError as error:
        raise _damaged(f"page {len(sheets) + 1} is nested too deeply") from error
    except _FAILURES as error:
        raise _damaged(f"page {len(sheets) + 1} cannot be read") from error
    if not sheets:
        raise _damaged("it has no pages")
    return sheets


def _check_tree(reader: PdfReader) -> None:
    """Raise TooLarge for a page tree that names more than 50,000 pages, or itself."""
    named = 0
    waiting: list[object] = [reader.root_object.get("/Pages")]
    while waiting:
        node = waiting.pop()
        found = node.get_object() if isinstance(node, PdfObject) else None
        kids = found.get("/Kids") if isinstance(found, DictionaryObject) else None
        if isinstance(kids, PdfObject) and isinstance(kids := kids.get_object(), ArrayObject):
            named += len(kids)
            waiting += kids
        if named > _MOST_PAGES:
            raise TooLarge(
                f"The PDF has more than {_MOST_PAGES:,} pages, which is the limit; split it into"
                " smaller documents."
            )


def _refuse_pictures(sheets: list[list[str]]) -> None:
    """Raise NoTextLayer if the pages have hardly any letters."""
    letters = sum(character.isalnum() for sheet in sheets for line in sheet for character in line)
    scanned = len(sheets) > 4 and letters < _FEWEST_LETTERS * len(sheets)
    if letters == 0 or scanned:
        raise NoTextLayer(
            f"The PDF has no text layer: there are {letters} letters on {len(sheets)} pages, so"
            " these are probably scanned images; run OCR on the file first, e.g. with ocrmypdf."
        )


def _damaged(why: str) -> DamagedDocument:
    return DamagedDocument(
        f"The PDF is damaged or incomplete: {why}; download it again or repair it, e.g. with qpdf."
    )


def _marks(reader: PdfReader, text: str, starts: list[int], ends: list[int]) -> list[Mark]:
    """Marks at the places of the outline's entries; [] if all of them point to one page."""
    none: list[tuple[str, int, int]] = []
    entries = _attempt(lambda: _outline(reader), none)
    pages = {page for _, page, _ in entries}
    if len(pages) < 2 < len(starts):
        return []
    marks: list[Mark] = []
    reached: dict[int, int] = {}
    searched = 0
    for title, page, level in entries:
        start = max(starts[page], reached.get(page, 0))
        searched += ends[page] - start
        if searched > _MOST_SEARCHED:
            break
        place = _place(text, title, start, ends[page], first=page not in reached)
        reached[page] = place
        marks.append(Mark(place, title, level))
    return marks


def _outline(reader: PdfReader) -> list[tuple[str, int, int]]:
    """(title, page from 0, level from 1) of each outline entry, in order."""
    entries: list[tuple[str, int, int]] = []
    stack: list[tuple[object, int]] = [(item, 1) for item in reversed(reader.outline)]
    while stack:
        item, level = stack.pop()
        if isinstance(item, Destination):
            page = reader.get_destination_page_number(item)
            if page is not None and 0 <= page < len(reader.pages) and item.title:
                entries.append((str(item.title), page, level))
        elif isinstance(item, list):
            stack += [(child, level + 1) for child in reversed(item)]
    return entries


def _place(text: str, title: str, start: int, end: int, *, first: bool) -> int:
    """The offset of ``title`` in the page text[start:end], or else the page's start.

    ``first``: whether no earlier entry is on this page.
    """
    words = _WORD.findall(title)[:_MOST_TITLE_WORDS]
    pattern = r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)" if words else r"(?!)"
    match = re.compile(pattern, re.IGNORECASE).search(text, start, end)
    if match is None:
        return start
    # A short text above the title, such as "CHAPTER 1" above "Loomings", is part of the heading.
    above = text[start : match.start()].strip()
    return start if first and len(above) < 40 else match.start()

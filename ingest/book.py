"""A parsed document: one text, divided into chapters, pages and segments.

All offsets are indices into ``Book.text`` (Unicode code points); ranges exclude their end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

FORMATS = (
    "pdf", "epub", "docx", "html", "markdown", "text",
    "fb2", "rtf", "odt", "pptx", "mobi", "mail", "subtitles", "mhtml", "files",
)  # fmt: skip
MATTERS = ("main", "front", "back")


class UnreadableDocument(Exception):
    """The file cannot be read; the message says in one sentence why, and what to do."""


class NeedsPassword(UnreadableDocument):
    """The document is encrypted and no password was given."""


class WrongPassword(UnreadableDocument):
    """The document is encrypted and the given password does not open it."""


class NoTextLayer(UnreadableDocument):
    """The document holds images of pages and no text; ``pages`` are their numbers."""

    def __init__(self, message: str, pages: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.pages = pages


class EmptyDocument(UnreadableDocument):
    """The document has no bytes, or its text is only white space."""


class DamagedDocument(UnreadableDocument):
    """The file is truncated, or so malformed that it cannot be read."""


class UnsupportedFormat(UnreadableDocument):
    """The file has a format that no reader supports."""


class ProtectedDocument(UnreadableDocument):
    """The file's content is locked by digital rights management."""


class TooLarge(UnreadableDocument):
    """The file, or what it unpacks to, exceeds a limit."""


class InvalidBookError(ValueError):
    """A Book, Chapter, Page or Segment breaks its own rules; the message says which value."""


class WindowTooSmallError(ValueError):
    """A single character has more tokens than the window."""


class Span(Protocol):
    """Anything that covers ``text[start:end]``."""

    @property
    def start(self) -> int:
        """Offset of the first character."""

    @property
    def end(self) -> int:
        """Offset just after the last character."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter: its title and its part of the text.

    made_up: the document has no chapters of its own; its text was cut into equal parts.
    matter: "main" for the work itself; "front" or "back" for what a publisher puts before or after
    it, such as a licence, a title page, a table of contents or an index. Raises InvalidBookError if
    the part is empty, the title blank or the matter none of these.
    """

    title: str
    start: int
    end: int
    made_up: bool = False
    matter: str = "main"

    def __post_init__(self) -> None:
        _check_span("chapter", self.start, self.end)
        if not self.title.strip():
            raise InvalidBookError(f"the chapter at {self.start} has a blank title; give it a name")
        if self.matter not in MATTERS:
            raise InvalidBookError(
                f"a chapter's matter is {self.matter!r}; it must be one of {', '.join(MATTERS)}"
            )


@dataclass(frozen=True, slots=True)
class Page:
    """A page: ``number`` is its position in the document, from 1; ``label`` is what is printed.

    A label may be "xii" or "37", and may differ from the number. Raises InvalidBookError if the
    page is empty or its number is below 1.
    """

    number: int
    label: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _check_span("page", self.start, self.end)
        if self.number < 1:
            raise InvalidBookError(f"a page's number is {self.number}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class Book:
    """A parsed document.

    Chapters partition ``text`` exactly and in order, and so do pages. No page or chapter is empty,
    so a blank page has no entry and page numbers may have gaps. ``paged`` is True if the pages are
    the document's own, and False if they are standard pages of about 1,800 characters. ``warnings``
    are sentences for people about what could not be read, or was read in another way, such as "Page
    3 cannot be read; its text is missing." ``bare`` are the numbers of pages that are pictures,
    whose text could be recognised. Raises InvalidBookError if any of this does not hold.
    """

    title: str
    text: str
    chapters: tuple[Chapter, ...]
    pages: tuple[Page, ...]
    format: str
    author: str = ""
    paged: bool = False
    warnings: tuple[str, ...] = ()
    bare: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise InvalidBookError("the book's title is blank; use the file's name")
        if self.format not in FORMATS:
            raise InvalidBookError(
                f"format is {self.format!r}; it must be one of {', '.join(FORMATS)}"
            )
        if not self.text.strip():
            raise InvalidBookError("the book's text is blank; raise EmptyDocument instead")
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            at = error.start
            raise InvalidBookError(
                f"the text has a lone surrogate at {at}; replace it with U+FFFD"
            ) from error
        check_partition("chapter", self.chapters, 0, len(self.text))
        check_partition("page", self.pages, 0, len(self.text))
        for before, after in pairwise(self.pages):
            if after.number <= before.number:
                raise InvalidBookError(
                    f"page {after.number} follows page {before.number}; page numbers must increase"
                )


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of one chapter that a memory reads at once; it has ``tokens`` tokens.

    ``index`` counts the book's segments from 0, ``chapter`` is an index into ``Book.chapters``, and
    ``page_first`` and ``page_last`` are values of ``Page.number``. Raises InvalidBookError if a
    value is out of range.
    """

    index: int
    chapter: int
    start: int
    end: int
    page_first: int
    page_last: int
    tokens: int

    def __post_init__(self) -> None:
        _check_span("segment", self.start, self.end)
        if min(self.index, self.chapter, self.tokens) < 0:
            raise InvalidBookError(
                f"a segment has a negative index, chapter or token count: {self}"
            )
        if not 1 <= self.page_first <= self.page_last:
            raise InvalidBookError(
                f"a segment's pages are {self.page_first} to {self.page_last}; the first must be "
                "at least 1, and the last not before the first"
            )


@dataclass(frozen=True, slots=True)
class Window:
    """A segment of another version of a document: its text and its tokens."""

    text: str
    tokens: int


def check_partition(name: str, spans: Sequence[Span], start: int, end: int) -> None:
    """Raise InvalidBookError unless ``spans`` cover text[start:end] exactly once, in order."""
    if not spans:
        raise InvalidBookError(f"there is no {name}; at least one must cover the text")
    if spans[0].start != start:
        raise InvalidBookError(
            f"the first {name} starts at {spans[0].start}; it must start at {start}"
        )
    for before, after in pairwise(spans):
        if before.end != after.start:
            raise InvalidBookError(
                f"a {name} ends at {before.end} and the next starts at {after.start}; they must "
                "meet"
            )
    if spans[-1].end != end:
        raise InvalidBookError(f"the last {name} ends at {spans[-1].end}; it must end at {end}")


def _check_span(name: str, start: int, end: int) -> None:
    if start < 0 or end <= start:
        raise InvalidBookError(
            f"a {name} covers text[{start}:{end}]; it must have at least one character"
        )

"""What a document is once it has been read: one text, cut into chapters, pages and segments.

All offsets are indices into ``Book.text`` (Unicode code points), half open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

FORMATS = ("pdf", "epub", "docx", "html", "markdown", "text")


class UnreadableDocument(Exception):
    """A document that cannot be read; the message is one sentence saying why and what to do."""


class NeedsPassword(UnreadableDocument):
    """The document is encrypted and no password was given."""


class WrongPassword(UnreadableDocument):
    """The document is encrypted and the given password does not open it."""


class NoTextLayer(UnreadableDocument):
    """The document holds pictures of pages, not text."""


class EmptyDocument(UnreadableDocument):
    """The document has no bytes, or no text but white space."""


class DamagedDocument(UnreadableDocument):
    """The file is truncated or malformed beyond reading."""


class UnsupportedFormat(UnreadableDocument):
    """The file's format is not one that can be read."""


class ProtectedDocument(UnreadableDocument):
    """The file's content is locked by digital rights management."""


class TooLarge(UnreadableDocument):
    """The file, or what it unpacks to, passes a limit."""


class InvalidBookError(ValueError):
    """A Book, Chapter, Page or Segment that breaks its own rules; says value and limit."""


class WindowTooSmallError(ValueError):
    """One character alone has more tokens than the window; says both and what to do."""


class Span(Protocol):
    """Anything that covers ``text[start:end]``."""

    @property
    def start(self) -> int:
        """First character."""

    @property
    def end(self) -> int:
        """One past the last character."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter: its title and its part of the text. Raises InvalidBookError when empty."""

    title: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _check_span("chapter", self.start, self.end)
        if not self.title.strip():
            raise InvalidBookError(f"chapter at {self.start} has a blank title; give it a name")


@dataclass(frozen=True, slots=True)
class Page:
    """A page: ``number`` counts from 1 in physical order, ``label`` is as printed ("xii", "37")."""

    number: int
    label: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _check_span("page", self.start, self.end)
        if self.number < 1:
            raise InvalidBookError(f"page number is {self.number}; pages count from 1")


@dataclass(frozen=True, slots=True)
class Book:
    """A document that has been read.

    Chapters partition ``text`` exactly, in order; so do pages. A page or a chapter is never
    empty, so a blank physical page has no entry and page numbers may skip. ``paged`` is True
    where the pages are the document's own, False where they are standard pages of about 1,800
    characters. Raises InvalidBookError when any of this does not hold.
    """

    title: str
    text: str
    chapters: tuple[Chapter, ...]
    pages: tuple[Page, ...]
    format: str
    author: str = ""
    paged: bool = False

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise InvalidBookError("the book's title is blank; use the file's name")
        if self.format not in FORMATS:
            raise InvalidBookError(
                f"format is {self.format!r}; it must be one of {', '.join(FORMATS)}"
            )
        if not self.text.strip():
            raise InvalidBookError("the book's text is blank; refuse the document instead")
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            at = error.start
            raise InvalidBookError(f"lone surrogate at {at}; replace it by U+FFFD") from error
        check_partition("chapter", self.chapters, 0, len(self.text))
        check_partition("page", self.pages, 0, len(self.text))
        for before, after in pairwise(self.pages):
            if after.number <= before.number:
                raise InvalidBookError(f"page {after.number} follows page {before.number}; sort")


@dataclass(frozen=True, slots=True)
class Segment:
    """What is streamed at once: part of one chapter, at most a window of ``tokens``.

    ``index`` counts from 0 over the book, ``chapter`` indexes ``Book.chapters``, and
    ``page_first`` and ``page_last`` are ``Page.number``. Raises InvalidBookError when out of range.
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
            raise InvalidBookError(f"segment has a negative index, chapter or token count: {self}")
        if not 1 <= self.page_first <= self.page_last:
            raise InvalidBookError(f"segment pages are {self.page_first} to {self.page_last}")


def check_partition(name: str, spans: Sequence[Span], start: int, end: int) -> None:
    """Raise InvalidBookError unless ``spans`` cover [start, end) exactly once, in order."""
    if not spans:
        raise InvalidBookError(f"there is no {name}; at least one must cover the text")
    if spans[0].start != start:
        raise InvalidBookError(f"first {name} starts at {spans[0].start}; it must start at {start}")
    for before, after in pairwise(spans):
        if before.end != after.start:
            raise InvalidBookError(
                f"a {name} ends at {before.end}, the next starts at {after.start}"
            )
    if spans[-1].end != end:
        raise InvalidBookError(f"last {name} ends at {spans[-1].end}; it must end at {end}")


def _check_span(name: str, start: int, end: int) -> None:
    if start < 0 or end <= start:
        raise InvalidBookError(f"{name} covers [{start}, {end}); it must hold a character")

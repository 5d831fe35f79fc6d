"""What the product refuses, in one sentence a person can act on; the CLI and the UI show it."""

from __future__ import annotations

from ingest.book import InvalidBookError, UnreadableDocument, WindowTooSmallError
from memory_models.errors import ModelError


class BookstateError(Exception):
    """Root of everything that the product refuses."""


class UnknownDocument(BookstateError):
    """No document, or more than one, goes by the given id."""


class NotReady(BookstateError):
    """A document that has not been read to its end."""


class StoreFailed(BookstateError):
    """The database cannot be read or written: locked, damaged, or its disk is full."""


class OriginalNotKept(BookstateError):
    """A document whose files were not kept, so that it cannot be read again from them."""


class Busy(BookstateError):
    """Another process is reading this document."""


class AlreadyServed(BookstateError):
    """Another server works in this data folder."""


class InvalidArchive(BookstateError):
    """An exported file that is damaged, foreign or does not fit this library."""


class LabNotInstalled(BookstateError):
    """A command of the laboratory without the packages it needs."""


class InvalidSetting(BookstateError):
    """A setting outside its limits."""


class InvalidQuestion(BookstateError):
    """A question that is empty, too long or about a chapter that is not there."""


REFUSALS = (
    BookstateError,
    ModelError,
    UnreadableDocument,
    InvalidBookError,
    WindowTooSmallError,
)
"""Everything that is refused with a reason, by us or by what we stand on; edges catch these."""

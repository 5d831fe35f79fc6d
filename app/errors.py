"""The product's errors. Each message says in one sentence what is wrong and what to do.

The command line and the web page show these messages.
"""

from __future__ import annotations

from ingest.book import InvalidBookError, UnreadableDocument, WindowTooSmallError
from memory_models.errors import ModelError


class BookstateError(Exception):
    """Base class of the product's errors."""


class UnknownDocument(BookstateError):
    """No document has the given id or title, or more than one has, or it was deleted."""


class UnknownTag(BookstateError):
    """No document has the given tag."""


class NotReady(BookstateError):
    """The document has not been read to its end yet."""


class StoreFailed(BookstateError):
    """The database cannot be read or written: locked, damaged, or its disk is full."""


class OriginalNotKept(BookstateError):
    """The document cannot be read again because its files were not stored."""


class Busy(BookstateError):
    """Another process is reading this document, or too much waits for the model already."""


class Unheard(BookstateError):
    """No client listens to the answer of a request."""


class AlreadyServed(BookstateError):
    """Another server is using this data folder."""


class InvalidArchive(BookstateError):
    """A file to import is damaged, was not exported by bookstate, or conflicts with the library."""


class LabNotInstalled(BookstateError):
    """The packages that a command of the lab needs are not installed."""


class McpNotInstalled(BookstateError):
    """The package that the Model Context Protocol needs is not installed."""


class NotInstalled(BookstateError):
    """The program runs from a folder that no installer knows, so what it needs is not recorded."""


class InvalidSetting(BookstateError):
    """A setting has a value that is not allowed."""


class UnknownAccount(BookstateError):
    """There is no account of this name, or nobody is logged in where somebody has to be."""


class InvalidQuestion(BookstateError):
    """A question is empty, too long or about a chapter that does not exist."""


class InvalidArgument(BookstateError):
    """A program gave an endpoint a value of a wrong kind."""


REFUSALS = (
    BookstateError,
    ModelError,
    UnreadableDocument,
    InvalidBookError,
    WindowTooSmallError,
)
"""All errors with a message for the user; the command line and the web server catch these."""

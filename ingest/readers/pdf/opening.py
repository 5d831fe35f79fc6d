"""Opens a PDF with pypdf: its password, its page tree, and what pypdf raises for broken files."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, DeprecationError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from ingest.book import DamagedDocument, NeedsPassword, ProtectedDocument, TooLarge, WrongPassword

_Result = TypeVar("_Result")

# What pypdf raises for broken files; according to its documentation, not only its own exceptions.
FAILURES = (
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
MOST_PAGES = 50_000  # a page tree may name one page again and again

# pypdf logs a warning for every small error in a file; these must not reach the program's output.
logging.getLogger("pypdf").addHandler(logging.NullHandler())
logging.getLogger("pypdf").propagate = False


def attempt(act: Callable[[], _Result], otherwise: _Result) -> _Result:
    """The result of ``act``, or ``otherwise`` if an optional part of the file is broken."""
    try:
        return act()
    except FAILURES:
        return otherwise


def open_pdf(data: bytes, password: str | None) -> PdfReader:
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
    except FAILURES as error:
        raise damaged("it cannot be opened") from error


def _decrypt(reader: PdfReader, password: str | None) -> None:
    # Many files only forbid printing or copying; they open with an empty password.
    for attempt in (password or "", ""):
        with suppress(UnicodeError):  # a password that is no text opens nothing
            if reader.decrypt(attempt) != PasswordType.NOT_DECRYPTED:
                return
    if password:
        raise WrongPassword("The password does not open this PDF; enter another one.")
    raise NeedsPassword("The PDF is encrypted; enter its password.")


def check_tree(reader: PdfReader) -> None:
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
        if named > MOST_PAGES:
            raise TooLarge(
                f"The PDF has more than {MOST_PAGES:,} pages, which is the limit; split it into"
                " smaller documents."
            )


def damaged(why: str) -> DamagedDocument:
    return DamagedDocument(
        f"The PDF is damaged or incomplete: {why}; download it again or repair it, e.g. with qpdf."
    )

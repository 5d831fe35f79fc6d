"""Opens a PDF with PDFium, which is machine code: this runs in the child alone, in one thread.

Importing this module loads the library, so `ingest/child.py` does it before the limits hold, and
nothing that the program itself imports may do so.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

_MOST_ANNOTATIONS = 5_000
_SHOWING = (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP)
_LOOKED_AT = 200  # objects of a page
_PASSWORD_CODINGS = ("utf-8", "latin-1")


class PageUnreadable(LookupError):
    """PDFium cannot load a page."""


class Pdfium:
    """A document that PDFium has opened; `pages` is 0 if it could not open it."""

    def __init__(self, data: bytes, password: str | None) -> None:
        self._data = data  # PDFium reads from it until the document is closed
        self._document: Any = None
        for word in _passwords(password):
            self._document = pdfium.FPDF_LoadMemDocument64(data, len(data), word)
            if self._document:
                break
        self.pages: int = pdfium.FPDF_GetPageCount(self._document) if self._document else 0

    def __enter__(self) -> Pdfium:
        return self

    def __exit__(self, *_: object) -> None:
        if self._document:
            pdfium.FPDF_CloseDocument(self._document)
            self._document = None

    @contextmanager
    def page(self, number: int) -> Iterator[tuple[Any, Any]]:
        """(page, its text) of the page ``number`` from 0. Raises PageUnreadable."""
        page = pdfium.FPDF_LoadPage(self._document, number) if number < self.pages else None
        if not page:
            raise PageUnreadable(number)
        if _has_appearances(page):
            # What annotations look like becomes a part of the page, which is then loaded again.
            pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
            pdfium.FPDF_ClosePage(page)
            page = pdfium.FPDF_LoadPage(self._document, number)
            if not page:
                raise PageUnreadable(number)
        try:
            text = pdfium.FPDFText_LoadPage(page)
            if not text:
                raise PageUnreadable(number)
            try:
                yield page, text
            finally:
                pdfium.FPDFText_ClosePage(text)
        finally:
            pdfium.FPDF_ClosePage(page)


def _has_appearances(page: Any) -> bool:
    """Whether a page has annotations that show text, such as a form's fields and stamps."""
    count = pdfium.FPDFPage_GetAnnotCount(page)
    for at in range(count if count <= _MOST_ANNOTATIONS else 0):
        note = pdfium.FPDFPage_GetAnnot(page, at)
        if note:
            kind = pdfium.FPDFAnnot_GetSubtype(note)
            pdfium.FPDFPage_CloseAnnot(note)
            if kind in _SHOWING:
                return True
    return False


def page_box(page: Any) -> tuple[float, float, float, float, int]:
    """(left, bottom, right, top, quarter turns) of a page, in the file's own coordinates."""
    box = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, ctypes.byref(box))
    return box.left, box.bottom, box.right, box.top, pdfium.FPDFPage_GetRotation(page) % 4


def has_pictures(page: Any) -> bool:
    """Whether one of the first objects of a page is a picture, or a form, which may hold one."""
    pictures = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM)
    count = min(pdfium.FPDFPage_CountObjects(page), _LOOKED_AT)
    things = (pdfium.FPDFPage_GetObject(page, at) for at in range(count))
    return any(pdfium.FPDFPageObj_GetType(thing) in pictures for thing in things)


def plain_text(text: Any, most: int) -> str:
    """The characters of a page as PDFium orders them, without places; at most ``most``."""
    count = min(pdfium.FPDFText_CountChars(text), most)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    written = pdfium.FPDFText_GetText(text, 0, count, buffer)
    return bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", errors="replace")


def _passwords(password: str | None) -> list[bytes | None]:
    """What may open the document: no password, then the given one in several codings."""
    words: list[bytes | None] = [None]
    for coding in _PASSWORD_CODINGS if password else ():
        try:
            words.append(str(password).encode(coding))
        except UnicodeError:
            continue
    return words

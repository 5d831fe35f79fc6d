"""A page of a PDF as a picture with its letters; PDFium is machine code: in the child alone.

Importing this module loads PDFium and the encoder, so `ingest/child.py` does it before the limits
hold, and nothing that the program itself imports may do so.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from PIL import Image

from ingest.book import DamagedDocument, NeedsPassword
from ingest.pictures.letters import bare_letters
from ingest.pictures.page import MOST_LETTERS, SCALE

WIDTH = 1_100  # pixels of a picture
_HEIGHT = 2_400  # pixels at most, of a page that is very long
_QUALITY = 80
_MOST_ANNOTATIONS = 5_000
_CHANNELS = 3

Image.preinit()  # loads the encoder


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page: its picture as JPEG, and each of its letters with a box as in `PagePicture`."""

    width: int
    height: int
    letters: str
    boxes: list[int]
    picture: bytes


class PdfFile:
    """A PDF that PDFium has opened. Raises NeedsPassword and DamagedDocument."""

    def __init__(self, data: bytes) -> None:
        self._data = data  # PDFium reads from it until the document is closed
        self._document = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
        if not self._document:
            if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD:
                raise NeedsPassword("This PDF is encrypted; its pages cannot be shown.")
            raise DamagedDocument("This PDF is damaged; its pages cannot be shown.")
        self.pages: int = pdfium.FPDF_GetPageCount(self._document)

    def draw(self, number: int) -> Drawn | None:
        """The page ``number`` from 1; None for one that PDFium cannot load."""
        with self._page(number - 1) as page:
            if not page:
                return None
            size = _size(page)
            if size is None:
                return None
            letters, boxes = _letters(page)
            return Drawn(*size, letters, boxes, _picture(page, *size))

    @contextmanager
    def _page(self, number: int) -> Iterator[Any]:
        page = None
        if 0 <= number < self.pages:
            page = pdfium.FPDF_LoadPage(self._document, number)
        if page and 0 < pdfium.FPDFPage_GetAnnotCount(page) <= _MOST_ANNOTATIONS:
            # What annotations look like becomes a part of the page, which is then loaded again.
            pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
            pdfium.FPDF_ClosePage(page)
            page = pdfium.FPDF_LoadPage(self._document, number)
        try:
            yield page
        finally:
            if page:
                pdfium.FPDF_ClosePage(page)


def _size(page: Any) -> tuple[int, int] | None:
    """Width and height of the page's picture in pixels; None for a page without a size."""
    width, height = pdfium.FPDF_GetPageWidthF(page), pdfium.FPDF_GetPageHeightF(page)
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        return None
    scale = min(WIDTH / width, _HEIGHT / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _picture(page: Any, width: int, height: int) -> bytes:
    stride = _CHANNELS * width
    pixels = (ctypes.c_ubyte * (stride * height))()
    bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGR, pixels, stride)
    if not bitmap:
        raise MemoryError
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        flags = pdfium.FPDF_ANNOT
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    image = Image.frombytes("RGB", (width, height), bytes(pixels), "raw", "BGR", stride)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _letters(page: Any) -> tuple[str, list[int]]:
    """The letters of a page in the file's order, and four numbers for each."""
    text = pdfium.FPDFText_LoadPage(page)
    if not text:
        return "", []
    letters: list[str] = []
    boxes: list[int] = []
    try:
        for at in range(min(pdfium.FPDFText_CountChars(text), MOST_LETTERS)):
            found = _bare(pdfium.FPDFText_GetUnicode(text, at))
            box = _box(page, text, at) if found else None
            if box is not None:
                letters.append(found)
                boxes += box * len(found)
    finally:
        pdfium.FPDFText_ClosePage(text)
    return "".join(letters), boxes


@lru_cache(4096)
def _bare(code: int) -> str:
    return bare_letters(chr(code)) if 0 < code <= 0x10FFFF else ""


def _box(page: Any, text: Any, at: int) -> list[int] | None:
    """Left, top, right and bottom of a character; None for one that is not on the page."""
    rectangle = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(text, at, ctypes.byref(rectangle)):
        return None
    corners = []
    for x, y in ((rectangle.left, rectangle.top), (rectangle.right, rectangle.bottom)):
        across, down = ctypes.c_int(), ctypes.c_int()
        places = ctypes.byref(across), ctypes.byref(down)
        pdfium.FPDF_PageToDevice(page, 0, 0, SCALE, SCALE, 0, x, y, *places)
        corners.append((min(max(across.value, 0), SCALE), min(max(down.value, 0), SCALE)))
    (x0, y0), (x1, y1) = corners  # in any order on a page that is turned
    left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    return [left, top, right, bottom] if right > left and bottom > top else None

"""A page of a PDF as a picture; PDFium is machine code, so this runs in the child alone."""

from __future__ import annotations

from typing import Any

import pypdfium2  # type: ignore[import-untyped]

DPI = 200
_LARGEST = 2_400  # pixels of a side


def rendered(data: bytes, password: str | None, number: int) -> Any:
    """The page ``number`` from 1 as (height, width, 3) bytes; None if it cannot be drawn."""
    try:
        document = pypdfium2.PdfDocument(data, password=password)
    except pypdfium2.PdfiumError:
        return None
    try:
        if not 1 <= number <= len(document):
            return None
        page = document[number - 1]
        longest = max(page.get_size()) or 1.0
        scale = min(DPI / 72, _LARGEST / longest)
        return page.render(scale=scale, rev_byteorder=True).to_numpy()[:, :, :3].copy()
    except pypdfium2.PdfiumError:
        return None
    finally:
        document.close()

"""Fonts whose characters have no known meaning: their glyphs have numbers for names."""

from __future__ import annotations

import re

from pypdf._page import PageObject
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, PdfObject

_NUMBERED = re.compile(r"/(?:g|G|c|C|cid|CID|glyph|index|a|x)\d{1,6}")
_MOST = 500  # fonts of a page that are looked at
_SHARE = 0.6  # of a font's names


class CodedFonts:
    """Tells which pages use such fonts; each font is looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}

    def on(self, page: PageObject) -> bool:
        """Whether a page may use such a font. It may raise whatever pypdf does."""
        resources = _dictionary(page.get("/Resources"))
        fonts = _dictionary(resources.get("/Font")) if resources else None
        if fonts is None:
            return False
        return any(self._is_coded(fonts.raw_get(name)) for name in list(fonts)[:_MOST])

    def _is_coded(self, font: object) -> bool:
        if not isinstance(font, IndirectObject):
            return _is_coded(font)
        key = (font.idnum, font.generation)
        if key not in self._known:
            self._known[key] = _is_coded(font)
        return self._known[key]


def _is_coded(value: object) -> bool:
    font = _dictionary(value)
    encoding = _dictionary(font.get("/Encoding")) if font and "/ToUnicode" not in font else None
    differences = encoding.get("/Differences") if encoding else None
    if not isinstance(differences, ArrayObject):
        return False
    names = [name for name in differences if isinstance(name, NameObject)]
    return sum(bool(_NUMBERED.fullmatch(name)) for name in names) > _SHARE * len(names)


def _dictionary(value: object) -> DictionaryObject | None:
    found = value.get_object() if isinstance(value, PdfObject) else None
    return found if isinstance(found, DictionaryObject) else None

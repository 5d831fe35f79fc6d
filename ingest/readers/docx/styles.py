"""What a Word document's styles say about a paragraph: its heading level, and whether it is listed.

A style takes from the style that it is based on what it does not say itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

TITLE = 0
"""The level of the document's title, which stands above all headings."""

_MOST_BASES = 50  # styles that one is based on, one after the other
# What word processors call the style of headings; the number after it is the level.
_HEADINGS = (
    "heading", "überschrift", "titre", "título", "titolo", "titulo", "kop", "rubrik", "overskrift",
    "otsikko", "nagłówek", "nadpis", "címsor", "заголовок", "заглавие", "επικεφαλίδα", "başlık",
    "naslov", "titlu", "antraštė", "virsraksts", "pealkiri", "fyrirsögn", "encabezado",
    "intestazione", "标题", "標題", "見出し", "제목", "כותרת", "عنوان", "หัวเรื่อง", "đầu đề",
    "judul", "tajuk", "capçalera",
)  # fmt: skip
_HEADING = re.compile(rf"(?:{'|'.join(_HEADINGS)})[ _]{{0,2}}([1-9])(?:\s*[;,].*)?$", re.I | re.S)
_TITLES = frozenset({"title", "titel", "book title"})
_OFF = frozenset({"0", "false", "off"})


@dataclass(frozen=True, slots=True)
class Look:
    """How a paragraph is set. ``level``: of a heading, from 1 on; TITLE; or None for plain text.

    ``listed`` is the id of its list and its level there, or None.
    """

    level: int | None = None
    listed: tuple[str, int] | None = None


@dataclass(slots=True)
class _Style:
    """A style as the file says it; None is what it leaves to the style that it is based on."""

    name: str
    base: str
    outline: int | None  # 9 is plain text
    listed: tuple[str | None, int | None]
    hidden: bool | None


class Styles:
    """The styles of one document, by their ids."""

    def __init__(self, elements: Iterable[Element] = ()) -> None:
        self._styles: dict[str, _Style] = {}
        self._default = ""
        self._looks: dict[str, Look] = {}
        for element in elements:
            if element.tag == "w:style":
                self._add(element)

    def look(self, properties: Element | None) -> Look:
        """The look of a paragraph with these properties (`w:pPr`)."""
        style = value(properties, "w:pStyle") or self._default
        known = self._looks.get(style)
        if known is None:
            known = self._looks[style] = self._of(style)
        if properties is None:
            return known
        level = known.level
        outline = _outline(properties)
        if outline is not None:
            level = outline + 1 if outline < 9 else None
        number, depth = _listed(properties)
        listed = known.listed
        if number is not None or depth is not None:
            own = number or (listed[0] if listed else "0")
            listed = (own, depth if depth is not None else 0) if own != "0" else None
        return Look(level, listed)

    def hides(self, properties: Element | None) -> bool:
        """Whether text with these properties (`w:rPr`) is hidden."""
        if properties is None:
            return False
        own = is_on(properties, "w:vanish")
        if own is None:
            style = value(properties, "w:rStyle") or ""
            own = next((s.hidden for s in self._bases(style) if s.hidden is not None), None)
        return bool(own)

    def _add(self, element: Element) -> None:
        properties = element.find("w:pPr")
        name = " ".join((value(element, "w:name") or "").split())
        self._styles[element.get("w:styleId", name)] = _Style(
            name,
            value(element, "w:basedOn") or "",
            _outline(properties),
            _listed(properties),
            is_on(element.find("w:rPr"), "w:vanish"),
        )
        # A style without a type is one of paragraphs.
        paragraphs = element.get("w:type", "paragraph") == "paragraph"
        if paragraphs and element.get("w:default", "0") not in _OFF:
            self._default = element.get("w:styleId", name)

    def _of(self, style: str) -> Look:
        """What a style says, by itself and by those that it is based on."""
        bases = list(self._bases(style))
        number = next((s.listed[0] for s in bases if s.listed[0] is not None), None)
        depth = next((s.listed[1] for s in bases if s.listed[1] is not None), 0)
        listed = (number, depth or 0) if number and number != "0" else None
        for base in bases or [_Style(style, "", None, (None, None), None)]:
            if base.outline is not None:
                return Look(base.outline + 1 if base.outline < 9 else None, listed)
            if (level := _named_level(base.name)) is not None:
                return Look(level, listed)
        return Look(None, listed)

    def _bases(self, style: str) -> list[_Style]:
        """A style, the one that it is based on, and so on."""
        found: list[_Style] = []
        while style in self._styles and len(found) < _MOST_BASES:
            found.append(self._styles[style])
            style = found[-1].base
        return found


def value(element: Element | None, name: str) -> str | None:
    """The value of a property, such as "Heading1" of `w:pStyle`, or None."""
    found = element.find(name) if element is not None else None
    return found.get("w:val") if found is not None else None


def inside(element: Element, outer: str, inner: str) -> Element | None:
    """The first child with a name of the first child with a name, or None."""
    found = element.find(outer)
    return found.find(inner) if found is not None else None


def is_on(element: Element | None, name: str) -> bool | None:
    """Whether a property that is on or off is on; None where it is not there."""
    found = element.find(name) if element is not None else None
    return None if found is None else found.get("w:val", "1") not in _OFF


def whole(text: str | None) -> int | None:
    """A number from 0 to 9999, or None."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 5 else None


def _named_level(name: str) -> int | None:
    """The level that a style's name gives, as in "heading 2" or "Überschrift 2"."""
    if name.casefold() in _TITLES:
        return TITLE
    match = _HEADING.match(name[:100])
    return int(match[1]) if match else None


def _outline(properties: Element | None) -> int | None:
    level = whole(value(properties, "w:outlineLvl"))
    return min(level, 9) if level is not None else None


def _listed(properties: Element | None) -> tuple[str | None, int | None]:
    """The id of a list and the level in it."""
    listed = properties.find("w:numPr") if properties is not None else None
    return value(listed, "w:numId"), whole(value(listed, "w:ilvl"))

"""The numbers that Word writes before headings and the items of lists, such as "Article 5"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ingest.readers.docx.styles import value, whole

_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")
_Match = re.Match[str]
_LONGEST = 60  # characters of a number with the words around it
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Level:
    """A level of a list: where it starts, how it counts, and the words around the number."""

    start: int = 1
    form: str = "decimal"
    words: str = ""
    plain: bool = False  # all numbers in digits, also those of outer levels


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level]
    counts: list[int | None] = field(default_factory=lambda: [None] * _LEVELS)


class Numbering:
    """Counts the numbered paragraphs of one document."""

    def __init__(self, elements: Iterable[Element] = ()) -> None:
        self._shared: dict[str, _List] = {}  # lists that continue each other count together
        self._lists: dict[str, _List] = {}
        for element in elements:
            if element.tag == "w:abstractNum":
                found = _levels(element.findall("w:lvl"))
                self._shared[element.get("w:abstractNumId", "")] = _List(found)
            elif element.tag == "w:num":
                self._add(element)

    def label(self, listed: tuple[str, int]) -> str:
        """The number of the next paragraph of a list at a level; "" for a bullet or none."""
        number, depth = listed
        counting = self._lists.get(number)
        level = counting.levels.get(depth) if counting else None
        if counting is None or level is None or depth >= _LEVELS:
            return ""
        counts = counting.counts
        last = counts[depth]
        counts[depth] = level.start if last is None else last + 1
        counts[depth + 1 :] = [None] * (_LEVELS - depth - 1)
        if level.form in ("bullet", "none") or not level.words:
            return ""
        return _filled(level, counting, counts)[:_LONGEST].strip()

    def _add(self, element: Element) -> None:
        shared = self._shared.get(value(element, "w:abstractNumId") or "")
        if shared is None:
            return
        overrides = element.findall("w:lvlOverride")
        if not overrides:
            self._lists[element.get("w:numId", "")] = shared
            return
        # A list that overrides a level starts anew.
        own = dict(shared.levels)
        for override in overrides:
            depth = whole(override.get("w:ilvl")) or 0
            own |= _levels(override.findall("w:lvl"))
            start = whole(value(override, "w:startOverride"))
            if start is not None and depth in own:
                old = own[depth]
                own[depth] = _Level(start, old.form, old.words, old.plain)
        self._lists[element.get("w:numId", "")] = _List(own)


def _levels(elements: Sequence[Element]) -> dict[int, _Level]:
    found: dict[int, _Level] = {}
    for element in elements:
        start = whole(value(element, "w:start"))
        found[whole(element.get("w:ilvl")) or 0] = _Level(
            0 if start is None else start,
            value(element, "w:numFmt") or "decimal",
            value(element, "w:lvlText") or "",
            element.find("w:isLgl") is not None,
        )
    return found


def _filled(level: _Level, counting: _List, counts: Sequence[int | None]) -> str:
    """The words around a number with the numbers of its level and of the outer ones."""

    def number(place: _Match) -> str:
        depth = int(place[1]) - 1
        outer = counting.levels.get(depth, _Level())
        count = counts[depth]
        form = "decimal" if level.plain else outer.form
        return _written(outer.start if count is None else count, form)

    return _PLACE.sub(number, level.words[:_LONGEST])


def _written(number: int, form: str) -> str:
    """A number as "4", "04", "iv", "IV", "d" or "D"."""
    if form == "decimalZero":
        return f"{number:02d}"
    if form in ("lowerLetter", "upperLetter") and 0 < number <= 260:
        letter = chr(ord("a") + (number - 1) % 26) * (1 + (number - 1) // 26)
        return letter if form == "lowerLetter" else letter.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        roman = ""
        for size, letters in _ROMAN:
            roman += letters * (number // size)
            number %= size
        return roman if form == "lowerRoman" else roman.upper()
    return str(number)

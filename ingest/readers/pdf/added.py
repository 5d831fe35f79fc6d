"""Text that is laid on a page: the values of a form's fields, and annotations that are content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pypdf._page import PageObject
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, PdfObject

from ingest.readers.compose import clean

_MOST = 5_000  # annotations of a page that are looked at
_DEEPEST = 20  # fields within fields
_LONGEST = 100_000  # characters of a value
_HIDDEN = 2 | 32  # flags: hidden, and not shown on the screen
_PASSWORD = 1 << 13
_PUSH_BUTTON = 1 << 16
_CHECKED = "[x]"


@dataclass(frozen=True, slots=True)
class Added:
    """A text on a page and the box that it fills, in the file's coordinates; a note has none."""

    text: str
    box: tuple[float, float, float, float] | None


def added_texts(page: PageObject) -> list[Added]:
    """What fields and annotations add to a page. It may raise whatever pypdf does."""
    found = page.get("/Annots")
    items = found.get_object() if isinstance(found, PdfObject) else None
    if not isinstance(items, ArrayObject):
        return []
    return list(_texts(items))


def _texts(items: ArrayObject) -> Iterator[Added]:
    for item in items[:_MOST]:
        note = item.get_object()
        if not isinstance(note, DictionaryObject):
            continue
        kind = note.get("/Subtype")
        if int(note.get("/F", 0)) & _HIDDEN:
            continue
        if kind == "/Widget":
            text = _value(note)
        elif kind in ("/FreeText", "/Text"):
            text = _string(note.get("/Contents"))
        else:
            continue
        text = clean(text[:_LONGEST]).strip()
        if text:
            yield Added(text, None if kind == "/Text" else _box(note))


def _value(field: DictionaryObject) -> str:
    """The value of a form's field as people see it."""
    kind = _inherited(field, "/FT")
    flags = _inherited(field, "/Ff")
    bits = int(flags) if isinstance(flags, int) else 0
    if kind == "/Btn":
        state = field.get("/AS")
        ticked = isinstance(state, NameObject) and state != "/Off"
        return _CHECKED if ticked and not bits & _PUSH_BUTTON else ""
    if kind not in ("/Tx", "/Ch") or bits & _PASSWORD:
        return ""
    value = _inherited(field, "/V")
    if isinstance(value, ArrayObject):
        return "\n".join(_string(one) for one in value[:_MOST])
    return _string(value)


def _inherited(field: DictionaryObject, key: str) -> object:
    """What a field, or the field that it belongs to, has at ``key``."""
    at: object = field
    for _ in range(_DEEPEST):
        if not isinstance(at, DictionaryObject):
            return None
        if key in at:
            found = at[key]
            return found.get_object() if isinstance(found, PdfObject) else found
        parent = at.get("/Parent")
        at = parent.get_object() if isinstance(parent, PdfObject) else None
    return None


def _string(value: object) -> str:
    found = value.get_object() if isinstance(value, PdfObject) else value
    return str(found) if isinstance(found, str) and not isinstance(found, NameObject) else ""


def _box(note: DictionaryObject) -> tuple[float, float, float, float] | None:
    found = note.get("/Rect")
    place = found.get_object() if isinstance(found, PdfObject) else None
    if not isinstance(place, ArrayObject) or len(place) != 4:
        return None
    a, b, c, d = (float(value) for value in place)
    return min(a, c), min(b, d), max(a, c), max(b, d)

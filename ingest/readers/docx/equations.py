"""Equations (Office Math) as one line of text, such as "x=(-b±√(b^2-4ac))/(2a)"."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

from ingest.readers.docx.styles import inside

_LEFT_OUT = ("Pr", "w:del", "w:moveFrom", "w:instrText")
_ACCENTS = {"^": "\u0302", "~": "\u0303", "¯": "\u0304", "\u2192": "\u20d7", "\u20d7": "\u20d7"}


def linear(element: Element) -> str:
    """An equation, or a part of one, on one line."""
    return _FORMS.get(element.tag, _parts)(element)


def _parts(element: Element) -> str:
    """What the parts of an element say, one after the other."""
    if element.tag in ("m:t", "w:t"):
        return element.text or ""
    return "".join([linear(part) for part in element if not part.tag.endswith(_LEFT_OUT)])


def _of(element: Element, name: str) -> str:
    """What the part of an element with a name says."""
    found = element.find(name)
    return linear(found).strip() if found is not None else ""


def _closed(text: str) -> str:
    """A text that is clearly one thing: in parentheses, unless it is one name or number."""
    inner = text[1:-1]
    whole = text.startswith("(") and text.endswith(")") and "(" not in inner and ")" not in inner
    return text if whole or text.isalnum() or len(text) < 2 else f"({text})"


def _sign(element: Element, properties: str, name: str, default: str) -> str:
    """A character that an element's properties name; one without a value is none."""
    found = inside(element, properties, name)
    return default if found is None else found.get("m:val", "")


def _fraction(element: Element) -> str:
    above, below = _of(element, "m:num"), _of(element, "m:den")
    kind = _sign(element, "m:fPr", "m:type", "bar")
    if kind == "noBar":
        return f"({above} over {below})"
    return f"{_closed(above)}/{_closed(below)}"


def _scripts(element: Element) -> str:
    """A base with what stands below and above it."""
    base, below, above = (_of(element, name) for name in ("m:e", "m:sub", "m:sup"))
    text = (f"_{_closed(below)}" if below else "") + (f"^{_closed(above)}" if above else "")
    return f"{text}{base}" if element.tag == "m:sPre" else f"{_closed(base)}{text}"


def _limit(element: Element) -> str:
    mark = "_" if element.tag == "m:limLow" else "^"
    return f"{_of(element, 'm:e')}{mark}{_closed(_of(element, 'm:lim'))}"


def _root(element: Element) -> str:
    degree, inner = _of(element, "m:deg"), _of(element, "m:e")
    return f"√[{degree}]({inner})" if degree else f"√{_closed(inner)}"


def _sum(element: Element) -> str:
    """A sum, an integral, or the like."""
    below, above = _of(element, "m:sub"), _of(element, "m:sup")
    text = _sign(element, "m:naryPr", "m:chr", "∫")
    text += (f"_{_closed(below)}" if below else "") + (f"^{_closed(above)}" if above else "")
    return f"{text} {_of(element, 'm:e')}"


def _brackets(element: Element) -> str:
    opening = _sign(element, "m:dPr", "m:begChr", "(")
    closing = _sign(element, "m:dPr", "m:endChr", ")")
    between = _sign(element, "m:dPr", "m:sepChr", "|")
    inside = between.join(linear(part).strip() for part in element.findall("m:e"))
    if inside.startswith("[") and inside.endswith("]") and (opening, closing) == ("[", "]"):
        return inside  # a matrix in its own brackets
    return f"{opening}{inside}{closing}"


def _matrix(element: Element) -> str:
    rows = (", ".join(linear(e).strip() for e in r.findall("m:e")) for r in element.findall("m:mr"))
    return f"[{'; '.join(rows)}]"


def _lines(element: Element) -> str:
    return "; ".join(linear(part).strip() for part in element.findall("m:e"))


def _function(element: Element) -> str:
    name, argument = _of(element, "m:fName"), _of(element, "m:e")
    return f"{name}{argument}" if argument.startswith("(") else f"{name} {argument}"


def _accent(element: Element) -> str:
    inner = _of(element, "m:e")
    sign = _sign(element, "m:accPr", "m:chr", "\u0302")
    return f"{inner if len(inner) == 1 else _closed(inner)}{_ACCENTS.get(sign, sign)}"


_FORMS: dict[str, Callable[[Element], str]] = {
    "m:f": _fraction,
    "m:sSub": _scripts,
    "m:sSup": _scripts,
    "m:sSubSup": _scripts,
    "m:sPre": _scripts,
    "m:limLow": _limit,
    "m:limUpp": _limit,
    "m:rad": _root,
    "m:nary": _sum,
    "m:d": _brackets,
    "m:m": _matrix,
    "m:eqArr": _lines,
    "m:func": _function,
    "m:acc": _accent,
}

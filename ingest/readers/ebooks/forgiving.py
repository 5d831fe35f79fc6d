"""Marks of an e-book that are no well-formed XML, as a tree: read as far as they make sense."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ingest.readers.charset import decode

_MARK = re.compile(r"<(/?)([A-Za-z][\w.-]*+(?::[\w.-]++)?)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>")
_ATTRIBUTE = re.compile(r"(?<![\w:.-])([\w:.-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')")
_DECLARED = re.compile(rb"encoding\s*+=\s*+[\"']([\w.-]{1,40})[\"']")
_HEAD = 200  # bytes in which the encoding is declared
_DEEPEST = 100  # elements in one another; what is deeper stays on that level
_HIDDEN = (("<!--", "-->"), ("<?", "?>"), ("<!DOCTYPE", ">"))


def forgiving_tree(data: bytes, name: str) -> Element | None:
    """The first element called ``name``, with what is in it; None if there is none.

    An end that nothing began is passed over, and what has no end lasts as long as what it is in.
    """
    declared = _DECLARED.search(data[:_HEAD])
    text = decode(data, declared[1].decode("ascii") if declared else None)
    for opening, closing in _HIDDEN:
        text = "".join(_outside(text, opening, closing))
    root: Element | None = None
    path: list[Element] = []
    said: list[str] = []  # since the last element began or ended
    at = 0
    for mark in _MARK.finditer(text):
        said.append(text[at : mark.start()])
        at = mark.end()
        tag = mark[2].rpartition(":")[2]
        if mark[1]:
            opened = [n for n, one in enumerate(path) if n and one.tag == tag]
            if not opened:
                continue
        _say(path, said)
        if mark[1]:
            del path[opened[-1] :]
        elif root is None and tag == name:
            root = Element(tag)
            path = [root]
        elif path:
            one = Element(tag, _attributes(mark[3]))
            path[-1].append(one)
            if not mark[3].endswith("/") and len(path) < _DEEPEST:
                path.append(one)
    _say(path, [*said, text[at:]])
    return root


def _outside(text: str, opening: str, closing: str) -> Iterator[str]:
    """What is not between two marks; a mark that is never closed hides nothing."""
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        yield text[at:start]
        at = end + len(closing)
    yield text[at:]


def _say(path: list[Element], parts: list[str]) -> None:
    """Add text to the element that is open, and empty the list."""
    said = html.unescape("".join(parts))
    parts.clear()
    if not path or not said:
        return
    if len(path[-1]):
        path[-1][-1].tail = (path[-1][-1].tail or "") + said
    else:
        path[-1].text = (path[-1].text or "") + said


def _attributes(text: str) -> dict[str, str]:
    return {found[1]: html.unescape(found[2] or found[3] or "") for found in
            _ATTRIBUTE.finditer(text)}  # fmt: skip

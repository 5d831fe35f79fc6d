"""HTML and XHTML to a tree of elements, unless that would take long or much memory."""

from __future__ import annotations

import html
import re

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from ingest.book import TooLarge

_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_ATTRIBUTES = r"(?:\s(?:[^<>\"'/]|/(?!>)|\"[^\"<]*\"|'[^'<]*')*+)?"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_VOID})[\s/>])([A-Za-z][\w:.-]*+)({_ATTRIBUTES})/>", re.I)

# For each element the parser may look at all that are open. Elements that HTML closes implicitly,
# such as p and li, do not nest and do not count as open.
_DEEPEST = 10_000
_MOST_OPEN = 30_000  # of any name; the parser breaks at some 100,000
_MOST_WORK = 10**9  # open elements, over all tags; a second or two
_MOST_TAGS = 2_000_000  # of one document; its tree takes about 200 MB
_TAG = re.compile(r"<(/?)([a-z][^\s/>]*)", re.IGNORECASE)
_NOT_OPEN = frozenset(
    f"{_VOID}|p|li|dd|dt|td|th|tr|thead|tbody|tfoot|option|optgroup|rp|rt|html|head|body".split("|")
)
_NESTING = frozenset(
    {"div", "section", "article", "aside", "main", "blockquote", "ol", "ul", "dl", "table"}
    | {"center", "font", "span", "small", "big", "b", "i", "u", "s", "em", "strong", "a", "sub"}
    | {"sup", "code", "tt", "pre", "form", "fieldset", "figure", "nav", "menu", "dir"}
)


class MarkupTooDeep(TooLarge):
    """Elements are nested too deeply."""


def parse(markup: str, *, xml: bool = False, deepest: int | None = None) -> LexborHTMLParser:
    """Parse ``markup``; ``xml`` gives self-closed tags and CDATA the meaning they have in XHTML.

    Raises MarkupTooDeep if elements are nested more than 10,000 levels deep, or elements of any
    name more than ``deepest``; TooLarge for more than two million tags.
    """
    if xml:
        markup = _SELF_CLOSED.sub(r"<\1\2></\1>", _without_cdata(markup))
    _check_nesting(markup, deepest)
    try:
        return LexborHTMLParser(markup.replace("\0", ""))
    except SelectolaxError as error:
        # The parser takes any markup; it fails for want of memory.
        raise TooLarge(
            "The document's markup takes more memory than there is to parse it; split it into"
            " smaller documents."
        ) from error


def _without_cdata(markup: str) -> str:
    """``markup`` with the content of CDATA sections as text; one that never ends stays."""
    parts: list[str] = []
    at = 0
    while (start := markup.find("<![CDATA[", at)) >= 0:
        end = markup.find("]]>", start + 9)
        if end < 0:
            break
        parts += [markup[at:start], html.escape(markup[start + 9 : end])]
        at = end + 3
    return "".join([*parts, markup[at:]])


def _check_nesting(markup: str, deepest: int | None) -> None:
    """Raise TooLarge for markup whose parsing would take long.

    Each name is counted by itself, because an end tag that closes nothing is ignored.
    """
    open_of: dict[str, int] = {}
    nested = opened = work = 0
    for number, match in enumerate(_TAG.finditer(markup)):
        name = match[2].lower()
        work += opened
        if name not in _NOT_OPEN:
            step = -1 if match[1] else 1
            count = open_of.get(name, 0) + step
            if count >= 0:
                open_of[name] = count
                opened += step
                nested += step if name in _NESTING else 0
        if nested > _DEEPEST or work > _MOST_WORK or opened > (deepest or _MOST_OPEN):
            raise MarkupTooDeep(
                f"The document's elements are nested more than {deepest or _DEEPEST} levels deep;"
                " save it as plain text."
            )
        if number > _MOST_TAGS:
            raise TooLarge(
                f"The document has more than {_MOST_TAGS:,} tags, which is the limit;"
                " split it into smaller documents."
            )

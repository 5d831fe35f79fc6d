"""Tables of contents in plain text: where they start and end."""

from __future__ import annotations

import re

from ingest.headings import heading_at

CONTENTS = re.compile(
    r"[\s*_#=\[]{0,40}(?:(?:the )?(?:table of )?contents|(?:list of )?(?:illustrations|plates|maps)"
    r"|inhalt(?:sverzeichnis|s-verzeichnis)?|inhaltsübersicht"
    r"|table (?:des matières|analytique)|sommaire|índice(?: general)?|indice|sommario|sumário"
    r"|inhoud(?:sopgave)?|indhold|innehåll|innhold|sisällys(?:luettelo)?|sisältö|содержание"
    r"|оглавление|зміст|spis treści|treść|obsah|tartalom(?:jegyzék)?|περιεχόμενα|içindekiler"
    r"|目\s{0,3}[次录錄]|もくじ|차\s?례|목\s?차|المحتويات"
    r"|الفهرس|فهرست(?: مطالب)?|תוכן(?: העני?ינים)?|mục lục)"
    r"[\s*_#=\].:]{0,40}$",
    re.IGNORECASE,
)
_PAGE = re.compile(r"(?:[\s.…·_-]|\|)[\s.…·_|-]*+\d{1,4}\s*+$")
_SENTENCE = re.compile(r"[^\W\d_]{2}[.!?][\"'”’»)]{0,2}\s+[\"'“‘«(]?[^\W\d_]|[。！？]")
_LISTED = re.compile(r"--|[—–]|\.{4}|(?:\. ){3}")
_LONGEST_KEY = 200
_PROSE = 200  # characters
_PROSE_NEAR = 6  # blocks after a heading in which the text must start


def is_prose(block: str) -> bool:
    """Whether a paragraph tells something: sentences, and no entries with dashes or numbers."""
    if len(block) < _PROSE or not _SENTENCE.search(block):
        return len(block) > 900 and not _entries(block)
    return not _entries(block)


def has_prose(text: str) -> bool:
    """Whether a text has a paragraph of several sentences that is longer than an entry."""
    return any(len(part) > 1_200 and is_prose(part) for part in text.split("\n\n"))


def contents_end(text: str, spans: list[tuple[int, int]], at: int, end: int) -> int | None:
    """Where the table of contents ends whose heading is ``spans[at]``, or None if it is none.

    ``spans`` are the paragraphs of the beginning of the text. The table ends where its first
    entries come again, followed by prose, or else before the headings of the first prose.
    """
    seen: set[str] = set()
    entries = 0
    for n in range(at, len(spans)):
        a, b = spans[n]
        block = text[a:b]
        lines = block.strip().split("\n")
        keys = [key for line in lines if (key := _key(line))]
        if n > at:
            again = _key(" ".join(lines)) in seen or (bool(keys) and keys[0] in seen)
            if entries >= 2 and again and _prose_follows(text, spans, n):
                return _with_outer(text, spans, n, seen)
            if is_prose(block) and not _many_entries(lines):
                return _before(text, spans, n, at) if entries >= 2 else None
        else:
            keys = keys[1:]
        seen.update(keys)
        seen.add(_key(" ".join(lines)))
        entries += len(keys)
    return None


def _key(line: str) -> str:
    """What an entry and its heading have in common."""
    bare = _PAGE.sub("", line.strip()[:_LONGEST_KEY])
    return "".join(c for c in bare.casefold() if c.isalnum())


def _entries(block: str) -> bool:
    """Whether a paragraph is a list: of topics between dashes, or of lines with page numbers."""
    lines = block.strip().split("\n")
    paged = sum(bool(_PAGE.search(line[-200:])) for line in lines)
    return len(_LISTED.findall(block)) >= max(3, len(block) // 120) or 2 * paged > len(lines)


def _many_entries(lines: list[str]) -> bool:
    """Whether lines are short, each an entry for itself."""
    return (
        len(lines) > 3
        and sum(len(line.strip()) < 60 for line in lines) > 0.9 * len(lines)
        and (sum(line.rstrip().endswith((".", ",", ";")) for line in lines) < 0.3 * len(lines))
    )


def _prose_follows(text: str, spans: list[tuple[int, int]], n: int) -> bool:
    return any(is_prose(text[a:b]) for a, b in spans[n + 1 : n + 1 + _PROSE_NEAR])


def _with_outer(text: str, spans: list[tuple[int, int]], n: int, seen: set[str]) -> int:
    """The start of a heading, or of the headings right above it ("PART I", "CHAPTER I")."""
    while n > 1 and heading_at(text, *spans[n - 1]) and _gap(spans, n - 1) > _gap(spans, n):
        n -= 1
    return spans[n][0]


def _gap(spans: list[tuple[int, int]], n: int) -> int:
    return spans[n][0] - spans[n - 1][1]


def _before(text: str, spans: list[tuple[int, int]], n: int, at: int) -> int:
    """The start of the headings that stand above the first prose, ``spans[n]``.

    A table is followed by a wider gap than its entries have, or else by one heading.
    """
    first = n
    for back in range(n, max(at + 1, n - _PROSE_NEAR), -1):
        if _gap(spans, back) > 3:
            first = back
            a, b = spans[back]
            if heading_at(text, a, b):
                break
    if first == n and n - 1 > at and heading_at(text, *spans[n - 1]):
        first = n - 1
    return spans[first][0]

"""What a publisher puts around a work: licences, title pages, contents, indexes, found in a text.

Only what is certain is found; text that may belong to the work stays with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern

from ingest.contents import CONTENTS, contents_end, has_prose, is_prose
from ingest.headings import blocks, heading_at

_START = re.compile(
    r"^[ \t]{0,8}\*{3} ?START OF (?:THE|THIS) PROJECT GUTENBERG[^*\n]{0,200}\n?"
    r"[^*\n]{0,200}(?:\*{3})?",
    re.MULTILINE | re.IGNORECASE,
)
_SMALL_PRINT = re.compile(r"^\*END[* ]{1,3}THE SMALL PRINT[^\n]{0,100}", re.MULTILINE)
_END = re.compile(
    r"^[ \t]{0,8}(?:\*{3} ?END OF (?:THE|THIS) PROJECT GUTENBERG"
    r"|(?:End|Fin|Ende|Fim) (?:of|de|des|du|van|do) (?:the |this |ce |cet )?Project Gutenberg)",
    re.MULTILINE | re.IGNORECASE,
)
_NOTE = re.compile(r"\W{0,4}transcriber['’]?s?['’]? notes?\b", re.IGNORECASE)
_CREDIT = re.compile(
    r"\W{0,4}(?:produced by|e-?text prepared by|this e-?text was|this ebook was|prepared by"
    r"|\[?illustration|transcriber|\[?note)",
    re.IGNORECASE,
)
_INDEX = re.compile(
    r"\W{0,4}(?:(?:general |alphabetical |subject )?index|(?:sach|namen|personen)?register"
    r"|índice alfabético|indice analitico|index alphabétique|索引|색인"
    r"|(?:алфавитный )?указатель)\W{0,4}$",
    re.IGNORECASE,
)
_BIBLIOGRAPHY = re.compile(
    r"\W{0,4}(?:(?:selected |select )?bibliography|works cited|references|literaturverzeichnis"
    r"|bibliographie|bibliografía|bibliografia|参考文献|список литературы)\W{0,4}$",
    re.IGNORECASE,
)
_PAGES = re.compile(r"[,:;.\s]\s?\d{1,4}(?:\s?[-–—]\s?\d{1,4})?[.;,]?\s*$", re.MULTILINE)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_HEADER_REACH = 60_000  # characters in which a licence before the text may end
_TITLE_PAGE = 4_000  # characters that a title page may have
_FIRST_BLOCKS = 120
_CONTENTS_REACH = 40_000
_MOST_BACK = 4  # an index or a bibliography takes at most one part in so many of the text


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the text that does not belong to the work; ``matter`` is "front" or "back"."""

    start: int
    end: int
    title: str
    matter: str


def find_matter(text: str) -> list[Part]:
    """The parts of a text that a publisher put around the work, in order."""
    parts: list[Part] = []
    start, end = _licensed(text)
    if start:
        parts.append(Part(0, start, "Project Gutenberg header", "front"))
    parts += _front(text, start, end, bool(start))
    back = _back(text, max([start, *(part.end for part in parts)]), end)
    if end < len(text):
        back.append(Part(end, len(text), "Project Gutenberg licence", "back"))
    return [*parts, *back]


def _licensed(text: str) -> tuple[int, int]:
    """Where the text starts and ends between the licences of Project Gutenberg."""
    head = text[:_HEADER_REACH]
    found = _START.search(head) or _SMALL_PRINT.search(head)
    start = found.end() if found else 0
    ending = _END.search(text, max(start, len(text) // 4)) if found else None
    end = ending.start() if ending else len(text)
    return (start, end) if text[start:end].strip() else (0, len(text))


def _front(text: str, start: int, end: int, licensed: bool) -> list[Part]:
    """The title page and the table of contents after ``start``."""
    reach = min(end, start + _CONTENTS_REACH)
    spans = [(start + a, start + b) for a, b in blocks(text[start:reach])]
    listed = next(
        (n for n, (a, b) in enumerate(spans) if CONTENTS.match(text[a:b].split("\n", 1)[0])), None
    )
    if listed is None:
        opening = _opening(text, spans) if licensed else None
        return [Part(start, opening, "Title page", "front")] if opening else []
    stop = contents_end(text, spans, listed, end)
    if stop is None:
        return []
    contents = Part(spans[listed][0], stop, "Contents", "front")
    before = spans[:listed]
    named = next((n for n, span in enumerate(before) if _opens(text, before, n)), len(before))
    page_end = before[named][0] if named < len(before) else contents.start
    plain = page_end - start <= _TITLE_PAGE and not _tells(text, before[:named])
    if page_end > start and plain and text[start:page_end].strip():
        return [Part(start, page_end, "Title page", "front"), contents]
    if text[start : contents.start].strip():
        return [contents]
    return [Part(start, stop, "Contents", "front")]


def _opens(text: str, spans: list[tuple[int, int]], n: int) -> bool:
    """Whether a paragraph is a heading, such as "Preface", with prose after it."""
    if not heading_at(text, *spans[n]):
        return False
    return any(is_prose(text[a:b]) for a, b in spans[n + 1 : n + 4])


def _tells(text: str, spans: list[tuple[int, int]]) -> bool:
    """Whether paragraphs are prose, other than credits and notes of who made the file."""
    noted = False
    for a, b in spans:
        block = text[a:b]
        noted = noted or bool(_NOTE.match(block))
        if is_prose(block) and not noted and not _CREDIT.match(block):
            return True
    return False


def _opening(text: str, spans: list[tuple[int, int]]) -> int | None:
    """Where the first heading before prose stands, or None if the text opens in another way."""
    noted = False
    for at, (a, b) in enumerate(spans[:_FIRST_BLOCKS]):
        block = text[a:b]
        noted = noted or bool(_NOTE.match(block))
        if not is_prose(block) or _CREDIT.match(block):
            continue
        first = at
        while first > 0 and heading_at(text, *spans[first - 1]):
            first -= 1
        if first == at and first > 1 and heading_at(text, *spans[first - 2]):
            first -= 2  # a heading with its subtitle
        if first < at and first > 0:
            return spans[first][0]
        if not noted:
            return None
    return None


def _back(text: str, start: int, end: int) -> list[Part]:
    """An index, a bibliography or a transcriber's note at the end of text[start:end]."""
    reach = end - (end - start) // _MOST_BACK
    spans = [(reach + a, reach + b) for a, b in blocks(text[reach:end])]
    for at, (a, b) in enumerate(spans):
        if b - a > 80 and not _NOTE.match(text[a : a + 40]):
            continue
        line, rest = text[a:b].strip(), text[b:end]
        if _NOTE.match(line):
            later = spans[at + 1 :]
            if end - a < 20_000 and not any(heading_at(text, c, d) for c, d in later[3:]):
                return [Part(a, end, "Transcriber's note", "back")]
        elif _lists(line, rest):
            return [Part(a, end, line.strip(" *_#."), "back")]
    return []


def _lists(line: str, rest: str) -> bool:
    """Whether a line is the heading of an index or a bibliography, which is all of the rest."""
    if _INDEX.match(line):
        return _share(_PAGES, rest) > 0.4
    return bool(_BIBLIOGRAPHY.match(line)) and not has_prose(rest) and _dated(rest) > 0.5


def _share(pattern: Pattern[str], rest: str) -> float:
    """How many of the lines end as ``pattern`` says; 0 for few lines."""
    lines = [line for line in rest.split("\n") if line.strip()]
    return len(pattern.findall(rest)) / len(lines) if len(lines) >= 10 else 0.0


def _dated(rest: str) -> float:
    """How many of the paragraphs name a year; 0 for few paragraphs."""
    inside = [rest[a:b] for a, b in blocks(rest)]
    return sum(bool(_YEAR.search(each)) for each in inside) / max(len(inside), 5)

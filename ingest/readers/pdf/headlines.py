"""Lines of a PDF that are set as headings are: larger, bolder, in capitals or apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.headings import heading_at, is_capitals, number_of
from ingest.readers.pdf.edges.heads import usual_size, usual_step
from ingest.readers.pdf.lines import Line, Sheet

_LONGEST_KEYED = 60  # of one such as "Chapter 4" without a gap below it
_LONGEST = 160  # characters of a heading
_MOST_LINES = 4
_LARGER = 1.08  # than the text
_LARGE = 1.3  # than the text: set apart by its size alone
_APART = 1.3  # of the usual distance of baselines
_FEWEST_ENTRIES = 5  # of a page of contents
_BOLD_TEXT = 0.4  # the share of bold letters from which bold says nothing

# "3", "3.", "IV.", "A.", "2.1", "Chapter 4", "Section 2:", with what follows.
_NUMBERED = re.compile(
    r"(?:(?P<word>[^\W\d_]{3,12})\.?\s{1,3})?(?P<number>\d{1,3}(?:\.\d{1,3}){0,4}|[IVXLC]{1,7}|[A-Z])"
    r"(?P<dot>[.):]?)(?:\s{1,9}|(?<=[.):])|$)(?P<rest>.{0,200})",
    re.DOTALL,
)
_WORDS = frozenset(
    {"chapter", "part", "section", "book", "appendix", "annex", "article", "act", "unit", "lesson"}
    | {"chapitre", "kapitel", "capítulo", "capitulo", "capitolo", "teil", "partie", "lecture"}
    | {
        "adventure",
        "letter",
        "volume",
        "module",
        "titre",
        "abschnitt",
        "anhang",
        "schedule",
        "title",
    }
)
_NOT_TITLE = re.compile(
    r"(?:fig(?:ure|\.)?|tab(?:le|\.)?|abb(?:ildung|\.)?|tabelle|tableau|algorithm|theorem|lemma"
    r"|corollary|proposition|definition|proof|remark|example|listing|exhibit|equation|note|notes?:"
    r"|vol\.|no\.|pp?\.|isbn|issn|doi|https?:|www\.|©|copyright|\[\d|keywords|step|question)\b",
    re.IGNORECASE,
)
_ENTRY = re.compile(r"(?:[.·…\s|]{2,9}|\s)(?:\d{1,4}|[ivxlc]{1,7})\s{0,3}$")
_CONTENTS = re.compile(
    r"\W{0,3}(?:table of )?(?:contents?|inhalt(?:sverzeichnis)?|sommaire|table des mati[èe]res"
    r"|[íi]ndice|list of (?:figures|tables))\W{0,3}$",
    re.IGNORECASE,
)
_OPEN_END = re.compile(
    r"[,;:]$|(?:\b(?:the|a|an|of|and|or|in|to|for|with|by|that|which|der|die|das|und|de|la|et))$"
    r"|[^\W\d_]-$"
)
_SENTENCE_END = re.compile(r"[a-zà-ÿ)\]][.]$")
_LETTER = re.compile(r"[^\W\d_]")
_SENTENCES = re.compile(r"[a-z)\]][.?!] [A-Z]|[a-z)\]][.]$")
_MOST_PLAIN_WORDS = 10  # of a heading that is set as the text is


@dataclass(frozen=True, slots=True)
class Style:
    """How a heading is set: its size in half points, and what else shows."""

    size: int
    bold: bool
    italic: bool
    capitals: bool
    font: str


@dataclass(frozen=True, slots=True)
class Headline:
    """A line, or lines that belong together, set as a heading.

    page: from 0. line: the index of its first line on the page. word, number, depth: of its
    numbering; number is None without one, and depth 2 is that of "3.1". apart: whether gaps
    separate it from the text above and below. plain: whether it is set as the text is. high: how
    high it stands on its page, from 0 to 1.
    """

    page: int
    line: int
    title: str
    style: Style
    left: float
    middle: float
    apart: bool
    plain: bool
    high: float = 0.0
    word: str = ""
    kind: str = ""
    number: int | None = None
    depth: int = 1


@dataclass(frozen=True, slots=True)
class _Usual:
    """How most of the document's text is set; bold: whether being bold says anything."""

    size: float
    step: float
    bold: bool


def headlines_of(sheets: Sequence[Sheet]) -> list[Headline]:
    """The headings of all pages, in order, without those on pages of contents."""
    letters: Counter[bool] = Counter()
    for sheet in sheets:
        for line in sheet.lines:
            letters[line.bold] += len(line.text)
    bold_says = letters[True] < _BOLD_TEXT * max(1, letters.total())
    usual = _Usual(usual_size(sheets), usual_step(sheets), bold_says)
    found: list[Headline] = []
    contents = False
    for page, sheet in enumerate(sheets):
        contents = _is_contents(sheet, after=contents)
        if not contents:
            found += _of_page(page, sheet, usual)
    return found


def _is_contents(sheet: Sheet, *, after: bool) -> bool:
    """Whether a page lists the document's chapters; after: whether the page before does."""
    texts = [line.text.strip() for line in sheet.lines if line.text.strip()]
    entries = sum(bool(_ENTRY.search(text[-60:])) and bool(_LETTER.search(text)) for text in texts)
    named = any(_CONTENTS.match(text) for text in texts[:8])
    share = 0.25 if named or after else 0.5
    return entries >= _FEWEST_ENTRIES and entries >= share * len(texts)


def _of_page(page: int, sheet: Sheet, usual: _Usual) -> Iterator[Headline]:
    lines = sheet.lines
    at = 0
    while at < len(lines):
        line = lines[at]
        if not _may_be(line, usual):
            at += 1
            continue
        # A line that is set as the text is goes on in the text, not in a second line of a title.
        most = min(len(lines), at + (_MOST_LINES if _stands_out(line, usual) else 1))
        end = at + 1
        while end < most and _continues(lines[end - 1], lines[end]):
            end += 1
        above = _gap(lines, at - 1, at)
        below = _gap(lines, end - 1, end)
        one = _headline(lines[at:end], usual, (above, below))
        if one is not None:
            yield replace(one, page=page, line=at, high=line.baseline / (sheet.height or 1.0))
        at = end


def _may_be(line: Line, usual: _Usual) -> bool:
    """Whether a line could begin a heading."""
    text = line.text.strip()
    if not line.placed or line.turned or line.cells > 1 or not 1 <= len(text) <= _LONGEST:
        return False
    if _stands_out(line, usual):
        return True
    return line.size > 0.95 * usual.size and _NUMBERED.match(text) is not None


def _stands_out(line: Line, usual: _Usual) -> bool:
    """Whether a line is set in another way than the text."""
    if line.size > _LARGER * usual.size or (line.bold and usual.bold):
        return True
    return is_capitals(line.text.strip())


def _continues(line: Line, following: Line) -> bool:
    """Whether a line goes on in the next one, set in the same way right below it."""
    text = following.text.strip()
    if following.turned or following.cells > 1 or not text or not following.placed:
        return False
    drop = line.baseline - following.baseline
    alike = abs(line.size - following.size) < 0.6 and line.bold == following.bold
    if not alike or not 0.7 * line.size < drop < 1.65 * line.size:
        return False
    numbered = _NUMBERED.match(text)
    if numbered and (
        numbered["dot"] or numbered["word"] or numbered["number"].replace(".", "").isdecimal()
    ):
        return False
    return is_capitals(line.text.strip()) == is_capitals(text)


def _gap(lines: Sequence[Line], above: int, below: int) -> float:
    """The distance of two baselines in points; large where there is no line, or another column."""
    if above < 0 or below >= len(lines):
        return 1_000.0
    gap = lines[above].baseline - lines[below].baseline
    return gap if gap > 0 else 1_000.0 if gap < -lines[below].size else 0.0


def _headline(lines: Sequence[Line], usual: _Usual, gaps: tuple[float, float]) -> Headline | None:
    """Lines that belong together as a headline, if they are one; gaps: above and below them."""
    title = " ".join(" ".join(line.text.split()) for line in lines)
    if len(title) > _LONGEST or not _LETTER.search(title) or _NOT_TITLE.match(title):
        return None
    if _OPEN_END.search(title) or _CONTENTS.match(title) or not _reads_as_title(title):
        return None
    first = lines[0]
    style = Style(
        round(2 * first.size), first.bold and usual.bold, first.italic, is_capitals(title[:80]),
        first.font,
    )  # fmt: skip
    most = max(usual.step, 1.1 * first.size)
    plain = first.size <= _LARGER * usual.size and not style.bold
    above = gaps[0] > _APART * most or first.size > _LARGE * usual.size
    apart = above and (not plain or gaps[1] > 1.12 * usual.step)
    one = Headline(
        0, 0, title, style, first.left, (first.left + first.right) / 2, apart, plain
    )  # fmt: skip
    one = _with_number(one)
    begins = _LETTER.search(one.title)
    if begins and begins[0].islower():
        return None
    if one.number is None and _SENTENCE_END.search(title) and not style.capitals:
        return None
    keyed = above and bool(one.word) and len(title) <= _LONGEST_KEYED
    if plain and not ((apart or keyed) and _may_be_plain(one)):
        return None
    return one


def _reads_as_title(title: str) -> bool:
    """Whether a text is made of words rather than of figures and signs."""
    letters = sum(character.isalpha() for character in title)
    return 2 * letters >= len(title.replace(" ", "")) and letters >= 2


def _may_be_plain(one: Headline) -> bool:
    """Whether a line that only gaps tell from the text is a heading: a short title."""
    words = one.title.split()
    return len(words) <= _MOST_PLAIN_WORDS and not _SENTENCES.search(one.title)


def _with_number(one: Headline) -> Headline:
    """A headline with its numbering, if it has one."""
    match = _NUMBERED.match(one.title)
    if match is None:
        keyed = heading_at(one.title, 0, len(one.title))
        if keyed and keyed.number is not None and keyed.level < 6:
            return replace(one, word=keyed.family, kind="word", number=keyed.number)
        return one
    word, number, rest = (match["word"] or "").casefold(), match["number"], match["rest"].strip()
    if word and word not in _WORDS:
        return one
    if rest and _LETTER.match(rest) and rest[0].islower():
        return one
    depth = number.count(".") + 1
    if number.replace(".", "").isdecimal():
        return replace(
            one, word=word, kind="arabic", number=int(number.partition(".")[0]), depth=depth
        )  # fmt: skip
    if not (match["dot"] or word or not rest) and not (one.style.capitals or one.style.bold):
        return one
    value = number_of(number)
    if value is not None and (len(number) > 1 or number in "IVX"):
        return replace(one, word=word, kind="roman", number=value)
    if len(number) == 1 and (word or match["dot"]):
        return replace(one, word=word, kind="letter", number=ord(number) - ord("A") + 1)
    return one


def spread(headlines: Sequence[Headline]) -> list[int]:
    """How many pages lie between headlines that follow each other."""
    return [b.page - a.page for a, b in pairwise(headlines)]

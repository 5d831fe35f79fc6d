"""Runs of capitalised words in a text, with the words around them: what names are made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.people.words import PARTICLES, SHORT, TITLES
from ingest.book import Chapter
from ingest.cuts import PARAGRAPH_END

_WORD = re.compile(r"[^\W\d_]++(?:['’\-][^\W\d_]++)*+")
_PRONOUN = re.compile(r"\bs?he\b")
_SOON = 60  # characters
_PARAGRAPH = re.compile(PARAGRAPH_END)
_CONTRACTED = ("'m", "'ll", "'ve", "'d", "'re", "n't", "'t")
_OPENING = "\"'“‘«„([{*_‹"
_CLOSING = "\"'”’»)]}*_›"
_STOPPING = ".!?:…"
_LONGEST_PARAGRAPH = 50_000  # characters
_LONGEST_HEADING = 90  # characters
_MOST_HEADINGS = 4  # paragraphs at the start of a chapter
_MOST_WORDS = 6  # of a name


@dataclass(slots=True)
class Run:
    """Capitalised words in a row: a name may be in them.

    opens: the first word begins a sentence or a speech, so that its capital says nothing; so does
    the start of a line of verse. before, after: the words around it, in small letters,
    where only a space is between; joined: only "and" stands between this run and the next. gender:
    "m" or "f" by the first "he" or "she" soon after it.
    """

    words: list[str]
    start: int
    end: int
    opens: bool
    owner: bool = False  # with 's behind it
    before: str = ""
    after: str = ""
    joined: bool = False
    gender: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Runs:
    """All runs of a text in order, and how often each word stands there in small letters."""

    runs: list[Run]
    small: Counter[str]


def runs_of(text: str, chapters: Sequence[Chapter]) -> Runs:
    """The runs of the work itself: publisher's matter and headings are left out."""
    runs: list[Run] = []
    small: Counter[str] = Counter()
    for chapter in chapters:
        if chapter.matter != "main":
            continue
        for number, (start, end) in enumerate(_paragraphs(text, chapter.start, chapter.end)):
            if not _is_heading(text, start, end, chapter, early=number < _MOST_HEADINGS):
                _read(text, start, end, runs, small)
    return Runs(runs, small)


def _paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    at = start
    for gap in _PARAGRAPH.finditer(text, start, end):
        yield from _pieces(text, at, gap.start())
        at = gap.end()
    yield from _pieces(text, at, end)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A paragraph, or parts of one that is so long that its words would fill the memory."""
    while end - start > _LONGEST_PARAGRAPH:
        cut = text.rfind(" ", start, start + _LONGEST_PARAGRAPH)
        cut = cut if cut > start else start + _LONGEST_PARAGRAPH
        yield start, cut
        start = cut
    if end > start:
        yield start, end


def _is_heading(text: str, start: int, end: int, chapter: Chapter, *, early: bool) -> bool:
    """A short line without the end of a sentence, or the chapter's title itself."""
    if end - start > 3 * _LONGEST_HEADING:
        return False
    line = " ".join(text[start:end].split()).strip("*_# ")
    if early and line and line.casefold().strip(". ") in chapter.title.casefold():
        return True
    if line.isupper() and len(line) > 3 and not line.endswith((".", '."', ".”")):
        return True
    if len(line) > _LONGEST_HEADING or "\n" in text[start:end].strip():
        return False
    return early and line[-1:] not in ".!?,;:\"'”’—-)…" and not line[-1:].isdigit()


def _read(text: str, start: int, end: int, runs: list[Run], small: Counter[str]) -> None:
    """Add the runs of one paragraph, and count its words in small letters."""
    found = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(text, start, end)]
    lines = _verse_lines(text, start, end)
    at, last = 0, len(found)
    while at < last:
        word, begin, stop = found[at]
        if not word[0].isupper():
            small[word] += 1
            at += 1
            continue
        opens = begin in lines or _opens(text, start, begin)
        run = Run([], begin, stop, opens)
        at = _extend(text, found, at, run, lines)
        _around(text, found, at, run)
        if run.words:
            if runs and text[runs[-1].end : run.start].strip(" .\n") in ("and", "&"):
                runs[-1].joined = True
            runs.append(run)


def _verse_lines(text: str, start: int, end: int) -> set[int]:
    """Where the lines of a poem begin: all lines of the paragraph begin with a capital."""
    if text.find("\n", start, end) < 0:
        return set()
    lines, at = [], start
    for line in text[start:end].split("\n"):
        body = line.lstrip(" \t" + _OPENING)
        if body:
            if not body[0].isupper():
                return set()
            lines.append(at + len(line) - len(body))
        at += len(line) + 1
    return set(lines) if len(lines) > 1 else set()


def _opens(text: str, start: int, at: int) -> bool:
    """Whether a word at `at` begins a sentence or a speech of its paragraph."""
    place = at - 1
    while place >= start and text[place] in "*_":
        place -= 1
    if place < start or text[place] in _OPENING or text[place] in "—–-":
        return True
    while place >= start and text[place].isspace():
        place -= 1
    while place >= start and text[place] in _CLOSING:
        place -= 1
    if place < start:
        return True
    if text[place] == ".":
        return _word_before(text, start, place) not in SHORT
    return text[place] in _STOPPING or text[place] in "—–" or text[place - 1 : place + 1] == "--"


def _word_before(text: str, start: int, place: int) -> str:
    first = place
    while first > start and place - first < 12 and text[first - 1].isalpha():
        first -= 1
    return text[first:place]


def _extend(
    text: str, found: list[tuple[str, int, int]], at: int, run: Run, lines: set[int]
) -> int:
    """Put the words of a run into it; returns the place behind them."""
    last = len(found)
    while at < last:
        word, begin, stop = found[at]
        word, owner = _own(word)
        if word:
            run.words.append(word)
            run.spans.append((begin, begin + len(word)))
            run.end, run.owner = begin + len(word), owner
        at += 1
        if not word or owner or at == last or len(run.words) >= _MOST_WORDS:
            return at
        gap = text[stop : found[at][1]]
        if not _joins(gap, word):
            return at
        following = found[at][0]
        if following[0].isupper():
            if found[at][1] in lines:
                return at
            continue
        particles = 0
        while particles < 3 and at + particles < last and _is_particle(found[at + particles][0]):
            particles += 1
        beyond = at + particles
        ofs = particles == 0 and following == "of" and word in TITLES
        beyond = at + 1 if ofs else beyond
        if (particles or ofs) and beyond < last and found[beyond][0][0].isupper():
            if text[found[beyond - 1][2] : found[beyond][1]].strip():
                return at
            for small, first, end in found[at:beyond]:
                run.words.append(small)
                run.spans.append((first, end))
            at = beyond
            continue
        return at
    return at


def _is_particle(word: str) -> bool:
    return word in PARTICLES


def _joins(gap: str, word: str) -> bool:
    """Whether what stands between two words lets them be one name."""
    if gap.isspace():
        return gap.count("\n") < 2
    dotted = len(word) == 1 or word in SHORT or word in TITLES
    return dotted and gap[:1] == "." and (gap[1:].isspace() or (gap == "." and len(word) == 1))


def _own(word: str) -> tuple[str, bool]:
    """A word without the 's of a possessive; "" for a contraction such as "I'm"."""
    plain = word.replace("’", "'")
    if plain.endswith(("'s", "'S")):
        return word[:-2], True
    if plain.endswith(_CONTRACTED):
        return "", False
    return word, False


def _around(text: str, found: list[tuple[str, int, int]], at: int, run: Run) -> None:
    """Note the words before and after a run; `at` is the place of the word behind it."""
    first = at - 1
    while first >= 0 and found[first][1] > run.start:
        first -= 1
    if first > 0 and text[found[first - 1][2] : run.start].isspace():
        run.before = found[first - 1][0].lower()
    if said := _PRONOUN.search(text, run.end, run.end + _SOON):
        run.gender = "m" if said.group() == "he" else "f"
    if at < len(found):
        gap = text[run.end + 2 * run.owner : found[at][1]].strip(_CLOSING + " \n,")
        if not gap:
            run.after = found[at][0].lower()

"""What changed between two versions of a text, chapter by chapter.

Chapters are paired by what they say: the same words first, then many of the same sentences, then
the same title. So a chapter that was renamed, renumbered or moved is found again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.storage.store import DocumentText
from ingest.book import Chapter

ALIKE = 0.3  # of its sentences; a chapter that shares fewer is another one
_WORD = re.compile(r"[\w'’]+")
_MARKS = "#*_= \t"  # around a heading in a plain text
_PIECE = re.compile(r"[^\n.!?]+[.!?]*")

What = Literal["unchanged", "changed", "new", "gone"]


@dataclass(frozen=True, slots=True)
class ChapterChange:
    """What became of one chapter. Numbers count from 1; None for none in that version.

    words_added, words_removed: how often words are used more, or less, than before; where both are
    0, a changed chapter has other punctuation, or the same words in another order. pages: where
    something is new or missing, as printed, such as "3, 5-6".
    """

    chapter: int | None
    title: str
    what: What
    was: int | None = None
    was_title: str = ""
    is_moved: bool = False
    words_added: int = 0
    words_removed: int = 0
    pages: str = ""

    @property
    def is_renamed(self) -> bool:
        """True if the chapter had another title."""
        return self.was is not None and self.chapter is not None and self.title != self.was_title

    @property
    def is_as_before(self) -> bool:
        """True if there is nothing to say about the chapter."""
        return self.what == "unchanged" and not self.is_moved and not self.is_renamed


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed, and how much of the new version is read.

    reason: why all of it is, where nothing can be kept.
    """

    chapters: tuple[ChapterChange, ...]  # in the order of the new version, then what is gone
    pages: int
    pages_read: int
    segments_read: int
    segments_kept: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Changes:
        """Inverse of `to_dict`."""
        chapters = tuple(ChapterChange(**chapter) for chapter in given["chapters"])
        return cls(**{**given, "chapters": chapters})

    @property
    def headline(self) -> str:
        """How much is read, as a sentence."""
        if self.reason:
            return f"All {self.pages:,} pages are read again: {self.reason}"
        if not self.pages_read:
            return f"None of the {self.pages:,} pages has to be read again."
        if self.pages_read == self.pages:
            return f"All {self.pages:,} pages are read."
        are = "is" if self.pages_read == 1 else "are"
        return f"{self.pages_read:,} of {self.pages:,} pages {are} read; the rest is known already."

    def lines(self) -> list[str]:
        """What changed, a line for each chapter that is not as before."""
        told = [_line(change) for change in self.chapters if not change.is_as_before]
        same = len(self.chapters) - len(told)
        if not told:
            return ["No chapter has changed."]
        if same:
            told.append(f"{same} other chapter{'s are' if same > 1 else ' is'} unchanged.")
        return told


def _line(change: ChapterChange) -> str:
    if change.what == "gone":
        return f"{change.was_title} (chapter {change.was} before): no longer there"
    name = f"{change.chapter}. {change.title}"
    facts = []
    if change.is_renamed:
        facts.append(f"was called {change.was_title}")
    if change.is_moved:
        facts.append(f"was chapter {change.was}")
    if change.what == "new":
        facts.append("new")
    elif change.what == "changed":
        counted = (("added", change.words_added), ("removed", change.words_removed))
        counts = [f"{n:,} word{'s' if n > 1 else ''} {how}" for how, n in counted if n]
        facts.append(" and ".join(counts) or "other punctuation or order")
    where = f" (page {change.pages})" if change.pages.isalnum() else f" (pages {change.pages})"
    return f"{name}: {', '.join(facts)}{where if change.pages else ''}"


def changed_chapters(old: DocumentText, new: DocumentText) -> tuple[ChapterChange, ...]:
    """What became of each chapter."""
    pairs = _pairs(old, new)
    numbers = [pairs[number] for number in sorted(pairs)]
    staying = _ascending(numbers)
    found = []
    for number, chapter in enumerate(new.chapters, start=1):
        was = pairs.get(number)
        if was is None:
            pages = _labels(new, [(chapter.start, chapter.end)])
            words = sum(_words(new.text[chapter.start : chapter.end]).values())
            found.append(
                ChapterChange(number, chapter.title, "new", words_added=words, pages=pages)
            )
            continue
        before = old.chapters[was - 1]
        change = ChapterChange(
            number, chapter.title, "unchanged", was, before.title, was not in staying
        )
        found.append(_compared(change, old, before, new, chapter))
    gone = sorted(set(range(1, len(old.chapters) + 1)) - set(numbers))
    for was in gone:
        chapter = old.chapters[was - 1]
        words = sum(_words(old.text[chapter.start : chapter.end]).values())
        found.append(
            ChapterChange(None, chapter.title, "gone", was, chapter.title, words_removed=words)
        )
    return tuple(found)


def same_chapters(old: DocumentText, new: DocumentText) -> dict[int, int]:
    """The number of each new chapter that says the same as an old one -> the old one's number."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for number, chapter in enumerate(old.chapters, start=1):
        waiting[_body(old.text, chapter)].append(number)
    found: dict[int, int] = {}
    for number, chapter in enumerate(new.chapters, start=1):
        numbers = waiting[_body(new.text, chapter)]
        if numbers:
            named = [n for n in numbers if old.chapters[n - 1].title == chapter.title]
            found[number] = (named or numbers)[0]
            numbers.remove(found[number])
    return found


def _pairs(old: DocumentText, new: DocumentText) -> dict[int, int]:
    """The number of each new chapter -> the number of the old chapter that became it."""
    pairs = same_chapters(old, new)
    for pair in (_by_sentences, _by_titles):
        left_old = set(range(1, len(old.chapters) + 1)) - set(pairs.values())
        left_new = set(range(1, len(new.chapters) + 1)) - set(pairs)
        pairs |= pair(old, new, sorted(left_old), sorted(left_new))
    return pairs


def _by_sentences(
    old: DocumentText, new: DocumentText, left_old: Sequence[int], left_new: Sequence[int]
) -> dict[int, int]:
    """Chapters that share most of their sentences, the most alike first."""
    holders: dict[str, list[int]] = defaultdict(list)
    sizes: dict[int, int] = {}
    for number in left_old:
        pieces = set(_pieces(old.text, old.chapters[number - 1]))
        sizes[number] = len(pieces)
        for piece in pieces:
            holders[piece].append(number)
    alike: list[tuple[float, int, int]] = []
    for number in left_new:
        pieces = set(_pieces(new.text, new.chapters[number - 1]))
        # A sentence that many chapters have, such as a row of stars, says nothing.
        shared = Counter(
            was for piece in pieces if len(holders.get(piece, ())) == 1 for was in holders[piece]
        )
        for was, count in shared.items():
            share = count / max(1, min(len(pieces), sizes[was]))
            if share >= ALIKE:
                alike.append((-share, number, was))
    found: dict[int, int] = {}
    for _, number, was in sorted(alike):
        if number not in found and was not in found.values():
            found[number] = was
    return found


def _by_titles(
    old: DocumentText, new: DocumentText, left_old: Sequence[int], left_new: Sequence[int]
) -> dict[int, int]:
    """Chapters that are called the same."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for number in left_old:
        waiting[old.chapters[number - 1].title.casefold()].append(number)
    found: dict[int, int] = {}
    for number in left_new:
        if numbers := waiting[new.chapters[number - 1].title.casefold()]:
            found[number] = numbers.pop(0)
    return found


def _compared(
    change: ChapterChange, old: DocumentText, was: Chapter, new: DocumentText, chapter: Chapter
) -> ChapterChange:
    """A pair of chapters with how they differ."""
    if _body(old.text, was) == _body(new.text, chapter):
        return change
    before, after = _words(_body(old.text, was)), _words(_body(new.text, chapter))
    values = asdict(change) | {
        "what": "changed",
        "words_added": (after - before).total(),
        "words_removed": (before - after).total(),
        "pages": _labels(new, _differing(old, was, new, chapter)),
    }
    return ChapterChange(**values)


def _differing(
    old: DocumentText, was: Chapter, new: DocumentText, chapter: Chapter
) -> list[tuple[int, int]]:
    """Where the new chapter has sentences that the old one has not, or lacks some of its."""
    known = Counter(_pieces(old.text, was))
    spans: list[tuple[int, int]] = []
    for piece, start, end in _placed_pieces(new.text, chapter):
        if known[piece]:
            known[piece] -= 1
        else:
            spans.append((start, end))
    if spans:
        return spans
    one, other = old.text[was.start : was.end], new.text[chapter.start : chapter.end]
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    place = min(chapter.start + at, chapter.end - 1)
    return [(place, place + 1)]


def _body(text: str, chapter: Chapter) -> str:
    """A chapter's text without its heading and the space around it."""
    body = text[chapter.start : chapter.end].strip()
    heading, _, rest = body.partition("\n")
    said = " ".join(heading.strip(_MARKS).split()).casefold()
    same = said == " ".join(chapter.title.split()).casefold()
    return rest.strip() if same and rest.strip() else body


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text))


def _placed_pieces(text: str, chapter: Chapter) -> Iterable[tuple[str, int, int]]:
    """Sentences, about, of a chapter, with their places."""
    for match in _PIECE.finditer(text, chapter.start, chapter.end):
        if words := " ".join(match.group().split()):
            yield words, match.start(), match.end()


def _pieces(text: str, chapter: Chapter) -> Iterable[str]:
    return (piece for piece, _, _ in _placed_pieces(text, chapter))


def _ascending(numbers: Sequence[int]) -> set[int]:
    """The longest ascending part of some numbers: chapters that kept their order."""
    tails: list[int] = []
    ends: list[int] = []  # the place in `numbers` of each of the tails
    before: list[int] = []
    for at, number in enumerate(numbers):
        length = bisect_left(tails, number)
        tails[length : length + 1] = [number]
        ends[length : length + 1] = [at]
        before.append(ends[length - 1] if length else -1)
    found: set[int] = set()
    at = ends[-1] if ends else -1
    while at >= 0:
        found.add(numbers[at])
        at = before[at]
    return found


def _labels(text: DocumentText, spans: Iterable[tuple[int, int]]) -> str:
    """The printed pages that hold a part of some spans: "3, 5-6"."""
    starts = [page.start for page in text.pages]
    on: set[int] = set()
    for start, end in spans:
        first, last = (bisect_right(starts, at) - 1 for at in (start, max(start, end - 1)))
        on.update(range(first, last + 1))
    runs: list[list[int]] = []
    for index in sorted(on):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    labels = [text.pages[run[0]].label for run in runs]
    ends = [text.pages[run[-1]].label for run in runs]
    return ", ".join(a if a == b else f"{a}-{b}" for a, b in zip(labels, ends, strict=True))

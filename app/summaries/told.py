"""Sentences of a summary, with the pages that each was made from and a check of what they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

END = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)[.!?][\"”’]?(?=\s|$)")
_WORD = re.compile(r"[^\W_]+")
# Words that a sentence about anything may begin with.
_OPENING = frozenset(
    _WORD.findall(
        """a about after again all also although an and another any are as at because before both
        but by despite did do during each even every finally first for from had has have he her here
        his how however if in instead is it its later many meanwhile most much my no nobody none nor
        not nothing now of on once one only or other others our out over people she since so some
        somebody someone soon still such that the their them then there these they this those though
        through thus to together too two under until upon was we were what when where whether which
        while who whose why will with within without would yet you your"""
    )
)


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence, and the numbers of the first and the last page that it was made from."""

    text: str
    page_first: int
    page_last: int

    def to_dict(self) -> dict[str, Any]:
        """The sentence as it is stored, and as `summarize --json` prints it."""
        return asdict(self)


def sentences_of(text: str) -> list[str]:
    """The sentences of a generated text, without white space around them."""
    edges = [0, *(match.end() for match in END.finditer(text)), len(text)]
    parts = (text[a:b].strip() for a, b in pairwise(edges))
    return [part for part in parts if part]


def is_supported(sentence: str, source: str) -> bool:
    """False for a sentence that names somebody, or a number, whom its source does not have.

    Names are words with a capital letter, but for words that often begin a sentence. What happens
    to whom is not checked: a sentence may still say something that its source does not.
    """
    known = {word.casefold() for word in _WORD.findall(source)} | _OPENING
    words: list[str] = _WORD.findall(sentence)
    named = [word for word in words if word[0].isupper() and len(word) > 1]
    if named and named[0] == words[0] and words[0].endswith(("ly", "ing", "ed")):
        named = named[1:]
    numbers = [word for word in words if word[0].isdecimal()]
    return all(word.casefold() in known for word in [*named, *numbers])


def told(text: str, source: str, pages: tuple[int, int]) -> list[Told]:
    """The sentences of a text made from a source on these pages, without unsupported ones."""
    return [Told(s, *pages) for s in sentences_of(text) if is_supported(s, source)]


def joined(parts: Iterable[Told], between: str = " ") -> str:
    """The sentences as one text."""
    return between.join(part.text for part in parts)


def pages_of(parts: Sequence[Told], start: int, end: int, between: int = 1) -> tuple[int, int]:
    """The pages of the sentences in characters start <= c < end of `joined(parts)`.

    between: how many characters stand between two sentences.
    """
    at, first, last = 0, 0, 0
    for part in parts:
        if at < end and at + len(part.text) > start:
            first = min(first, part.page_first) if first else part.page_first
            last = max(last, part.page_last)
        at += len(part.text) + between
    return first, last

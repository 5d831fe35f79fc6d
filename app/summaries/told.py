"""Sentences of a summary, with the pages that each was made from and a check of what they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

END = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)[.!?][\"”’]?(?=\s|$)")
_WORD = re.compile(r"[^\W_]+")


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

    Names are words with a capital letter behind the first word. What happens to whom is not
    checked: a sentence may still say something that its source does not.
    """
    known = {word.casefold() for word in _WORD.findall(source)}
    words: list[str] = _WORD.findall(sentence)
    named = [word for word in words[1:] if word[0].isupper() and len(word) > 1]
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

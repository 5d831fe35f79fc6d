"""The words of two texts compared: how many are there, how many are too many, in which order.

Both texts are brought into one form first, so that only what a reader would notice counts: the
Unicode form, ligatures, hyphens (also those at the ends of lines), case and punctuation do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_BROKEN = re.compile(r"(?<=\w)[-\u00ad\u2010]\n\s*+(?=\w)")
_HYPHENS = re.compile(r"(?<=\w)[-\u2010\u2011](?=\w)|\u00ad")
# Scripts without spaces between words are compared letter by letter.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]|[^\W\u3040-\u9fff]+")


def words_of(text: str) -> list[str]:
    """The words of a text in the form in which they are compared."""
    joined = _BROKEN.sub("", unicodedata.normalize("NFKC", text))
    return _WORD.findall(_HYPHENS.sub("", joined).casefold())


@dataclass(frozen=True, slots=True)
class Overlap:
    """Shares, from 0 to 1: of the reference's words that were read, of the words read that are in
    the reference, and of the reference's runs of three words that were read.
    """

    recall: float
    precision: float
    order: float


def overlap(reference: Sequence[str], read: Sequence[str]) -> Overlap | None:
    """How far what was read agrees with a reference; None without words in the reference."""
    if not reference:
        return None
    wanted, found = Counter(reference), Counter(read)
    both = sum((wanted & found).values())
    runs, read_runs = Counter(_runs(reference)), Counter(_runs(read))
    shared = sum((runs & read_runs).values())
    return Overlap(
        round(both / len(reference), 5),
        round(both / len(read), 5) if read else 0.0,
        round(shared / sum(runs.values()), 5) if runs else 1.0,
    )


def _runs(words: Sequence[str]) -> list[tuple[str, str, str]]:
    return list(zip(words, words[1:], words[2:], strict=False))

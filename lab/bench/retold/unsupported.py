"""Names and numbers in a summary's sentences that their source does not hold.

This is counted by rules of its own, so that it can find what the product's check lets through: a
name is a word with a capital that does not begin the sentence, or begins it and is nowhere else in
the text written small; a number is one in digits or, from two on, in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_NUMBERS = frozenset(
    _WORD.findall(
        """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
        hundred thousand million"""
    )
)
# Said of anybody, and written with a capital wherever they stand.
_ANYBODY = frozenset(("i", "mr", "mrs", "ms", "miss", "dr", "sir", "lord", "lady"))


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in small letters."""
    return frozenset(word.casefold() for word in _WORD.findall(text))


def unsupported(sentence: str, source: str, small: frozenset[str]) -> list[str]:
    """The names and numbers of a sentence that its source does not hold.

    small: every word that the whole text writes with a small letter.
    """
    known = words_of(source)
    found: list[str] = []
    for place, word in enumerate(_WORD.findall(sentence)):
        low = word.casefold()
        is_name = word[0].isupper() and len(word) > 1 and low not in _ANYBODY
        is_name = is_name and (place > 0 or low not in small)
        is_number = word[0].isdecimal() or low in _NUMBERS
        if (is_name or is_number) and low not in known:
            found.append(word)
    return found


def written_small(texts: Iterable[str]) -> frozenset[str]:
    """The words that texts write with a small letter."""
    return frozenset(w for text in texts for w in _WORD.findall(text) if w[0].islower())

"""How far a page's text looks like words, and which of two readings is the better one."""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\S+")
_EDGE = "\"'.,;:!?()[]{}<>«»“”‘’„…*•·–—-/\\|+=%&$€£#©®™°§†‡"
_LATIN_VOWELS = frozenset("aeiouyAEIOUY")
_SAMPLE = 1_500  # characters
_LONGEST_WORD = 24
_LIKELY = 0.75
_FREQUENT = frozenset("etaoinsrl")
_LEAST_FREQUENT = 0.47  # English, French, German: 0.6 to 0.7; by chance 0.35
_GLYPH_NAME = re.compile(r"/(?:g|G|c|C|cid|glyph|uni|a|f|x)\d{1,6}|\(cid:\d{1,6}\)")


def likeness(text: str) -> float:
    """The share of a text's characters that stand in what may be words or numbers, 0 to 1.

    Of a long text, the middle is looked at.
    """
    good = total = 0.0
    start = max(0, (len(text) - _SAMPLE) // 2)
    for match in _TOKEN.finditer(text, start, start + _SAMPLE):
        token = match[0]
        total += len(token)
        good += _worth(token.strip(_EDGE)) * len(token)
    return good / total if total else 0.0


def substance(text: str) -> float:
    """How many characters of a text stand in what may be words or numbers."""
    return likeness(text) * sum(not letter.isspace() for letter in text)


def plausible(text: str) -> bool:
    """Whether the letters of a text are as frequent as in a European language.

    Of a text in another alphabet, whether it looks like words.
    """
    letters = [letter for letter in text.lower() if letter.isalpha()]
    latin = [letter for letter in letters if letter < "\u0250"]
    if 2 * len(latin) < len(letters):
        return likeness(text) > _LIKELY
    often = sum(letter in _FREQUENT for letter in latin)
    return often >= _LEAST_FREQUENT * len(latin) > 0


def names_glyphs(text: str) -> bool:
    """Whether a text mostly names glyphs, such as "/g152/g172" or "(cid:12)"."""
    named = sum(len(match[0]) for match in _GLYPH_NAME.finditer(text))
    return 2 * named > sum(not letter.isspace() for letter in text) > 0


@lru_cache(maxsize=1 << 14)  # a book repeats its words
def _worth(token: str) -> float:
    """How much a token looks like a word, 0 to 1."""
    if not token:
        return 0.5  # punctuation alone
    if any(
        letter < " " or "\ue000" <= letter <= "\uf8ff" or letter == "\ufffd" for letter in token
    ):
        return 0.0
    letters = [letter for letter in token if letter.isalpha()]
    if not letters:
        return 0.8 if any(letter.isdigit() for letter in token) else 0.2
    kinds = {_alphabet(letter) for letter in letters}
    if len(kinds) > 1 or len(token) > 3 * _LONGEST_WORD:
        return 0.1
    if kinds != {"latin"}:
        return 1.0
    if len(letters) < 0.7 * len(token):
        return 0.4
    if len(token) > _LONGEST_WORD:
        return 0.4
    inner = token[1:]
    cased = inner == inner.lower() or token == token.upper()
    plain = [letter for letter in letters if letter.isascii()]
    voiced = len(letters) < 3 or len(plain) < len(letters) or not _LATIN_VOWELS.isdisjoint(plain)
    return (0.5 if not cased else 1.0) * (1.0 if voiced else 0.5)


def _alphabet(letter: str) -> str:
    """The alphabet of a letter, coarsely."""
    code = ord(letter)
    if code < 0x250 or 0x1E00 <= code < 0x1F00 or 0xFB00 <= code < 0xFB07:
        return "latin"
    if code < 0x2E80:
        return str(code >> 8 if code >= 0x600 else 0x100 if code < 0x400 else code >> 8)
    return "other"

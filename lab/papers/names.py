"""Books whose names of people and places are replaced throughout by invented ones.

A model cannot know an invented name from its weights, only from reading it. So the perplexity of
these tokens after their first mention measures memory.

The rule, deliberately simple. A *name* of a book is a word of at least three letters, first upper
and rest lower case, that

  * occurs at least five times in this form, and never in lower case anywhere in the book;
  * occurs at least twice inside a sentence (after a lower-case letter, a comma or a semicolon), so
    that words which only begin sentences do not count;
  * is not a title, a weekday or a month.

Every occurrence becomes the same invented word, made of syllables, unique in the book and unlike
any word of it. First and family names are replaced separately ("Sherlock Holmes" by two words);
endings stay ("Holmes's"), and so do headings in capitals. The same seed and book give the same
names.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass

LEAST = 5
INSIDE = 2
_TITLES = """Mrs Miss Sir Madam Madame Monsieur Mademoiselle Messrs Lord Lady Doctor Captain
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June
    July August September October November December Christmas Easter God"""
_FIRST = "b br c cr d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w y z"
_MIDDLE, _LAST = "a e i o u ai ea ie oa", "l n r s m nd rt ck x"
NO_NAMES = frozenset(_TITLES.split())
_ONSETS, _VOWELS, _CODAS = _FIRST.split(), _MIDDLE.split(), _LAST.split()
_WORD = re.compile(r"[^\W\d_]+")
_INSIDE = re.compile(r"(?<=[a-zà-ÿ,;] )[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a replaced name is in the new text."""

    start: int
    end: int
    name: int  # number of the name in the book


@dataclass(frozen=True, slots=True)
class Renamed:
    """A text with invented names, and where they are, in order."""

    text: str
    mentions: tuple[Mention, ...]


def find_names(text: str) -> list[str]:
    """The names of a book, most frequent first."""
    words = Counter(_WORD.findall(text))
    inside = Counter(_INSIDE.findall(text))
    return [
        word
        for word, count in words.most_common()
        if count >= LEAST
        and len(word) > 2
        and word[0].isupper()
        and word[1:].islower()
        and word.lower() not in words
        and inside[word] >= INSIDE
        and word not in NO_NAMES
    ]


def rename(text: str, seed: str) -> Renamed:
    """Replace every name of a text."""
    names = find_names(text)
    new = dict(zip(names, _invent(len(names), text, seed), strict=True))
    number = {name: index for index, name in enumerate(names)}
    parts, mentions, last, length = [], [], 0, 0
    for match in _WORD.finditer(text):
        name = match.group()
        if name not in new:
            continue
        between = text[last : match.start()]
        start = length + len(between)
        length, last = start + len(new[name]), match.end()
        parts += [between, new[name]]
        mentions.append(Mention(start, length, number[name]))
    return Renamed("".join((*parts, text[last:])), tuple(mentions))


def _invent(count: int, text: str, seed: str) -> list[str]:
    """`count` different invented names; none is a word of the text."""
    rng = random.Random(seed)
    taken = {word.lower() for word in _WORD.findall(text)}
    names: list[str] = []
    while len(names) < count:
        syllables = [
            rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(1 + (rng.random() < 0.75))
        ]
        name = "".join(syllables) + rng.choice(_CODAS)
        if name not in taken and len(name) > 3:
            taken.add(name)
            names.append(name.capitalize())
    return names

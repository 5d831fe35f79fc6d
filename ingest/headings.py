"""Recognise the headings of chapters in plain text, such as "CHAPTER IV" or "12. The Storm"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.heading_words import (
    CJK_NAMES,
    ENGLISH_NUMBERS,
    LEVELS,
    NAMES,
    TEEN_ENDINGS,
    WORD_NUMBERS,
    bare_number,
    greek_number,
    plain_numeral,
    scripted,
)

_LONGEST = 240  # characters of a heading
_MOST_LINES = 4  # of a heading

NUMERAL_LEVEL = 6
CAPITALS_LEVEL = 7
NAMED = "named"

_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_ROMAN_SHAPE = re.compile(r"(?=[CLXVI])C{0,4}(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})", re.IGNORECASE)

_WORD = "|".join(sorted(WORD_NUMBERS, key=len, reverse=True))
_ENGLISH = "|".join(sorted(ENGLISH_NUMBERS, key=len, reverse=True))
_TEENS = "|".join(TEEN_ENDINGS)
_NUMBER = (
    rf"(?P<number>\d{{1,4}}|[CLXVIⅠ-ⅿІХ]{{1,9}}|(?:{_WORD})(?:[- ](?:{_WORD}|{_TEENS}))?"
    r"|[Α-Ωϛ]{1,3}['΄ʹ’´]?)"
)
_KEYWORD = "|".join(sorted(LEVELS, key=len, reverse=True))
_REST = r"(?P<rest>(?:[_*\s]*[.:,;)—–\]-].*|[_*]*\s+(?-i:[^a-zß-ÿа-яёα-ω\s]).*|[_*\s]*))"
_EDGE = r"[\s_*=~\"“\[(]*+"
_KEYED = re.compile(
    rf"{_EDGE}(?P<word>{_KEYWORD})\.?\s+(?:the\s+|no\.?\s*|nr\.?\s*)?{_NUMBER}(?![^\W_]){_REST}$",
    re.I | re.S,
)
_TURNED = re.compile(
    rf"{_EDGE}(?:the\s+|das\s+|het\s+)?{_NUMBER}\.?\s+(?P<word>{_KEYWORD})\b"
    r"(?P<rest>[.:_*\s\])—–-]*)$",
    re.I | re.S,
)
_BARE = re.compile(
    rf"[_*§\[(\s]*+(?P<number>\d{{1,3}}|[CLXVI]{{1,9}}|(?i:(?:{_ENGLISH})(?:-(?:{_ENGLISH}))?))(?P<dot>[.:)\]]?)[_*\s]*"
    r"(?P<rest>(?:(?:[—–-]\s*|(?<=[\s.:)—–-]))[^\s].*)?)$",
    re.S,
)
_NAMED = re.compile(
    r"[_*\s]*+(?:the\s+|an?\s+|author['’]s\s+|translator['’]s\s+|editor['’]s\s+)*"
    rf"(?:{NAMES})"
    r"(?:\s+(?:[A-Z]|[IVX]+|\d+))?(?P<rest>(?:\s*[.:—–-].{0,80})?)[_*\s]*$",
    re.I | re.S,
)
_ATX = re.compile(r"(?P<marks>#{1,6})[ \t]++(?P<title>[^\n]*)$")
_LETTERS = re.compile(r"[^\W\d_][\w'’]*")
_SENTENCE = re.compile(r"[a-z]{3}[.!?] +[A-Z]")
_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and as at but by de for from his her in into its la le nor of on or our out over the"
        " their to up upon with who which is are was",
    )
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A paragraph that looks like a heading; ``level`` 1 is the outermost.

    ``start`` and ``end`` are the paragraph's offsets. ``family`` names the kind of heading; the
    headings of one family are numbered together. ``number`` is None for one without a number.
    """

    start: int
    end: int
    title: str
    family: str
    level: int
    number: int | None = None


def blocks(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each paragraph of ``text``, a run of lines that are not blank."""
    first = last = -1
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if end > at and not text[at:end].isspace():
            first, last = (at if first < 0 else first), end
        elif first >= 0:
            yield first, last
            first = -1
        at = end + 1
    if first >= 0:
        yield first, last


def heading_at(text: str, start: int, end: int) -> Heading | None:
    """The paragraph text[start:end] as a heading, or None if it does not look like one."""
    if end - start > _LONGEST:
        return None
    block = text[start:end]
    lines = block.strip().split("\n")
    atx = _ATX.match(lines[0])
    title = atx["title"].rstrip(" \t").rstrip("#").rstrip(" \t") if atx else ""
    if atx and title:
        return Heading(start, start + len(lines[0]), title, "#", len(atx["marks"]))
    if len(lines) > _MOST_LINES:
        return None
    return (
        _keyed(block, start, end)
        or _scripted(lines, start, end)
        or _named(block, start, end)
        or _numeral(block, start, end)
    )


def is_title(text: str) -> bool:
    """Whether a short text is written as a title: most of its main words start with a capital."""
    words: list[str] = _LETTERS.findall(text)
    weighty = [word for word in words if word.lower() not in _SMALL_WORDS]
    if weighty and not any(word.upper() != word.lower() for word in weighty):
        return False  # a script without capitals
    if not weighty or len(words) > 16:
        return False
    return sum(word[0].isupper() for word in weighty) >= 0.7 * len(weighty)


def is_caseless_title(text: str) -> bool:
    """Whether a text in a script without capitals may be a title: short, and no sentence."""
    letters = [letter for letter in text if letter.isalpha()]
    if not letters or len(text) > 40 or any(c.upper() != c.lower() for c in letters):
        return False
    return not any(mark in text for mark in "。！？!?،؛；;,，、」』”.।")


def is_capitals(text: str) -> bool:
    """Whether a text is a short line in capital letters."""
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) >= 3 and len(text) <= 80 and "\n" not in text and text.upper() == text


def number_of(word: str) -> int | None:
    """The number that "7", "XIV", "twenty-one" or "fourteenth" stands for, or None."""
    if word.isdecimal():
        return int(word)
    greek = greek_number(word)
    word = plain_numeral(word)
    if word.lower() in WORD_NUMBERS:
        return WORD_NUMBERS[word.lower()]
    if _ROMAN_SHAPE.fullmatch(word):
        values = [_ROMAN_VALUES[letter] for letter in word.upper()]
        following = [*values[1:], 0]
        return sum(-a if a < b else a for a, b in zip(values, following, strict=True))
    words = word.lower().replace("-", " ").split(" ")
    parts = [WORD_NUMBERS.get(part) for part in words]
    if len(words) == 2 and parts[0] and words[1] in TEEN_ENDINGS:
        return parts[0] + 10
    if len(parts) == 2 and parts[0] and parts[1] and parts[0] % 10 == 0 and parts[1] < 10:
        return parts[0] + parts[1]
    return greek


def tidy(title: str) -> str:
    """A heading on one line, without surrounding markup and of at most 200 characters."""
    return " ".join(title.split()).strip("_*=~# \t").removesuffix("[").strip()[:200]


def _keyed(block: str, start: int, end: int) -> Heading | None:
    """A heading with a keyword and a number, such as "Chapter 4" or "The Second Book"."""
    match = _KEYED.match(block) or _TURNED.match(block)
    number = number_of(match["number"]) if match else None
    if match is None or number is None or _is_sentence(match["rest"]):
        return None
    lines = block.strip().split("\n")
    if sum(1 for line in lines if _KEYED.match(line)) > 1:
        return None
    word = match["word"].lower()
    return Heading(start, end, tidy(block), word, LEVELS[word], number)


def _scripted(lines: list[str], start: int, end: int) -> Heading | None:
    """A heading such as "第一章", or a number or name in Chinese characters on its own line."""
    if len(lines) > 1:
        return None
    line = lines[0]
    if found := scripted(line):
        return Heading(start, end, tidy(line), found.word, found.level, found.number)
    if CJK_NAMES.match(line):
        return Heading(start, end, tidy(line), NAMED, 1)
    number = bare_number(line)
    if number is None:
        return None
    return Heading(start, end, tidy(line), "kanji", NUMERAL_LEVEL, number)


def _named(block: str, start: int, end: int) -> Heading | None:
    """A heading that is a name without a number, such as "Preface"."""
    match = _NAMED.match(block)
    if match is None or "\n" in block.strip():
        return None
    if block.lstrip(" _*")[0].islower():
        return None
    return Heading(start, end, tidy(block), NAMED, 1)


def _numeral(block: str, start: int, end: int) -> Heading | None:
    """A heading that is a number, with or without a title, such as "IV" or "12. The Storm"."""
    match = _BARE.match(block)
    if match is None or "\n" in block.strip()[8:]:
        return None
    number = number_of(match["number"])
    rest = match["rest"].strip()
    if number is None or number > 200 or (rest and (_is_sentence(rest) or not is_title(rest))):
        return None
    digits, dashed = match["number"].isdecimal(), rest.startswith(("-", "—", "–"))
    if rest and not digits and not match["dot"] and not dashed:
        return None
    kind = "arabic" if digits else "roman" if _ROMAN_SHAPE.fullmatch(match["number"]) else "word"
    family = kind + (" titled" if rest else "")
    return Heading(start, end, tidy(block), family, NUMERAL_LEVEL, number)


def _is_sentence(rest: str) -> bool:
    """Whether the text after a heading's number is prose: several sentences, or speech."""
    rest = rest.strip(" .:-—–\n")
    speech = rest.endswith(('"', "”", ",")) and not rest.startswith(('"', "“"))
    return speech or len(_SENTENCE.findall(rest)) > 2

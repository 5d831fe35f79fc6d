"""What a person wants who types into a chat: an answer, a summary, passages, or to say hello.

Recognised from words alone, in English. What is not recognised is a question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["question", "summary", "passages", "greeting"]
NUMBERS = re.findall(
    r"\w+",
    """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty""",
)
_ORDINALS = re.findall(
    r"\w+",
    """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth""",
)
_PLEASE = r"(?:(?:please|can you|could you|would you|will you|i want you to)[, ]+)*"
_GREETING = re.compile(
    r"(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|greetings|thanks?|thank you|help|"
    r"who are you|what are you|what can (?:you|i) (?:do|ask)|how does this work)"
    r"(?: (?:there|again|you|very much|so much|a lot|bookstate|me|here))*"
)
_BOOK = (
    r"(?:(?:the|this|my) )?(?:whole |entire |full )?"
    r"(?:book|novel|story|document|text|paper|it|contract|lease|report|letter|everything|plot)"
)
_SUMMARISE = re.compile(
    rf"{_PLEASE}(?:summari[sz]e|sum up|give me (?:a |the )?(?:short |brief )?summary(?: of)?|"
    rf"(?:a |the )?(?:short |brief )?summary(?: of)?|recap|tl;?dr)(?: {_BOOK})?(?: for me)?"
    r"(?: please)?"
)
_ABOUT = re.compile(
    rf"what(?:'s| is| does)? {_BOOK} (?:all )?about|what happens in {_BOOK}|"
    rf"tell me (?:about|what happens in) {_BOOK}|what is the plot(?: of {_BOOK})?"
)
_CHAPTER_WISH = re.compile(
    rf"{_PLEASE}(?:summari[sz]e|sum up|recap|what happens in|what happened in|"
    r"what(?:'s| is) (?:in )?|tell me (?:about|what happens in)|(?:a |the |give me a )?summary of)"
)
_CHAPTER = re.compile(
    r"(?:the )?(?:chapter|part|section) (?P<number>\w+)|"
    r"the (?P<ordinal>\w+) (?:chapter|part|section)"
)
_WHERE = re.compile(
    r"(?:where|on (?:which|what) pages?) "
    r"(?:does (?:it|the book|the author|the text) (?:say|mention|talk about|speak of)|"
    r"is (?:it (?:said|mentioned|written)|there)|do i (?:find|read))\b"
    r"|(?:show|find|give) me (?:the |a )?(?:passages?|places?|sentences?|quotes?|pages?)\b"
    r"|where is .+ mentioned$"
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted; `chapter` is the one to summarise, None for the whole document."""

    kind: Kind
    chapter: int | None = None


def intent_of(text: str, chapters: int) -> Intent:
    """What a person wants who types this; chapters: how many the document has."""
    plain = " ".join(text.lower().replace("\u2019", "'").split()).rstrip("?!. ")
    if _GREETING.fullmatch(plain):
        return Intent("greeting")
    if _SUMMARISE.fullmatch(plain) or _ABOUT.fullmatch(plain):
        return Intent("summary")
    wish = _CHAPTER_WISH.match(plain)
    if wish is not None:
        named = _CHAPTER.fullmatch(plain[wish.end() :].strip())
        number = _number(named) if named else None
        if number is not None and 1 <= number <= chapters:
            return Intent("summary", number)
    if _WHERE.match(plain):
        return Intent("passages")
    return Intent("question")


def _number(named: re.Match[str]) -> int | None:
    """The chapter that is named: 3, III, three or third; None for another word."""
    word = named["number"] or named["ordinal"] or ""
    if word.isdecimal():
        return int(word)
    for names in (NUMBERS, _ORDINALS):
        if word in names:
            return names.index(word) + 1
    if word and all(letter in _ROMAN for letter in word):
        values = [_ROMAN[letter] for letter in word]
        pairs = zip(values, [*values[1:], 0], strict=True)
        return sum(-value if value < after else value for value, after in pairs)
    return None

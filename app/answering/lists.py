"""What a question asks for, from its words alone: one place of a book, or a list from all of it."""

from __future__ import annotations

import re

_MANY = (
    r"people|persons|characters|men|women|children|places|things|times|scenes|passages|chapters|"
    r"towns|cities|countries|ships|houses|animals|letters|words|names|books|events|crimes|murders|"
    r"payments|gifts|objects|occasions|rules|reasons|instances|examples|mentions"
)
_LISTS = re.compile(
    r"""
    \b(?:list|name|enumerate|collect|count)\ (?:me\ )?(?:all|every|each|everyone|everybody
        |everything|the\ (?:\w+\ )?\w+s)\b
    | ^(?:please\ )?list\b
    | \b(?:find|show|give|tell)\ (?:me\ )?(?:of\ )?(?:all|every|each|everyone|everything)\b
    | ^\W*(?:all|every|each)\b
    | \b(?:everyone|everybody|everything|all\ those)\ (?:who|that|whom|which|in)\b
    | \bevery\ (?:single\ )?(?:time|place|one|passage|scene|mention|person|character|occasion)\b
    | \b(?:who|what|which|where)\ (?:are|were)\ all\b
    | \ball\ (?:of\ )?(?:the\ |his\ |her\ |their\ |its\ )?(?:\w+\ )?(?:MANY)\b
    | \b(?:which|what)\ (?:\w+\ )?(?:MANY)\b
    | \bhow\ (?:often|many\ times|many\ (?:\w+\ )?(?:MANY))\b
    | \bin\ how\ many\b
    | \b(?:whenever|wherever)\b
    | \bthroughout\ the\ (?:book|novel|story|text|document|whole)\b
    """.replace("MANY", _MANY),
    re.VERBOSE,
)


def asks_for_all(question: str) -> bool:
    """True for a question that wants a list from the whole book, such as "everyone who sails"."""
    return _LISTS.search(" ".join(question.lower().split())) is not None

"""Filling wordings with words: articles, verb forms, and templates such as "{act:ing} is fine"."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

FIELD = re.compile(r"\{(\w+)([.:][^}]*)?\}")
VOWEL_SOUND = re.compile(r"(?!(?:uni|use|usu|eu|one\b|once))[aeiou]|hour|heir|honou?r", re.I)
DOUBLED = re.compile(
    "(put|set|let|sit|cut|run|swim|dig|hit|get|stop|plan|drop|shut|clip|mop|strip|skip|chop|fit|"
    "wrap|tip|trim|pin|plug|step|chat|jog|cancel|travel|prop|forget|quarrel|scan|dim|stir|label|"
    "sublet|swap|enrol|submit|tap)"
)  # verbs whose last letter is doubled
ENDS_IN_SOUND = ("s", "sh", "ch", "x", "z", "o")


class _Filler(string.Formatter):
    """`{x:a}` puts an article before x; `{x:ing}` and `{x:s}` bend the first verb of x; `{x:C}`
    begins x with a capital letter."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return BENDS[format_spec](str(value))


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with its fields replaced, beginning with a capital letter."""
    return capitalised(filled(template, values))


def filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with its fields replaced."""
    return _FILLER.vformat(template, (), values)


@cache  # there are as many as there are wordings
def fields(template: str) -> tuple[str, ...]:
    """Names of a template's fields, each once, in their order."""
    return tuple(dict.fromkeys(match[1] for match in FIELD.finditer(template)))


def renumbered(template: str, number: int) -> str:
    """The template with fields `x` called `x2` for the second of its kind, and so on."""
    if number == 1:
        return template
    return FIELD.sub(lambda m: f"{{{m[1]}{number}{m[2] or ''}}}", template)


def lines(block: str) -> tuple[str, ...]:
    """The lines of a block of text, without the empty ones."""
    return tuple(line.strip().replace("\\n", "\n") for line in block.splitlines() if line.strip())


def entries(block: str) -> tuple[str, ...]:
    """What semicolons separate, with line breaks as spaces."""
    return tuple(" ".join(entry.split()) for entry in block.split(";") if entry.strip())


def words(block: str) -> tuple[str, ...]:
    """What spaces and line breaks separate."""
    return tuple(block.split())


def capitalised(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def with_article(noun: str) -> str:
    """The noun behind "a" or "an"."""
    return f"{'an' if VOWEL_SOUND.match(noun) else 'a'} {noun}"


def gerund(phrase: str) -> str:
    """ "keep a dog" as "keeping a dog"; a second verb behind "or" or "and" is left alone."""
    verb, _, rest = phrase.partition(" ")
    if DOUBLED.fullmatch(verb):
        stem = verb + verb[-1]
    elif verb.endswith("ie"):
        stem = verb[:-2] + "y"
    elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        stem = verb[:-1]
    else:
        stem = verb
    return f"{stem}ing {rest}".rstrip()


def third_person(phrase: str) -> str:
    """ "keep a dog" as "keeps a dog"."""
    verb, _, rest = phrase.partition(" ")
    if verb in {"be", "have"}:
        verb = {"be": "is", "have": "has"}[verb]
    elif verb.endswith("y") and verb[-2:-1] not in set("aeiou"):
        verb = verb[:-1] + "ies"
    else:
        verb += "es" if verb.endswith(ENDS_IN_SOUND) else "s"
    return f"{verb} {rest}".rstrip()


BENDS: dict[str, Callable[[str], str]] = {
    "a": with_article,
    "ing": gerund,
    "s": third_person,
    "C": capitalised,
    "": str,
}
_FILLER = _Filler()

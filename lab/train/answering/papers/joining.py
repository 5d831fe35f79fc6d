"""Putting facts into longer sentences: with asides, with a beginning, or two and three in one."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.train.answering.papers.drawing import Drawing, Exhausted
from lab.train.answering.papers.kinds import Fact
from lab.train.answering.papers.names import Person
from lab.train.answering.papers.wording import capitalised, entries, filled

JOINED = 0.35  # chance that a sentence is joined with the one behind it
ASIDE = 0.25  # chance of an aside behind a name, where one fits
BEGINNING = 0.15  # chance of words before the sentence
MOST_JOINED = 3
MOST_WORDS = 55  # of facts that are joined
TWO = (
    "{0}, and {1}.", "{0}; {1}.", "{0}, while {1}.", "{0} ({1}).", "{0} - {1}.", "{0}, but {1}.",
    "{0}, whereas {1}.", "{0} (by the way, {1}).", "{0}, just as {1}.",
)  # fmt: skip
THREE = (
    "{0}, {1}, and {2}.", "{0}; {1}; {2}.", "{0}, while {1}, and {2}.", "{0} ({1}), and {2}.",
    "{0}; {1} ({2}).",
)  # fmt: skip
VERB_AFTER = re.compile(r" (?=is|was|has|had|will|serves|acts|works|became|took|leads|stands|may)")
INSIDE = re.compile(r"[.?!:] ")  # of more than one sentence
ASKS_TO_ACT = re.compile(
    "Please|Do |Take |Mix |Put |Add |Weigh|Begin|Ask |Bring|Strike|Start|Come |Meet |Leave |To "
)
ASIDES = entries(
    """who lives in {town}; who moved here from {town} in {year}; a cousin of {who}; known to many
    from the {society}; until {year} with the {society}; back from {town} since {date}; who studied
    in {town}; like {who} a member of the {society}; whom {who} had recommended; and not {who}, as
    was first announced; a native of {town}; who followed {who}; at the wish of {who}"""
)
BEGINNINGS = entries(
    """as agreed,; as before,; to avoid misunderstandings:; by decision of {date},; from {date} on,;
    at the request of {who},; as {who} has explained,; for the time being,; in short,; once more:"""
)


@dataclass(frozen=True, slots=True)
class Joined:
    """Facts that one sentence states together."""

    facts: tuple[Fact, ...]
    text: str


def join(
    parts: Sequence[Fact | str], drawing: Drawing, rng: random.Random
) -> list[Fact | Joined | str]:
    """The parts of a paper, some sentences longer than they were, some joined."""
    longer = [_longer(part, drawing, rng) if isinstance(part, Fact) else part for part in parts]
    made: list[Fact | Joined | str] = []
    while longer:
        own = [longer.pop(0)]
        while (
            longer
            and len(own) < MOST_JOINED
            and all(_can_join(part) for part in (*own, longer[0]))
            and sum(len(_said(part).split()) for part in (*own, longer[0])) <= MOST_WORDS
            and rng.random() < JOINED
        ):
            own.append(longer.pop(0))
        facts = tuple(part for part in own if isinstance(part, Fact))
        made.append(Joined(facts, _together(facts, rng)) if len(own) > 1 else own[0])
    return made


def _said(part: Fact | str) -> str:
    return part.text if isinstance(part, Fact) else part


def _can_join(part: Fact | str) -> bool:
    """True for a fact that is one statement and stands on no line of its own."""
    return (
        isinstance(part, Fact)
        and _is_sentence(part.text)
        and not INSIDE.search(part.text)
        and not ASKS_TO_ACT.match(part.text)
    )


def _is_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and not text.endswith("..")


def _together(facts: Sequence[Fact], rng: random.Random) -> str:
    bare = [_inside(fact).removesuffix(".") for fact in facts]
    return capitalised(rng.choice(TWO if len(facts) == 2 else THREE).format(*bare))


def _inside(fact: Fact) -> str:
    """The fact's text as it stands in the middle of a sentence: its first letter may be small."""
    template = fact.kind.wordings[fact.wording]
    if fact.begun:
        return fact.text[:1].lower() + fact.text[1:]
    if template.startswith("{"):
        bare = filled(template, fact.values)
        return bare[:1] + fact.text[1:]
    return fact.text[:1].lower() + fact.text[1:]


def _longer(fact: Fact, drawing: Drawing, rng: random.Random) -> Fact:
    """The fact with an aside or a beginning, where one fits and there are words for it."""
    if not _is_sentence(fact.text):
        return fact
    try:
        if rng.random() < ASIDE:
            return _with_aside(fact, drawing, rng)
        if rng.random() < BEGINNING and not ASKS_TO_ACT.match(fact.text):
            words = drawing.composed(rng.choice(BEGINNINGS))
            return replace(fact, text=f"{capitalised(words)} {_inside(fact)}", begun=True)
    except Exhausted:
        return fact
    return fact


def _with_aside(fact: Fact, drawing: Drawing, rng: random.Random) -> Fact:
    for person in fact.values.values():
        if not isinstance(person, Person):
            continue
        before, name, after = fact.text.partition(person.shown)
        if name and VERB_AFTER.match(after):
            aside = drawing.composed(rng.choice(ASIDES))
            marks = rng.choice((", {},", ", {},", " ({})", " - {} -"))
            return replace(fact, text=f"{before}{name}{marks.format(aside)}{after}")
    return fact

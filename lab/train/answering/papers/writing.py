"""Writing a paper: facts of its kinds in some of their wordings, with others among them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab.train.answering.papers.drawing import Drawing, Exhausted
from lab.train.answering.papers.joining import Joined, join
from lab.train.answering.papers.kinds import Fact, Kind
from lab.train.answering.papers.sheets import LURES, Layout, Sheet
from lab.train.answering.papers.wording import fill

FEWEST_WORDS = 40
MOST_WORDS = 400
FILLER = 0.2  # chance of a sentence that states nothing, after each fact
LURE = 0.15  # chance of one that seems to answer and does not
SHUFFLED = 0.6  # share of papers whose facts are not grouped by kind
MOST_ALIKE = 3  # facts of one kind in a row
ONCE = frozenset({"parties", "notice"})  # kinds that a paper states once
HEADINGS = {
    "people": "Who is who", "figures": "Money and numbers", "rules": "What is allowed",
    "dates": "Dates and times", "places": "Where to find it", "reasons": "Why", "meanings": "Words",
    "order": "In this order",
}  # of the families of kinds  # fmt: skip
FAILURES = 12  # kinds that could not be filled, before a paper is as long as it can be


@dataclass(frozen=True, slots=True)
class Placed:
    """A fact and the characters of the paper that state it; joined facts have the same ones."""

    fact: Fact
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Paper:
    """A written paper."""

    sheet: Sheet
    text: str
    placed: tuple[Placed, ...]


def write_paper(sheet: Sheet, drawing: Drawing, rng: random.Random) -> Paper:
    """A paper of 40 to 400 words, short ones more often, or fewer where its words run out."""
    words = round(FEWEST_WORDS * (MOST_WORDS / FEWEST_WORDS) ** rng.random())
    title = drawing.composed(rng.choice(sheet.titles)) if sheet.titles else ""
    first = write_fact(sheet.opening, drawing, rng) if sheet.opening else None
    last = write_fact(sheet.closing, drawing, rng) if sheet.closing else None
    room = words - sum(len(part.text.split()) for part in (first, last) if part)
    body = join(_body(sheet, drawing, room - len(title.split()), rng), drawing, rng)
    return _laid_out(sheet, title, [first, *body, last], rng)


def write_fact(
    kind: Kind, drawing: Drawing, rng: random.Random, wording: int | None = None
) -> Fact:
    """A new fact of a kind. Raises Exhausted where the unit has used up what the kind needs."""
    number = rng.randrange(len(kind.wordings)) if wording is None else wording
    template = kind.wordings[number]
    values = drawing.values(kind.slots(template))
    return Fact(kind, number, values, fill(template, values))


def _body(sheet: Sheet, drawing: Drawing, words: int, rng: random.Random) -> list[Fact | str]:
    parts: list[Fact | str] = []
    once: set[str] = set()
    length = failures = 0
    fillers = list(drawing.setting.words["fillers"])
    alike = 2  # the first kind comes at least twice, so that facts of one kind are told apart
    while length < words and failures < FAILURES:
        kind = rng.choice(LURES if parts and rng.random() < LURE else sheet.kinds)
        is_once = kind.is_once or kind.name in ONCE
        for _ in range(1 if is_once else max(alike, rng.randint(1, MOST_ALIKE))):
            if kind.name in once or length >= words:
                break
            try:
                fact = write_fact(kind, drawing, rng)
            except Exhausted:
                failures += 1
                break
            alike = alike if is_once else 1
            parts.append(fact)
            length += len(fact.text.split())
            if is_once:
                once.add(kind.name)
        if fillers and rng.random() < FILLER:
            parts.append(fillers.pop(rng.randrange(len(fillers))))
            length += len(str(parts[-1]).split())
    if rng.random() < SHUFFLED:
        rng.shuffle(parts)
    return parts


def _laid_out(
    sheet: Sheet, title: str, parts: Sequence[Fact | Joined | str | None], rng: random.Random
) -> Paper:
    layout: Layout = rng.choice(sheet.layouts)
    if layout == "headed":
        parts = _grouped(parts)
    heading = ""
    text = title
    placed: list[Placed] = []
    number, new_paragraph = 0, True
    for part in parts:
        if part is None:
            continue
        said = part if isinstance(part, str) else part.text
        facts = _facts(part)
        if layout == "headed" and facts and facts[0].kind.family != heading:
            heading = facts[0].kind.family
            text += ("\n\n" if text else "") + HEADINGS[heading]
            new_paragraph = True
        alone = layout in {"lines", "clauses"} or not said.endswith((".", "!", "?")) or "\n" in said
        if text:
            text += "\n" if alone or new_paragraph else " "
        number += 1
        text += f"{number}. " if layout == "clauses" and "\n" not in said else ""
        placed += [Placed(fact, len(text), len(text) + len(said)) for fact in facts]
        text += said
        new_paragraph = alone or rng.random() < 0.2
    return Paper(sheet, text, tuple(placed))


def _facts(part: Fact | Joined | str | None) -> tuple[Fact, ...]:
    """The facts that a part of a paper states."""
    if isinstance(part, Joined):
        return part.facts
    return (part,) if isinstance(part, Fact) else ()


def _grouped(
    parts: Sequence[Fact | Joined | str | None],
) -> list[Fact | Joined | str | None]:
    """Parts of one family behind each other; what states nothing comes first."""
    families = [facts[0].kind.family if (facts := _facts(part)) else "" for part in parts]
    order = sorted(
        range(len(parts)), key=lambda n: (families[n] != "", families.index(families[n]))
    )
    return [parts[n] for n in order]

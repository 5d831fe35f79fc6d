"""Asking about papers: what they state, and what looks the same and is not stated."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.train.answering.papers.drawing import Drawing, Exhausted
from lab.train.answering.papers.kinds import Ask, Kind
from lab.train.answering.papers.names import Person
from lab.train.answering.papers.synonyms import renamed, reworded
from lab.train.answering.papers.wording import fields, fill
from lab.train.answering.papers.writing import Placed, write_fact
from lab.train.examples import Asked, Span, to_abstain, to_answer

ASKED_OF_A_FACT = 2  # questions at most
LONGEST_ANSWER = 14  # words
LURED = 0.25  # share of the abstentions that a sentence of the paper seems to answer
REDRAWN = 0.75  # share of the others that ask for another thing of a kind that the paper states
RULES_REDRAWN = 0.3  # share of these that are kept where the other thing is a rule's
NAMED = 0.25  # share of the questions that name the paper
SPOKEN = 0.1  # share that are begun as people begin questions
OPENINGS = ("Please tell me: ", "I would like to know: ", "Can you tell me? ", "A question: ")


@dataclass(frozen=True, slots=True)
class Shown:
    """A fact as it stands in a window of the unit."""

    placed: Placed
    span: Span
    paper: str = ""  # what its paper is called


def ask_answerable(
    shown: Sequence[Shown], drawing: Drawing, most: int, rng: random.Random
) -> list[Asked]:
    """Questions that facts answer, each with the place of the fact."""
    asked: list[Asked] = []
    for one in rng.sample(list(shown), len(shown)):
        asks = [ask for ask in one.placed.fact.kind.asks if ask.answer is not None]
        for ask in rng.sample(asks, min(len(asks), rng.randint(1, ASKED_OF_A_FACT))):
            made = _answered(ask, one, drawing, rng)
            if made is not None and len(asked) < most:
                asked.append(made)
    return asked


def _answered(ask: Ask, one: Shown, drawing: Drawing, rng: random.Random) -> Asked | None:
    values = dict(one.placed.fact.values)
    question, answer = rng.choice(ask.questions), ask.answer or ""
    if "other" in fields(question):
        others = [p for p in drawing.people if p not in values.values()]
        if not others:
            return None
        values["other"] = rng.choice(others)
    said = fill(answer, values)
    if len(said.split()) > LONGEST_ANSWER:
        return None
    return to_answer(_phrased(question, values, one, rng), said, one.span)


def _phrased(
    template: str, values: Mapping[str, Any], one: Shown | None, rng: random.Random
) -> str:
    """A question, half of the time in other words than the paper's, sometimes naming the paper."""
    said = {
        name: renamed(value, rng)
        if isinstance(value, Person)
        else reworded(value, name.rstrip("0123456789"), rng)
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }
    question = fill(template, said)
    inside = question[:1].lower() + question[1:] if not question.startswith("I ") else question
    if one is not None and one.paper and rng.random() < NAMED:
        if rng.random() < 0.5:
            return f"According to the {one.paper}, {inside}"
        if question.endswith("?") and ". " not in question:
            return f"{question[:-1]}, according to the {one.paper}?"
    if rng.random() < SPOKEN:
        return f"{rng.choice(OPENINGS)}{inside}"
    return question


def ask_unanswerable(
    shown: Sequence[Shown], absent: Sequence[Kind], drawing: Drawing, count: int, rng: random.Random
) -> list[Asked]:
    """Questions of the same look that no fact answers, each with the place that comes closest.

    absent: kinds of fact that may be asked about though the windows have none of them.
    """
    lures = [(one, a) for one in shown for a in one.placed.fact.kind.asks if a.answer is None]
    stated = [one for one in shown if any(a.answer for a in one.placed.fact.kind.asks)]
    asked: list[Asked] = []
    for _ in range(4 * count):
        if len(asked) == count:
            break
        try:
            if lures and rng.random() < LURED:
                one, ask = lures.pop(rng.randrange(len(lures)))
                asked += _lured(ask, one, drawing, rng)
            elif stated and (not absent or rng.random() < REDRAWN):
                asked += _of_another(rng.choice(stated), drawing, rng)
            elif absent:
                asked += _of_absent(rng.choice(absent), drawing, rng)
        except Exhausted:
            continue
    return asked[:count]


def _lured(ask: Ask, one: Shown, drawing: Drawing, rng: random.Random) -> list[Asked]:
    values = dict(one.placed.fact.values)
    others = [p for p in drawing.people if p not in values.values()]
    question = rng.choice(ask.questions)
    if "other" in fields(question):
        if not others:
            return []
        values["other"] = rng.choice(others)
    return [to_abstain(_phrased(question, values, one, rng), one.span)]


def _of_another(one: Shown, drawing: Drawing, rng: random.Random) -> list[Asked]:
    """The question about a fact with its key drawn once more."""
    fact = one.placed.fact
    asks = [a for a in fact.kind.asks if a.answer is not None and a.key is not None]
    if not asks:
        return []
    ask = rng.choice(asks)
    question = rng.choice(ask.questions)
    values = dict(fact.values)
    if "other" in fields(question) or ask.key is None:
        return []
    if fact.kind.family == "rules" and rng.random() > RULES_REDRAWN:
        return []
    values[ask.key] = drawing.draw(ask.key, {**values, ask.key: None})
    return [to_abstain(_phrased(question, values, one, rng), one.span)]


def _of_absent(kind: Kind, drawing: Drawing, rng: random.Random) -> list[Asked]:
    asks = [a for a in kind.asks if a.key is not None and "other" not in fields(a.questions[0])]
    if not asks:
        return []
    values = write_fact(kind, drawing, rng).values
    return [to_abstain(_phrased(rng.choice(rng.choice(asks).questions), values, None, rng))]

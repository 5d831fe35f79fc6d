"""A kind of fact: the wordings that state it, and the questions it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.train.answering.papers.wording import fields, lines, renumbered
from memory_models.errors import BadData

FEWEST_WORDINGS = 8


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions with one answer. `key`: the field that makes another question when redrawn.

    answer: a template, or None where the fact looks as if it answered and does not.
    """

    questions: tuple[str, ...]
    answer: str | None
    key: str | None

    def __post_init__(self) -> None:
        for question in self.questions:
            if self.key is not None and self.key not in fields(question):
                raise BadData(f"{question!r} does not have the field {self.key!r}.")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact. `family`: kinds whose answers look alike, so that one distracts another."""

    name: str
    family: str
    wordings: tuple[str, ...]
    asks: tuple[Ask, ...]

    def __post_init__(self) -> None:
        if len(self.wordings) < FEWEST_WORDINGS or len(set(self.wordings)) < len(self.wordings):
            raise BadData(f"{self.name} needs {FEWEST_WORDINGS} wordings, all of them different.")

    @property
    def is_once(self) -> bool:
        """True where a question has no field, so that a second fact would answer it, too."""
        return any(not fields(q) for ask in self.asks for q in ask.questions)

    def slots(self, wording: str) -> list[str]:
        """Fields of a wording and of all questions, in an order in which they can be drawn."""
        texts = [wording, *(a.answer or "" for a in self.asks)]
        texts += [question for ask in self.asks for question in ask.questions]
        found = list(dict.fromkeys(name for text in texts for name in fields(text)))
        return sorted(found, key=lambda name: (name.rstrip("0123456789") in DRAWN_LATER, name))


@dataclass(frozen=True, slots=True)
class Fact:
    """A kind with its values, and how it was worded. `begun`: words were put before the wording."""

    kind: Kind
    wording: int
    values: Mapping[str, Any]
    text: str
    begun: bool = False


DRAWN_LATER = frozenset({"who", "sum", "number", "other"})  # they depend on a kin, a fee, a limit


def ask(questions: str, answer: str | None, key: str | None = None) -> Ask:
    """Questions, one a line; the first field of the first is the key where none is named."""
    said = lines(questions)
    return Ask(said, answer, key or next(iter(fields(said[0])), None))


def each(count: int, questions: str, answer: str) -> Iterator[Ask]:
    """The same question about each of the numbered people or things of a list."""
    for number in range(1, count + 1):
        asked = tuple(renumbered(line, number) for line in lines(questions))
        yield Ask(asked, renumbered(answer, number), next(iter(fields(asked[0])), None))


def kind(name: str, family: str, wordings: str, *asks: Ask) -> Kind:
    """A kind from a block of wordings, one a line."""
    return Kind(name, family, lines(wordings), asks)

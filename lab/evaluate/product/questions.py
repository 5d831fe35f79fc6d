"""A document with questions of one kind, and when an answer to one of them is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.evaluate.scores import RIGHT_F1, contains, normalize, token_f1
from memory_models.errors import BadData

YES_OR_NO = ("yes", "no")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The turn before a follow-up, with the answer that it should have had."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a document. Without `answers`, the document does not answer it.

    kind: what figures are broken down by; places: characters of the document that answer it.
    """

    question: str
    answers: tuple[str, ...]
    kind: str
    places: tuple[Span, ...] = ()
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A document and what is asked about it."""

    name: str
    text: str
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        for question in self.questions:
            if any(not 0 <= a < b <= len(self.text) for a, b in question.places):
                raise BadData(f"{self.name}: {question.question!r} has a place outside the text.")


def is_right(answer: str, accepted: Sequence[str], *, found: bool) -> bool:
    """True for an answer that contains an accepted one or shares half of its words with one.

    found: False for an answer that says that nothing was found, which is right where nothing is
    accepted. Yes or no must be the answer's first word.
    """
    if not accepted or not found:
        return not accepted and not found
    words = normalize(answer).split()
    decided = {normalize(gold).split()[0] for gold in accepted if normalize(gold)} & {*YES_OR_NO}
    if decided:
        return bool(words) and words[0] in decided
    return token_f1(answer, accepted) >= RIGHT_F1 or any(contains(answer, g) for g in accepted)

"""One question to several documents, each answered from its own state.

    question -> first look at all documents -> the likeliest few are asked -> best answer first

The others cost the first look alone, some 4 ms a segment on one core (docs/experiments/shelf.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log
from time import perf_counter
from typing import Any

from app.answering.answers import NOT_FOUND, Answer
from app.library import Library, quiet
from app.shelf.first_look import OWN_REFUSALS, FirstLook, LeftOut, Place, Watch, look_at
from app.storage.store import Document

MOST_ASKED = 3  # documents that are asked, unless all are
_LEAST = 1e-4  # distance of a probability from 0 and 1


@dataclass(frozen=True, slots=True)
class BookAnswer:
    """What one document answers.

    reading_id: of the state that answers; note: what a person must know about what was asked.
    """

    id: str
    title: str
    reading_id: str
    answer: Answer
    note: str = ""

    @property
    def found(self) -> bool:
        """False for a document that says nothing about the question."""
        return self.answer.answer not in ("", NOT_FOUND)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the document, then what `ask --json` prints."""
        return {"id": self.id, "title": self.title, **self.answer.to_dict()}


@dataclass(frozen=True, slots=True)
class ShelfAnswer:
    """What a shelf answers, the likeliest first; what says nothing comes last.

    not_asked: documents that the first look thought less likely; left_out: those that cannot be
    asked, and why.
    """

    answers: tuple[BookAnswer, ...]
    not_asked: tuple[Document, ...]
    left_out: tuple[LeftOut, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as `ask-shelf --json` prints them."""
        return {
            "answers": [each.to_dict() for each in self.answers],
            "not_asked": [{"id": d.id, "title": d.title} for d in self.not_asked],
            "left_out": [
                {"id": out.id, "title": out.title, "why": out.why} for out in self.left_out
            ],
            "seconds": round(self.seconds, 4),
        }


OnAnswer = Callable[[BookAnswer], object]


def ask_shelf(
    library: Library,
    documents: Sequence[Document],
    question: str,
    *,
    most: int | None = MOST_ASKED,
    whole_book: bool = False,
    on_answer: OnAnswer = quiet,
) -> ShelfAnswer:
    """Ask documents a question, at most so many of them, or all for None.

    Each answers as far as its reader is, unless `whole_book`. on_answer: called with each answer as
    it is made; raising from it stops. Raises InvalidRequest for a question that cannot be asked.
    """
    started = perf_counter()
    look = look_at(library, documents, question, whole_book=whole_book)
    answers: list[BookAnswer] = []
    left_out = list(look.left_out)
    for place in look.order[:most]:
        made = ask_book(library, place, question)
        if isinstance(made, LeftOut):
            left_out.append(made)
            continue
        answers.append(made)
        on_answer(made)
    return gathered(look, answers, left_out, most, perf_counter() - started)


def ask_book(
    library: Library,
    place: Place,
    question: str,
    watch: Watch = quiet,
) -> BookAnswer | LeftOut:
    """What one document of a shelf answers, or why it cannot; raising from `watch` stops."""
    document = place.document
    try:
        stream = library.ask(document.id, question, place.scope)
        for _ in stream:
            watch()
        answer = library.answer(document.id, stream)
    except OWN_REFUSALS as error:
        return LeftOut.because(document, error)
    return BookAnswer(document.id, document.title, stream.reading_id, answer, stream.note)


def gathered(
    look: FirstLook,
    answers: Iterable[BookAnswer],
    left_out: Iterable[LeftOut],
    most: int | None,
    seconds: float,
) -> ShelfAnswer:
    """All that came of a question to a shelf, in order."""
    not_asked = () if most is None else tuple(place.document for place in look.order[most:])
    return ShelfAnswer(tuple(best_first(look, answers)), not_asked, tuple(left_out), seconds)


def best_first(look: FirstLook, answers: Iterable[BookAnswer]) -> list[BookAnswer]:
    """Answers with the likeliest first; documents that say nothing come last.

    The first look knows better than an answer's confidence which book a question is about, because
    it compares the books. Confidence decides between books that it finds alike
    (docs/experiments/shelf.md).
    """
    scores = {place.document.id: place.score or 0.0 for place in look.order}
    places = {place.document.id: n for n, place in enumerate(look.order)}

    def behind(each: BookAnswer) -> tuple[bool, float, int]:
        odds = _log_odds(each.answer.confidence) + scores[each.id]
        return not each.found, -odds, places[each.id]

    return sorted(answers, key=behind)


def _log_odds(probability: float) -> float:
    inside = min(1 - _LEAST, max(_LEAST, probability))
    return log(inside / (1 - inside))

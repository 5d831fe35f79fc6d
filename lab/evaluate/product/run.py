"""Asking measured questions of the product, and keeping what it answered.

Documents are read into a library under the data folder, so that another run reads none again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.answering.conversation import Turn
from app.library import Library, OnProgress, ReadProgress, quiet
from lab.evaluate.product.documents import documents
from lab.evaluate.product.plan import ProductPlan, looks_of
from lab.evaluate.product.questions import Asked, Question, Span, is_right
from lab.evaluate.scores import token_f1
from lab.evaluate.settings import measure_of
from memory_models.errors import BadData


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the product answered to one question, and what is known about the answer."""

    kind: str
    look: str
    document: str
    question: str
    accepted: tuple[str, ...]
    answer: str
    found: bool  # False where the answer says that nothing was found
    right: bool
    f1: float
    confidence: float
    word: str
    rank: int | None  # of the first sentence that overlaps a right place; None where none is known
    signals: dict[str, float]
    first_seconds: float
    seconds: float


def ask_all(library: Library, plan: ProductPlan, on_progress: OnProgress = quiet) -> list[Outcome]:
    """Read the plan's documents and ask all questions in each way to look."""
    made = documents(plan, measure_of(library.engine))
    ids = [_read(library, asked, on_progress) for asked in made]
    total = sum(len(asked.questions) for asked in made) * len(plan.looks)
    found: list[Outcome] = []
    before = library.engine
    for look in plan.looks:
        calibration = before.calibration
        looks = looks_of(look, calibration.looks)
        library.engine = before.changed(replace(calibration, looks=looks))
        try:
            for asked, document_id in zip(made, ids, strict=True):
                for outcome in _ask(library, document_id, asked, look):
                    found.append(outcome)
                    on_progress(ReadProgress("", len(found), total, 0.0, None))
        finally:
            library.engine = before
    return found


def _read(library: Library, asked: Asked, on_progress: OnProgress) -> str:
    document = library.add(
        asked.text.encode(), "document.txt", title=asked.name[:80], on_progress=on_progress
    ).document
    if library.store.text(document.reading.text_id).text != asked.text:
        raise BadData(f"{asked.name}: the stored text is not the given one, so no place fits.")
    return document.id


def _ask(library: Library, document_id: str, asked: Asked, look: str) -> Iterator[Outcome]:
    document = library.store.document(document_id)
    segments = range(document.reading.segments)
    texts = library.store.some_segments(document.reading, segments)
    for question in asked.questions:
        before = question.earlier
        after = Turn(before.question, before.answer) if before else None
        stream = library.ask(document_id, question.question, after=after)
        for _ in stream:
            pass
        answer = library.answer(document_id, stream)
        places = [
            (texts[s.segment].start + s.start, texts[s.segment].start + s.end)
            for s in stream.sentences
        ]
        found = not stream.abstains
        yield Outcome(
            kind=question.kind,
            look=look,
            document=asked.name,
            question=question.question,
            accepted=question.answers,
            answer=answer.answer,
            found=found,
            right=is_right(answer.answer, question.answers, found=found),
            f1=token_f1(answer.answer, question.answers) if found else 0.0,
            confidence=answer.confidence,
            word=answer.confidence_word,
            rank=_rank(question, places),
            signals=asdict(stream.signals()),
            first_seconds=answer.first_token_seconds,
            seconds=answer.seconds,
        )


def _rank(question: Question, places: Sequence[Span]) -> int | None:
    """Number of the first place that overlaps a right one, from 0; past the last if none does."""
    if not question.places:
        return None
    for number, (start, end) in enumerate(places):
        if any(start < b and end > a for a, b in question.places):
            return number
    return len(places)


def write_outcomes(outcomes: Sequence[Outcome], file: Path) -> None:
    """One JSON object a line."""
    lines = (json.dumps(asdict(outcome), ensure_ascii=False) for outcome in outcomes)
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def read_outcomes(file: Path) -> list[Outcome]:
    """What `write_outcomes` wrote. Raises BadData."""
    try:
        raw: list[dict[str, Any]] = [
            json.loads(line) for line in file.read_text("utf-8").split("\n") if line
        ]
        return [Outcome(**each | {"accepted": tuple(each["accepted"])}) for each in raw]
    except (ValueError, TypeError, KeyError) as error:
        raise BadData(f"{file.name} does not hold answers of `bench answers` ({error}).") from error

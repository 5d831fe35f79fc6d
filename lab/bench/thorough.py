"""Lists from a whole book against what was planted in it: recall, precision, and seconds.

An item is right if it contains a planted value of the question's kind, in words or in figures; a
value is found if an item contains it. Intervals are by bootstrap over values and over items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.answering.items import ThoroughAnswer
from app.library import Library, OnProgress, ReadProgress, quiet
from lab.bench.bench import long_text
from lab.evaluate.cases.listed import KINDS, ListedKind, in_figures, scatter
from lab.evaluate.scores import bootstrap, contains, mean


@dataclass(frozen=True, slots=True)
class Judged:
    """One list: which planted values it has, which of its items are right, and its seconds."""

    kind: ListedKind
    values: Sequence[str]
    items: Sequence[str]
    seconds: float
    confidence_word: str

    @property
    def found(self) -> list[float]:
        """1 for each planted value that an item contains, else 0."""
        return [float(any(_says(i, value) for i in self.items)) for value in self.values]

    @property
    def right(self) -> list[float]:
        """1 for each item that contains a planted value, else 0."""
        return [float(any(_says(i, value) for value in self.values)) for i in self.items]


def _says(item: str, value: str) -> bool:
    return contains(in_figures(item), in_figures(value))


def thorough(
    library: Library,
    books: Path,
    tokens: int,
    facts: int,
    seed: int = 0,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Scatter facts in `tokens` tokens of books, read them, and ask for a list of each kind."""
    planted = scatter(long_text(library, books, tokens), facts, seed)
    name = f"listed-{seed}.txt"
    document = library.add(planted.text.encode(), name, on_progress=on_progress).document
    asked: list[ThoroughAnswer] = []
    judged: list[Judged] = []
    for kind in KINDS:
        answer = library.ask_thoroughly(
            document.id,
            kind.question,
            on_progress=lambda done, total: on_progress(
                ReadProgress(document.id, done, total, 0.0, None)
            ),
        )
        asked.append(answer)
        items = [item.answer for item in answer.items]
        values = planted.values[kind.name]
        seconds, word = answer.answer.seconds, answer.answer.confidence_word
        judged.append(Judged(kind, values, items, seconds, word))
    windows = sum(answer.asked for answer in asked)
    seconds = sum(each.seconds for each in judged)
    return {
        "windows": document.reading.segments,
        "tokens": document.reading.tokens,
        "facts": facts,
        "seed": seed,
        "reading_seconds": document.reading.seconds,
        **_rates([f for j in judged for f in j.found], [r for j in judged for r in j.right]),
        "seconds": round(seconds, 1),
        "seconds_a_window": round(seconds / windows, 4),
        "kinds": [_kind_row(each) for each in judged],
    }


def _rates(found: Sequence[float], right: Sequence[float]) -> dict[str, Any]:
    return {
        "recall": round(mean(found), 3),
        "recall_interval": _interval(found),
        "precision": round(mean(right), 3),
        "precision_interval": _interval(right),
    }


def _interval(values: Sequence[float]) -> list[float] | None:
    if not values:
        return None
    limits = bootstrap(lambda chosen: mean([values[i] for i in chosen]), len(values))
    return [round(limit, 3) for limit in limits] if limits else None


def _kind_row(judged: Judged) -> dict[str, Any]:
    return {
        "kind": judged.kind.name,
        "question": judged.kind.question,
        **_rates(judged.found, judged.right),
        "confidence_word": judged.confidence_word,
        "seconds": round(judged.seconds, 1),
        "missed": [v for v, found in zip(judged.values, judged.found, strict=True) if not found],
        "wrong": [i for i, right in zip(judged.items, judged.right, strict=True) if not right],
    }

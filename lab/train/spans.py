"""Finding the sentence of a text that answers a question, where the answer stands word for word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lab.evaluate.cases.records import Question

SENTENCE_END = re.compile(r"[.!?][\"”’)]*\s+|\n+")
LONGEST_SENTENCE = 600  # characters


def answer_sentence(text: str, question: Question) -> tuple[int, int] | None:
    """Characters of the sentence in the gold passage that has an accepted answer's words.

    None where no answer stands there word for word, or where several sentences have it.
    """
    if question.gold is None:
        return None
    start, end = question.gold
    for answer in question.answers:
        pattern = rf"(?<!\w){re.escape(answer.strip(' .'))}(?!\w)"
        found = [m.span() for m in re.finditer(pattern, text[start:end], re.IGNORECASE)]
        around = {_sentence_around(text, start + a, start + b) for a, b in found if b > a}
        if len(around) == 1:
            a, b = around.pop()
            return (a, b) if b - a <= LONGEST_SENTENCE else None
    return None


def holder(place: tuple[int, int] | None, ranges: Sequence[tuple[int, int]]) -> int | None:
    """Which of the ranges holds the whole place."""
    if place is None:
        return None
    return next((n for n, (a, b) in enumerate(ranges) if a <= place[0] and place[1] <= b), None)


def _sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    near = max(0, start - LONGEST_SENTENCE)  # a text may be a whole book
    first = max((m.end() for m in SENTENCE_END.finditer(text, near, start)), default=near)
    last = SENTENCE_END.search(text, end - 1)
    return first, (len(text[first : last.end()].rstrip()) + first) if last else len(text)

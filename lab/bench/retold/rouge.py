"""ROUGE-1, ROUGE-2 and ROUGE-L of a summary against the best of the summaries by people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

KINDS = ("rouge1", "rouge2", "rougeL")


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(list(KINDS), use_stemmer=True)


def rouge(summary: str, people: Sequence[str]) -> tuple[float, ...]:
    """F of each of KINDS, each against the one of the people's summaries that is nearest."""
    found = [_scorer().score(person, summary) for person in people]
    return tuple(max((f[kind].fmeasure for f in found), default=0.0) for kind in KINDS)

"""Scores of generated answers, and intervals by bootstrap."""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

RIGHT_F1 = 0.5  # an answer with at least this token F1 counts as right
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "“”‘’—–…")


def normalize(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces (the SQuAD convention)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(answer: str, golds: Sequence[str]) -> float:
    """Largest token F1 against any accepted answer."""
    return max((_f1(answer, gold) for gold in golds), default=0.0)


def _f1(answer: str, gold: str) -> float:
    ours, theirs = normalize(answer).split(), normalize(gold).split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """1 if the answer equals an accepted one after normalization."""
    return float(any(normalize(answer) == normalize(gold) for gold in golds))


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=True)


def rouge_l(answer: str, golds: Sequence[str]) -> float:
    """Largest ROUGE-L F against any accepted answer."""
    return max((_scorer().score(gold, answer)["rougeL"].fmeasure for gold in golds), default=0.0)


def contains(answer: str, gold: str) -> bool:
    """True if the answer contains the gold words in a row."""
    return f" {normalize(gold)} " in f" {normalize(answer)} "


ABSTENTIONS = (
    "not in the document",
    "it is not in the document",
    "not mentioned",
    "not stated",
    "the document does not say",
    "the document doesn't say",
    "i don't know",
    "i do not know",
    "unanswerable",
    "no answer",
    "cannot be answered",
)


def is_abstention(text: str) -> bool:
    """True if the answer begins by saying that the document does not answer."""
    return f"{normalize(text)} ".startswith(tuple(f"{normalize(d)} " for d in ABSTENTIONS))


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def recovered_gain(
    memory: Sequence[float], off: Sequence[float], gold: Sequence[float]
) -> float | None:
    """(memory - off) / (gold - off) over means; None where gold gains nothing."""
    span = mean(gold) - mean(off)
    return (mean(memory) - mean(off)) / span if abs(span) > 1e-9 else None


def bootstrap(
    statistic: Callable[[list[int]], float | None], n: int, rounds: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """95% interval of a statistic of resampled indices."""
    generator = random.Random(seed)
    found = []
    for _ in range(rounds):
        value = statistic([generator.randrange(n) for _ in range(n)])
        if value is not None:
            found.append(value)
    if len(found) < rounds / 2:
        return None
    found.sort()
    return found[int(0.025 * len(found))], found[min(len(found) - 1, int(0.975 * len(found)))]

"""Figures of measured answers: right ones, evidence, confidence and time, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lab.evaluate.product.run import Outcome
from lab.evaluate.scores import bootstrap, mean

BINS = 10
Statistic = Callable[[Sequence[Outcome]], float | None]


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """For each way to look and each kind: counts, shares and 95% intervals; then confidence."""
    found: dict[str, Any] = {}
    for look in dict.fromkeys(o.look for o in outcomes):
        own = [o for o in outcomes if o.look == look]
        kinds = {
            kind: _of_kind([o for o in own if o.kind == kind])
            for kind in dict.fromkeys(o.kind for o in own)
        }
        found[look or "as it ships"] = {"kinds": kinds, "all": confidence_figures(own)}
    return found


def _of_kind(own: Sequence[Outcome]) -> dict[str, Any]:
    placed = [o for o in own if o.rank is not None]
    right, wrong = [o for o in placed if o.right], [o for o in placed if not o.right]
    return {
        "questions": len(own),
        "right": _share(own, lambda o: o.right),
        "f1": _interval(own, lambda some: mean([o.f1 for o in some])),
        "not_found": _share(own, lambda o: not o.found),
        "sentence_first": _share(placed, lambda o: o.rank == 0),
        "sentence_among_three": _share(placed, _among_three),
        "right_first": _share(right, lambda o: o.rank == 0),
        "right_among_three": _share(right, _among_three),
        "wrong_among_three": _share(wrong, _among_three),
        "sure": _share(own, lambda o: o.word == "sure" and o.found),
        "right_where_sure": _share([o for o in own if o.word == "sure" and o.found], _is_right),
        "first_seconds": round(mean([o.first_seconds for o in own]), 3),
        "seconds": round(mean([o.seconds for o in own]), 3),
    }


def confidence_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How well confidence says whether an answer is right, over all answers that were given."""
    given = [o for o in outcomes if o.found]
    sure = [o for o in given if o.word == "sure"]
    likely = [o for o in given if o.word == "likely"]
    guess = [o for o in given if o.word == "guess"]
    return {
        "answers": len(given),
        "brier": _interval(given, brier),
        "expected_calibration_error": _interval(given, calibration_error),
        "sure": _share(given, lambda o: o.word == "sure"),
        "right_where_sure": _share(sure, _is_right),
        "right_where_likely": _share(likely, _is_right),
        "right_where_guess": _share(guess, _is_right),
    }


def brier(outcomes: Sequence[Outcome]) -> float:
    """Mean squared difference between confidence and being right."""
    return mean([(o.confidence - o.right) ** 2 for o in outcomes])


def calibration_error(outcomes: Sequence[Outcome], bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass."""
    ordered = sorted(outcomes, key=lambda o: o.confidence)
    total = 0.0
    for number in range(bins):
        own = ordered[len(ordered) * number // bins : len(ordered) * (number + 1) // bins]
        if own:
            gap = mean([o.confidence for o in own]) - mean([float(o.right) for o in own])
            total += len(own) * abs(gap)
    return total / len(ordered) if ordered else 0.0


def _is_right(outcome: Outcome) -> bool:
    return outcome.right


def _among_three(outcome: Outcome) -> bool:
    return outcome.rank is not None and outcome.rank < 3


def _share(own: Sequence[Outcome], of: Callable[[Outcome], bool]) -> dict[str, Any] | None:
    return _interval(own, lambda some: mean([float(of(o)) for o in some]))


def _interval(own: Sequence[Outcome], statistic: Statistic) -> dict[str, Any] | None:
    """The value with its 95% interval by bootstrap, None of nothing."""
    if not own:
        return None
    value = statistic(own)
    around = bootstrap(lambda chosen: statistic([own[n] for n in chosen]), len(own), rounds=400)
    return {
        "value": None if value is None else round(value, 3),
        "interval": None if around is None else [round(edge, 3) for edge in around],
        "of": len(own),
    }

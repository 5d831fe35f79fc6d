"""Fitting confidence to measured answers: a logistic regression of "right" on an answer's signals.

All kinds of questions weigh the same. The threshold of abstaining is found first: at most
`MOST_ABSTAINED` of the answerable questions of each kind may be abstained from. Then the answers
that are left are fitted, and the words are chosen: `sure` down to where `SURE_RIGHT` of the answers
are right, and `likely` down to where `LIKELY_RIGHT` of the rest are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from app.answering.confidence import SIGNALS, Confidence, Signals, answerable, is_doubtful
from app.calibration import calibration_json
from app.engine import Engine
from lab.evaluate.calibrate import abstain_below
from lab.evaluate.calibrate_run import note_confidence, write_calibration
from lab.evaluate.logistic import logistic
from lab.evaluate.product.run import Outcome
from memory_models.errors import BadData

SURE_RIGHT, SURE_LEAST = 0.9, 0.75  # of all that are called so; confidence of each of them
LIKELY_RIGHT, LIKELY_LEAST = 0.6, 0.45
FEWEST = 20  # answers that a word must have
RIDGE = 3.0  # of standardized weights, so that a few hundred answers do not fit noise


def fit_confidence(outcomes: Sequence[Outcome]) -> Confidence:
    """The confidence that fits these answers. Raises BadData where right or wrong ones are few."""
    threshold = _abstain_below(outcomes)
    answered = [o for o in outcomes if o.found and _answerability(o) >= threshold]
    right = sum(o.right for o in answered)
    if min(right, len(answered) - right) < FEWEST:
        raise BadData(
            f"{right} right and {len(answered) - right} wrong answers are too few to fit "
            f"confidence; at least {FEWEST} of both are needed, so raise --limit."
        )
    features = torch.tensor(
        [[o.signals[name] for name in SIGNALS] for o in answered], dtype=torch.float64
    )  # [n,signals]
    labels = torch.tensor([float(o.right) for o in answered], dtype=torch.float64)
    asked = Counter(o.kind for o in outcomes)  # a kind that is rarely answered weighs less
    weights, bias = _fitted(features, labels, _shares(answered, asked))
    named = {name: float(w) for name, w in zip(SIGNALS, weights, strict=True) if w != 0}
    fitted = Confidence(float(bias), 0.0, named, threshold)
    sure, likely = _words(answered, fitted, asked)
    return replace(fitted, threshold=likely, sure=sure, likely=likely)


def _answerability(outcome: Outcome) -> float:
    return answerable(outcome.signals["answerability"], outcome.signals["second"])


def _abstain_below(outcomes: Sequence[Outcome]) -> float:
    """The largest threshold that every answerable kind allows."""
    kinds = {o.kind for o in outcomes if o.accepted}
    found = (
        abstain_below(_answerability(o) for o in outcomes if o.kind == kind and o.accepted)
        for kind in kinds
    )
    return min(found, default=0.0)


def _shares(answered: Sequence[Outcome], asked: Mapping[str, int]) -> Tensor:
    """A weight [n] for each answer, so that questions of all kinds weigh the same; 1 in the mean.

    asked: the questions of each kind.
    """
    raw = torch.tensor([1 / asked[o.kind] for o in answered], dtype=torch.float64)
    return raw * len(answered) / raw.sum()


def _fitted(features: Tensor, labels: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [signals] and bias, fitted on standardized features."""
    mean, spread = features.mean(0), features.std(0)
    varies = spread > 1e-9
    scaled = torch.where(varies, (features - mean) / spread.clamp_min(1e-9), 0.0)
    design = torch.cat((scaled, torch.ones(len(labels), 1, dtype=scaled.dtype)), dim=1)
    ridge = torch.full(design.shape[1:], RIDGE, dtype=scaled.dtype)
    ridge[-1] = 1e-6
    found = logistic(design, labels, ridge, shares)
    weights = torch.where(varies, found[:-1] / spread.clamp_min(1e-9), 0.0)
    return weights, found[-1] - (weights * mean).sum()


def _words(
    answered: Sequence[Outcome], fitted: Confidence, asked: Mapping[str, int]
) -> tuple[float, float]:
    """The least confidences of `sure` and `likely`."""
    trusted = [o for o in answered if not is_doubtful(Signals(**o.signals))]
    ranked = sorted(
        ((fitted.of(Signals(**o.signals)), o.right, 1 / asked[o.kind]) for o in trusted),
        key=lambda each: -each[0],
    )
    sure, first = _least([r for r in ranked if r[0] >= SURE_LEAST], SURE_RIGHT)
    likely, _ = _least([r for r in ranked[first:] if r[0] >= LIKELY_LEAST], LIKELY_RIGHT)
    return sure, min(likely, sure)


def _least(ranked: Sequence[tuple[float, bool, float]], right: float) -> tuple[float, int]:
    """The least confidence down to which answers are right that often, and how many those are."""
    least, count, total, good = math.inf, 0, 0.0, 0.0
    for number, (confidence, is_right, share) in enumerate(ranked, start=1):
        total += share
        good += share * is_right
        if number >= FEWEST and good >= right * total:
            least, count = confidence, number
    return (least, count) if count else (1.0, 0)


def judged_by(confidence: Confidence, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The same answers as another fit judges them: not found, or with its confidence and word.

    An answer that was abstained from stays so, because nothing else is known about it.
    """
    found = []
    for outcome in outcomes:
        signals = Signals(**outcome.signals)
        value = confidence.of(signals)
        word = confidence.word(value, signals)
        judged = replace(outcome, confidence=round(value, 4), word=word)
        if not outcome.found or _answerability(outcome) < confidence.abstain_below:
            judged = replace(judged, found=False, right=not outcome.accepted, f1=0.0)
        found.append(judged)
    return found


def write_confidence(engine: Engine, confidence: Confidence, notes: dict[str, Any]) -> None:
    """Keep a fitted confidence for the answer adapter in use, next to the backbone."""
    known = calibration_json(engine.backbone)
    if known is None or not engine.answers:
        raise BadData(
            "Confidence is fitted for a calibrated backbone with an answer adapter in use; run "
            "`bookstate calibrate` and install an adapter first."
        )
    note_confidence(known, engine.answers, confidence, notes)
    write_calibration(engine.backbone, known)

"""What `bookstate calibrate` measures on a backbone: addressing heads, and confidence.

Heads: every query head of every layer scores every window for every question; heads are then added
greedily, best mean reciprocal rank of the gold window first, from at most `key_heads` key/value
heads (their keys are all kept, so they cost bytes). Confidence: a logistic regression of "the
answer is right" on how much likelier the memory makes it, over right books and wrong ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.answering.confidence import Confidence
from lab.evaluate.cases.case import Case, Window
from lab.evaluate.harness import Outcome
from lab.evaluate.logistic import logistic
from lab.evaluate.scores import RIGHT_F1, contains
from memory_models.address import Head, question_queries, standardize
from memory_models.backbone import Backbone
from memory_models.errors import InvalidRequest
from memory_models.generate import answerability_logit
from memory_models.memories.adaptive import QUERY_DISTANCE, read_tokens
from memory_models.prompt import address_query

MOST_ABSTAINED = 0.08  # of answerable questions
RIDGE = 0.1  # of the weights that confidence is fitted with


@dataclass(frozen=True, slots=True)
class HeadChoice:
    """Chosen heads, and how well they find the gold window on the calibration questions."""

    heads: tuple[Head, ...]
    recall_at_1: float
    recall_at_4: float
    recall_at_8: float
    questions: int


class HeadScores:
    """Scores of all heads for cases; the rotated keys of every window are computed once."""

    def __init__(self, backbone: Backbone, window: int) -> None:
        self._backbone = backbone
        self._sink = backbone.tokenizer.chat.opening
        self._at = len(self._sink) + window + QUERY_DISTANCE
        self._keys: dict[str, Tensor] = {}

    def _window_keys(self, window: Window) -> Tensor:
        """Rotated keys [layers,G,T,d]."""
        if window.text not in self._keys:
            decoder, first = self._backbone.decoder, len(self._sink)
            ids = self._backbone.tokenizer.encode(window.text)
            tokens = torch.tensor([*self._sink, *ids], device=decoder.device)
            keys = read_tokens(decoder, tokens).keys[:, :, first:]
            places = torch.arange(first, first + keys.shape[2], device=decoder.device)
            self._keys[window.text] = decoder.rope(keys, places)
        return self._keys[window.text]

    @torch.inference_mode()
    def of(self, case: Case) -> Tensor:
        """Standardized scores [layers * H, windows] of one case."""
        decoder, config = self._backbone.decoder, self._backbone.config
        query = address_query(self._backbone.tokenizer, case.question.question)
        queries = _all_queries(self._backbone, query, self._at)  # [layers,H,Tq,d]
        layers, H, Tq, d = queries.shape
        grouped = queries.view(layers, config.kv_heads, config.group * Tq, d)
        columns = []
        for window in case.windows:
            products = grouped @ self._window_keys(window).transpose(2, 3)  # [layers,G,R*Tq,T]
            best = products.amax(-1).float().view(layers, H, Tq)
            columns.append(best.mean(-1).flatten())
        return standardize(torch.stack(columns, dim=1)).to(decoder.device).cpu()


def _all_queries(backbone: Backbone, question: Sequence[int], at: int) -> Tensor:
    config = backbone.config
    every = [(layer, head) for layer in range(config.layers) for head in range(config.heads)]
    found = question_queries(backbone.decoder, backbone.tokenizer.chat.opening, question, every, at)
    return found.view(config.layers, config.heads, *found.shape[1:])


def choose_heads(
    backbone: Backbone, cases: Sequence[Case], window: int, key_heads: int, most: int
) -> Iterator[tuple[int, HeadChoice | None]]:
    """Yield (cases done, None) while scoring, and at the end the choice."""
    scorer, scored, gold = HeadScores(backbone, window), [], []
    for number, case in enumerate(cases, start=1):
        if case.gold:
            scored.append(scorer.of(case))
            gold.append(sorted(case.gold))
        yield number, None
    if not scored:
        raise InvalidRequest(
            "No question says which passage answers it (sections or paragraph); calibrate on data "
            "that does, such as FairytaleQA."
        )
    heads = _greedy(scored, gold, backbone.config.heads, backbone.config.group, key_heads, most)
    index = torch.tensor([layer * backbone.config.heads + head for layer, head in heads])
    ranks = [_rank(s[index].sum(0), g) for s, g in zip(scored, gold, strict=True)]
    recall = [sum(r < k for r in ranks) / len(ranks) for k in (1, 4, 8)]
    yield len(cases), HeadChoice(heads, recall[0], recall[1], recall[2], len(ranks))


def _rank(scores: Tensor, gold: list[int]) -> int:
    return int((scores > scores[gold].max()).sum())


def _greedy(
    scored: list[Tensor], gold: list[list[int]], H: int, group: int, key_heads: int, most: int
) -> tuple[Head, ...]:
    chosen: list[int] = []
    totals = [torch.zeros(s.shape[1]) for s in scored]
    best_value = -1.0
    while len(chosen) < most:
        pairs = {(i // H, i % H // group) for i in chosen}
        candidates = [
            i
            for i in range(scored[0].shape[0])
            if i not in chosen and len(pairs | {(i // H, i % H // group)}) <= key_heads
        ]
        values = [
            (_reciprocal_rank([t + s[i] for t, s in zip(totals, scored, strict=True)], gold), -i)
            for i in candidates
        ]
        if not values or max(values)[0] <= best_value:
            break
        best_value, negative = max(values)
        chosen.append(-negative)
        totals = [t + s[-negative] for t, s in zip(totals, scored, strict=True)]
    return tuple((i // H, i % H) for i in chosen)


def _reciprocal_rank(totals: list[Tensor], gold: list[list[int]]) -> float:
    ranks = [_rank(total, g) for total, g in zip(totals, gold, strict=True)]
    return sum(1 / (1 + r) for r in ranks) / len(ranks)


@dataclass(frozen=True, slots=True)
class ConfidenceFit:
    """Coefficients of the logistic regression and how well it does on its own data."""

    bias: float
    gain: float
    log_prob: float
    answerability: float  # of the logit of answerability; 0 without an answer adapter
    threshold: float
    abstain_below: float  # answerability below which the whole answer is an abstention
    brier: float
    right_kept: float  # fraction of right answers at or above the threshold
    wrong_book_flagged: float  # fraction of wrong-book answers below it
    answers: int
    right: int

    @property
    def confidence(self) -> Confidence:
        """The same for the product."""
        weights = {"gain": self.gain, "log_prob": self.log_prob}
        if self.answerability:
            weights["answerability"] = self.answerability
        return Confidence(self.bias, self.threshold, weights, self.abstain_below)


def is_right(outcome: Outcome, answers: Sequence[str]) -> bool:
    """True for an answer that matches an accepted one by half or more, or contains it."""
    return outcome.f1 >= RIGHT_F1 or any(contains(outcome.answer, gold) for gold in answers)


def fit_confidence(
    book: Sequence[Outcome], right: Sequence[bool], wrong: Sequence[Outcome]
) -> ConfidenceFit:
    """Fit "right" on (gain, log_prob, answerability); wrong-book answers are never right.

    The threshold separates right answers from wrong-book ones best (Youden's index).
    """
    if not any(right) or not wrong:
        raise InvalidRequest(
            f"{sum(right)} right answers and {len(wrong)} wrong-book answers are too few to "
            "calibrate confidence; raise --limit."
        )
    outcomes = [*book, *wrong]
    features = torch.tensor(
        [[1.0, o.gain, o.log_prob, answerability_logit(o.answerability)] for o in outcomes],
        dtype=torch.float64,
    )  # [n,4]
    can_abstain = any(o.answerability < 1 for o in outcomes)
    features[:, 3] *= can_abstain
    labels = torch.tensor([*map(float, right), *[0.0] * len(wrong)], dtype=torch.float64)
    ridge = torch.full(features.shape[1:], RIDGE, dtype=torch.float64)
    weights = logistic(features, labels, ridge, torch.ones_like(labels))
    probabilities = (features @ weights).sigmoid()
    of_right = probabilities[: len(book)][torch.tensor(list(right))]
    of_wrong = probabilities[len(book) :]
    cuts = probabilities.unique()
    youden = [float((of_right >= c).double().mean() + (of_wrong < c).double().mean()) for c in cuts]
    threshold = float(cuts[max(range(len(cuts)), key=lambda i: youden[i])])
    return ConfidenceFit(
        bias=float(weights[0]),
        gain=float(weights[1]),
        log_prob=float(weights[2]),
        answerability=float(weights[3]),
        threshold=threshold,
        abstain_below=abstain_below(o.answerability for o in book) if can_abstain else 0.0,
        brier=float((probabilities - labels).pow(2).mean()),
        right_kept=float((of_right >= threshold).double().mean()),
        wrong_book_flagged=float((of_wrong < threshold).double().mean()),
        answers=len(outcomes),
        right=sum(right),
    )


def abstain_below(answerabilities: Iterable[float]) -> float:
    """The largest threshold with abstentions on at most `MOST_ABSTAINED` answerable questions."""
    found = sorted(answerabilities)
    return found[int(MOST_ABSTAINED * len(found))]

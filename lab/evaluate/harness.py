"""One harness for every memory and comparator: the same questions, prompt, backbone and decoding.

Every outcome is written to a log at once, so that a stopped run continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypedDict

from lab.evaluate.cases.case import Case
from lab.evaluate.cases.records import Question
from lab.evaluate.conditions import Condition
from lab.evaluate.scores import (
    contains,
    exact_match,
    is_abstention,
    rouge_l,
    token_f1,
)
from memory_models.backbone import Backbone
from memory_models.errors import BadData
from memory_models.generate import Decoding, Mixture, Trace, generate, score
from memory_models.prompt import ABSTAINED


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one condition on one case."""

    answer: str
    f1: float
    exact_match: float
    rouge_l: float
    nats_per_token: float  # of the first accepted answer, teacher-forced
    first_token_nats: float
    gain: float  # nats per token of the generated answer over memory off
    log_prob: float  # mean log-probability per generated token
    state_bytes: int
    kv_cache_bytes: int
    rank: int | None = None  # of the best gold window (rag: passage) in the address order
    weight_on_gold: float | None = None  # posterior weight of gold windows
    contains: float = 0.0
    abstained: float = 0.0
    answerability: float = 1.0  # largest probability over rows of answering; 1 without abstention


class TextScores(TypedDict):
    """The scores of an answer's text."""

    f1: float
    exact_match: float
    rouge_l: float
    contains: float
    abstained: float


def text_scores(answer: str, question: Question) -> TextScores:
    """The scores that depend on the answer's text alone.

    Where the document does not answer, only an abstention is right.
    """
    abstained = float(is_abstention(answer))
    if not question.answers:
        return TextScores(
            f1=abstained,
            exact_match=abstained,
            rouge_l=abstained,
            contains=abstained,
            abstained=abstained,
        )
    golds = question.answers
    return TextScores(
        f1=token_f1(answer, golds),
        exact_match=exact_match(answer, golds),
        rouge_l=rouge_l(answer, golds),
        contains=float(any(contains(answer, gold) for gold in golds)),
        abstained=abstained,
    )


def run_case(condition: Condition, case: Case, decoding: Decoding) -> Outcome:
    """Generate freely and score the first accepted answer teacher-forced.

    Abstention is ruled out here. `judged` decides on it by the outcome's answerability, so that
    outcomes stay valid when another threshold is fitted.
    """
    tokenizer, abstention = condition.answerer.tokenizer, condition.answerer.abstention
    abstention = abstention and replace(abstention, threshold=0.0)
    opened = condition.open(case)
    mixture = Mixture(opened.reading(), abstention)
    mixture.prefill(opened.prompt.tokens, opened.prompt.question)
    said = Trace()
    for _ in generate(mixture, tokenizer.chat.stops, decoding, said):
        pass
    answer = tokenizer.decode(said.tokens).strip()
    first = (*case.question.answers, ABSTAINED)[0]
    target = [*tokenizer.encode(first), *sorted(tokenizer.chat.stops)[-1:]]
    asked = opened.prompt.tokens, opened.prompt.question
    forced = score(opened.reading(), *asked, target, abstention)
    on_gold = [w for s, w in zip(opened.segments, said.weights, strict=False) if s in case.gold]
    return Outcome(
        answer=answer,
        **text_scores(answer, case.question),
        nats_per_token=-forced.log_prob,
        first_token_nats=-forced.log_probs[0],
        gain=said.gain,
        log_prob=said.log_prob,
        state_bytes=opened.state_bytes,
        kv_cache_bytes=opened.kv_cache_bytes,
        rank=opened.rank,
        weight_on_gold=sum(on_gold) if opened.segments and opened.rank is not None else None,
        answerability=said.answerability,
    )


def judged(outcome: Outcome, condition: Condition, case: Case) -> Outcome:
    """The outcome with the abstention decided, its text scored as scores are defined now."""
    abstention = condition.answerer.abstention
    abstains = abstention is not None and outcome.answerability < abstention.threshold
    answer = ABSTAINED if abstains else outcome.answer
    return replace(outcome, answer=answer, **text_scores(answer, case.question))


class OutcomeLog:
    """Outcomes of earlier runs; every new one is appended at once."""

    def __init__(self, path: Path, writer: Backbone) -> None:
        """writer: the backbone that reads windows, and answers where nothing else does."""
        self._path = path
        self._writer = writer
        self._known = dict(_lines(path)) if path.is_file() else {}
        if path.is_file():
            _end_with_a_line(path)

    def find(self, condition: Condition, case: Case) -> Outcome | None:
        """The outcome as it was logged, or None."""
        return self._known.get(self._key(condition, case))

    def add(self, condition: Condition, case: Case, outcome: Outcome) -> None:
        """Keep an outcome."""
        key = self._key(condition, case)
        self._known[key] = outcome
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([key, asdict(outcome)], ensure_ascii=False) + "\n")

    def _key(self, condition: Condition, case: Case) -> str:
        texts = "\0".join(w.text for w in condition.document(case))
        question = case.question
        parts = [condition.name, question.question, *question.answers, case.passage, texts]
        if condition.answerer.identity != self._writer.sha256:
            parts.append(condition.answerer.identity)
        if condition.variant:
            parts.append(condition.variant)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _lines(path: Path) -> Iterator[tuple[str, Outcome]]:
    *lines, _torn = path.read_text("utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            key, outcome = json.loads(line)
            yield key, Outcome(**outcome)
        except (TypeError, ValueError) as error:
            raise BadData(
                f"{path}, line {number}, is not an outcome ({error!r}); remove the line."
            ) from error


def _end_with_a_line(path: Path) -> None:
    """Remove an incomplete last line, which a killed run leaves."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("rb+") as file:
            file.truncate(whole)


def unread(
    conditions: Sequence[Condition], cases: Sequence[Case], log: OutcomeLog
) -> list[tuple[Condition, str]]:
    """Windows that missing outcomes need and no run has read, each once."""
    found: dict[Path, tuple[Condition, str]] = {}
    for condition in conditions:
        for case in cases:
            if log.find(condition, case) is None:
                for file, text in condition.unread(case).items():
                    found.setdefault(file, (condition, text))
    return list(found.values())


def run(
    conditions: Sequence[Condition], cases: Sequence[Case], decoding: Decoding, log: OutcomeLog
) -> Iterator[tuple[int, str, Outcome]]:
    """All conditions on all cases; outcomes in `log` are not computed again."""
    for number, case in enumerate(cases):
        for condition in conditions:
            outcome = log.find(condition, case)
            if outcome is None:
                outcome = run_case(condition, case, decoding)
                log.add(condition, case, outcome)
            yield number, condition.name, judged(outcome, condition, case)

"""`bookstate evaluate`: the harness run for one engine and one plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any

from app.engine import Engine
from app.library import OnProgress, ReadProgress, quiet
from lab.evaluate.answerers import answerers, cache_folder, condition_of, uses_rag
from lab.evaluate.cases.case import Case
from lab.evaluate.conditions import Condition
from lab.evaluate.harness import Outcome, OutcomeLog, run, unread
from lab.evaluate.plan import EvaluationPlan
from lab.evaluate.settings import Setting, settings_of
from lab.evaluate.table import Row, make_rows, row_json
from lab.provenance import provenance
from memory_models.generate import ANSWERABILITY_WEIGHT, PRIOR_WEIGHT, QUESTION_WEIGHT, Decoding
from memory_models.memories.adaptive import ADDRESS_WEIGHT, WORD_WEIGHT
from memory_models.prompt import ABSTAINED, CUE, INSTRUCTION
from memory_models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with the answer of every condition."""

    setting: str
    case: Case
    outcomes: dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The table, the same by group, and every answer."""

    rows: tuple[Row, ...]
    groups: tuple[Row, ...]
    asked: tuple[Asked, ...]


def evaluate(engine: Engine, plan: EvaluationPlan, on_progress: OnProgress = quiet) -> Evaluation:
    """Run the harness; outcomes of earlier runs are not computed again."""
    settings = settings_of(engine, plan)
    names = _with_gold_only_where_known(plan.memories, settings)
    cases = [case for setting in settings for case in setting.cases]
    outcomes = outcomes_of(engine, cases, names, on_progress, abstains=not plan.no_abstain)
    rows: list[Row] = []
    groups: list[Row] = []
    asked: list[Asked] = []
    for setting in settings:
        done = len(asked)
        asked += [
            Asked(setting.name, case, {name: outcomes[name][done + n] for name in names})
            for n, case in enumerate(setting.cases)
        ]
        own = asked[done:]
        tokens = _document_tokens(engine.backbone.tokenizer, setting.cases)
        rows += _rows(own, names, setting.name, tokens, "")
        groups += _group_rows(own, names, setting.name, tokens)
    return Evaluation(tuple(rows), tuple(groups), tuple(asked))


def _with_gold_only_where_known(
    names: Sequence[str], settings: Sequence[Setting]
) -> tuple[str, ...]:
    known = any(case.passage for setting in settings for case in setting.cases)
    return tuple(name for name in dict.fromkeys(names) if known or name != "gold")


def _document_tokens(tokenizer: Tokenizer, cases: Sequence[Case]) -> int:
    """Mean tokens of the documents; windows that they share are counted once."""
    texts = dict.fromkeys(window.text for case in cases for window in case.windows)
    counts = {text: tokenizer.count(text) for text in texts}
    return round(sum(counts[w.text] for c in cases for w in c.windows) / len(cases))


def _rows(
    asked: Sequence[Asked], names: Sequence[str], setting: str, tokens: int, group: str
) -> list[Row]:
    outcomes = {name: [a.outcomes[name] for a in asked] for name in names}
    return make_rows(outcomes, setting=setting, document_tokens=tokens, group=group)


def _group_rows(
    asked: Sequence[Asked], names: Sequence[str], setting: str, tokens: int
) -> list[Row]:
    grouped = [a for a in asked if a.case.group]
    ordered = sorted(grouped, key=lambda a: (len(a.case.group), a.case.group))
    return [
        row
        for group, own in groupby(ordered, key=lambda a: a.case.group)
        for row in _rows(list(own), names, setting, tokens, group)
    ]


def outcomes_of(
    engine: Engine,
    cases: Sequence[Case],
    names: Sequence[str],
    on_progress: OnProgress,
    *,
    abstains: bool = True,
) -> dict[str, list[Outcome]]:
    """Outcomes of each condition on the cases, in the order of the cases."""
    who = answerers(engine, abstains=abstains, rag=uses_rag(names))
    conditions = [condition_of(engine, name, who) for name in names]
    found: dict[str, list[Outcome]] = {condition.name: [] for condition in conditions}
    decoding = Decoding(max_tokens=engine.settings.answer_tokens)
    log = OutcomeLog(outcomes_file(engine), engine.backbone)
    ahead = unread(conditions, cases, log)
    steps = len(ahead) + len(cases) * len(conditions)
    _read_ahead(engine, ahead, steps, on_progress)
    for done, (_, name, outcome) in enumerate(run(conditions, cases, decoding, log), start=1):
        found[name].append(outcome)
        on_progress(ReadProgress("", len(ahead) + done, steps, 0.0, None))
    return found


def _read_ahead(
    engine: Engine, ahead: Sequence[tuple[Condition, str]], steps: int, on_progress: OnProgress
) -> None:
    """Read windows; the time left is that of reading, as answers come later."""
    started, tokens = perf_counter(), 0
    for done, (condition, text) in enumerate(ahead, start=1):
        condition.read(text)
        tokens += engine.backbone.tokenizer.count(text)
        seconds = perf_counter() - started
        left = seconds / done * (len(ahead) - done)
        on_progress(ReadProgress("", done, steps, tokens / seconds, left))


def outcomes_file(engine: Engine) -> Path:
    """The log of outcomes; its name hashes all that any outcome of this engine depends on.

    What only some outcomes depend on (the case, the condition, its adapters) is in their keys.
    """
    decoder = engine.backbone.decoder
    names = {"window", "windows", "answer_tokens", "infini_update"}
    made_with = {
        "backbone": engine.backbone.sha256,
        "dtype": str(decoder.dtype),
        "device": decoder.device.type,
        "settings": engine.settings.model_dump(include=names),
        "kept": list(engine.kept),
        "heads": engine.calibration.address_heads,
        "prompt": [INSTRUCTION, CUE, ABSTAINED],
        "weights": {
            "address": ADDRESS_WEIGHT,
            "words": WORD_WEIGHT,
            "question": QUESTION_WEIGHT,
            "prior": PRIOR_WEIGHT,
            "answerability": ANSWERABILITY_WEIGHT,
        },
    }
    digest = hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()
    return cache_folder(engine) / f"outcomes-{digest[:16]}.jsonl"


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    return {
        "rows": [row_json(row) for row in evaluation.rows],
        "groups": [row_json(row) for row in evaluation.groups],
        "provenance": provenance(),
    }

"""`bookstate evaluate`: the harness with this engine's reader."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter
from typing import Any

from app.engine import Engine
from app.library import OnProgress, ReadProgress, quiet
from lab.evaluate.answerers import any_retrieves, cache_folder, condition_of, readers
from lab.evaluate.cases.case import Case
from lab.evaluate.conditions import Condition
from lab.evaluate.harness import Outcome, OutcomeLog, run, unread
from lab.evaluate.plan import Plan, Setting, settings_of
from lab.evaluate.table import Row, make_rows, row_json
from lab.provenance import made_by
from memory_models.generate import Decoding
from memory_models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with what every condition answered."""

    setting: str
    case: Case
    outcomes: dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The table, the same broken down, and every answer."""

    rows: tuple[Row, ...]
    groups: tuple[Row, ...]
    asked: tuple[Asked, ...]


def evaluate(engine: Engine, plan: Plan, on_progress: OnProgress = quiet) -> Evaluation:
    """Run the harness; what an earlier run of the same plan had done is not done again."""
    settings = settings_of(engine, plan)
    names = _with_gold_only_where_known(plan.memories, settings)
    cases = [case for setting in settings for case in setting.cases]
    outcomes = outcomes_of(engine, cases, names, on_progress, declines=plan.declines)
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
    declines: bool = True,
) -> dict[str, list[Outcome]]:
    """Outcomes of each condition on the cases, in the order of the cases."""
    who = readers(engine, declines=declines, retrieves=any_retrieves(names))
    conditions = [condition_of(engine, name, who) for name in names]
    found: dict[str, list[Outcome]] = {condition.name: [] for condition in conditions}
    decoding = Decoding(max_tokens=engine.settings.answer_tokens)
    path = cache_folder(engine) / f"outcomes-{_fingerprint(engine)}.jsonl"
    log = OutcomeLog(path, engine.backbone)
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
    """Read windows; the bar goes on with the answers, so the time left is that of reading."""
    started, tokens = perf_counter(), 0
    for done, (condition, text) in enumerate(ahead, start=1):
        condition.read(text)
        tokens += engine.backbone.tokenizer.count(text)
        seconds = perf_counter() - started
        left = seconds / done * (len(ahead) - done)
        on_progress(ReadProgress("", done, steps, tokens / seconds, left))


def _fingerprint(engine: Engine) -> str:
    """Everything that an outcome depends on beside its case and its condition's name."""
    settings = (
        engine.settings.model_dump(include={"window", "windows", "answer_tokens", "infini_update"})
        | engine.kept._asdict()
    )
    heads = engine.calibration.address_heads
    made_by = repr((engine.backbone.sha256, sorted(settings.items()), heads))
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    return {
        "rows": [row_json(row) for row in evaluation.rows],
        "groups": [row_json(row) for row in evaluation.groups],
        "made_by": made_by(),
    }

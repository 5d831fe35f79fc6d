"""The cases of an evaluation plan, setting by setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from app.engine import Engine
from ingest.segments import split_text
from lab.evaluate.cases.babi import babi_cases, read_stories
from lab.evaluate.cases.background import Measure, book_windows
from lab.evaluate.cases.case import Case, build_cases, located
from lab.evaluate.cases.records import (
    HELD_OUT,
    Record,
    each_record,
    mark_held_out,
    read_literary,
    read_records,
)
from lab.evaluate.cases.tasks import fact_cases, filler_windows, passkey_cases
from lab.evaluate.plan import EvaluationPlan
from memory_models.tokenizer import Tokenizer

DEPTHS = {"planted": 10, "passkey": 20}
BABI_QUESTIONS = 100  # 20 of each sub-task, where no limit is given
CHARACTERS = 2500  # a window of 512 tokens of prose has fewer


@dataclass(frozen=True, slots=True)
class Setting:
    """Cases whose documents are made in the same way."""

    name: str
    cases: tuple[Case, ...]


def measure_of(engine: Engine) -> Measure:
    """How this engine cuts and counts text; a text is cut once."""
    count, window = engine.backbone.tokenizer.count, engine.settings.window
    split = partial(split_text, count_tokens=count, window=window)
    return Measure(lru_cache(maxsize=1024)(split), count, window)


def settings_of(engine: Engine, plan: EvaluationPlan) -> list[Setting]:
    """The plan's settings with their cases."""
    measure = measure_of(engine)
    if plan.task == "records":
        return [
            Setting(f"{count:,} distractors", tuple(cases_of(measure, plan, count)))
            for count in plan.distractors
        ]
    if plan.task == "literaryqa":
        return [
            _literary(measure, engine.backbone.tokenizer, plan, tokens)
            for tokens in plan.tokens or (None,)
        ]
    return [
        Setting(f"{tokens:,} tokens", tuple(_planted(measure, plan, tokens)))
        for tokens in plan.lengths
    ]


def cases_of(measure: Measure, plan: EvaluationPlan, distractors: int) -> list[Case]:
    """Questions about records; distractors come from every split, questions from the plan's."""
    assert plan.data is not None
    records = read_records(plan.data, unanswerable=plan.unanswerable)
    if plan.split == HELD_OUT:
        records = [mark_held_out(record) for record in records]
    if plan.split is not None:
        read_records(plan.data, plan.split)  # refuses a split that is not there
    if "gold" in plan.memories:
        records = located(records)
    pool = _pool(plan, distractors, records)
    wanted = _enough(records, plan, 0 if pool else distractors)
    cases = build_cases(
        wanted,
        measure.split,
        distractors,
        plan.limit,
        plan.seed,
        plan.split,
        pool,
    )
    return [_by_answer(case) for case in cases] if plan.unanswerable else cases


def _by_answer(case: Case) -> Case:
    return replace(case, group="answerable" if case.question.answers else "unanswerable")


def _enough(records: Sequence[Record], plan: EvaluationPlan, distractors: int) -> list[Record]:
    """Records of the split, and as many others as the distractors may need."""
    asked = [r for r in records if plan.split in (None, r.split)][: plan.documents]
    others = [r for r in records if plan.split not in (None, r.split)]
    windows = sum(len(r.text) for r in asked) // CHARACTERS
    kept = list(asked)
    for record in others:
        if windows > distractors * 1.5 + 20:
            break
        kept.append(record)
        windows += len(record.text) // CHARACTERS
    return kept


def _pool(plan: EvaluationPlan, distractors: int, records: Sequence[Record]) -> list[Record]:
    """As many records of the file with distractor text as the distractors may need."""
    if plan.distractor_data is None:
        return []
    longest = max(len(r.text) for r in records if plan.split in (None, r.split))
    wanted = (distractors + 20) * CHARACTERS + 2 * longest
    found: list[Record] = []
    for record in _preferred(plan.distractor_data, "train"):
        found.append(replace(record, questions=()))
        wanted -= len(record.text)
        if wanted <= 0:
            break
    return found


def _preferred(path: Path, split: str) -> Iterator[Record]:
    """Records of the split, or all records of a file without that split."""
    empty = True
    for record in each_record(path, split):
        empty = False
        yield record
    if empty:
        yield from each_record(path)


def _literary(
    measure: Measure, tokenizer: Tokenizer, plan: EvaluationPlan, tokens: int | None
) -> Setting:
    """Whole books, or their first `tokens` tokens; another book is the wrong one."""
    assert plan.data is not None and plan.books is not None
    records = read_literary(plan.data, plan.books)
    records = [r for r in records if plan.split in (None, r.split)][: plan.documents]
    if tokens is not None:
        records = [replace(r, text=_first(r.text, tokens, tokenizer)) for r in records]
    name = "whole books" if tokens is None else f"first {tokens:,} tokens"
    cases = build_cases(records, measure.split, 0, plan.limit, plan.seed, plan.split)
    return Setting(name, tuple(cases))


def _first(text: str, tokens: int, tokenizer: Tokenizer) -> str:
    head = text[: 8 * tokens]  # this many characters of prose have more tokens than that
    return tokenizer.decode(tokenizer.encode(head)[:tokens])


def _planted(measure: Measure, plan: EvaluationPlan, tokens: int) -> list[Case]:
    if plan.books is not None and tokens:
        texts = (record.text for record in _preferred(plan.books, "val"))
        background = book_windows(texts, measure, tokens)
    else:
        background = filler_windows(measure, tokens) if tokens else []
    if plan.task == "passkey":
        depths = plan.depths or DEPTHS["passkey"]
        return passkey_cases(background, measure, depths, plan.limit, plan.seed)
    assert plan.data is not None
    if plan.task == "babi":
        stories = read_stories(plan.data, seed=plan.seed, split=plan.split)
        limit = plan.limit or BABI_QUESTIONS
        return babi_cases(stories, background, measure, limit, plan.seed)
    records = read_records(plan.data, plan.split)
    depths = plan.depths or DEPTHS["planted"]
    return fact_cases(records, background, measure, depths, plan.limit, plan.seed)

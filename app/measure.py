"""`bookstate evaluate` and `bookstate calibrate`: the harness with this library's reader."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import InvalidSetting
from app.library import Library, OnProgress, ReadProgress, quiet
from app.models import CALIBRATION, Calibration, Confidence, new_memory
from ingest.book import Book, Chapter, Page
from ingest.segments import split_book
from memory_models.evaluate.calibrate import (
    ConfidenceFit,
    choose_heads,
    fit_confidence,
    is_right,
)
from memory_models.evaluate.data import Record, read_records
from memory_models.evaluate.harness import (
    Adaptive,
    Case,
    Condition,
    Outcome,
    PromptOnly,
    Recurrent,
    Window,
    WindowStates,
    build_cases,
    planted_cases,
    run,
)
from memory_models.evaluate.planted import plant
from memory_models.evaluate.table import Row, make_rows
from memory_models.generate import Decoding
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.tokenizer import Tokenizer

CONDITIONS = (
    "none",
    "wrong",
    "gold",
    "truncated",
    "adaptive",
    "adaptive@SHARE",
    "infini",
    "melodi",
)
TRUNCATED_TOKENS = 2048  # of the document's end, for the comparator `truncated`


def split_text(library: Library, text: str) -> list[tuple[int, int]]:
    """Character ranges of the windows of a text without chapters."""
    whole = Book(
        "text", text, (Chapter("all", 0, len(text)),), (Page(1, "1", 0, len(text)),), "text"
    )
    segments = split_book(whole, library.backbone.tokenizer.count, library.settings.window)
    return [(s.start, s.end) for s in segments]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate."""

    data: Path
    split: str | None
    memories: tuple[str, ...]
    distractors: int
    limit: int | None
    seed: int = 0
    documents: int | None = None  # ask about the first so many documents only


def evaluate(
    library: Library, plan: Plan, on_progress: OnProgress = quiet
) -> tuple[list[Row], dict[str, list[Outcome]]]:
    """Run the harness; what an earlier run of the same plan had done is not done again."""
    outcomes = _outcomes(library, cases_of(library, plan), plan.memories, on_progress)
    return make_rows(outcomes), outcomes


def _outcomes(
    library: Library, cases: Sequence[Case], names: Sequence[str], on_progress: OnProgress
) -> dict[str, list[Outcome]]:
    """Outcomes of each condition on the cases, in the order of the cases."""
    conditions = [_condition(library, name) for name in names]
    found: dict[str, list[Outcome]] = {condition.name: [] for condition in conditions}
    decoding = Decoding(max_tokens=library.settings.answer_tokens)
    log = _cache(library) / f"outcomes-{_fingerprint(library)}.jsonl"
    for number, name, outcome in run(conditions, cases, library.backbone, decoding, log):
        found[name].append(outcome)
        on_progress(ReadProgress("", number + 1, len(cases), 0.0, None))
    return found


def _fingerprint(library: Library) -> str:
    """Everything that an outcome depends on beside its case and its condition's name."""
    settings = library.settings.model_dump(
        include={"window", "share", "slot_bits", "windows", "answer_tokens", "infini_update"}
    )
    heads = library.calibration.address_heads
    made_by = repr((library.backbone.sha256, sorted(settings.items()), heads))
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


def cases_of(library: Library, plan: Plan) -> list[Case]:
    """The plan's cases; distractors come from every split, questions from the plan's alone."""
    records = read_records(plan.data)
    if plan.split is not None:
        read_records(plan.data, plan.split)  # refuses a split that is not there
    wanted = _enough(library.backbone.tokenizer, records, plan)
    return build_cases(
        wanted,
        lambda text: split_text(library, text),
        plan.distractors,
        plan.limit,
        plan.seed,
        plan.split,
    )


def _enough(tokenizer: Tokenizer, records: Sequence[Record], plan: Plan) -> list[Record]:
    """Records of the split, and as many others as the distractors may need."""
    asked = [r for r in records if plan.split in (None, r.split)][: plan.documents]
    others = [r for r in records if plan.split not in (None, r.split)]
    windows = sum(len(r.text) for r in asked) // 2500  # a window holds some 2,000 characters
    kept = list(asked)
    for record in others:
        if windows > plan.distractors * 1.5 + 20:
            break
        kept.append(record)
        windows += len(record.text) // 2500
    return kept


def _cache(library: Library) -> Path:
    folder = library.settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _condition(library: Library, name: str) -> Condition:
    backbone = library.backbone
    kind, _, share = name.partition("@")
    if name == "none":
        return PromptOnly(name, backbone, lambda case: "")
    if name == "gold":
        return PromptOnly(name, backbone, lambda case: case.passage)
    if name == "truncated":
        return PromptOnly(name, backbone, lambda case: _tail(backbone.tokenizer, case))
    if kind in ("adaptive", "wrong"):
        memory = new_memory("adaptive", backbone, library.settings)
        assert isinstance(memory, AdaptiveMemory)
        if share:
            memory = AdaptiveMemory(backbone, replace(memory.config, share=_number(share, name)))
        states = WindowStates(memory, _cache(library))
        return Adaptive(name, states, library.settings.windows, wrong=kind == "wrong")
    if name in ("infini", "melodi"):
        recurrent = new_memory(name, backbone, library.settings)
        assert not isinstance(recurrent, AdaptiveMemory)
        return Recurrent(name, backbone, recurrent)
    raise InvalidSetting(f"Memory {name!r} is not known; choose from {', '.join(CONDITIONS)}.")


def _tail(tokenizer: Tokenizer, case: Case) -> str:
    text = "".join(window.text for window in case.windows)
    return tokenizer.decode(tokenizer.encode(text[-6 * TRUNCATED_TOKENS :])[-TRUNCATED_TOKENS:])


def _number(share: str, name: str) -> float:
    try:
        return float(share)
    except ValueError as error:
        raise InvalidSetting(f"{name!r} has no number behind the @; write adaptive@0.1.") from error


def rows_json(rows: Sequence[Row]) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    return {"rows": [asdict(row) for row in rows]}


PLANTED_WINDOWS = 66
CONFIDENCE_CONDITIONS = ("adaptive", "wrong")


def confidence_fit(library: Library, plan: Plan, on_progress: OnProgress = quiet) -> ConfidenceFit:
    """Fit confidence on the plan's questions and on facts planted in its documents."""
    cases = cases_of(library, plan)
    asked = _outcomes(library, cases, CONFIDENCE_CONDITIONS, on_progress)
    texts = [record.text for record in read_records(plan.data, plan.split)]
    joined = "\n\n".join(texts)
    ranges = split_text(library, joined)
    strange = [Window(1, s, e, joined[s:e]) for s, e in ranges[-PLANTED_WINDOWS:]]
    planted = plant(joined[: ranges[min(PLANTED_WINDOWS, len(ranges)) - 1][1]])
    facts = planted_cases(planted, lambda text: split_text(library, text), strange)
    told = _outcomes(library, facts, CONFIDENCE_CONDITIONS, on_progress)
    book, wrong = ([*asked[name], *told[name]] for name in CONFIDENCE_CONDITIONS)
    right = [
        is_right(outcome, case.question.answers)
        for outcome, case in zip(book, [*cases, *facts], strict=True)
    ]
    return fit_confidence(book, right, wrong)


def calibrate(
    library: Library,
    heads_plan: Plan,
    confidence_plan: Plan,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Find addressing heads on one plan, fit confidence on another, and write calibration.json."""
    cases = cases_of(library, heads_plan)
    window, choice = library.settings.window, None
    found = choose_heads(library.backbone, cases, window, key_heads=3, most=6)
    for done, choice in found:  # noqa: B007 - the last one counts
        on_progress(ReadProgress("", done, len(cases), 0.0, None))
    assert choice is not None
    path = library.backbone.folder / CALIBRATION
    heads_only = Calibration(choice.heads, Confidence.uncalibrated(), measured=True)
    notes: dict[str, Any] = {
        "backbone": library.backbone.name,
        "backbone_sha256": library.backbone.sha256,
        "addressing": {"data": heads_plan.data.name, "split": heads_plan.split, **asdict(choice)},
    }
    path.write_text(heads_only.to_json(**notes), "utf-8")
    fit = confidence_fit(library, confidence_plan, on_progress)
    confidence = Confidence(fit.bias, fit.gain, fit.log_prob, fit.threshold)
    notes["confidence_fit"] = {
        "data": confidence_plan.data.name,
        "split": confidence_plan.split,
        **asdict(fit),
    }
    body = Calibration(choice.heads, confidence, measured=True).to_json(**notes)
    path.write_text(body, "utf-8")
    return notes

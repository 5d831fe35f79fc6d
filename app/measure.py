"""`bookstate evaluate` and `bookstate calibrate`: the harness with this library's reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any

from app.adapters import TrainedReader, retrieval_reader, trained_reader
from app.errors import InvalidSetting
from app.library import Library, OnProgress, ReadProgress, quiet
from app.made_by import made_by
from app.measure_cases import Plan, Setting, cases_of, measure_of, settings_of
from app.models import (
    CALIBRATION,
    Confidence,
    calibration_json,
    kept,
    memory_config,
    new_memory,
    parse_calibration,
    reader_name,
)
from ingest.segments import split_text
from memory_models.backbone import Backbone
from memory_models.evaluate.calibrate import (
    ConfidenceFit,
    choose_heads,
    fit_confidence,
    is_right,
)
from memory_models.evaluate.cases import Case, Window, planted_cases
from memory_models.evaluate.conditions import (
    Adaptive,
    Condition,
    Page,
    PromptOnly,
    Random,
    Reader,
    Recurrent,
    Retrieved,
    Together,
    WindowStates,
    Wrong,
)
from memory_models.evaluate.data import read_records
from memory_models.evaluate.harness import Outcome, OutcomeLog, run, unread
from memory_models.evaluate.passages import MOST, TOKENS
from memory_models.evaluate.planted import plant
from memory_models.evaluate.table import Row, make_rows, row_json
from memory_models.generate import Decoding
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memories.infini import UPDATES
from memory_models.tokenizer import Tokenizer

CONDITIONS = (
    "none",
    "wrong",
    "random",
    "gold",
    "truncated[@TOKENS]",
    "full",
    "rag[@PASSAGE_TOKENSxPASSAGES]",
    "adaptive[@SHARE[xBITS]]",
    "together[@SHARE[xBITS]]",
    "infini[@linear or @delta]",
    "melodi",
)
TRUNCATED_TOKENS = 2048  # of the document's end, for the comparator `truncated`
ROOM = 512  # positions that `full` leaves to the question and its answer
SEEN_TOGETHER = 4  # windows; as many as the reader was trained on at once
OVER_WINDOWS: dict[str, type[Adaptive | Random]] = {
    "adaptive": Adaptive,
    "together": Together,
    "wrong": Wrong,
    "random": Random,
}


@dataclass(frozen=True, slots=True)
class Readers:
    """Who answers, for each way of showing the document.

    One reader, trained on windows and pages alike, answers nothing, pages and slots; retrieved
    passages have weights of their own over it.
    """

    off: Reader  # nothing is shown
    page: Reader  # the gold passage, or the document's end, stands in the prompt
    retrieved: Reader  # retrieved passages stand in the prompt; trained on such, where it fits
    slots: Reader  # addressed windows are open
    plain: Reader  # recurrent memories that nothing was trained for


def readers(library: Library, *, declines: bool = True, retrieves: bool = False) -> Readers:
    """The trained reader for all where there is one, else the plain backbone.

    With nothing shown it is not allowed to decline: memory off is its best guess. `declines` says
    whether the others are, `retrieves` whether retrieved passages are shown to any.
    """
    plain = Reader(library.backbone)
    trained = _answering(library, trained_reader) or plain
    retrieved = (_answering(library, retrieval_reader) if retrieves else None) or trained
    off = _made_to_answer(trained)
    if not declines:
        trained, retrieved = off, _made_to_answer(retrieved)
    return Readers(off, trained, retrieved, trained, plain)


def _answering(library: Library, find: Callable[[Backbone], TrainedReader | None]) -> Reader | None:
    backbone = library.backbone
    reader = find(backbone) if library.settings.adapters else None
    if reader is None:
        return None
    answering = replace(backbone, decoder=reader.decoder, sha256=f"{backbone.sha256}+{reader.name}")
    return Reader(answering, library.declining)


def _made_to_answer(reader: Reader) -> Reader:
    return Reader(reader.backbone, reader.declining and replace(reader.declining, threshold=0.0))


def who_retrieves(library: Library, names: Sequence[str]) -> str:
    """What to say where `rag` has no reader of its own though the state has one, else empty."""
    if not _retrieves(names) or not library.settings.adapters:
        return ""
    if trained_reader(library.backbone) is None or retrieval_reader(library.backbone) is not None:
        return ""
    return (
        "rag is answered by the reader of the state: none was trained over it for retrieved "
        "passages (`bookstate train retrieved`)."
    )


def _retrieves(names: Sequence[str]) -> bool:
    return any(name.partition("@")[0] == "rag" for name in names)


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


def evaluate(library: Library, plan: Plan, on_progress: OnProgress = quiet) -> Evaluation:
    """Run the harness; what an earlier run of the same plan had done is not done again."""
    settings = settings_of(library, plan)
    names = _with_gold_only_where_known(plan.memories, settings)
    cases = [case for setting in settings for case in setting.cases]
    outcomes = _outcomes(library, cases, names, on_progress, declines=plan.declines)
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
        tokens = _document_tokens(library.backbone.tokenizer, setting.cases)
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


def _outcomes(
    library: Library,
    cases: Sequence[Case],
    names: Sequence[str],
    on_progress: OnProgress,
    *,
    declines: bool = True,
) -> dict[str, list[Outcome]]:
    """Outcomes of each condition on the cases, in the order of the cases."""
    who = readers(library, declines=declines, retrieves=_retrieves(names))
    conditions = [_condition(library, name, who) for name in names]
    found: dict[str, list[Outcome]] = {condition.name: [] for condition in conditions}
    decoding = Decoding(max_tokens=library.settings.answer_tokens)
    path = _cache(library) / f"outcomes-{_fingerprint(library)}.jsonl"
    log = OutcomeLog(path, library.backbone)
    ahead = unread(conditions, cases, log)
    steps = len(ahead) + len(cases) * len(conditions)
    _read_ahead(library, ahead, steps, on_progress)
    for done, (_, name, outcome) in enumerate(run(conditions, cases, decoding, log), start=1):
        found[name].append(outcome)
        on_progress(ReadProgress("", len(ahead) + done, steps, 0.0, None))
    return found


def _read_ahead(
    library: Library, ahead: Sequence[tuple[Condition, str]], steps: int, on_progress: OnProgress
) -> None:
    """Read windows; the bar goes on with the answers, so the time left is that of reading."""
    started, tokens = perf_counter(), 0
    for done, (condition, text) in enumerate(ahead, start=1):
        condition.read(text)
        tokens += library.backbone.tokenizer.count(text)
        seconds = perf_counter() - started
        left = seconds / done * (len(ahead) - done)
        on_progress(ReadProgress("", done, steps, tokens / seconds, left))


def _fingerprint(library: Library) -> str:
    """Everything that an outcome depends on beside its case and its condition's name."""
    settings = (
        library.settings.model_dump(include={"window", "windows", "answer_tokens", "infini_update"})
        | kept(library.backbone, library.settings)._asdict()
    )
    heads = library.calibration.address_heads
    made_by = repr((library.backbone.sha256, sorted(settings.items()), heads))
    return hashlib.sha256(made_by.encode()).hexdigest()[:16]


def _cache(library: Library) -> Path:
    folder = library.settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _condition(library: Library, name: str, who: Readers) -> Condition:
    backbone = library.backbone
    kind, _, given = name.partition("@")
    if name == "none":
        return _shown(library, name, who.off, lambda case: "")
    if name == "gold":
        return _shown(library, name, who.page, lambda case: case.passage)
    if kind == "truncated" or name == "full":
        show = partial(_tail, backbone.tokenizer, tokens=_shown_tokens(backbone, name))
        return _shown(library, name, who.page, show)
    if kind == "rag":
        tokens, most = _passages(given, name) if given else (TOKENS, MOST)
        if who.retrieved == who.plain:
            return Retrieved(name, who.plain, tokens, most)
        page = _adaptive(library)
        page.reader = who.retrieved.backbone.decoder
        return Retrieved(name, who.retrieved, tokens, most, page)
    if kind in OVER_WINDOWS:
        memory = _adaptive(library, *(_share(given, name) if given else (None, None)))
        states = WindowStates(memory, _cache(library))
        windows = SEEN_TOGETHER if kind == "together" else library.settings.windows
        return OVER_WINDOWS[kind](name, states, who.slots, windows)
    if kind == "infini" or name == "melodi":
        if given not in ("", *UPDATES):
            raise InvalidSetting(f"{name!r} asks for {given!r}; give {' or '.join(UPDATES)}.")
        update = {"infini_update": given} if given else {}
        recurrent = new_memory(kind, backbone, library.settings.model_copy(update=update))
        assert not isinstance(recurrent, AdaptiveMemory)
        split = partial(split_text, count_tokens=backbone.tokenizer.count, window=recurrent.window)
        if recurrent.has_reader:
            return Recurrent(name, who.slots, recurrent, split, memory_config(recurrent))
        return Recurrent(name, who.plain, recurrent, split)
    raise InvalidSetting(f"Memory {name!r} is not known; choose from {', '.join(CONDITIONS)}.")


def _shown(
    library: Library, name: str, reader: Reader, show: Callable[[Case], str]
) -> PromptOnly | Page:
    if reader.backbone is library.backbone:
        return PromptOnly(name, reader, show)
    return Page(name, _adaptive(library), reader, show)


def _adaptive(
    library: Library, share: float | None = None, bits: float | None = None
) -> AdaptiveMemory:
    given = {"share": share, "slot_bits": bits}
    update = {name: value for name, value in given.items() if value is not None}
    settings = library.settings.model_copy(update=update)
    heads = library.calibration.address_heads  # those being calibrated are in no file yet
    memory = new_memory("adaptive", library.backbone, settings, heads)
    assert isinstance(memory, AdaptiveMemory)
    return memory


def _tail(tokenizer: Tokenizer, case: Case, tokens: int) -> str:
    text = "".join(window.text for window in case.windows)
    return tokenizer.decode(tokenizer.encode(text[-6 * tokens :])[-tokens:])


def _share(given: str, name: str) -> tuple[float, float | None]:
    share, _, bits = given.partition("x")
    try:
        number = float(bits) if bits else None
        return float(share), int(number) if number and number == int(number) else number
    except ValueError as error:
        raise InvalidSetting(
            f"{name!r} has no share behind the @; write adaptive@0.1 or adaptive@0.08x4."
        ) from error


def _shown_tokens(backbone: Backbone, name: str) -> int:
    """How many tokens of the document's end `truncated` or `full` shows."""
    most = backbone.config.max_positions - ROOM
    if name == "full":
        return most
    given = name.partition("@")[2]
    tokens = _whole(given, name) if given else TRUNCATED_TOKENS
    if tokens > most:
        raise InvalidSetting(
            f"{name!r} shows more than the {backbone.config.max_positions} positions of "
            f"{backbone.name} hold beside a question; {most} at most, which is `full`."
        )
    return tokens


def _whole(given: str, name: str) -> int:
    if not given.isdecimal() or int(given) == 0:
        raise InvalidSetting(
            f"{name!r} has no count behind the @; write {name.split('@')[0]}@2048."
        )
    return int(given)


def _passages(given: str, name: str) -> tuple[int, int]:
    tokens, _, most = given.partition("x")
    if not (tokens.isdecimal() and most.isdecimal() and int(most)):
        raise InvalidSetting(f"{name!r} is not PASSAGE_TOKENSxPASSAGES; write rag@128x4.")
    return int(tokens), int(most)


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    return {
        "rows": [row_json(row) for row in evaluation.rows],
        "groups": [row_json(row) for row in evaluation.groups],
        "made_by": made_by(),
    }


PLANTED_WINDOWS = 66
CONFIDENCE_CONDITIONS = ("adaptive", "wrong")


def confidence_fit(library: Library, plan: Plan, on_progress: OnProgress = quiet) -> ConfidenceFit:
    """Fit confidence on the plan's questions and on facts planted in its documents."""
    assert plan.data is not None
    measure = measure_of(library)
    cases = cases_of(measure, plan, *plan.distractors)
    asked = _outcomes(library, cases, CONFIDENCE_CONDITIONS, on_progress)
    texts = [record.text for record in read_records(plan.data, plan.split)]
    joined = "\n\n".join(texts)
    ranges = measure.split(joined)
    strange = [Window(1, s, e, joined[s:e]) for s, e in ranges[-PLANTED_WINDOWS:]]
    planted = plant(joined[: ranges[min(PLANTED_WINDOWS, len(ranges)) - 1][1]])
    facts = planted_cases(planted, measure.split, strange)
    told = _outcomes(library, facts, CONFIDENCE_CONDITIONS, on_progress)
    book, wrong = ([*asked[name], *told[name]] for name in CONFIDENCE_CONDITIONS)
    right = [
        is_right(outcome, case.question.answers)
        for outcome, case in zip(book, [*cases, *facts], strict=True)
    ]
    return fit_confidence(book, right, wrong)


def calibrate(
    library: Library,
    heads_plan: Plan | None,
    confidence_plan: Plan,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Find addressing heads on one plan, fit confidence on another, and write calibration.json.

    The file is written once, when both are done. Without a plan for the heads they stay as they
    are. Confidence is that of whoever answers: the trained reader where there is one and adapters
    are in use, else the backbone.
    """
    backbone = library.backbone
    known = calibration_json(backbone)
    notes = (
        dict(known)
        if heads_plan is None and known
        else _found_heads(library, heads_plan, on_progress)
    )
    reader = reader_name(backbone, library.settings)
    library.calibration = parse_calibration(notes, reader, backbone.name)
    try:
        fit = confidence_fit(library, confidence_plan, on_progress)
    finally:
        del library.calibration  # what is in the file counts
    names = [f.name for f in fields(Confidence)]
    confidence = {name: value for name, value in asdict(fit).items() if name in names}
    assert confidence_plan.data is not None
    fitted = {"data": confidence_plan.data.name, "split": confidence_plan.split, **asdict(fit)}
    if reader:
        notes["reader_confidence"] = {**notes.get("reader_confidence", {}), reader: confidence}
        fits = notes.get("reader_confidence_fit", {})
        notes["reader_confidence_fit"] = {**fits, reader: fitted}
    else:
        notes |= {"confidence": confidence, "confidence_fit": fitted}
    part = backbone.folder / f".{CALIBRATION}.part"
    part.write_text(json.dumps(notes, indent=1), "utf-8")
    part.replace(backbone.folder / CALIBRATION)
    return notes


def _found_heads(library: Library, plan: Plan | None, on_progress: OnProgress) -> dict[str, Any]:
    if plan is None or plan.data is None:
        raise InvalidSetting(
            f"{library.backbone.name} has no addressing heads yet; calibrate them too."
        )
    cases = cases_of(measure_of(library), plan, *plan.distractors)
    window, choice = library.settings.window, None
    found = choose_heads(library.backbone, cases, window, key_heads=3, most=6)
    for done, choice in found:  # noqa: B007 - the last one counts
        on_progress(ReadProgress("", done, len(cases), 0.0, None))
    assert choice is not None
    return {
        "address_heads": [list(head) for head in choice.heads],
        "confidence": asdict(Confidence.uncalibrated()),
        "backbone": library.backbone.name,
        "backbone_sha256": library.backbone.sha256,
        "addressing": {"data": plan.data.name, "split": plan.split, **asdict(choice)},
    }

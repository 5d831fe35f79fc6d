"""`bookstate calibrate`: addressing heads and confidence, fitted with the harness of `evaluate`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from app.answering.confidence import Confidence
from app.calibration import CALIBRATION, calibration_json, parse_calibration
from app.engine import Engine
from app.errors import InvalidSetting
from app.library import OnProgress, ReadProgress, quiet
from lab.evaluate.calibrate import ConfidenceFit, choose_heads, fit_confidence, is_right
from lab.evaluate.cases.case import Window, planted_cases
from lab.evaluate.cases.planted import plant
from lab.evaluate.cases.records import read_records
from lab.evaluate.plan import EvaluationPlan
from lab.evaluate.run import outcomes_of
from lab.evaluate.settings import cases_of, measure_of
from memory_models.backbone import Backbone

PLANTED_WINDOWS = 66
CONFIDENCE_CONDITIONS = ("adaptive", "wrong")


def confidence_fit(
    engine: Engine, plan: EvaluationPlan, on_progress: OnProgress = quiet
) -> ConfidenceFit:
    """Fit confidence on the plan's questions and on facts planted in its documents."""
    assert plan.data is not None
    measure = measure_of(engine)
    cases = cases_of(measure, plan, *plan.distractors)
    asked = outcomes_of(engine, cases, CONFIDENCE_CONDITIONS, on_progress)
    texts = [record.text for record in read_records(plan.data, plan.split)]
    joined = "\n\n".join(texts)
    ranges = measure.split(joined)
    strange = [Window(1, s, e, joined[s:e]) for s, e in ranges[-PLANTED_WINDOWS:]]
    planted = plant(joined[: ranges[min(PLANTED_WINDOWS, len(ranges)) - 1][1]])
    facts = planted_cases(planted, measure.split, strange)
    of_facts = outcomes_of(engine, facts, CONFIDENCE_CONDITIONS, on_progress)
    book, wrong = ([*asked[name], *of_facts[name]] for name in CONFIDENCE_CONDITIONS)
    right = [
        is_right(outcome, case.question.answers)
        for outcome, case in zip(book, [*cases, *facts], strict=True)
    ]
    return fit_confidence(book, right, wrong)


def calibrate(
    engine: Engine,
    heads_plan: EvaluationPlan | None,
    confidence_plan: EvaluationPlan,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Find addressing heads on one plan, fit confidence on another, and write calibration.json.

    The file is written once, when both are done. Without a plan for the heads they stay as they
    are. Confidence is fitted for the answer adapter where one is in use, else for the backbone.
    """
    backbone = engine.backbone
    known = calibration_json(backbone)
    notes = (
        dict(known)
        if heads_plan is None and known
        else _found_heads(engine, heads_plan, on_progress)
    )
    answers = engine.answers
    calibration = parse_calibration(notes, answers, backbone.name)
    fit = confidence_fit(engine.changed(calibration), confidence_plan, on_progress)
    assert confidence_plan.data is not None
    fitted = {"data": confidence_plan.data.name, "split": confidence_plan.split, **asdict(fit)}
    note_confidence(notes, answers, fit.confidence, fitted)
    write_calibration(backbone, notes)
    return notes


def note_confidence(
    notes: dict[str, Any], answers: str, confidence: Confidence, fitted: dict[str, Any]
) -> None:
    """Put a fit into a calibration: of an answer adapter, or (empty name) of the backbone."""
    for name, value in (("confidence", asdict(confidence)), ("confidence_fit", fitted)):
        if answers:
            before = notes.pop(f"reader_{name}", {}) | notes.get(f"adapter_{name}", {})  # old name
            notes[f"adapter_{name}"] = before | {answers: value}
        else:
            notes[name] = value


def write_calibration(backbone: Backbone, notes: dict[str, Any]) -> None:
    """Put a calibration next to its backbone, whole or not at all."""
    part = backbone.folder / f".{CALIBRATION}.part"
    part.write_text(json.dumps(notes, indent=1), "utf-8")
    part.replace(backbone.folder / CALIBRATION)


def _found_heads(
    engine: Engine, plan: EvaluationPlan | None, on_progress: OnProgress
) -> dict[str, Any]:
    if plan is None or plan.data is None:
        raise InvalidSetting(
            f"{engine.backbone.name} has no addressing heads yet; leave out "
            "--keep-heads, so that they are found too."
        )
    cases = cases_of(measure_of(engine), plan, *plan.distractors)
    window, choice = engine.settings.window, None
    found = choose_heads(engine.backbone, cases, window, key_heads=3, most=6)
    for done, choice in found:  # noqa: B007 - the last one counts
        on_progress(ReadProgress("", done, len(cases), 0.0, None))
    assert choice is not None
    return {
        "address_heads": [list(head) for head in choice.heads],
        "confidence": asdict(Confidence.uncalibrated()),
        "backbone": engine.backbone.name,
        "backbone_sha256": engine.backbone.sha256,
        "addressing": {"data": plan.data.name, "split": plan.split, **asdict(choice)},
    }

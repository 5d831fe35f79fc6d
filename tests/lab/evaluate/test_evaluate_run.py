"""Evaluation: plans, the cases of every task, what answers, and calibration."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from evaluation_parts import about, write
from novels import Interrupted

from app.engine import Engine
from app.errors import InvalidSetting
from app.library import ReadProgress
from lab.evaluate.answerers import answerers, rag_note
from lab.evaluate.calibrate_run import calibrate
from lab.evaluate.conditions import Answerer
from lab.evaluate.plan import EvaluationPlan, quickened
from lab.evaluate.run import evaluate, evaluation_json, outcomes_file
from lab.evaluate.settings import settings_of
from memory_models.adapter import Adapter, LoraConfig, lora_weights, save_adapter, with_lora
from memory_models.errors import InvalidRequest
from memory_models.memories.infini import InfiniConfig
from memory_models.recall import RecurrentMemory


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"task": "songs"}, "songs"),
        ({"data": None}, "--data"),
        ({"task": "literaryqa"}, "--books"),
        ({"task": "planted"}, "--books"),
        ({"task": "babi", "tokens": (0, 100)}, "--books"),
        ({"task": "passkey", "tokens": (0,)}, "0 tokens"),
        ({"task": "passkey", "tokens": (10**9,)}, "1,000,000,000"),
    ],
)
def test_plans_that_cannot_be_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSetting, match=says):
        EvaluationPlan(**{"data": Path("x"), **wrong})


def test_each_count_of_distractors_is_a_setting(engine: Engine, records: Path) -> None:
    plan = EvaluationPlan(records, "val", ("gold",), (0, 5), limit=4)
    alone, among = settings_of(engine, plan)
    assert (alone.name, among.name) == ("0 distractors", "5 distractors")
    assert [c.question for c in alone.cases] == [c.question for c in among.cases]
    for short, long in zip(alone.cases, among.cases, strict=True):
        assert len(long.windows) == len(short.windows) + 5
        assert short.passage and "hid the letter" in short.passage
        assert {short.windows[i].text for i in short.gold} == {
            long.windows[i].text for i in long.gold
        }
    with pytest.raises(InvalidRequest, match="--distractor-data"):
        settings_of(engine, replace(plan, distractors=(300,)))


def test_distractors_from_another_file(engine: Engine, records: Path, books: Path) -> None:
    plan = EvaluationPlan(records, "val", (), (6,), limit=2, distractor_data=books)
    (setting,) = settings_of(engine, plan)
    for case in setting.cases:
        strange = [w.text for w in case.windows if w.record != case.record]
        assert len(strange) == 6 and all("gull 0" in text for text in strange)  # train
        assert all("gull 0" in w.text for w in case.wrong)


def test_unanswerable_questions_are_a_group(engine: Engine, records: Path) -> None:
    plan = EvaluationPlan(records, "val", ("none",), (0,), unanswerable=True)
    (setting,) = settings_of(engine, plan)
    assert sorted(c.group for c in setting.cases) == ["answerable"] * 4 + ["unanswerable"] * 2
    found = evaluate(engine, plan)
    assert {(row.group, row.n) for row in found.groups} == {("answerable", 4), ("unanswerable", 2)}
    assert found.rows[0].n == 6


def test_questions_without_a_passage_stay_out_where_gold_is_asked(
    engine: Engine, records: Path
) -> None:
    (known,) = settings_of(engine, EvaluationPlan(records, "val", ("gold",), (0,)))
    (every,) = settings_of(engine, EvaluationPlan(records, "val", ("none",), (0,)))
    assert (len(known.cases), len(every.cases)) == (2, 4)


@pytest.mark.parametrize("task", ["literaryqa", "planted", "babi", "passkey"])
def test_every_task_makes_cases(
    engine: Engine, books: Path, asked: dict[str, Path], task: str
) -> None:
    plan = EvaluationPlan(
        asked.get(task), None, (), limit=2, task=task, books=books, tokens=(400, 800)
    )
    short, long = settings_of(engine, plan)
    for setting, tokens in ((short, 400), (long, 800)):
        assert len(setting.cases) == 2
        for case in setting.cases:
            counts = [engine.backbone.tokenizer.count(w.text) for w in case.windows]
            assert max(counts) <= 96
            assert abs(sum(counts) - tokens) < 100
            assert "gull 1" in case.text or task == "literaryqa"  # val books
            assert (case.passage == "") == (task == "literaryqa") == (not case.gold)
            assert case.passage in case.text or task == "babi"
            assert case.wrong and case.wrong != case.windows


def test_whole_books_unless_told_otherwise(
    engine: Engine, books: Path, asked: dict[str, Path]
) -> None:
    plan = EvaluationPlan(
        asked["literaryqa"], "val", ("none", "gold"), task="literaryqa", books=books
    )
    (setting,) = settings_of(engine, plan)
    assert setting.name == "whole books"
    assert [case.text.count("lamp") for case in setting.cases] == [90, 90]
    found = evaluate(engine, plan)
    assert [row.memory for row in found.rows] == ["none"]
    assert found.rows[0].recovered_gain is None


def test_quick_plans_are_small_whatever_was_asked() -> None:
    plan = EvaluationPlan(Path("x"), distractors=(0, 300), tokens=(10**6,), limit=500)
    small = quickened(plan)
    assert (small.distractors, small.limit, small.tokens) == ((8,), 4, ())
    planted = quickened(replace(plan, task="passkey"))
    assert planted.tokens == (6000,) and planted.depths == 4


def test_progress_counts_windows_and_answers_and_ends(engine: Engine) -> None:
    seen: list[ReadProgress] = []
    plan = EvaluationPlan(None, None, ("none", "adaptive"), task="passkey", tokens=(400,), depths=3)
    first = evaluate(engine, plan, seen.append)
    assert {p.segments for p in seen} == {len(seen)} and len(seen) > 3 * 2
    assert [p.segments_done for p in seen] == list(range(1, len(seen) + 1))
    again: list[ReadProgress] = []
    assert evaluate(engine, plan, again.append) == first
    assert len(again) == 3 * 2


def test_without_an_adapter_everything_is_read_by_the_plain_backbone(engine: Engine) -> None:
    who = answerers(engine)
    plain = Answerer(engine.backbone)
    assert (who.off, who.page, who.rag, who.slots, who.plain) == (plain,) * 5


def test_a_trained_reader_reads_what_it_was_trained_for(
    engine: Engine, tiny_backbone: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_backbone, tmp_path / "trained")
    weights = lora_weights(with_lora(engine.backbone.decoder, LoraConfig(rank=2)))
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(w.shape, generator=generator) for name, w in weights.items()}
    notes = {
        "kind": "reader",
        "backbone_sha256": engine.backbone.sha256,
        "scale": 1.0,
        "abstain_below": 0.5,
    }
    save_adapter(folder / "adapters" / "reader.safetensors", Adapter(weights, notes))
    trained = Engine(engine.settings.model_copy(update={"backbone": str(folder)}))
    who = answerers(trained)
    assert who.plain == Answerer(trained.backbone)
    assert who.page is who.rag is who.slots and who.off.backbone is who.page.backbone
    assert who.page.backbone.sha256 != trained.backbone.sha256
    assert who.page.abstention is not None and who.page.abstention.threshold == 0.5
    assert who.off.abstention is not None and who.off.abstention.threshold == 0.0
    assert "no retrieval adapter" in rag_note(trained, ("none", "rag@64x2"))
    assert rag_note(trained, ("none", "adaptive")) == rag_note(engine, ("rag",)) == ""
    made = answerers(trained, abstains=False)
    assert made.page == made.slots == made.rag == who.off
    plan = EvaluationPlan(
        None, None, ("none", "gold", "adaptive", "melodi"), task="passkey", tokens=(400,)
    )
    plan = replace(plan, limit=1)
    nats, plain = (
        {row.memory: row.nats_per_token for row in evaluate(one, plan).rows}
        for one in (trained, engine)
    )
    assert {name for name in nats if nats[name] != plain[name]} == {"none", "gold", "adaptive"}
    off = trained.changed(adapters=False)
    assert answerers(off).page == Answerer(off.backbone)


@pytest.mark.parametrize(
    "constant",
    [
        "INSTRUCTION", "CUE", "ADDRESS_WEIGHT", "WORD_WEIGHT", "QUESTION_WEIGHT",
        "PRIOR_WEIGHT", "ANSWERABILITY_WEIGHT",
    ],
)  # fmt: skip
def test_outcomes_under_other_wording_or_weights_are_not_taken(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, constant: str
) -> None:
    before = outcomes_file(engine)
    assert outcomes_file(engine) == before
    monkeypatch.setattr(f"lab.evaluate.run.{constant}", "another")
    assert outcomes_file(engine) != before


def test_outcomes_in_another_number_type_are_not_taken(engine: Engine) -> None:
    plan = EvaluationPlan(None, memories=("none",), task="passkey", tokens=(400,), limit=1)
    single = evaluate(engine, plan).rows[0].nats_per_token
    before = outcomes_file(engine)
    engine.backbone.decoder.bfloat16()
    assert outcomes_file(engine) != before
    assert evaluate(engine, plan).rows[0].nats_per_token != single


def test_a_calibration_is_written_whole_or_not_at_all(
    engine: Engine,
    other_backbone: Path,
    records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdicts = cycle([True, False])  # a random model is never right
    monkeypatch.setattr("lab.evaluate.calibrate_run.is_right", lambda *_: next(verdicts))
    lines = [json.loads(line) for line in records.read_text("utf-8").splitlines()]
    write(records, [line | {"text": about(line["id"], 20)} for line in lines])
    folder = shutil.copytree(other_backbone, tmp_path / "uncalibrated")
    own = Engine(engine.settings.model_copy(update={"backbone": str(folder)}))
    heads = EvaluationPlan(records, "train", (), (2,), 4)
    confidence = EvaluationPlan(records, "val", ("adaptive", "wrong"), (2,), 4)

    def interrupt(progress: ReadProgress) -> None:
        if progress.segments > 4:  # of the fit, which comes behind that of the heads
            raise Interrupted

    with pytest.raises(Interrupted):
        calibrate(own, heads, confidence, interrupt)
    assert not list(folder.glob("*calibration*")) and not own.calibration.measured
    notes = calibrate(own, heads, confidence)
    written = json.loads((folder / "calibration.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(notes))
    assert not list(folder.glob(".*"))
    assert own.calibration.measured
    assert [list(head) for head in own.calibration.address_heads] == notes["address_heads"]


@pytest.mark.parametrize(
    "name",
    [
        "songs",
        "rag@x",
        "rag@64",
        "adaptive@much",
        "truncated@0",
        "truncated@8000",
        "infini@square",
        "melodi@1",
    ],
)
def test_unknown_memories_are_refused(engine: Engine, name: str) -> None:
    plan = EvaluationPlan(None, None, (name,), task="passkey", tokens=(400,), limit=1)
    with pytest.raises(InvalidSetting, match=name):
        evaluate(engine, plan)


@pytest.mark.parametrize(
    ("name", "update"),
    [("infini", "linear"), ("infini@delta", "delta"), ("infini@linear", "linear")],
)
def test_infini_is_measured_with_the_update_asked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str, update: str
) -> None:
    made = []
    new_recurrent = Engine.new_recurrent

    def watched(self: Engine, kind: str) -> RecurrentMemory:
        memory = new_recurrent(self, kind)
        made.append((kind, memory.config))
        return memory

    monkeypatch.setattr(Engine, "new_recurrent", watched)
    plan = EvaluationPlan(None, None, (name,), task="passkey", tokens=(400,), limit=1)
    assert [row.memory for row in evaluate(engine, plan).rows] == [name]
    assert made == [("infini", InfiniConfig(update=update))]


def test_json_names_rows_and_groups(engine: Engine) -> None:
    plan = EvaluationPlan(None, None, ("none",), task="passkey", tokens=(400,), depths=2)
    printed = evaluation_json(evaluate(engine, plan))
    assert [row["group"] for row in printed["groups"]] == ["depth 25%", "depth 75%"]
    assert [row["n"] for row in printed["rows"]] == [2]

"""`bookstate evaluate`: plans, the cases of every task, and the command's JSON, table and plots."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from novels import Interrupted
from typer.testing import CliRunner

from app.cli.main import app
from app.engine import Engine
from app.errors import InvalidSetting
from app.library import ReadProgress
from app.settings import Settings
from lab.evaluate.answerers import readers, who_retrieves
from lab.evaluate.calibrate_run import calibrate
from lab.evaluate.conditions import Reader
from lab.evaluate.plan import Plan, quickened, settings_of
from lab.evaluate.run import evaluate, evaluation_json
from memory_models.adapter import Adapter, LoraConfig, lora_weights, save_adapter, with_lora
from memory_models.errors import InvalidRequest
from memory_models.memories.infini import InfiniConfig
from memory_models.recall import RecurrentMemory

NAMES = ("Mara", "Anton", "Ilse", "Joren", "Greta", "Tobias")
ROW = {
    "memory",
    "n",
    "f1",
    "exact_match",
    "rouge_l",
    "nats_per_token",
    "recovered_gain",
    "interval",
    "state_bytes",
    "kv_cache_bytes",
    "recovered_gain_f1",
    "interval_f1",
    "contains",
    "declined",
    "share_of_gold",
    "document_tokens",
    "setting",
}


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return Engine(settings.model_copy(update={"window": 96}))


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


def about(name: str, number: int) -> str:
    """A little text about somebody."""
    lines = (f"{name} sold the clock {n} by the mill. " for n in range(6 + number))
    return "".join(lines) + f"\n\nThen {name} hid the letter behind the church."


@pytest.fixture
def records(tmp_path: Path) -> Path:
    lines = [
        {
            "id": name,
            "split": "val" if number < 2 else "train",
            "text": about(name, number),
            "questions": [
                {"question": f"What did {name} hide?", "answers": ["the letter"], "paragraph": 1},
                {"question": f"What did {name} sell?", "answers": ["the clock"]},
                {"question": f"What did {name} eat?", "answers": [], "unanswerable": True},
            ],
        }
        for number, name in enumerate(NAMES)
    ]
    return write(tmp_path / "records.jsonl", lines)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    lines = [
        {
            "id": f"b{number}",
            "split": "val" if number else "train",
            "text": "".join(f"The gull {number} found the lamp {n}. " for n in range(90)),
        }
        for number in range(3)
    ]
    return write(tmp_path / "books.jsonl", lines)


@pytest.fixture
def asked(tmp_path: Path) -> dict[str, Path]:
    """Questions of every task that has a file of its own."""
    ends = [{"question": "Who found the lamp?", "answers": ["the gull"]}]
    literary = [
        {"id": f"l{n}", "split": "val", "book_id": f"b{n}", "questions": ends} for n in (1, 2)
    ]
    facts = [
        {
            "id": name,
            "text": f"The cat of {name} is old.",
            "questions": [{"question": f"How is the cat of {name}?", "answers": ["old"]}],
        }
        for name in NAMES
    ]
    told = ["Mara went to the inn.", "Ilse went to the mill."]
    where = [
        {"question": "Where is Mara?", "answers": ["inn"], "after_sentence": 1, "support": [0]}
    ]
    babi = [
        {"id": str(n), "task": n, "sentences": told, "questions": where} for n in (1, 2, 3, 4, 5, 6)
    ]
    return {
        "literaryqa": write(tmp_path / "literary.jsonl", literary),
        "planted": write(tmp_path / "facts.jsonl", facts),
        "babi": write(tmp_path / "babi.jsonl", babi),
    }


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
        Plan(**{"data": Path("x"), **wrong})


def test_each_count_of_distractors_is_a_setting(engine: Engine, records: Path) -> None:
    plan = Plan(records, "val", ("gold",), (0, 5), limit=4)
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
    plan = Plan(records, "val", (), (6,), limit=2, distractor_data=books)
    (setting,) = settings_of(engine, plan)
    for case in setting.cases:
        strange = [w.text for w in case.windows if w.record != case.record]
        assert len(strange) == 6 and all("gull 0" in text for text in strange)  # train
        assert all("gull 0" in w.text for w in case.wrong)


def test_unanswerable_questions_are_a_group(engine: Engine, records: Path) -> None:
    plan = Plan(records, "val", ("none",), (0,), unanswerable=True)
    (setting,) = settings_of(engine, plan)
    assert sorted(c.group for c in setting.cases) == ["answerable"] * 4 + ["unanswerable"] * 2
    found = evaluate(engine, plan)
    assert {(row.group, row.n) for row in found.groups} == {("answerable", 4), ("unanswerable", 2)}
    assert found.rows[0].n == 6


def test_questions_without_a_passage_stay_out_where_gold_is_asked(
    engine: Engine, records: Path
) -> None:
    (known,) = settings_of(engine, Plan(records, "val", ("gold",), (0,)))
    (every,) = settings_of(engine, Plan(records, "val", ("none",), (0,)))
    assert (len(known.cases), len(every.cases)) == (2, 4)


@pytest.mark.parametrize("task", ["literaryqa", "planted", "babi", "passkey"])
def test_every_task_makes_cases(
    engine: Engine, books: Path, asked: dict[str, Path], task: str
) -> None:
    plan = Plan(asked.get(task), None, (), limit=2, task=task, books=books, tokens=(400, 800))
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
    plan = Plan(asked["literaryqa"], "val", ("none", "gold"), task="literaryqa", books=books)
    (setting,) = settings_of(engine, plan)
    assert setting.name == "whole books"
    assert [case.text.count("lamp") for case in setting.cases] == [90, 90]
    found = evaluate(engine, plan)
    assert [row.memory for row in found.rows] == ["none"]
    assert found.rows[0].recovered_gain is None


def test_quick_plans_are_small_whatever_was_asked() -> None:
    plan = Plan(Path("x"), distractors=(0, 300), tokens=(10**6,), limit=500)
    small = quickened(plan)
    assert (small.distractors, small.limit, small.tokens) == ((8,), 4, ())
    planted = quickened(replace(plan, task="passkey"))
    assert planted.tokens == (6000,) and planted.depths == 4


def test_progress_counts_windows_and_answers_and_ends(engine: Engine) -> None:
    seen: list[ReadProgress] = []
    plan = Plan(None, None, ("none", "adaptive"), task="passkey", tokens=(400,), depths=3)
    first = evaluate(engine, plan, seen.append)
    assert {p.segments for p in seen} == {len(seen)} and len(seen) > 3 * 2
    assert [p.segments_done for p in seen] == list(range(1, len(seen) + 1))
    again: list[ReadProgress] = []
    assert evaluate(engine, plan, again.append) == first
    assert len(again) == 3 * 2


def test_without_an_adapter_everything_is_read_by_the_plain_backbone(engine: Engine) -> None:
    who = readers(engine)
    plain = Reader(engine.backbone)
    assert (who.off, who.page, who.retrieved, who.slots, who.plain) == (plain,) * 5


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
        "declining_threshold": 0.5,
    }
    save_adapter(folder / "adapters" / "reader.safetensors", Adapter(weights, notes))
    trained = Engine(engine.settings.model_copy(update={"backbone": str(folder)}))
    who = readers(trained)
    assert who.plain == Reader(trained.backbone)
    assert who.page is who.retrieved is who.slots and who.off.backbone is who.page.backbone
    assert who.page.backbone.sha256 != trained.backbone.sha256
    assert who.page.declining is not None and who.page.declining.threshold == 0.5
    assert who.off.declining is not None and who.off.declining.threshold == 0.0
    assert "reader of the state" in who_retrieves(trained, ("none", "rag@64x2"))
    assert who_retrieves(trained, ("none", "adaptive")) == who_retrieves(engine, ("rag",)) == ""
    made = readers(trained, declines=False)
    assert made.page == made.slots == made.retrieved == who.off
    plan = Plan(None, None, ("none", "gold", "adaptive", "melodi"), task="passkey", tokens=(400,))
    plan = replace(plan, limit=1)
    nats, plain = (
        {row.memory: row.nats_per_token for row in evaluate(one, plan).rows}
        for one in (trained, engine)
    )
    assert {name for name in nats if nats[name] != plain[name]} == {"none", "gold", "adaptive"}
    off = trained.changed(adapters=False)
    assert readers(off).page == Reader(off.backbone)


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
    heads = Plan(records, "train", (), (2,), 4)
    confidence = Plan(records, "val", ("adaptive", "wrong"), (2,), 4)

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
    plan = Plan(None, None, (name,), task="passkey", tokens=(400,), limit=1)
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
    plan = Plan(None, None, (name,), task="passkey", tokens=(400,), limit=1)
    assert [row.memory for row in evaluate(engine, plan).rows] == [name]
    assert made == [("infini", InfiniConfig(update=update))]


# The command


@pytest.fixture
def tiny_settings(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "backbone": str(tiny_backbone),
        "window": "96",
        "keep_ratio": "0.25",
        "answer_tokens": "6",
    }.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", value)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *(str(a) for a in arguments)])


@pytest.mark.usefixtures("tiny_settings")
def test_records_keep_the_commands_contract(records: Path) -> None:
    command = ("--data", records, "--split", "val", "--distractors", 3, "--limit", 2, "--json")
    result = run(
        *command, "--memories", "none,gold,wrong,random,truncated@64,full,rag@32x2,adaptive"
    )
    assert result.exit_code == 0, result.stderr or result.exception
    printed = json.loads(result.stdout, parse_constant=pytest.fail)
    rows = {row["memory"]: row for row in printed["rows"]}
    shown = {"none", "gold", "truncated@64", "full", "rag@32x2"}
    assert set(rows) == shown | {"wrong", "random", "adaptive"}
    assert all(row.keys() >= ROW and row["n"] == 2 for row in rows.values())
    for name in ("wrong", "random", "adaptive"):
        assert 0 < rows[name]["state_bytes"] < rows[name]["kv_cache_bytes"]
    assert rows["rag@32x2"]["recall_at_4"] is not None
    assert rows["full"]["nats_per_token"] != rows["truncated@64"]["nats_per_token"]
    made = printed["made_by"]
    assert made["command"].startswith("bookstate") and str(records.parent) not in str(made)
    assert made.keys() == {"command", "version", "commit", "machine", "threads", "torch"}


@pytest.mark.usefixtures("tiny_settings")
def test_quick_needs_no_data_for_a_pass_key(tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    result = run("--task", "passkey", "--quick", "--limit", 1, "--memories", "none,rag,infini",
                 "--answers", "--plots", plots)  # fmt: skip
    assert result.exit_code == 0, result.stderr or result.exception
    assert "| infini | 1 |" in result.stdout and "| contains of | none | rag | infini |" in (
        result.stdout
    )
    assert "Q: What is the pass key?" in result.stderr and "[rank 0]" in result.stderr
    assert len(list(plots.glob("*.svg"))) == 2


@pytest.mark.usefixtures("tiny_settings")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--task", "songs"),
        ("--distractors", "many", "--task", "passkey"),
        ("--tokens", "1K", "--task", "passkey"),
        (),
    ],
)
def test_refusals_are_one_line(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.strip().splitlines()) == 1


def test_json_names_rows_and_groups(engine: Engine) -> None:
    plan = Plan(None, None, ("none",), task="passkey", tokens=(400,), depths=2)
    printed = evaluation_json(evaluate(engine, plan))
    assert [row["group"] for row in printed["groups"]] == ["depth 25%", "depth 75%"]
    assert [row["n"] for row in printed["rows"]] == [2]

"""`bookstate train`: a command writes an adapter to a file; once installed it is used."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from archives import edit_blob, edit_tensors, members, write
from safetensors.torch import load_file
from training_parts import install, run_training, write_records
from typer.testing import CliRunner

from app.cli.main import app
from app.engine import FITTED, Engine
from app.errors import BookstateError, InvalidArchive
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.settings import Settings
from lab.evaluate.answerers import answerers
from lab.plan import make_plan
from lab.train.budget import Budget
from lab.train.plans import InfiniPlan
from lab.train.runs.retrofits import score
from memory_models.adapter import Adapter, save_adapter
from memory_models.errors import BrokenCheckpoint, InvalidRequest


@pytest.fixture
def trainable(tiny_backbone: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A backbone of its own to train, and records with a train and a val split."""
    folder = shutil.copytree(tiny_backbone, tmp_path / "backbone")
    records = write_records(tmp_path / "records.jsonl.gz", "train")
    return folder, write_records(records, "val")


class _PulledPlug(Exception):
    """What stops a run in a test."""


@pytest.mark.parametrize(
    ("command", "module", "step", "at"),
    [
        ("gate", "lab.train.runs.adapters", "observe", 3),
        ("addressing", "lab.train.runs.adapters", "observe_question", 3),
        ("codec", "lab.train.memories.codec", "trace", 9),
    ],
)
def test_a_fit_that_was_stopped_goes_on_and_ends_the_same(
    trainable: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    module: str,
    step: str,
    at: int,
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    files = ("--data", records, "--backbone", folder, "--windows", "16")
    if command != "gate":
        run_training("gate", *files, "--out", tmp_path / "gate.safetensors")
        install(folder, tmp_path / "gate.safetensors")
        files = ("--data", f"{records}:1:train", *files[2:], "--books", records)
    out = tmp_path / "adapter.safetensors"
    options = (command, *files, "--out", out)
    run_training(*options)
    undisturbed = out.read_bytes()
    out.unlink()

    original, calls = getattr(sys.modules[module], step), []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise _PulledPlug
        return original(*arguments)

    monkeypatch.setattr(f"{module}.{step}", counted)
    begun = ("--folder", tmp_path / "run")
    with pytest.raises(_PulledPlug):
        run_training(*options, *begun)
    before = len(calls)
    run_training(*options, *begun)
    assert out.read_bytes() == undisturbed
    total = len(calls)
    out.unlink()
    run_training(*options, *begun)  # all is known
    assert len(calls) == total > before
    assert out.read_bytes() == undisturbed
    (tmp_path / "run" / "run.json").write_text('{"kind": "answers"}', "utf-8")
    refused = CliRunner().invoke(app, ["train", *map(str, (*options, *begun))])
    assert refused.exit_code != 0 and "its own folder" in refused.stderr


def test_training_installs_nothing_and_says_how_to(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    out = tmp_path / "gate.safetensors"
    command = ["train", "gate", "--data", records, "--windows", "16", "--out", out]
    result = CliRunner().invoke(app, [*map(str, command), "--backbone", str(folder)])
    assert result.exit_code == 0 and f"bookstate adapters install {out}" in result.stderr
    assert not (folder / "adapters").exists()
    installed = install(folder, out)
    assert (installed.kind, installed.in_use) == ("write_gate", True)


def test_trained_adapters_are_used_once_they_are_installed(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    common = ("--backbone", folder)
    data = ("--data", f"{records}:1:train", "--books", records)
    held = ("--validation", records)
    gate_file, codec_file = tmp_path / "gate.safetensors", tmp_path / "codec.safetensors"
    gate = run_training("gate", "--data", records, "--windows=16", "--out", gate_file, *common)
    assert gate["scores"]["windows"] == 2
    assert {"commit", "version"} <= gate["provenance"].keys()
    install(folder, gate_file)
    run_training("codec", *data, "--windows", "4", "--out", codec_file, *common)
    install(folder, codec_file)
    run_folder = tmp_path / "run"
    budget = ("--tokens", "1500", "--probes", "2", "--folder", run_folder)
    ways = ("--papers", 1, "--second-looks", 0.5, "--mixed", 1)
    notes = run_training("answers", *ways, *data, *held, *budget, *common)
    assert notes["kind"] == "answers"
    known = notes["validation"]
    assert notes["tokens"] >= 1500 and known["stories_window_f1"] >= 0
    assert known["papers_page_f1"] >= 0 and known["score"] >= 0
    plots = [ElementTree.parse(run_folder / f"{name}.svg") for name in ("loss", "validation")]
    assert all(plot.getroot().tag.endswith("svg") for plot in plots)
    alone, halves = run_folder / "answers.safetensors", tmp_path / "halves.safetensors"
    mean = run_training("merge", alone, alone, "--out", halves, *common)
    assert [each["tokens"] for each in mean["merged_of"]] == [notes["tokens"]] * 2
    install(folder, halves)

    engine = Engine(Settings(home=tmp_path / "home", backbone=str(folder), window=48))
    answers = engine.trained.answers()
    assert answers is not None and engine.abstention is not None
    assert engine.new_adaptive().answers is answers.decoder
    merged, plain = answers.decoder.layer(0), engine.backbone.decoder.layer(0)
    assert not merged.mlp.up_proj.weight.equal(plain.mlp.up_proj.weight)
    more = (*data, "--facts", f"{records}:0.2:train", *held, "--tokens=1500")
    run_training("rag", *more, f"--folder={tmp_path / 'rag'}", *common)
    install(folder, tmp_path / "rag" / "rag.safetensors")
    rag = engine.trained.rag()
    assert rag is not None and rag.name != answers.name
    who = answerers(engine, rag=True)
    assert who.rag.backbone.decoder is rag.decoder
    assert who.slots.backbone.decoder is answers.decoder

    telling = (
        "summaries",
        f"--summaries={records}",
        "--tokens=1000",
        f"--folder={tmp_path / 'tell'}",
    )
    told = run_training(*telling, *common)
    assert told["over"] == answers.name and told["validation"]["score"] < 0
    install(folder, tmp_path / "tell" / "summaries.safetensors")
    tells = engine.trained.summaries()
    assert tells is not None and tells.decoder is not answers.decoder

    install(folder, alone)  # another answer adapter: the others stay over the one before
    other = engine.trained.answers()
    assert other is not None and other.name != answers.name
    assert engine.trained.rag() is rag and engine.trained.summaries() is tells
    assert engine.trained.answers(answers.name) is answers
    again = CliRunner().invoke(app, ["train", *map(str, (*telling, *common))])
    assert again.exit_code == 1 and f"over answer adapter {answers.name}" in again.stderr


def test_a_retrofit_is_chosen_by_what_it_is_trained_on_most() -> None:
    sure = {"key_nats": 0.005, "window_nats": 9.8}
    unsure = {"key_nats": 0.013, "window_nats": 9.3}
    assert score(1.0, sure, 0.9) > score(1.0, unsure, 0.9)
    assert score(1.0, sure, 0.0) < score(1.0, unsure, 0.0)
    assert score(7 / 8, sure, 0.9) < score(1.0, unsure, 0.9)


def _check_means(folder: Path, path: Path, scratch: Path) -> None:
    """`train merge` gives the mean of two of a kind and refuses what is unlike."""
    weights, notes = load_file(path), json.loads(path.with_suffix(".json").read_text("utf-8"))
    other, out = scratch / "other.safetensors", scratch / "mean.safetensors"
    save_adapter(other, Adapter({n: w + 1 for n, w in weights.items()}, notes))
    common = ("--out", out, "--backbone", folder)
    mean = run_training("merge", path, other, *common)
    assert mean["merged_of"] == [notes, notes]
    assert all(mean[name] == notes[name] for name in ("kind", "window", "answers"))
    assert mean.get("config") == notes.get("config")
    for name, value in load_file(out).items():
        torch.testing.assert_close(value, weights[name] + 0.5, atol=1e-3, rtol=1e-3)

    save_adapter(other, Adapter(weights, notes | {"answers": "x"}))
    refused = CliRunner().invoke(app, ["train", "merge", *map(str, (path, other, *common))])
    assert refused.exit_code == 1 and "has answers 'x'" in refused.stderr
    save_adapter(other, Adapter(weights, notes | {"kind": "codec"}))
    refused = CliRunner().invoke(app, ["train", "merge", *map(str, (other, path, *common))])
    assert refused.exit_code == 1 and "can be merged" in refused.stderr


@pytest.mark.parametrize("kind", ["infini-linear", "infini-delta", "melodi"])
def test_the_papers_memories_are_trained_and_their_states_need_what_wrote_them(
    trainable: tuple[Path, Path], tmp_path: Path, kind: str
) -> None:
    folder, records = trainable
    memory, _, update = kind.partition("-")
    run_folder = tmp_path / "run"
    arguments: list[object] = ["--data", f"{records}:1:train", "--books", records]
    arguments += ["--validation", records, "--folder", run_folder]
    arguments += ["--tokens", "3000", "--longest", "16000"]
    if update:
        arguments += ["--update", update, "--write-penalty", "0.1", "--write-scale", "1.5"]
    notes = run_training(memory, *arguments, "--backbone", folder)
    log = [json.loads(line) for line in (run_folder / "log.jsonl").read_text().splitlines()]
    judged = next(line for line in log if "score" in line)
    assert notes["longest"] == 16_000 and {"key_1K", "key_16K"} <= judged.keys()
    assert notes["write_penalty"] == (0.1 if update else 0.0)
    assert notes["write_scale"] == (1.5 if update else 1.0)
    assert "key_1M" not in judged  # nor is anything longer than what is trained on judged
    assert notes["tokens"] >= 3000 and notes["kind"] == kind and notes["provenance"]["version"]
    out = run_folder / f"{kind}.safetensors"
    installed = install(folder, out)
    settings = Settings(
        home=tmp_path / "home", backbone=str(folder), infini_update=update or "delta"
    )
    library = Library(settings)
    text = b"The lamp was found in the mill. " * 20
    document = library.add(text, "a.txt", memory=memory).document
    assert json.loads(document.reading.memory_config)["maps"] == installed.name
    assert library.engine.caution(memory) == FITTED
    list(library.ask(document.id, "Where was the lamp?"))
    library.close()
    if update:
        bias = load_file(run_folder / "best.safetensors")["maps.bias"]
        torch.testing.assert_close(load_file(out)["maps.bias"], (1.5 * bias).half())
    _check_means(folder, out, tmp_path / "other")
    (folder / "adapters" / kind / f"{installed.name}.safetensors").unlink()
    library = Library(settings)
    with pytest.raises(BookstateError, match="was read with"):
        list(library.ask(document.id, "Where was the lamp?"))
    library.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(["--update", "square"], "linear or delta"), (["--data", "none.gz"], "none.gz")],
)
def test_what_cannot_be_trained_on_is_one_line(
    trainable: tuple[Path, Path], tmp_path: Path, wrong: list[str], said: str
) -> None:
    folder, records = trainable
    arguments = ["--data", str(records), "--books", str(records), "--validation", str(records)]
    arguments += ["--folder", str(tmp_path / "run"), "--backbone", str(folder), *wrong]
    result = CliRunner().invoke(app, ["train", "infini", *arguments])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert said in result.stderr


def test_infini_is_trained_for_the_rule_that_documents_are_read_with() -> None:
    given = {"data": ("x",), "books": Path("x"), "validation": Path("x"), "folder": Path("run")}
    update = Settings.model_fields["infini_update"].default
    assert make_plan(InfiniPlan, given).kind == f"infini-{update}"


def test_the_score_of_a_run_without_any_loss_is_finite() -> None:
    assert score(1.0, {"key_nats": 0.0, "window_nats": 0.0}, 0.5) > score(
        1.0, {"key_nats": 0.001, "window_nats": 0.001}, 0.5
    )


def test_units_that_processes_cannot_share_are_refused_with_what_can_be_done() -> None:
    with pytest.raises(InvalidRequest, match="start 1, 2, 3, 6 of them"):
        Budget(1000, accumulate=6).units_each(4)


def test_addressing_is_trained_and_used(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    out = tmp_path / "addresser.safetensors"
    files = ("--data", records, "--books", records, "--windows", "8", "--out", out)
    notes = run_training("addressing", *files, "--backbone", folder)
    assert notes["scores"]["trained"]["windows"] == notes["windows"] == 10  # two of books
    install(folder, out)
    engine = Engine(Settings(home=tmp_path / "home", backbone=str(folder), window=48))
    memory = engine.new_adaptive()
    assert memory.addresser is not None
    assert memory.addresser.heads == memory.config.address_heads
    plain = engine.changed(adapters=False).new_adaptive()
    assert plain.addresser is None
    assert memory.config == plain.config


def test_a_codec_is_trained_and_its_states_outlive_it(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    gate, out = tmp_path / "gate.safetensors", tmp_path / "codec.safetensors"
    common = ("--backbone", folder, "--out")
    run_training("gate", "--data", records, "--windows", "16", *common, gate)
    install(folder, gate)
    first = ("codec", "--data", f"{records}:1:train", "--windows", "4", "--books", records)
    assert run_training(*first, *common, out)["windows"] == 4
    codec = install(folder, out).name
    library = Library(Settings(home=tmp_path / "home", backbone=str(folder), window=48))
    kept = library.add(b"The lamp was found in the mill. " * 40, "a.txt").document
    config = json.loads(kept.reading.memory_config)
    assert config["slot_bits"] == 2 and config["codec"] == codec
    run_training(*first, "--seed", "1", *common, out)
    newest = install(folder, out).name  # is used from now on
    newer = library.add(b"The boat was lost at the inn. " * 40, "b.txt").document
    assert json.loads(newer.reading.memory_config)["codec"] == newest != codec
    stream = library.ask(kept.id, "Where was the lamp?")
    said = "".join(stream), library.answer(kept.id, stream).confidence
    archive = tmp_path / "kept.bookstate"
    export_document(library.store, kept.id, archive)
    content = members(archive)
    library.remove(kept.id)
    beyond = edit_blob(content, SLOTS, lambda blob: edit_tensors(blob, _mark_beyond))
    with pytest.raises(InvalidArchive, match="marks slots after the last of its"):
        import_document(library.store, write(tmp_path / "beyond.zip", beyond))
    import_document(library.store, archive)
    stream = library.ask(kept.id, "Where was the lamp?")
    assert ("".join(stream), library.answer(kept.id, stream).confidence) == said
    library.close()


SLOTS = "state/slots-000000.safetensors"


def _mark_beyond(tensors: dict[str, torch.Tensor]) -> None:
    tensors["kept"] = torch.cat((tensors["kept"], tensors["kept"][..., -1:]), dim=-1)


def test_a_reader_needs_a_gate_first(trainable: tuple[Path, Path], tmp_path: Path) -> None:
    folder, records = trainable
    arguments = [
        "train", "answers", "--data", str(records), "--books", str(records), "--validation",
        str(records), "--folder", str(tmp_path / "run"), "--backbone", str(folder),
    ]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "bookstate train gate" in result.stderr


def test_an_adapter_of_another_backbone_is_refused_by_name(
    trainable: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, records = trainable
    out = tmp_path / "write_gate.safetensors"
    files = ("--data", records, "--windows", "16", "--out", out)
    run_training("gate", *files, "--backbone", folder)
    notes = out.with_suffix(".json")
    notes.write_text(json.dumps({**json.loads(notes.read_text()), "backbone_sha256": "f" * 64}))
    with pytest.raises(
        BrokenCheckpoint, match=r"write_gate.safetensors was trained for backbone f"
    ):
        install(folder, out)


@pytest.mark.parametrize("data", ["nothing.jsonl.gz", "{records}:much"])
def test_what_cannot_be_data_is_refused(
    trainable: tuple[Path, Path], tmp_path: Path, data: str
) -> None:
    folder, records = trainable
    arguments = [
        "train", "answers", "--data", data.format(records=records), "--books", str(records),
        "--validation", str(records), "--folder", str(tmp_path / "run"), "--backbone", str(folder),
    ]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and (
        "is not a file" in result.stderr or "not a number" in result.stderr
    )

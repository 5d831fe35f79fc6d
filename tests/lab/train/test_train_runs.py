"""`bookstate train`: adapters appear beside the backbone and are used from then on."""

from __future__ import annotations

import gzip
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
from typer.testing import CliRunner

from app.adapters import (
    codec,
    codec_named,
    find_adapter,
    retrieval_reader,
    teller,
    trained_infini,
    trained_melodi,
    trained_reader,
    write_gate,
)
from app.cli.main import app
from app.errors import BookstateError, InvalidArchive, InvalidSetting
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.models import FITTED, caution, new_memory
from app.settings import Settings
from lab.evaluate.answerers import readers
from lab.train.loop import Budget
from lab.train.runs.retrofits import RetrofitPlan, score
from memory_models.adapter import Adapter, save_adapter
from memory_models.errors import BrokenCheckpoint
from memory_models.memories.adaptive import AdaptiveMemory

PLACES = ("harbour", "mill", "inn", "garden", "church", "cellar")
THINGS = ("key", "lamp", "boat", "letter", "clock", "gull")


def write_records(path: Path, split: str, count: int = 6) -> Path:
    with gzip.open(path, "at", encoding="utf-8") as lines:
        for number in range(count):
            sentences, questions = [], []
            for thing in THINGS:
                place = PLACES[(number + THINGS.index(thing)) % len(PLACES)]
                sentences.append(f"The {thing} was found in the {place} by the keeper.")
                questions.append(
                    {
                        "question": f"Where was the {thing}?",
                        "answers": [f"in the {place}"],
                        "sections": str(len(sentences)),
                    }
                )
            record = {
                "id": f"{split}/{number}",
                "title": "t",
                "split": split,
                "text": " ".join(sentences),
                "section_words": [len(s.split()) for s in sentences],
                "questions": questions,
                "summary": " ".join(sentences[:2]),
            }
            lines.write(json.dumps(record) + "\n")
    return path


@pytest.fixture
def trainable(tiny_backbone: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A backbone of its own to train, and records with a train and a val split."""
    folder = shutil.copytree(tiny_backbone, tmp_path / "backbone")
    records = write_records(tmp_path / "records.jsonl.gz", "train")
    return folder, write_records(records, "val")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["train", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


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
    gate = ("gate", "--data", str(records), "--windows", "16", "--backbone", str(folder))
    if command == "gate":
        options = gate[1:]
    else:
        run(*gate)
        data = ("--data", f"{records}:1:train", "--books", str(records))
        options = (*data, "--windows", "16", "--backbone", str(folder))
    name = {"gate": "write_gate", "addressing": "addresser", "codec": "codec"}[command]
    installed = folder / "adapters" / f"{name}.safetensors"
    run(command, *options)
    undisturbed = installed.read_bytes()
    installed.unlink()

    original, calls = getattr(sys.modules[module], step), []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise _PulledPlug
        return original(*arguments)

    monkeypatch.setattr(f"{module}.{step}", counted)
    begun = ("--folder", str(tmp_path / "run"))
    with pytest.raises(_PulledPlug):
        run(command, *options, *begun)
    before = len(calls)
    run(command, *options, *begun)
    assert installed.read_bytes() == undisturbed
    total = len(calls)
    installed.unlink()
    run(command, *options, *begun)  # all is known
    assert len(calls) == total > before
    assert installed.read_bytes() == undisturbed
    (tmp_path / "run" / "run.json").write_text('{"kind": "reader"}', "utf-8")
    refused = CliRunner().invoke(app, ["train", command, *options, *begun])
    assert refused.exit_code != 0 and "its own folder" in refused.stderr


def test_trained_adapters_are_installed_and_used(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    common = ("--backbone", str(folder), "--json")
    gate = json.loads(run("gate", "--data", str(records), "--windows", "16", *common))
    assert gate["scores"]["windows"] == 2
    assert {"commit", "version"} <= gate["made_by"].keys()
    data = ("--data", f"{records}:1:train", "--books", str(records))
    run("codec", *data, "--windows", "4", *common)
    notes = json.loads(
        run(
            "reader",
            "--data",
            f"{records}:1:train",
            "--books",
            str(records),
            "--validation",
            str(records),
            "--folder",
            str(tmp_path / "run"),
            "--tokens",
            "1500",
            "--probes",
            "2",
            *common,
        )
    )
    assert notes["tokens"] >= 1500 and notes["validation"]["window_f1"] >= 0
    plots = [ElementTree.parse(tmp_path / "run" / f"{name}.svg") for name in ("loss", "validation")]
    assert all(plot.getroot().tag.endswith("svg") for plot in plots)
    installed = folder / "adapters" / "reader.safetensors"
    alone = shutil.copy(installed, tmp_path / "reader.safetensors")
    shutil.copy(installed.with_suffix(".json"), tmp_path / "reader.json")
    mean = json.loads(run("mean", str(alone), str(alone), *common))
    assert [each["tokens"] for each in mean["mean_of"]] == [notes["tokens"]] * 2

    library = Library(Settings(home=tmp_path / "home", backbone=str(folder), window=48))
    backbone = library.backbone
    reader = trained_reader(backbone)
    assert reader is not None and library.declining is not None
    trained, plain = (
        reader.decoder.layer(0).mlp.up_proj.weight,
        backbone.decoder.layer(0).mlp.up_proj.weight,
    )
    assert not trained.equal(plain)
    gated, coded = write_gate(backbone), codec(backbone)
    assert gated is not None and coded is not None
    document, _ = library.register(b"Mara found the key. " * 40, "key.txt")
    assert document.reading.adapter == f"gate {gated.name}, codec {coded.name}"
    assert library.store.document(document.id) == document
    more = ("--facts", f"{records}:0.2:train", "--validation", str(records), "--probes", "2")
    more = ("--facts", f"{records}:0.2:train", "--validation", str(records))
    run("retrieved", *data, *more, "--tokens=1500", f"--folder={tmp_path / 'rag'}", *common)
    over = retrieval_reader(backbone)
    assert over is not None and over.name != reader.name
    who = readers(library, retrieves=True)
    assert who.retrieved.backbone.decoder is over.decoder
    assert who.slots.backbone.decoder is reader.decoder

    telling = ("teller", f"--summaries={records}", "--tokens=1000", f"--folder={tmp_path / 'tell'}")
    told = json.loads(run(*telling, *common))
    assert told["over"] == reader.name and told["validation"]["score"] < 0
    tells = teller(backbone)
    assert tells is not None and tells.decoder is not reader.decoder

    shutil.copy(alone, installed)  # another reader, which nothing was trained over
    shutil.copy(alone.with_suffix(".json"), installed.with_suffix(".json"))
    afresh = Library(library.settings)
    other = trained_reader(afresh.backbone)
    assert other is not None and other.name != reader.name
    assert retrieval_reader(afresh.backbone) is None and teller(afresh.backbone) is None
    again = CliRunner().invoke(app, ["train", *telling, *common])
    assert again.exit_code == 1 and f"over reader {reader.name}" in again.stderr
    afresh.close()

    found = library.add(b"The lamp was found in the mill. " * 20, "a.txt").document
    gate_of = write_gate(backbone)
    assert gate_of is not None
    assert json.loads(found.memory_config)["gate"] == gate_of.name
    library.close()


def test_a_retrofit_is_chosen_by_what_it_is_trained_on_most() -> None:
    sure = {"key_nats": 0.005, "window_nats": 9.8}
    unsure = {"key_nats": 0.013, "window_nats": 9.3}
    assert score(1.0, sure, 0.9) > score(1.0, unsure, 0.9)
    assert score(1.0, sure, 0.0) < score(1.0, unsure, 0.0)
    assert score(7 / 8, sure, 0.9) < score(1.0, unsure, 0.9)


def _check_means(folder: Path, path: Path, other: Path) -> None:
    """`train mean` of an adapter and another of its kind: halfway; with what is unlike, refused."""
    weights, notes = load_file(path), json.loads(path.with_suffix(".json").read_text("utf-8"))
    own = other.with_name(f"own-{path.name}")
    save_adapter(own, Adapter(weights, notes))
    save_adapter(other, Adapter({n: w + 1 for n, w in weights.items()}, notes))
    common = ("--backbone", str(folder), "--json")
    mean = json.loads(run("mean", str(own), str(other), *common))
    assert mean["mean_of"] == [notes, notes]
    assert all(mean[name] == notes[name] for name in ("kind", "window", "reader"))
    assert mean.get("config") == notes.get("config")
    for name, value in load_file(path).items():
        torch.testing.assert_close(value, weights[name] + 0.5, atol=1e-3, rtol=1e-3)

    save_adapter(other, Adapter(weights, notes | {"reader": "x"}))
    refused = CliRunner().invoke(app, ["train", "mean", str(own), str(other), *common])
    assert refused.exit_code == 1 and "has reader 'x'" in refused.stderr
    save_adapter(other, Adapter(weights, notes | {"kind": "codec"}))
    refused = CliRunner().invoke(app, ["train", "mean", str(other), str(own), *common])
    assert refused.exit_code == 1 and "a mean is of" in refused.stderr
    save_adapter(path, Adapter(weights, notes))


@pytest.mark.parametrize("kind", ["infini-linear", "infini-delta", "melodi"])
def test_the_papers_memories_are_trained_and_their_states_need_what_wrote_them(
    trainable: tuple[Path, Path], tmp_path: Path, kind: str
) -> None:
    folder, records = trainable
    memory, _, update = kind.partition("-")
    arguments = ["--data", f"{records}:1:train", "--books", str(records)]
    arguments += ["--validation", str(records), "--folder", str(tmp_path / "run")]
    arguments += ["--tokens", "3000", "--longest", "16000"]
    if update:
        arguments += ["--update", update, "--silence", "0.1", "--sharpen", "1.5"]
    notes = json.loads(run(memory, *arguments, "--backbone", str(folder), "--json"))
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    judged = next(line for line in log if "score" in line)
    assert notes["longest"] == 16_000 and {"key_1K", "key_16K"} <= judged.keys()
    assert notes["silence"] == (0.1 if update else 0.0)
    assert notes["sharpen"] == (1.5 if update else 1.0)
    assert "key_1M" not in judged  # nor is anything longer than what is trained on judged
    assert notes["tokens"] >= 3000 and notes["kind"] == kind and notes["made_by"]["version"]
    settings = Settings(
        home=tmp_path / "home", backbone=str(folder), infini_update=update or "delta"
    )
    library = Library(settings)
    text = b"The lamp was found in the mill. " * 20
    document = library.add(text, "a.txt", memory=memory).document
    assert json.loads(document.reading.memory_config)["maps"]
    assert caution(memory, library.backbone, settings) == FITTED
    list(library.ask(document.id, "Where was the lamp?"))
    path = folder / "adapters" / f"{kind}.safetensors"
    if update:
        bias = load_file(tmp_path / "run" / "best.safetensors")["maps.bias"]
        torch.testing.assert_close(load_file(path)["maps.bias"], (1.5 * bias).half())
    _check_means(folder, path, tmp_path / "other" / path.name)
    path.rename(path.with_suffix(".away"))
    trained_infini.cache_clear()
    trained_melodi.cache_clear()
    with pytest.raises(BookstateError, match="written with"):
        list(library.ask(document.id, "Where was the lamp?"))
    library.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(["--update", "square"], "infini-square"), (["--data", "none.gz"], "none.gz")],
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


def test_only_infini_has_something_to_silence(trainable: tuple[Path, Path]) -> None:
    _, records = trainable
    with pytest.raises(InvalidSetting, match="it is at least 0, and 0 for melodi"):
        RetrofitPlan("melodi", (), records, records, Budget(1000), silence=0.1)
    with pytest.raises(InvalidSetting, match="1 for melodi, which has none"):
        RetrofitPlan("melodi", (), records, records, Budget(1000), sharpen=1.5)


def test_addressing_is_trained_and_used(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    files = ("--data", str(records), "--books", str(records), "--windows", "8")
    notes = json.loads(run("addressing", *files, "--backbone", str(folder), "--json"))
    assert notes["scores"]["trained"]["windows"] == notes["windows"] == 10  # two of books
    library = Library(Settings(home=tmp_path / "home", backbone=str(folder), window=48))
    memory = new_memory("adaptive", library.backbone, library.settings)
    assert isinstance(memory, AdaptiveMemory) and memory.addresser is not None
    assert memory.addresser.heads == memory.config.address_heads
    without = library.settings.model_copy(update={"adapters": False})
    plain = new_memory("adaptive", library.backbone, without)
    assert isinstance(plain, AdaptiveMemory) and plain.addresser is None
    assert memory.config == plain.config
    library.close()


def test_a_codec_is_trained_and_its_states_outlive_it(
    trainable: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, records = trainable
    monkeypatch.setenv("BOOKSTATE_WINDOW", "48")
    common = ("--books", str(records), "--backbone", str(folder), "--json")
    run("gate", "--data", str(records), "--windows", "16", "--backbone", str(folder))
    first = ("codec", "--data", f"{records}:1:train", "--windows", "4", *common)
    assert json.loads(run(*first))["windows"] == 4
    settings = Settings(home=tmp_path / "home", backbone=str(folder), window=48)
    library = Library(settings)
    kept = library.add(b"The lamp was found in the mill. " * 40, "a.txt").document
    config = json.loads(kept.memory_config)
    assert config["slot_bits"] == 2 and config["codec"]
    library.close()
    run(*first, "--seed", "1")  # another codec is used from now on
    clear_adapters()
    library = Library(settings)
    newer = library.add(b"The boat was lost at the inn. " * 40, "b.txt").document
    assert json.loads(newer.memory_config)["codec"] != config["codec"]
    stream = library.ask(kept.id, "Where was the lamp?")
    said = "".join(stream), library.answer(kept.id, stream).confidence
    out = tmp_path / "kept.bookstate"
    export_document(library.store, kept.id, out)
    content = members(out)
    library.remove(kept.id)
    beyond = edit_blob(content, SLOTS, lambda blob: edit_tensors(blob, _mark_beyond))
    with pytest.raises(InvalidArchive, match="tokens do not have"):
        import_document(library.store, write(tmp_path / "beyond.zip", beyond))
    import_document(library.store, out)
    stream = library.ask(kept.id, "Where was the lamp?")
    assert ("".join(stream), library.answer(kept.id, stream).confidence) == said
    library.close()


SLOTS = "state/slots-000000.safetensors"


def _mark_beyond(tensors: dict[str, torch.Tensor]) -> None:
    tensors["kept"] = torch.cat((tensors["kept"], tensors["kept"][..., -1:]), dim=-1)


def clear_adapters() -> None:
    """As in a new process."""
    for cached in (codec, codec_named):
        cached.cache_clear()


def test_a_reader_needs_a_gate_first(trainable: tuple[Path, Path], tmp_path: Path) -> None:
    folder, records = trainable
    arguments = [
        "train", "reader", "--data", str(records), "--books", str(records), "--validation",
        str(records), "--folder", str(tmp_path / "run"), "--backbone", str(folder),
    ]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "bookstate train gate" in result.stderr


def test_an_adapter_of_another_backbone_is_refused_by_name(
    trainable: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, records = trainable
    run("gate", "--data", str(records), "--windows", "16", "--backbone", str(folder))
    notes = folder / "adapters" / "write_gate.json"
    notes.write_text(json.dumps({**json.loads(notes.read_text()), "backbone_sha256": "f" * 64}))
    library = Library(Settings(home=tmp_path / "home", backbone=str(folder)))
    with pytest.raises(
        BrokenCheckpoint, match=r"write_gate.safetensors was trained for backbone f"
    ):
        find_adapter(library.backbone, "write_gate")
    library.close()


@pytest.mark.parametrize("data", ["nothing.jsonl.gz", "{records}:much"])
def test_what_cannot_be_data_is_refused(
    trainable: tuple[Path, Path], tmp_path: Path, data: str
) -> None:
    folder, records = trainable
    arguments = [
        "train", "reader", "--data", data.format(records=records), "--books", str(records),
        "--validation", str(records), "--folder", str(tmp_path / "run"), "--backbone", str(folder),
    ]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and ("no file" in result.stderr or "no number" in result.stderr)

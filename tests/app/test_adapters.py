"""Adapters by content: installed next to one another, chosen by an index, never overwritten."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from novels import QUESTION, novel, read_novel

from app.adapters import CODEC, WRITE_GATE, AdapterFiles, adapter_name
from app.errors import InvalidSetting
from app.library import Library
from app.settings import Settings
from memory_models.adapter import Adapter, save_adapter
from memory_models.errors import BrokenCheckpoint, InvalidRequest
from memory_models.memories.write_gate import WriteGate


@pytest.fixture
def library(home: Path, tmp_path: Path, tiny_backbone: Path) -> Library:
    """A library over a backbone of its own, so that adapters can be installed."""
    backbone = shutil.copytree(tiny_backbone, tmp_path / "own")
    return Library(Settings(home=home, backbone=str(backbone), window=32, windows=4, threads=1))


def gate_file(library: Library, folder: Path, seed: int) -> Path:
    """An untrained write gate as `bookstate train gate` writes it."""
    torch.manual_seed(seed)
    weights = {n: v.clone() for n, v in WriteGate(library.backbone.config).state_dict().items()}
    notes = {"kind": WRITE_GATE, "backbone_sha256": library.backbone.sha256}
    path = folder / f"gate{seed}.safetensors"
    save_adapter(path, Adapter(weights, notes))
    return path


def test_an_installed_adapter_is_used_at_once_and_the_one_before_stays(
    library: Library, tmp_path: Path
) -> None:
    files = library.engine.trained.files
    assert files.in_use(WRITE_GATE) is None and library.engine.trained.write_gate() is None
    names = [files.install(gate_file(library, tmp_path, seed)).name for seed in (0, 1)]
    gate = library.engine.trained.write_gate()
    assert gate is not None and gate.name == names[1] == files.in_use(WRITE_GATE)
    first = files.load(WRITE_GATE, names[0])
    assert first is not None and adapter_name(first) == names[0]
    assert [(one.name, one.in_use) for one in files.installed()] == sorted(
        [(names[0], False), (names[1], True)]
    )
    assert files.use(WRITE_GATE, names[0][:6]).name == names[0] == files.in_use(WRITE_GATE)


def test_a_state_stays_readable_when_another_adapter_is_in_use(
    library: Library, tmp_path: Path
) -> None:
    files = library.engine.trained.files
    first = files.install(gate_file(library, tmp_path, 0)).name
    document = read_novel(library)
    assert first in document.reading.memory_config
    before = "".join(library.ask(document.id, QUESTION))
    files.install(gate_file(library, tmp_path, 1))
    assert "".join(library.ask(document.id, QUESTION)) == before
    again = library.append(document.id, novel(seed=3), "more.md")  # written with the first gate
    assert again.ready and first in again.reading.memory_config
    assert read_novel(library, seed=5).reading.memory_config != document.reading.memory_config


def test_a_missing_adapter_is_named(library: Library, tmp_path: Path) -> None:
    files = library.engine.trained.files
    name = files.install(gate_file(library, tmp_path, 0)).name
    document = read_novel(library)
    for path in (files.own / WRITE_GATE).iterdir():
        path.unlink()
    (files.own / "index.json").unlink()
    fresh = Library(library.settings)
    assert "".join(fresh.ask(document.id, QUESTION))  # asking needs no gate
    with pytest.raises(InvalidRequest, match=f"write gate {name}"):
        fresh.append(document.id, novel(seed=3), "more.md")


def test_adapters_that_an_older_version_installed_are_found(
    library: Library, tmp_path: Path
) -> None:
    folder = library.backbone.folder / "adapters"
    path = gate_file(library, tmp_path, 0)
    folder.mkdir()
    for suffix in (".safetensors", ".json"):
        path.with_suffix(suffix).rename(folder / f"{WRITE_GATE}{suffix}")
    files = AdapterFiles(library.backbone)
    name = files.in_use(WRITE_GATE)
    assert name is not None and files.load(WRITE_GATE, name) is not None
    assert json.loads((folder / "index.json").read_text("utf-8")) == {WRITE_GATE: name}
    assert sorted(p.name for p in folder.rglob("*.safetensors")) == [f"{name}.safetensors"]


def test_what_cannot_be_installed_or_used_is_refused(library: Library, tmp_path: Path) -> None:
    files = library.engine.trained.files
    path = gate_file(library, tmp_path, 0)
    notes = json.loads(path.with_suffix(".json").read_text("utf-8"))
    path.with_suffix(".json").write_text(json.dumps(notes | {"kind": "hat"}), "utf-8")
    with pytest.raises(BrokenCheckpoint, match="'hat'"):
        files.install(path)
    with pytest.raises(InvalidSetting, match="choose from none"):
        files.use(CODEC, "abc")
    other = notes | {"backbone_sha256": "0" * 64}
    path.with_suffix(".json").write_text(json.dumps(other), "utf-8")
    with pytest.raises(BrokenCheckpoint, match="trained for backbone"):
        files.install(path)
    assert files.installed() == []


@pytest.mark.parametrize("last", ["the notes' copy", "the weights"])
def test_a_stop_while_an_adapter_is_moved_loses_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    folder = library.backbone.folder / "adapters"
    path = gate_file(library, tmp_path, 0)
    folder.mkdir()
    for suffix in (".safetensors", ".json"):
        path.with_suffix(suffix).rename(folder / f"{WRITE_GATE}{suffix}")
    replace = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        if self.suffix == ".safetensors" and last == "the notes' copy":
            raise KeyboardInterrupt
        return replace(self, target)

    def kept(self: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replaced)
        patch.setattr(Path, "unlink", kept)
        with pytest.raises(KeyboardInterrupt):
            AdapterFiles(library.backbone)
    files = AdapterFiles(library.backbone)
    name = files.in_use(WRITE_GATE)
    assert name is not None and files.load(WRITE_GATE, name) is not None

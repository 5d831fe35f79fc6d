"""Models from the hub: fetched at one commit, and their files are compared at every later load."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, served

from memory_models import backbone
from memory_models.errors import BrokenCheckpoint, ModelNotFound
from memory_models.sources.hub import pull
from memory_models.sources.pins import pin_file, read_pin

NAME = "some/model"
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def hub(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Two commits, and files in them that nothing reads."""
    names = ("config.json", "tokenizer.json", "model.safetensors")
    files = {name: (tiny_backbone / name).read_bytes() for name in names}
    # Mistral's repositories hold a second copy of 14 GB.
    files["consolidated.safetensors"] = files["pytorch_model.bin"] = b"the same once more"
    newer = {**files, "config.json": files["config.json"] + b"\n"}
    with served(FakeHub(NAME, {OLD: files, NEW: newer}), monkeypatch) as hub:
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "some--model"


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


def test_a_pull_pins_the_newest_commit_and_its_files(
    hub: FakeHub, folder: Path, tiny_backbone: Path
) -> None:
    pin = pull(NAME, folder, quiet)
    assert (pin.repository, pin.commit) == (NAME, NEW)
    assert pin == read_pin(folder)
    wanted = {"config.json", "tokenizer.json", "model.safetensors"}
    assert {p.name for p in folder.iterdir()} == wanted
    assert pin.files == {n: hashlib.sha256(hub.commits[NEW][n]).hexdigest() for n in wanted}
    assert backbone.load(folder).sha256 == backbone.load(tiny_backbone).sha256
    assert {p.name for p in folder.parent.iterdir()} == {"some--model", "some--model.pin.json"}


def test_it_stays_at_its_commit(hub: FakeHub, folder: Path) -> None:
    pull(NAME, folder, quiet)
    hub.commits["c" * 40] = {**hub.commits[NEW], "config.json": b"{}"}
    asked = len(hub.asked)
    assert pull(NAME, folder, quiet).commit == NEW
    assert len(hub.asked) == asked  # what is here and as it was needs no network
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert pull(NAME, folder, quiet).commit == NEW  # and when it was lost, the same again


def test_another_revision_is_fetched_when_it_is_named(hub: FakeHub, folder: Path) -> None:
    pull(NAME, folder, quiet)
    assert pull(NAME, folder, quiet, OLD).commit == OLD
    assert (folder / "config.json").read_bytes() == hub.commits[OLD]["config.json"]
    backbone.load(folder)
    assert pull(NAME, folder, quiet, "main").commit == NEW


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_changed_file_is_refused_at_load_and_pull(hub: FakeHub, folder: Path, name: str) -> None:
    pin = pull(NAME, folder, quiet)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    for again in (lambda: backbone.load(folder), lambda: pull(NAME, folder, quiet)):
        with pytest.raises(BrokenCheckpoint) as caught:
            again()
        for part in (name, found, pin.files[name], NEW, "Delete", f"models pull {NAME}"):
            assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [("model.safetensors.index.json", b"{}"), ("model-extra.safetensors", b""), ("", b"")],
    ids=["an index", "more weights", "a file less"],
)
def test_an_added_or_removed_file_is_refused(
    hub: FakeHub, folder: Path, name: str, data: bytes
) -> None:
    pull(NAME, folder, quiet)
    (folder / "calibration.json").write_text("{}", "utf-8")  # ours, and no part of the model
    backbone.load(folder)
    if name:
        (folder / name).write_bytes(data)
    else:
        (folder / "tokenizer.json").unlink()
    with pytest.raises(BrokenCheckpoint, match="has SHA-256"):
        backbone.load(folder)


def test_a_hub_that_changes_a_commit_is_refused(hub: FakeHub, folder: Path) -> None:
    pull(NAME, folder, quiet)
    hub.commits[NEW]["config.json"] += b" "
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(BrokenCheckpoint, match="stored when this commit was first fetched"):
        pull(NAME, folder, quiet)
    assert not folder.exists()


def test_weights_that_are_not_what_the_hub_states_are_refused(hub: FakeHub, folder: Path) -> None:
    hub.stated["model.safetensors"] = "0" * 64
    with pytest.raises(BrokenCheckpoint, match=r"0{64} the hub states; nothing was installed"):
        pull(NAME, folder, quiet)
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "{}", '{"repository": "x", "commit": "y", "files": {}}'])
def test_a_damaged_pin_is_one_sentence(hub: FakeHub, folder: Path, text: str) -> None:
    pull(NAME, folder, quiet)
    pin_file(folder).write_text(text, "utf-8")
    with pytest.raises(BrokenCheckpoint, match="cannot be checked"):
        backbone.load(folder)


@pytest.mark.parametrize("without", ["config.json", "model.safetensors"])
def test_an_incomplete_repository_is_refused(hub: FakeHub, folder: Path, without: str) -> None:
    index = {"weight_map": {"model.norm.weight": "model.safetensors"}}
    hub.commits[NEW]["model.safetensors.index.json"] = json.dumps(index).encode()
    del hub.commits[NEW][without]
    with pytest.raises(BrokenCheckpoint, match=without.replace(".", r"\.")):
        pull(NAME, folder, quiet)
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize(("name", "revision"), [("no/body", None), (NAME, "c" * 40), ("a b", None)])
def test_what_the_hub_lacks_is_one_sentence(
    hub: FakeHub, folder: Path, name: str, revision: str | None
) -> None:
    with pytest.raises(ModelNotFound, match="could not be fetched from the hub"):
        pull(name, folder, quiet, revision)
    assert list(folder.parent.iterdir()) == []


def test_no_network_is_one_sentence(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(ModelNotFound, match="check the name and the network"):
            pull(NAME, folder, quiet)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFound, match="OfflineModeIsEnabled"):
        pull(NAME, folder, quiet)


def test_a_model_is_there_whole_or_not_at_all(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the fetched files are put in their place."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        pull(NAME, folder, quiet)
    assert not backbone.is_present(folder)
    pull(NAME, folder, quiet)
    assert backbone.load(folder).sha256
    assert not (folder / ".cache").exists()


@pytest.mark.parametrize("how", ["a dangling link", "a file"])
def test_a_models_folder_that_is_none_is_one_sentence(
    tmp_path: Path, hub: FakeHub, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.symlink_to(tmp_path / "gone") if how == "a dangling link" else models.write_text("")
    with pytest.raises(ModelNotFound, match="No backbone can be stored in") as caught:
        pull(NAME, models / "some--model", quiet)
    assert str(models) in str(caught.value) and "remove it" in str(caught.value)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(ModelNotFound, match="No backbone can be stored in"):
        backbone.fetch_default(models / "default", quiet)

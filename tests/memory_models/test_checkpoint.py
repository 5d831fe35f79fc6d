"""Folders of checkpoints: which files count, and what is wrong with a folder, said by name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from memory_models import backbone
from memory_models.adapter import sharing
from memory_models.errors import BrokenCheckpoint, NotEnoughMemory, UnsupportedModel

INDEX = "model.safetensors.index.json"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
TOKENS = torch.arange(40).unsqueeze(0)


@pytest.fixture
def folder(tiny_backbone: Path, tmp_path: Path) -> Path:
    """A copy of the tiny backbone to change."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copy(tiny_backbone / name, copy / name)
    return copy


def add_consolidated(folder: Path) -> None:
    """The same weights once more under other names, as Mistral's repositories have them."""
    weights = load_file(next(folder.glob("model*.safetensors")))
    renamed = {f"layers.{n}.weight": tensor for n, tensor in enumerate(weights.values())}
    save_file(renamed, folder / "consolidated.safetensors")


def shard(folder: Path, *, index: bool) -> None:
    """Cut model.safetensors in two."""
    weights = load_file(folder / "model.safetensors")
    places = {name: SHARDS[n % 2] for n, name in enumerate(sorted(weights))}
    for file in SHARDS:
        save_file({n: weights[n] for n in weights if places[n] == file}, folder / file)
    (folder / "model.safetensors").unlink()
    if index:
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}), "utf-8")


def logits(folder: Path) -> torch.Tensor:
    with torch.inference_mode():
        return backbone.load(folder, dtype=torch.float32).decoder(TOKENS)


def sha256_of(*files: Path) -> str:
    """What stored states know a backbone by; it must stay the same for ever."""
    digests = (hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(b"".join(digests)).hexdigest()


@pytest.mark.parametrize("form", ["whole", "shards", "indexed shards"])
def test_another_copy_of_the_weights_is_left_alone(
    folder: Path, tiny_backbone: Path, form: str
) -> None:
    if form != "whole":
        shard(folder, index=form == "indexed shards")
    before = backbone.weights_sha256(folder)
    add_consolidated(folder)
    assert torch.equal(logits(folder), logits(tiny_backbone))
    assert backbone.weights_sha256(folder) == before


def test_the_hash_is_that_of_the_files_in_order_of_name(folder: Path) -> None:
    assert backbone.load(folder).sha256 == sha256_of(folder / "model.safetensors")
    shard(folder, index=False)
    assert backbone.load(folder).sha256 == sha256_of(*(folder / name for name in SHARDS))
    shutil.move(folder / SHARDS[0], folder / "a.safetensors")
    shutil.move(folder / SHARDS[1], folder / "b.safetensors")
    files = (folder / "a.safetensors", folder / "b.safetensors")
    assert backbone.load(folder).sha256 == sha256_of(*files)


@pytest.mark.parametrize("left", ["", "no signature", "\udcff", "cut"])
def test_a_damaged_note_of_the_hash_is_made_again(folder: Path, left: str) -> None:
    right = backbone.weights_sha256(folder)
    note = folder / "bookstate.sha256"
    text = note.read_text("utf-8")[:-9] if left == "cut" else left
    note.write_text(text, "utf-8", errors="surrogateescape")
    assert backbone.weights_sha256(folder) == right
    assert note.read_text("utf-8").endswith(right)


def test_a_folder_that_cannot_be_written_has_a_hash(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only mount says that root may write into it."""

    def read_only(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", read_only)
    assert backbone.weights_sha256(folder) == sha256_of(folder / "model.safetensors")


def test_a_missing_shard_is_refused(folder: Path) -> None:
    shard(folder, index=False)
    (folder / SHARDS[1]).unlink()
    with pytest.raises(BrokenCheckpoint, match="1 of the 2 files"):
        backbone.load(folder)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", f"{INDEX} cannot be read as JSON"),
        ("[]", rf"{INDEX} must be a JSON object, not \[\]"),
        ("{}", f"{INDEX} lacks weight_map"),
        ('{"weight_map": []}', r"'weight_map' in .* must be a JSON object"),
        ('{"weight_map": {}}', f"weight_map of .*{INDEX} is empty"),
        ('{"weight_map": {"a": 3}}', r"'a' in weight_map of .* must be a string, not 3"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "gone.safetensors, which is missing"),
        ('{"weight_map": {"a": "../other/model.safetensors"}}', r"\.\./other.* same folder"),
        ('{"weight_map": {"a": "/etc/model.safetensors"}}', "/etc/model.*same folder"),
        ('{"weight_map": {"a": "pytorch_model.bin"}}', r"pytorch_model\.bin.*safetensors"),
    ],
)
def test_a_wrong_index_is_refused_by_name(folder: Path, text: str, named: str) -> None:
    other = folder.parent / "other"
    other.mkdir()
    shutil.copy(folder / "model.safetensors", other)
    (folder / INDEX).write_text(text, "utf-8")
    with pytest.raises(BrokenCheckpoint, match=named):
        backbone.load(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"hidden_size": "abc"}, "'hidden_size' .* a whole number from 1 to .*, not \"abc\""),
        ({"hidden_size": [32]}, "'hidden_size'"),
        ({"hidden_size": 32.5}, "'hidden_size' .* not 32.5"),
        ({"hidden_size": True}, "'hidden_size' .* not true"),
        ({"hidden_size": float("nan")}, "'hidden_size' .* not NaN"),
        ({"hidden_size": 10**400}, "'hidden_size'"),
        ({"vocab_size": 0}, "'vocab_size' .* not 0"),
        ({"vocab_size": -1}, "'vocab_size' .* not -1"),
        ({"num_hidden_layers": 10**6}, "'num_hidden_layers' .* from 1 to 1024"),
        ({"num_attention_heads": 0}, "'num_attention_heads'"),
        ({"num_key_value_heads": "two"}, "'num_key_value_heads'"),
        ({"head_dim": {}}, "'head_dim'"),
        ({"intermediate_size": 2**31 - 1, "hidden_size": 2**31 - 1}, "no memory can hold"),
        ({"rope_theta": "big"}, "'rope_theta' .* a number above 0"),
        ({"rms_norm_eps": "1e-5"}, "'rms_norm_eps'"),
        ({"rms_norm_eps": 0}, "'rms_norm_eps'"),
        ({"max_position_embeddings": "many"}, "'max_position_embeddings'"),
        ({"tie_word_embeddings": "yes"}, "'tie_word_embeddings' .* true or false"),
        ({"attention_bias": 1}, "'attention_bias'"),
        ({"model_type": ["llama"]}, "'model_type' .* a string"),
        ({"hidden_act": 3}, "'hidden_act'"),
        ({"rope_scaling": "linear"}, "'rope_scaling' .* a JSON object, not \"linear\""),
        ({"rope_parameters": {"rope_theta": -1}}, "'rope_theta' in rope_parameters of"),
        ({"rope_parameters": {"rope_type": 7}}, "'rope_type' in rope_parameters of"),
        (
            {"rope_scaling": {"rope_type": "llama3", "factor": "eight"}},
            "rope_scaling of .* lacks low_freq_factor",
        ),
    ],
)
def test_a_wrong_field_of_the_configuration_is_named(
    folder: Path, change: dict[str, Any], named: str
) -> None:
    raw = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**raw, **change}), "utf-8")
    with pytest.raises(BrokenCheckpoint, match=rf"{named}") as refused:
        backbone.load(folder)
    assert str(folder / "config.json") in str(refused.value)


@pytest.mark.parametrize("text", ["", "not JSON", "[1]", '"llama"', "null", "3", "[" * 5000])
def test_a_configuration_that_is_no_object_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text, "utf-8")
    with pytest.raises(BrokenCheckpoint, match=r"config\.json"):
        backbone.load(folder)


def test_a_configuration_that_is_not_text_or_not_there_is_refused(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BrokenCheckpoint, match=r"config\.json cannot be read as JSON"):
        backbone.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(BrokenCheckpoint, match=r"config\.json is missing"):
        backbone.load(folder)


@pytest.mark.parametrize("kind", ["yarn", "linear", "dynamic"])
def test_an_unknown_rotary_scaling_is_refused_with_the_file(folder: Path, kind: str) -> None:
    raw = json.loads((folder / "config.json").read_text("utf-8"))
    raw["rope_scaling"] = {"type": kind, "factor": 2.0}
    (folder / "config.json").write_text(json.dumps(raw), "utf-8")
    with pytest.raises(UnsupportedModel, match=rf"{kind}.*rope_scaling of .*config\.json"):
        backbone.load(folder)


def test_numbers_that_are_written_as_floats_are_whole(folder: Path, tiny_backbone: Path) -> None:
    raw = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**raw, "hidden_size": 32.0}), "utf-8")
    assert torch.equal(logits(folder), logits(tiny_backbone))


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "empty": lambda path: cut(path, 0),
    "a few bytes": lambda path: cut(path, 5),
    "within the header": lambda path: cut(path, 200),
    "within the numbers": lambda path: cut(path, path.stat().st_size - 10),
    "another format": lambda path: path.write_bytes(
        b"version https://git-lfs.github.com/spec/v1\n"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("sharded", [False, True])
def test_a_damaged_weight_file_is_named(folder: Path, damage: str, sharded: bool) -> None:
    if sharded:
        shard(folder, index=True)
    path = folder / (SHARDS[1] if sharded else "model.safetensors")
    DAMAGES[damage](path)
    with pytest.raises(BrokenCheckpoint, match=rf"{path.name} is damaged"):
        backbone.load(folder)


def test_tensors_that_do_not_fit_are_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.embed_tokens.weight"]
    weights["model.norm.weight"] = torch.ones(7)
    weights["adapter.up"] = torch.ones(2)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(BrokenCheckpoint) as refused:
        backbone.load(folder)
    for part in (
        "model.embed_tokens.weight is missing",
        "adapter.up is not part",
        "model.norm.weight has shape (7,), not (32,)",
    ):
        assert part in str(refused.value)


PANICS = '{"model": {"type": "BPE", "vocab": {"a": 0, "b": 5}, "merges": ["a b"]}}'


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"model": {"type": "BPE"}}', PANICS, "\udcff"]
)
def test_a_damaged_tokenizer_is_named(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(BrokenCheckpoint, match=r"tokenizer\.json cannot be read as a tokenizer"):
        backbone.load(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(BrokenCheckpoint, match=r"tokenizer\.model cannot be read as a tokenizer"):
        backbone.load(folder)


class TestMoreThanMemory:
    """Layers that do not fit are read from the disk when they are used."""

    def sizes(self, folder: Path) -> tuple[int, int]:
        """Bytes in float32 of all that is no layer, and of one layer."""
        weights = load_file(folder / "model.safetensors")
        layer = sum(4 * t.numel() for name, t in weights.items() if ".layers.0." in name)
        return sum(4 * t.numel() for t in weights.values()) - 3 * layer, layer

    @pytest.mark.parametrize("sharded", [False, True])
    @pytest.mark.parametrize("kept", [0, 1])
    def test_answers_are_the_same(
        self, folder: Path, tiny_backbone: Path, sharded: bool, kept: int
    ) -> None:
        if sharded:
            shard(folder, index=True)
        rest, layer = self.sizes(tiny_backbone)
        budget = rest + (kept + 1) * layer
        loaded = backbone.load(folder, dtype=torch.float32, memory=budget)
        in_memory = [not p.is_meta for p in loaded.decoder.layer(2).parameters()]
        assert not any(in_memory)
        held = sum(4 * p.numel() for p in loaded.decoder.parameters() if not p.is_meta)
        assert held == rest + kept * layer
        for _ in range(2):
            with torch.inference_mode():
                assert torch.equal(loaded.decoder(TOKENS), logits(tiny_backbone))
        assert held == sum(4 * p.numel() for p in loaded.decoder.parameters() if not p.is_meta)

    def test_nothing_is_left_on_the_disk_where_all_fits(self, tiny_backbone: Path) -> None:
        rest, layer = self.sizes(tiny_backbone)
        budget = rest + 3 * layer
        loaded = backbone.load(tiny_backbone, dtype=torch.float32, memory=budget)
        assert not any(p.is_meta for p in loaded.decoder.parameters())
        with torch.inference_mode():
            assert torch.equal(loaded.decoder(TOKENS), logits(tiny_backbone))

    def test_too_little_for_one_layer_is_refused(self, tiny_backbone: Path) -> None:
        rest, layer = self.sizes(tiny_backbone)
        with pytest.raises(NotEnoughMemory, match=r"choose a smaller backbone"):
            backbone.load(tiny_backbone, dtype=torch.float32, memory=rest + layer - 1)

    def test_a_large_backbone_looks_at_what_is_free(
        self, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rest, layer = self.sizes(tiny_backbone)
        monkeypatch.setattr(backbone, "LARGE", rest)
        free = {"cpu": (rest + 2 * layer) * 1.25 + 1}
        monkeypatch.setattr("accelerate.utils.get_max_memory", lambda: free)
        loaded = backbone.load(tiny_backbone, dtype=torch.float32, device=torch.device("cpu"))
        kept = [not next(loaded.decoder.layer(n).parameters()).is_meta for n in range(3)]
        assert kept == [True, False, False]

    def test_adapters_are_refused(self, tiny_backbone: Path) -> None:
        rest, layer = self.sizes(tiny_backbone)
        budget = rest + layer
        loaded = backbone.load(tiny_backbone, dtype=torch.float32, memory=budget)
        with pytest.raises(NotEnoughMemory, match="BOOKSTATE_ADAPTERS=0"):
            sharing(loaded.decoder)

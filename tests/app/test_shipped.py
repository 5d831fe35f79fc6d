"""Adapters that ship: small, complete, and made for each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import assets
from app.adapters import ANSWERS, INDEX, KINDS, OLD_KINDS, RAG, SUMMARIES, adapter_name
from memory_models.adapter import Adapter, load_adapter

FOLDERS = sorted((Path(assets.__file__).parent / "adapters").iterdir())
MEGABYTE = 1_000_000


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.safetensors"))


def _all(folder: Path) -> dict[Path, Adapter]:
    notes = {f: json.loads(f.with_suffix(".json").read_text("utf-8")) for f in _files(folder)}
    return {f: load_adapter(f, n["backbone_sha256"]) for f, n in notes.items()}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_adapters_are_small_and_say_how_they_were_made(folder: Path) -> None:
    sizes = [file.stat().st_size for file in _files(folder)]
    assert max(sizes) < 12 * MEGABYTE and sum(sizes) < 36 * MEGABYTE
    for file, adapter in _all(folder).items():
        noted = adapter.notes["kind"]
        assert OLD_KINDS.get(noted, noted) == file.parent.name
        assert adapter.notes["backbone_sha256"].startswith(folder.name)
        assert "data" in adapter.notes or "mean_of" in adapter.notes
        assert adapter.notes["measured"]["date"] and len(adapter.notes["measured"]) > 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_lies_under_the_hash_of_its_weights(folder: Path) -> None:
    for file, adapter in _all(folder).items():
        assert file.stem == adapter_name(adapter)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_is_in_use_or_below_one_that_is(folder: Path) -> None:
    """Summaries and Infini's answers come from the answer adapter that they were trained with."""
    index = json.loads((folder / INDEX).read_text("utf-8"))
    assert set(index) == set(KINDS)
    found = {(file.parent.name, file.stem): adapter for file, adapter in _all(folder).items()}
    in_use = set(index.items())
    assert in_use <= found.keys()
    named = [found[key].notes for key in in_use]
    below = {n.get("over") or n.get("answers") or n.get("reader") for n in named} - {None}
    for kind, name in found.keys() - in_use:
        assert kind == ANSWERS and name in below
    for kind in (RAG, SUMMARIES):
        assert (ANSWERS, found[kind, index[kind]].notes["over"]) in found

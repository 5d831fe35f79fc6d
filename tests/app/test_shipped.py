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


def _shipped(folder: Path) -> dict[str, Adapter]:
    notes = {f: json.loads(f.with_suffix(".json").read_text("utf-8")) for f in _files(folder)}
    return {f.parent.name: load_adapter(f, n["backbone_sha256"]) for f, n in notes.items()}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_adapters_are_small_and_say_how_they_were_made(folder: Path) -> None:
    sizes = [file.stat().st_size for file in _files(folder)]
    assert max(sizes) < 12 * MEGABYTE and sum(sizes) < 24 * MEGABYTE
    for kind, adapter in _shipped(folder).items():
        noted = adapter.notes["kind"]
        assert OLD_KINDS.get(noted, noted) == kind
        assert adapter.notes["backbone_sha256"].startswith(folder.name)
        assert "data" in adapter.notes or "mean_of" in adapter.notes
        assert adapter.notes["measured"]["date"] and len(adapter.notes["measured"]) > 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_lies_under_the_hash_of_its_weights_and_is_in_use(folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text("utf-8"))
    assert index == {kind: adapter_name(adapter) for kind, adapter in _shipped(folder).items()}
    assert [(f.parent.name, f.stem) for f in _files(folder)] == sorted(index.items())
    assert set(index) == set(KINDS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_adapters_over_the_answer_adapter_are_over_the_one_that_ships(folder: Path) -> None:
    found = _shipped(folder)
    for kind in (RAG, SUMMARIES):
        assert found[kind].notes["over"] == adapter_name(found[ANSWERS])

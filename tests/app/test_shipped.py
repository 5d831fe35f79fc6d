"""Adapters that ship: small, complete, and made for each other."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import assets
from app.adapters import READER, RETRIEVAL_READER
from memory_models.adapter import Adapter, load_adapter
from memory_models.memory import to_bytes

FOLDERS = sorted((Path(assets.__file__).parent / "adapters").iterdir())
MEGABYTE = 1_000_000


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _shipped(folder: Path) -> dict[str, Adapter]:
    notes = {f: json.loads(f.with_suffix(".json").read_text("utf-8")) for f in _files(folder)}
    return {f.stem: load_adapter(f, said["backbone_sha256"]) for f, said in notes.items()}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_adapters_are_small_and_say_how_they_were_made(folder: Path) -> None:
    sizes = [file.stat().st_size for file in _files(folder)]
    assert max(sizes) < 12 * MEGABYTE and sum(sizes) < 24 * MEGABYTE
    for kind, adapter in _shipped(folder).items():
        assert adapter.notes["kind"] == kind
        assert adapter.notes["backbone_sha256"].startswith(folder.name)
        assert "data" in adapter.notes or "mean_of" in adapter.notes
        assert adapter.notes["measured"]["date"] and len(adapter.notes["measured"]) > 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_comparators_reader_was_trained_from_the_one_that_ships(folder: Path) -> None:
    found = _shipped(folder)
    reader = hashlib.sha256(to_bytes(found[READER].weights)).hexdigest()[:16]
    assert found[RETRIEVAL_READER].notes["over"] == reader

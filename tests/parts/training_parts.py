"""Records to train on, and the training commands as the tests run them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.adapters import AdapterFiles, Installed
from app.cli.main import app
from memory_models import backbone as backbones

PLACES = ("harbour", "mill", "inn", "garden", "church", "cellar")
THINGS = ("key", "lamp", "boat", "letter", "clock", "gull")


def write_records(path: Path, split: str, count: int = 6) -> Path:
    """Add short texts of one split, with questions and summaries, to a file of records."""
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


def run_training(*arguments: object) -> dict[str, Any]:
    """The notes that `bookstate train` prints."""
    command = ["train", *map(str, arguments), "--json"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    notes: dict[str, Any] = json.loads(result.stdout)
    return notes


def install(backbone: Path, adapter: Path) -> Installed:
    """Install an adapter file for a backbone."""
    return AdapterFiles(backbones.load(backbone)).install(adapter)

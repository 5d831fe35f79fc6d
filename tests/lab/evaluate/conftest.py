"""Records, books and questions for every task of `bookstate evaluate`, and an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_parts import NAMES, about, write

from app.engine import Engine
from app.settings import Settings


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return Engine(settings.model_copy(update={"window": 96}))


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

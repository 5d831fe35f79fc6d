"""What the benches measure is what they say, on the tiny backbone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from app.errors import InvalidSetting
from app.library import Library
from ingest.readers import read_book
from lab.bench.bench import answer_from_text, reading, writing
from lab.bench.make_documents import make_epub
from memory_models.decoder import Decoder
from memory_models.generate import Abstention

TEXT = "The lamp was lit in the harbour. A gull slept on the wall. " * 40


@pytest.fixture
def books(tmp_path: Path) -> Path:
    path = tmp_path / "books.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        record = {"id": "1", "title": "t", "split": "val", "text": TEXT, "questions": []}
        lines.write(json.dumps(record) + "\n")
    return path


def test_keeping_is_measured_against_a_plain_pass(
    library: Library, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = 0
    hidden = Decoder.hidden

    def counted(*arguments: Any, **named: Any) -> Tensor:
        nonlocal passes
        passes += 1
        return hidden(*arguments, **named)

    monkeypatch.setattr(Decoder, "hidden", counted)
    monkeypatch.setattr(
        "lab.bench.bench.perf_counter", lambda: float(passes)
    )  # a pass takes a second
    assert writing(library, books, windows=4) == {
        "windows": 4,
        "plain_seconds": 4.0,
        "kept_seconds": 8.0,  # two passes without a gate
        "ratio": 2.0,
    }


@pytest.mark.parametrize("memory", ["melodi", "adaptive"])
def test_reading_is_measured_with_the_memory_asked_for(
    library: Library, books: Path, memory: str
) -> None:
    figures = reading(library, books, 600, memory=memory)
    assert figures["memory"] == memory
    assert figures["segments"] > 10 and figures["tokens"] >= 600
    assert figures["peak_bytes"] > 1e7 and figures["ratio"] > 0


def test_speed_over_too_few_segments_is_refused(library: Library, books: Path) -> None:
    with pytest.raises(InvalidSetting, match="at least 10"):
        reading(library, books, 600, memory="infini")
    assert not library.list()


def test_what_is_shown_to_an_answer_adapter_is_the_page(library: Library) -> None:
    shown = answer_from_text(library, "The lamp was lit.", "What was lit?", Abstention(7, 0.0))
    other = answer_from_text(library, "A gull slept.", "What was lit?", Abstention(7, 0.0))
    abstained = answer_from_text(library, "A gull slept.", "What was lit?", Abstention(7, 0.999999))
    assert shown != other or shown != abstained
    assert abstained.startswith(library.backbone.tokenizer.decode([7]).strip())


def test_the_same_book_gives_the_same_epub() -> None:
    chapters = read_book(TEXT.encode(), "a.txt").chapters
    assert make_epub("t", TEXT, chapters) == make_epub("t", TEXT, chapters)
    assert read_book(make_epub("t", TEXT, chapters), "a.epub").text.split() == TEXT.split()

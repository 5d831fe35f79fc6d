"""Summaries are judged by people's sentences about the same window, and by what they invent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.library import Library
from app.storage.store import Document
from app.summaries.summarizer import Summarizer
from lab.bench.summaries import summaries
from lab.evaluate.cases.records import held_out

PARTS = (
    "Anna walked to the harbour and looked for her boat, which was tied to the old pier. " * 12,
    "A hermit on the island gave them bread and showed them a well behind the chapel. " * 12,
)


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    name = next(f"story/{n}" for n in range(100) if held_out(f"story/{n}"))
    story = {
        "id": name,
        "text": "\n\n".join(PARTS),
        "summaries": ["Anna looked for her boat at the pier. A hermit showed them a well."],
    }
    path = tmp_path / "stories.jsonl"
    path.write_text(json.dumps(story), "utf-8")
    return path


def test_what_people_tell_of_a_window_scores_best(
    library: Library, stories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(self: Summarizer, document: Document, segments: range) -> list[str]:
        texts = [library.store.segments(document.reading)[n].text for n in segments]
        return [
            "There Anna looked for her boat." if "Anna" in text else "There Barnaby had a well."
            for text in texts
        ]

    monkeypatch.setattr(Summarizer, "windows", told)
    figures = summaries(library, stories, 1)
    assert figures["windows"] == len(figures["answers"]) > figures["judged"] == 2
    assert figures["rouge_l"] > 0.4 > figures["rouge_l_elsewhere"]
    assert figures["names"] == figures["windows"]
    invented = sum("Barnaby" in row["told"] for row in figures["answers"])
    assert figures["names_known"] == round(1 - invented / figures["windows"], 4) < 1


def test_the_windows_of_held_out_stories_are_summed_up(library: Library, stories: Path) -> None:
    figures = summaries(library, stories, 1)
    assert figures["stories"] == 1 and figures["words"] > 0
    assert len(library.list()) == 1

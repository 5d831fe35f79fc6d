"""Lists are judged by what was planted."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.answering.answers import Answer
from app.answering.items import Item, ThoroughAnswer
from app.library import Library
from lab.bench.thorough import Judged, thorough
from lab.evaluate.cases.listed import KINDS, LAMPS, MOST_FACTS, PAYMENTS, scatter
from memory_models.errors import InvalidRequest

TEXT = "The boat lay in the harbour. A gull slept on the wall. Nobody spoke. " * 30


def test_every_value_is_planted_once_between_sentences() -> None:
    planted = scatter(TEXT, 5, seed=3)
    assert scatter(TEXT, 5, seed=3) == planted != scatter(TEXT, 5, seed=4)
    left = planted.text
    for kind in KINDS:
        values = planted.values[kind.name]
        assert len(set(values)) == 5
        places = []
        for value in values:
            (sentence,) = [s for w in kind.wordings if (s := w.format(value=value)) in left]
            places.append(planted.text.index(sentence))
            left = left.replace(f"{sentence} ", "", 1)
        assert places == sorted(places)
        assert all("{" not in wording.format(value="x") for wording in kind.wordings)
    assert left == TEXT


def test_too_many_facts_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="plant fewer"):
        scatter(TEXT, MOST_FACTS + 1, seed=0)
    with pytest.raises(InvalidRequest, match="too few to plant"):
        scatter("One. Two. Three.", 5, seed=0)


def test_an_item_is_right_if_it_contains_a_planted_value() -> None:
    judged = Judged(LAMPS, ["12", "34"], ["House number 12", "house 123", "The 12"], 1.0, "sure")
    assert judged.found == [1.0, 0.0]
    assert judged.right == [1.0, 0.0, 1.0]
    paid = Judged(PAYMENTS, ["nine florins", "thirty crowns"], ["9 florins", "3 crowns"], 1.0, "")
    assert (paid.found, paid.right) == ([1.0, 0.0], [1.0, 0.0])


def test_no_value_of_a_kind_says_another() -> None:
    for kind in KINDS:
        assert len(set(kind.values)) == len(kind.values) >= MOST_FACTS
        said = Judged(kind, kind.values, [], 0.0, "")
        for value in kind.values:
            assert sum(replace(said, items=[value]).found) == 1


def test_the_bench_reports_what_was_found(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = tmp_path / "books.jsonl.gz"
    with gzip.open(books, "wt", encoding="utf-8") as lines:
        record = {"id": "1", "title": "t", "split": "val", "text": TEXT, "questions": []}
        lines.write(json.dumps(record) + "\n")
    planted = scatter(TEXT.rstrip(), 2, seed=1)

    def list_one_right(_: Library, __: str, question: str, **___: Any) -> ThoroughAnswer:
        (kind,) = [k for k in KINDS if k.question == question]
        names = [planted.values[kind.name][0], "nothing planted"]
        answer = Answer("", 0.95, "sure", True, "", [], [], 2.0, 2.0)
        return ThoroughAnswer(answer, [Item(name, 1, []) for name in names], 10)

    monkeypatch.setattr(Library, "ask_thoroughly", list_one_right)
    found = thorough(library, books, 500, facts=2, seed=1)
    assert (found["recall"], found["precision"], found["seconds"]) == (0.5, 0.5, 6.0)
    assert found["seconds_a_window"] == 0.2
    low, high = found["recall_interval"]
    assert low < 0.5 < high
    for row, kind in zip(found["kinds"], KINDS, strict=True):
        assert row["missed"] == [planted.values[kind.name][1]]
        assert row["wrong"] == ["nothing planted"]

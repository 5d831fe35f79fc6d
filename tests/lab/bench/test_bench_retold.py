"""Summaries of whole texts: chosen at one length, told by the product, and what has no support."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from app.library import Library
from app.storage.store import Document
from app.summaries.summarizer import Summarizer
from lab.bench.plans import RetoldPlan
from lab.bench.retold.choosing import bm25, by_chance, lead, passages, sentences, text_rank
from lab.bench.retold.rouge import rouge
from lab.bench.retold.unsupported import unsupported, written_small
from lab.bench.retold.whole import retold
from lab.evaluate.cases.records import held_out

CHAPTERS = [
    "Anna walked to the harbour and looked for her boat near the old pier. The rain fell all day. "
    "Anna asked the keeper of the harbour whether he had seen her boat. Somebody coughed twice.",
    "A hermit on the island gave Anna bread and water from the chapel. Gulls screamed. "
    "The hermit told Anna that her boat had drifted to the island in the night.",
]


@pytest.mark.parametrize("choose", [lead, by_chance, text_rank, bm25("Who has a boat?"), passages])
def test_every_way_quotes_so_many_words_in_order(choose) -> None:  # type: ignore[no-untyped-def]
    whole = " ".join(" ".join(CHAPTERS).split())
    for text in choose(CHAPTERS, 20):
        assert len(text.split()) == 20
        at = 0
        for word in text.split():  # in the text's order, nothing added
            at = whole.index(word, at)


def test_textrank_prefers_what_shares_words() -> None:
    (text,) = text_rank(CHAPTERS, 12)
    assert "Anna" in text and "coughed" not in text and "Gulls" not in text
    assert len(sentences(CHAPTERS)) == 7


def test_rouge_is_against_the_nearest_person() -> None:
    near = rouge("Anna found her boat", ["Nothing at all", "Anna found her boat"])
    assert near == (1.0, 1.0, 1.0)
    assert rouge("Anna found her boat", ["Nothing at all"]) == (0.0, 0.0, 0.0)


def test_names_and_numbers_without_support() -> None:
    source = "Anna had two boats. The hermit sold her nothing."
    small = written_small([source])
    assert unsupported("Anna had two boats.", source, small) == []
    assert unsupported("The hermit met Barnaby.", source, small) == ["Barnaby"]
    assert unsupported("Barnaby sold Anna seven boats in 1890.", source, small) == [
        "Barnaby",
        "seven",
        "1890",
    ]


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def test_stories_and_books_are_told_once(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def tell(self: Summarizer, document: Document, segments: list[int]) -> list[str]:
        calls.append(len(segments))
        return ["Anna looked for Barnaby. Anna looked for her boat."] * len(segments)

    monkeypatch.setattr(Summarizer, "windows", tell)
    name = next(f"story/{n}" for n in range(100) if held_out(f"story/{n}"))
    text = "\n\n".join(CHAPTERS)
    people = "Anna looked for her boat."
    data = _write(tmp_path / "s.jsonl.gz", [{"id": name, "text": text, "summaries": [people]}])
    texts = _write(tmp_path / "t.jsonl.gz", [{"book_id": "7", "title": "B", "summary": people}])
    books = _write(
        tmp_path / "b.jsonl.gz", [{"id": "7", "title": "B", "split": "val", "text": text * 2}]
    )
    plan = RetoldPlan(data, texts, books, words=30, told_books=1)
    found = retold(library, plan)
    again = retold(library, plan)
    assert found == again and len(calls) == 2  # one chapter each; kept for the second run
    rows = {row["sentences by"]: row for row in found["stories: names and numbers unsupported"]}
    assert rows["every segment told, unchecked"]["for 100 sentences"] >= 50
    assert rows["every segment told, checked"]["for 100 sentences"] == 0
    assert rows["key passages"]["for 100 sentences"] == 0
    ways = {row["way"]: row for row in found["books: generated, 1 texts"]}
    assert ways["every segment told, checked"]["rouge1"] > 0.2
    assert all(row["words"] <= 30 for row in ways.values())


def test_without_the_model_texts_are_only_quoted(library: Library, tmp_path: Path) -> None:
    name = next(f"story/{n}" for n in range(100) if held_out(f"story/{n}"))
    story = {"id": name, "text": "\n\n".join(CHAPTERS), "summaries": ["Anna looked for her boat."]}
    data = _write(tmp_path / "s.jsonl.gz", [story])
    found = retold(library, RetoldPlan(data, words=20, told=False))
    assert list(found) == ["words of each summary, at most", "stories: quoted, 1 texts"]
    assert library.list() == []

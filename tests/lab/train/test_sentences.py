"""Planted sentences: only questions that point to them are asked, and their place is known."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from lab.evaluate.cases.records import Question, Record, held_out
from lab.train.answering.sentences import Sentences, pointing, read_sentences
from lab.train.examples import Mix
from memory_models.errors import BadData

BOOK = "Rain fell on the hills all day and nobody went out. " * 200
TOWNS = ("Porto", "Turin", "Graz", "Leiden", "Lublin", "Split", "Oulu", "Tartu")


def split(text: str) -> list[tuple[int, int]]:
    return [(start, min(start + 1500, len(text))) for start in range(0, len(text), 1500)]


def a_record(number: int) -> Record:
    town = TOWNS[number % len(TOWNS)]
    text = f"Engineer number{number} built a narrow bridge near {town} in spring."
    asked = Question(f"Where was the bridge of number{number} built?", (f"near {town}",), None)
    return Record(f"r{number}", "", "train", text, (asked,))


RECORDS = tuple(map(a_record, range(24)))


def test_answers_stand_at_their_place_and_others_are_abstained_from() -> None:
    source = Sentences(RECORDS, 1.0)
    for seed in range(40):
        unit = source.unit([BOOK], split, Mix(together=0.4), random.Random(seed))
        assert unit is not None and any(a.abstained for a in unit.asked)
        for asked in unit.asked:
            name = asked.question.split()[5]
            if asked.abstained:
                assert not any(f" {name} " in window for window in unit.windows)
            else:
                assert asked.span is not None
                place = unit.windows[asked.span.window][asked.span.start : asked.span.end]
                assert f" {name} " in place and asked.answer.lower() in place.lower()


def test_only_questions_that_point_to_the_sentence_are_kept() -> None:
    text = "The old miller sold his grey donkey to a travelling merchant in Turin."
    asked = {
        "What did the miller sell to the merchant?": ("his grey donkey", "donkey"),
        "Who is selling?": ("miller",),  # nothing points to the sentence
        "Whose donkey did the miller sell?": ("his",),  # a pronoun
        "What did the miller sell in Turin?": ("donkey", "merchant"),  # no agreement
        "Which miller sold a donkey": ("old",),  # not a question
    }
    record = Record("r", "", "train", text, tuple(Question(q, a, None) for q, a in asked.items()))
    (kept,) = pointing(record)
    assert kept.question.startswith("What did the miller sell to") and kept.answers == ("donkey",)


def test_a_file_is_read_without_what_is_held_out_or_of_another_split(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for record in map(a_record, range(60)):
            raw = {"id": record.id, "text": record.text, "questions": [
                {"question": q.question, "answers": list(q.answers)} for q in record.questions
            ]}  # fmt: skip
            split_of = "dev" if record.id == "r1" else "train"
            lines.write(json.dumps(raw | {"split": split_of}) + "\n")
    kept = {record.id for record in read_sentences(path, 1.0).records}
    assert "r1" not in kept and kept
    assert kept == {f"r{n}" for n in range(60) if n != 1 and not held_out(f"r{n}")}


def test_too_few_sentences_are_refused() -> None:
    with pytest.raises(BadData, match="too few"):
        Sentences(RECORDS[:4], 1.0)

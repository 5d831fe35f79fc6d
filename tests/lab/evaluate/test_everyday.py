"""The everyday papers: counts, evidence and answers fit the texts, and the records are readable."""

import fnmatch
import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.evaluate.cases.records import read_records

LAB = Path(lab.__file__).parent
PAPERS = LAB / "evaluate" / "everyday" / "papers.jsonl"
KINDS = {"role": 68, "permission": 42, "sum_or_date": 39, "reason": 11, "unanswerable": 40}


@pytest.fixture(scope="module")
def papers() -> list[dict[str, Any]]:
    return [json.loads(line) for line in PAPERS.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def questions(papers: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Every question with the text of its paper."""
    return [(paper["text"], question) for paper in papers for question in paper["questions"]]


def test_forty_papers_of_ordinary_length(papers: list[dict[str, Any]]) -> None:
    assert [paper["id"] for paper in papers] == [f"everyday-{n:02d}" for n in range(1, 41)]
    assert len({paper["title"] for paper in papers}) == 40
    assert {paper["split"] for paper in papers} == {"test"}
    for paper in papers:
        assert paper["n_words"] == len(paper["text"].split()), paper["id"]
        assert 150 <= paper["n_words"] <= 400, paper["id"]
        assert len(paper["questions"]) == 5, paper["id"]
    assert PAPERS.stat().st_size < 300_000


def test_kinds_are_in_proportion(questions: list[tuple[str, dict[str, Any]]]) -> None:
    assert Counter(question["kind"] for _, question in questions) == KINDS
    asked = Counter(question["asks"] for _, question in questions if "asks" in question)
    assert set(asked) == set(KINDS) - {"unanswerable"}
    assert min(asked.values()) >= 5


def test_yes_and_no_are_about_as_frequent(questions: list[tuple[str, dict[str, Any]]]) -> None:
    first = Counter(q["answers"][0] for _, q in questions if q["kind"] == "permission")
    assert abs(first["Yes"] - first["No"]) <= 4
    assert first["Yes"] + first["No"] >= 35


def test_no_question_stands_twice(questions: list[tuple[str, dict[str, Any]]]) -> None:
    asked = Counter(question["question"].casefold() for _, question in questions)
    assert [text for text, count in asked.items() if count > 1] == []


def test_evidence_is_the_papers_own_words(questions: list[tuple[str, dict[str, Any]]]) -> None:
    for text, question in questions:
        assert all(text.count(sentence) == 1 for sentence in question["evidence"]), question
        if question["kind"] in ("role", "sum_or_date"):
            evidence = "\n".join(question["evidence"])
            assert any(answer in evidence for answer in question["answers"]), question


def test_only_unanswerable_questions_lack_answers(
    questions: list[tuple[str, dict[str, Any]]],
) -> None:
    for _, question in questions:
        unanswerable = question["kind"] == "unanswerable"
        assert question.get("unanswerable", False) == unanswerable, question
        assert (question["answers"] == []) == unanswerable, question
        assert (question["evidence"] == []) == unanswerable, question


def test_records_are_read_with_their_gold_paragraphs(papers: list[dict[str, Any]]) -> None:
    records = read_records(PAPERS, "test", unanswerable=True)
    assert sum(len(record.questions) for record in records) == 200
    for record, paper in zip(records, papers, strict=True):
        for read, written in zip(record.questions, paper["questions"], strict=True):
            assert read.answers == tuple(written["answers"])
            if written["evidence"]:
                assert read.gold is not None
                start, end = read.gold
                assert written["evidence"][-1] in record.text[start:end]
            else:
                assert read.gold is None


def test_the_papers_ship_with_the_package() -> None:
    project = tomllib.loads((LAB.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["lab"]
    shipped = PAPERS.relative_to(LAB).as_posix()
    assert any(fnmatch.fnmatch(shipped, pattern) for pattern in patterns)

"""Evaluation records: documents with questions, from gzip'd JSON lines.

One object a line: id, title, text, split, questions [{question, answers[], ...}]. The passage that
answers a question is known by `sections` (with the record's `section_words`) or by `paragraph`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_models.errors import BadData


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its accepted answers, and where in the text the answer stands if known."""

    question: str
    answers: tuple[str, ...]
    gold: tuple[int, int] | None  # character range of the gold passage


@dataclass(frozen=True, slots=True)
class Record:
    """A document with its questions."""

    id: str
    title: str
    split: str
    text: str
    questions: tuple[Question, ...]


def read_records(path: Path, split: str | None = None) -> list[Record]:
    """All records of a file, or those of one split. Raises BadData naming the line."""
    records = [record for record in _records(path) if split in (None, record.split)]
    if not records:
        raise BadData(
            f"{path.name} has no record of split {split!r}; leave --split out to see all."
        )
    return records


def _records(path: Path) -> Iterator[Record]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _record(json.loads(line))
            except (KeyError, TypeError, ValueError, gzip.BadGzipFile) as error:
                raise BadData(
                    f"{path.name}, line {number}, is not a record ({error!r}); it needs id, text "
                    "and questions as the data README describes."
                ) from error


def _record(raw: dict[str, Any]) -> Record:
    text = raw["text"]
    sections = _section_spans(text, raw.get("section_words") or [])
    paragraphs = [(m.start(), m.end()) for m in re.finditer(r"[^\n]+(?:\n[^\n]+)*", text)]
    questions = tuple(
        Question(q["question"], tuple(q["answers"]), _gold(q, sections, paragraphs))
        for q in raw.get("questions") or []
        if q.get("answers") and not q.get("unanswerable")
    )
    return Record(raw["id"], raw.get("title", ""), raw.get("split", ""), text, questions)


def _section_spans(text: str, section_words: list[int]) -> list[tuple[int, int]]:
    words = [match.span() for match in re.finditer(r"\S+", text)]
    spans, first = [], 0
    for count in section_words:
        last = min(first + count, len(words))
        if first < last:
            spans.append((words[first][0], words[last - 1][1]))
        first = last
    return spans


def _gold(
    raw: dict[str, Any], sections: list[tuple[int, int]], paragraphs: list[tuple[int, int]]
) -> tuple[int, int] | None:
    if sections and raw.get("sections"):
        numbers = [int(n) for n in re.findall(r"\d+", str(raw["sections"]))]
        spans = [sections[n - 1] for n in numbers if 1 <= n <= len(sections)]
        return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else None
    index = raw.get("paragraph")
    if isinstance(index, int) and 0 <= index < len(paragraphs):
        return paragraphs[index]
    return None

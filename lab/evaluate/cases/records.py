"""Evaluation records: documents with questions, from gzip'd JSON lines.

One object a line: id, title, text, split, questions [{question, answers[], ...}]. The passage that
answers a question is given by `sections` (with the record's `section_words`) or by `paragraph`.
Where a record has neither, it is the only paragraph with the first answer word for word.

A question marked `unanswerable` has no answer; it is read on demand only.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from memory_models.errors import BadData

HELD_OUT = "held-out"
"""The name, given as a split, of the records that training leaves out."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its accepted answers, and where in the text the answer is, if known."""

    question: str
    answers: tuple[str, ...]  # none where the document does not answer it
    gold: tuple[int, int] | None  # character range of the gold passage


@dataclass(frozen=True, slots=True)
class Record:
    """A document with its questions."""

    id: str
    title: str
    split: str
    text: str
    questions: tuple[Question, ...]


Made = TypeVar("Made")


def read_records(
    path: Path, split: str | None = None, *, unanswerable: bool = False
) -> list[Record]:
    """All records of a file, or those of one split. Raises BadData naming the line."""
    records = list(each_record(path, split, unanswerable=unanswerable))
    if not records:
        raise BadData(
            f"{path.name} has no record of split {split!r}; leave --split out to see all."
        )
    return records


def each_record(
    path: Path, split: str | None = None, *, unanswerable: bool = False
) -> Iterator[Record]:
    """The same one by one, so that a long file is read only as far as needed."""
    for record in read_lines(path, lambda raw: _record(raw, unanswerable)):
        marked = mark_held_out(record) if split == HELD_OUT else record
        if split in (None, marked.split):
            yield marked


def held_out(record_id: str) -> bool:
    """One record in eight of a file without a validation split is never trained on."""
    return hashlib.sha256(record_id.encode()).digest()[0] % 8 == 0


def mark_held_out(record: Record) -> Record:
    """The record, in split `held-out` if it is."""
    return replace(record, split=HELD_OUT) if held_out(record.id) else record


def read_literary(path: Path, books: Path) -> list[Record]:
    """Records whose text is a whole book of another file, named by `book_id`.

    Records whose book is missing are left out. Raises BadData where none is left.
    """
    asked: dict[str, list[Record]] = {}
    for book, record in read_lines(path, _about_book):
        asked.setdefault(book, []).append(record)
    found = [
        replace(record, text=book.text)
        for book in each_record(books)
        for record in asked.get(book.id, ())
    ]
    if not found:
        raise BadData(
            f"{books.name} has none of the {len(asked)} books that {path.name} asks about; name "
            "the file with their texts by --books."
        )
    return found


def _about_book(raw: dict[str, Any]) -> tuple[str, Record]:
    return raw["book_id"], _record({**raw, "text": ""}, unanswerable=False)


def read_lines(path: Path, make: Callable[[dict[str, Any]], Made]) -> Iterator[Made]:
    """What `make` returns for each line's object. Raises BadData naming a line that it refuses."""
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):  # noqa: B007 - the message names it
                yield make(json.loads(line))
    except (KeyError, TypeError, ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(
            f"{path.name}, line {number}, is not a record ({error!r}); it needs the fields that "
            "lab/evaluate/cases/records.py describes."
        ) from error


def _record(raw: dict[str, Any], unanswerable: bool) -> Record:
    text = raw["text"]
    questions = raw.get("questions") or []
    find = _Passages(text, raw.get("section_words") or []) if questions else None
    return Record(
        raw["id"],
        raw.get("title", ""),
        raw.get("split", ""),
        text,
        tuple(_questions(questions, find, unanswerable)) if find else (),
    )


def _questions(
    raw: list[dict[str, Any]], passages: _Passages, unanswerable: bool
) -> Iterator[Question]:
    for q in raw:
        if q.get("unanswerable"):
            if unanswerable:
                yield Question(q["question"], (), passages.of(q))
        elif q.get("answers"):
            yield Question(q["question"], tuple(q["answers"]), passages.of(q))


class _Passages:
    """Finds the passages of one text."""

    def __init__(self, text: str, section_words: list[int]) -> None:
        self._text = text
        self._sections = _section_spans(text, section_words)
        matches = re.finditer(r"[^\n]+(?:\n[^\n]+)*", text)
        self._paragraphs = [match.span() for match in matches]

    def of(self, raw: dict[str, Any]) -> tuple[int, int] | None:
        """Characters of the passage that answers a question."""
        if self._sections and raw.get("sections"):
            numbers = [int(n) for n in re.findall(r"\d+", str(raw["sections"]))]
            spans = [self._sections[n - 1] for n in numbers if 1 <= n <= len(self._sections)]
            return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else None
        index = raw.get("paragraph")
        if isinstance(index, int):
            return self._paragraphs[index] if 0 <= index < len(self._paragraphs) else None
        return None if self._sections else self._holding(raw.get("answers") or [])

    def _holding(self, answers: list[str]) -> tuple[int, int] | None:
        """The paragraph with the first answer, if the text contains it exactly once."""
        if not answers or self._text.count(answers[0]) != 1:
            return None
        at = self._text.index(answers[0])
        return next(((s, e) for s, e in self._paragraphs if s <= at < e), None)


def _section_spans(text: str, section_words: list[int]) -> list[tuple[int, int]]:
    words = [match.span() for match in re.finditer(r"\S+", text)]
    spans, first = [], 0
    for count in section_words:
        last = min(first + count, len(words))
        if first < last:
            spans.append((words[first][0], words[last - 1][1]))
        first = last
    return spans

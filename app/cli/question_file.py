"""A file of questions, one JSON object a line, asked one after the other or as a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.answering.answers import AnswerStream
from app.answering.conversation import Turn, is_follow_up
from app.errors import InvalidQuestion
from app.library import Library
from app.state_reader import Scope


def ask_file(
    library: Library, document_id: str, file: Path, scope: Scope, *, conversation: bool
) -> Iterator[tuple[dict[str, Any], AnswerStream]]:
    """Each line of the file with its finished answer.

    conversation: a line that leaves something out follows the line before it. Raises
    InvalidQuestion, naming the line, before anything is asked.
    """
    before: Turn | None = None
    for asked in _parse_questions(file):
        question = str(asked["question"])
        after = before if conversation and is_follow_up(question) else None
        stream = library.ask(document_id, question, scope, after=after)
        said = "".join(stream)
        yield asked, stream
        before = Turn(question, "" if stream.abstains else said)


def _parse_questions(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text("utf-8-sig").split("\n")  # other line ends may stand inside JSON
    except UnicodeDecodeError as error:
        raise InvalidQuestion(f"{file.name} is not UTF-8 text; save it as UTF-8.") from error
    return [
        _parse_question(line, f"{file.name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _parse_question(line: str, where: str) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidQuestion(f"{where} is not JSON ({error}); write one object a line.") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("question"), str):
        raise InvalidQuestion(f'{where} has no text under "question"; write {{"question": "..."}}.')
    return asked

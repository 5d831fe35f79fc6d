"""A file to train on, as the command line names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import InvalidSetting

Kind = Literal["questions", "facts", "stories", "sentences", "follow-ups"]
FILES = "FILE, FILE:WEIGHT or FILE:WEIGHT:SPLIT"


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """A file of records, the split to train on, and how often it is drawn.

    kind: `questions` about its texts; `facts`, short texts to plant in windows of books;
    `stories` of bAbI, to scatter over windows of a book; `sentences`, to plant with some of their
    many short questions; `follow-ups`, stories whose questions can follow each other.
    """

    path: Path
    split: str | None
    weight: float
    kind: Kind = "questions"


def training_file(text: str, kind: Kind) -> TrainingFile:
    """FILE, FILE:WEIGHT or FILE:WEIGHT:SPLIT. Raises InvalidSetting."""
    name, _, rest = text.partition(":")
    weight, _, split = rest.partition(":")
    try:
        return TrainingFile(Path(name), split or None, float(weight or 1.0), kind)
    except ValueError as error:
        raise InvalidSetting(f"{text!r}: the weight {weight!r} is not a number.") from error

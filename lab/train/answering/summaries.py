"""Units of summaries: one window of a story, and what people who summed it up tell of that window.

A summary is of a whole story, but tells it in order. So its sentences are laid along the windows:
the rising sequence of windows that BM25 finds likest. A sentence whose names its window
does not have is left out, lest the reader learn to invent, and so is a first one that only points
at somebody ("He").
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluate.cases.passages import Index, Passage
from lab.evaluate.cases.records import held_out, read_lines
from lab.train.examples import LATEST_START, Mix, Split, Unit, sentence_start, to_answer
from memory_models.errors import BadData
from memory_models.prompt import TELL

NEAR_BEST = 0.6  # of the score that a sentence's likest window has, its own must have
LONGEST = 90  # words told of one window by one summary
NAME = re.compile(r"(?<=[a-z,;:’'] )[A-Z][a-z]{2,}")  # a capital inside a sentence
POINTING = re.compile(
    r"(?:he|she|it|they|this|these|those|his|her|its|their|there)\b", re.IGNORECASE
)
WORD = re.compile(r"[^\W\d_]+")
BREAK = re.compile(r"\n\s*\n")
SENTENCE = re.compile(
    r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)(?<=[.!?])[\"”’)]*\s+(?=[\"“A-Z])"
)


@dataclass(frozen=True, slots=True)
class Summarised:
    """A story with summaries of the whole of it."""

    id: str
    text: str
    summaries: tuple[str, ...]


def read_summarised(path: Path, *, held: bool = False) -> list[Summarised]:
    """Stories with summaries that may be trained on, or those that training leaves out.

    A file that names a validation split holds out that one, another file one record in eight.
    """
    found = list(read_lines(path, lambda raw: (raw.get("split", ""), _summarised(raw))))
    has_validation = any(split == "val" for split, _ in found)
    kept = [
        story
        for split, story in found
        if story.summaries and (split == "val" if has_validation else held_out(story.id)) is held
    ]
    if not kept:
        raise BadData(f"{path.name} has no record with summaries of that split.")
    return kept


def _summarised(raw: dict[str, Any]) -> Summarised:
    said = raw.get("summaries") or [raw.get("summary") or ""]
    paragraphs = (" ".join(part.split()) for part in BREAK.split(raw["text"]))
    text = "\n\n".join(part for part in paragraphs if part)
    told = tuple(" ".join(s.split()) for s in said if s and s.strip())
    return Summarised(raw["id"], text, told)


@dataclass(frozen=True, slots=True)
class SummaryUnits:
    """Stories with summaries, and how often they are drawn."""

    stories: tuple[Summarised, ...]
    weight: float

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """One window, and what each summary tells of it."""
        story = rng.choice(self.stories)
        start = sentence_start(story.text, rng.randrange(LATEST_START))
        windows = [story.text[start + a : start + b] for a, b in split(story.text[start:])]
        told = [told_of(windows, summary) for summary in story.summaries]
        number = rng.randrange(len(windows))
        said = dict.fromkeys(of[number] for of in told if of[number])
        if not said:
            return None
        asked = tuple(to_answer(TELL, one) for one in said)
        return Unit((windows[number],), asked, records=(story.id,))


def told_of(windows: Sequence[str], summary: str) -> list[str]:
    """What a summary tells of each window, its sentences in order; empty where it says nothing."""
    parts = [part for part in SENTENCE.split(summary) if part.strip()]
    said = [""] * len(windows)
    if not parts:
        return said
    scores = likeness(windows, parts)
    words = {word for window in windows for word in WORD.findall(window)}
    for part, window, found in zip(parts, rising(scores), scores, strict=True):
        is_likest = found[window] >= NEAR_BEST * found.max() > 0
        longer = f"{said[window]} {part}".strip()
        is_clear = bool(said[window]) or not POINTING.match(part)
        is_known = all(name in windows[window] for name in _names(part, words))
        if is_likest and is_clear and is_known and len(longer.split()) <= LONGEST:
            said[window] = longer
    return said


def likeness(windows: Sequence[str], parts: Sequence[str]) -> NDArray[np.float64]:
    """BM25 of every part of a summary against every window, [parts,windows]."""
    index = Index([Passage(0, n, n + 1, text) for n, text in enumerate(windows)])
    return np.stack([index.scores(part) for part in parts])


def rising(scores: NDArray[np.float64]) -> list[int]:
    """The column of each row of [parts,windows], never falling, with the largest sum of scores."""
    parts, windows = scores.shape
    best = np.zeros(windows)  # of the rows so far, the last one in this column or before
    came = np.zeros((parts, windows), dtype=int)
    for row in range(parts):
        reached = best + scores[row]
        top = np.maximum.accumulate(reached)
        came[row] = np.maximum.accumulate(np.where(reached == top, np.arange(windows), 0))
        best = top
    chosen = [windows - 1]
    for row in reversed(range(parts)):
        chosen.append(int(came[row][chosen[-1]]))
    return chosen[:0:-1]


def _names(part: str, words: set[str]) -> list[str]:
    """Capitals inside a sentence, and its first word if the story never writes it small."""
    names: list[str] = NAME.findall(part)
    first = WORD.search(part)
    if first and first[0] in words and first[0].lower() not in words:
        names.append(first[0])
    return names

"""Units of summaries: one window of a story, and what summaries by people say about that window.

A summary is about a whole story but follows its order. So its sentences are aligned with the
windows: the rising sequence of windows that BM25 finds most similar. A sentence with names that its
window does not contain is left out, so that the adapter does not learn to invent. So is a first
sentence that only points at somebody ("He").
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

NEAR_BEST = 0.6  # of the best window's score, which a sentence's own window must reach
LONGEST = 90  # most words of one summary about one window
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
    found = raw.get("summaries") or [raw.get("summary") or ""]
    paragraphs = (" ".join(part.split()) for part in BREAK.split(raw["text"]))
    text = "\n\n".join(part for part in paragraphs if part)
    summaries = tuple(" ".join(s.split()) for s in found if s and s.strip())
    return Summarised(raw["id"], text, summaries)


@dataclass(frozen=True, slots=True)
class SummaryUnits:
    """Stories with summaries, and how often they are drawn."""

    stories: tuple[Summarised, ...]
    weight: float

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """One window, and what each summary says about it."""
        story = rng.choice(self.stories)
        start = sentence_start(story.text, rng.randrange(LATEST_START))
        windows = [story.text[start + a : start + b] for a, b in split(story.text[start:])]
        summaries = [about_windows(windows, summary) for summary in story.summaries]
        number = rng.randrange(len(windows))
        found = dict.fromkeys(of[number] for of in summaries if of[number])
        if not found:
            return None
        asked = tuple(to_answer(TELL, one) for one in found)
        return Unit((windows[number],), asked, records=(story.id,))


def about_windows(windows: Sequence[str], summary: str) -> list[str]:
    """What a summary says about each window, its sentences in order; empty where nothing."""
    parts = [part for part in SENTENCE.split(summary) if part.strip()]
    about = [""] * len(windows)
    if not parts:
        return about
    scores = likeness(windows, parts)
    words = {word for window in windows for word in WORD.findall(window)}
    for part, window, found in zip(parts, rising(scores), scores, strict=True):
        is_best = found[window] >= NEAR_BEST * found.max() > 0
        longer = f"{about[window]} {part}".strip()
        is_clear = bool(about[window]) or not POINTING.match(part)
        is_known = all(name in windows[window] for name in _names(part, words))
        if is_best and is_clear and is_known and len(longer.split()) <= LONGEST:
            about[window] = longer
    return about


def likeness(windows: Sequence[str], parts: Sequence[str]) -> NDArray[np.float64]:
    """BM25 of every part of a summary against every window, [parts,windows]."""
    index = Index([Passage(0, n, n + 1, text) for n, text in enumerate(windows)])
    return np.stack([index.scores(part) for part in parts])


def rising(scores: NDArray[np.float64]) -> list[int]:
    """For each row of [parts,windows] a column, never falling, with the largest sum of scores."""
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
    """Capitalized words inside a sentence, and its first word if it is always capitalized."""
    names: list[str] = NAME.findall(part)
    first = WORD.search(part)
    if first and first[0] in words and first[0].lower() not in words:
        names.append(first[0])
    return names

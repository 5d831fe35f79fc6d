"""bAbI stories scattered in book text: the BABILong construction (arXiv 2406.10149).

The sentences of a story up to one of its questions are put, in order, at random places of a long
document. Answering takes one of them (qa1, qa4, qa5), two (qa2) or three (qa3). At length 0 the
document is the story alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.evaluate.cases.background import (
    Document,
    Measure,
    Place,
    at_depth,
    joined,
    planted_document,
)
from lab.evaluate.cases.case import Case, Window
from lab.evaluate.cases.records import HELD_OUT, Question, held_out, read_lines
from memory_models.errors import InvalidRequest

TASKS = (1, 2, 3, 4, 5)
ROOM = 0.5  # largest fraction of its document that a story may fill


@dataclass(frozen=True, slots=True)
class Story:
    """A story up to one of its questions."""

    task: int
    sentences: tuple[str, ...]
    question: Question
    support: tuple[int, ...]  # indices of the sentences that answer it


def read_stories(
    path: Path, tasks: Sequence[int] = TASKS, seed: int = 0, split: str | None = None
) -> list[Story]:
    """One question of every story of these tasks; the order takes the tasks in turn.

    split: all stories, or `held-out`, those that training leaves out. Raises BadData naming the
    line of a story that is not in the documented form.
    """
    if split not in (None, HELD_OUT):
        raise InvalidRequest(f"Stories have no split {split!r}; choose {HELD_OUT!r} or none.")
    generator = random.Random(seed)
    piles: dict[int, list[Story]] = {task: [] for task in tasks}
    for name, story in read_lines(path, lambda raw: (raw["id"], _story(raw, generator))):
        if story.task in piles and (split is None or held_out(name)):
            piles[story.task].append(story)
    for pile in piles.values():
        generator.shuffle(pile)
    longest = max(map(len, piles.values()))
    return [pile[k] for k in range(longest) for pile in piles.values() if k < len(pile)]


def _story(raw: dict[str, Any], generator: random.Random) -> Story:
    asked = generator.choice(raw["questions"])
    sentences = tuple(raw["sentences"][: asked["after_sentence"] + 1])
    support = tuple(sorted(asked["support"]))
    if not support or support[-1] >= len(sentences):
        raise ValueError(f"support {support} is not among the first {len(sentences)} sentences")
    question = Question(asked["question"], tuple(asked["answers"]), None)
    return Story(raw["task"], sentences, question, support)


def babi_cases(
    stories: Sequence[Story],
    background: Sequence[str],
    measure: Measure,
    limit: int | None,
    seed: int = 0,
) -> list[Case]:
    """A case for each of the first `limit` stories that fill at most half of the background.

    The gold passage is the whole story up to the question. The wrong document is the book without
    the story, or another story where there is no book.
    """
    room = ROOM * len(background) * measure.window if background else float("inf")
    fitting = [s for s in stories if measure.count(" ".join(s.sentences)) <= room]
    if not fitting:
        raise InvalidRequest(
            f"No story fits into half of {len(background)} windows of {measure.window} tokens; "
            "raise --tokens."
        )
    cases = []
    for number, story in enumerate(fitting[:limit]):
        if background:
            document = _scattered(story, background, measure, f"{seed}/{number}")
        else:
            document = _alone(story, fitting[(number + 1) % len(fitting)], measure)
        passage = " ".join(story.sentences)
        cases.append(document.case(story.support, story.question, passage, f"qa{story.task}"))
    return cases


def _scattered(story: Story, background: Sequence[str], measure: Measure, seed: str) -> Document:
    """At random places; evenly, where chance puts more into one window than it holds."""
    generator, count = random.Random(seed), len(story.sentences)
    drawn = sorted(generator.random() for _ in range(count))
    for depths in (drawn, [(n + 0.5) / count for n in range(count)]):
        places = [at_depth(depth, len(background)) for depth in depths]
        if _fit(story.sentences, places, measure):
            break
    return planted_document(background, story.sentences, places, measure)


def _fit(sentences: Sequence[str], places: Sequence[Place], measure: Measure) -> bool:
    inside: dict[int, str] = {}
    for sentence, place in zip(sentences, places, strict=True):
        inside[place.window] = inside.get(place.window, "") + sentence + " "
    return all(measure.fits(text) for text in inside.values())


def _alone(story: Story, other: Story, measure: Measure) -> Document:
    windows, wrong = (_windows(each, measure) for each in (story, other))
    text = " ".join(story.sentences)
    return Document(text, windows, tuple(_spans(story.sentences)), wrong)


def _windows(story: Story, measure: Measure) -> tuple[Window, ...]:
    text = " ".join(story.sentences)
    return joined(text[start:end] for start, end in measure.split(text))


def _spans(sentences: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for sentence in sentences:
        yield start, start + len(sentence)
        start += len(sentence) + 1

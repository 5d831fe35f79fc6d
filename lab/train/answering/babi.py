"""Units of bAbI: the sentences of a story, in their order, among those of a few windows of a book.

A story ends at one of its questions. To ask more than that one question about it, `World` follows
who went where with what, and so knows the answers of tasks 1, 2, 3 and 5 at any time.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.evaluate.cases.records import held_out, read_lines
from lab.train.examples import (
    SENTENCE,
    Asked,
    Mix,
    Split,
    Unit,
    excerpt,
    to_abstain,
    to_answer,
)
from memory_models.errors import BadData

MOVED = re.compile(r"(\w+) (?:moved|went|went back|journeyed|travelled) to the (\w+)")
TOOK = re.compile(r"(\w+) (?:picked up|got|grabbed|took) the (\w+)")
LEFT = re.compile(r"(\w+) (?:dropped|left|discarded|put down) the (\w+)")
GAVE = re.compile(r"(\w+) (?:gave|handed|passed) the (\w+) to (\w+)")
SHORTEST = 500  # characters of book text in a window, at least ...
LONGEST = 2500  # ... and at most


@dataclass
class World:
    """Where everybody is and what they have, after the sentences so far."""

    place: dict[str, str] = field(default_factory=dict)  # of people
    holder: dict[str, str] = field(default_factory=dict)  # of things
    been: dict[str, list[str]] = field(default_factory=dict)  # of things, in order
    given: list[tuple[str, str, str]] = field(default_factory=list)  # who, what, to whom

    def follow(self, sentence: str) -> None:
        """Follow a sentence."""
        if found := MOVED.match(sentence):
            self.place[found[1]] = found[2]
        elif found := GAVE.match(sentence):
            self.given.append((found[1], found[2], found[3]))
            self.holder[found[2]] = found[3]
        elif found := TOOK.match(sentence):
            self.holder[found[2]] = found[1]
        elif found := LEFT.match(sentence):
            self.holder.pop(found[2], None)
        for thing, person in self.holder.items():
            been = self.been.setdefault(thing, [])
            if person in self.place and been[-1:] != [self.place[person]]:
                been.append(self.place[person])

    def answers(self, task: int) -> dict[str, str]:
        """Questions of a task that can be asked now, with their answers."""
        if task == 1:
            return {f"Where is {person}?": place for person, place in self.place.items()}
        if task == 2:
            return {f"Where is the {thing}?": been[-1] for thing, been in self.been.items() if been}
        if task == 3:
            return {
                f"Where was the {thing} before the {later}?": sooner
                for thing, been in self.been.items()
                for sooner, later in itertools.pairwise(been)
            }
        found: dict[str, str] = {}
        for who, what, whom in self.given:  # the latest wins
            found[f"What did {who} give to {whom}?"] = what
            found[f"Who gave the {what} to {whom}?"] = who
            found[f"Who did {who} give the {what} to?"] = whom
            found[f"Who gave the {what}?"] = who
            found[f"Who received the {what}?"] = whom
        return found


@dataclass(frozen=True, slots=True)
class Tale:
    """A story with all its questions, each with the index of the sentence that it follows."""

    task: int
    sentences: tuple[str, ...]
    questions: tuple[tuple[int, Asked], ...]

    def up_to(self, last: int) -> tuple[tuple[str, ...], dict[str, Asked]]:
        """The story up to sentence `last`, and what can be asked about it."""
        sentences, world = self.sentences[: last + 1], World()
        for sentence in sentences:
            world.follow(sentence)
        known = world.answers(self.task) if self.task != 4 else {}
        asked = {question: to_answer(question, answer) for question, answer in known.items()}
        return sentences, asked | {a.question: a for after, a in self.questions if after == last}


@dataclass(frozen=True, slots=True)
class Tales:
    """Stories to scatter, and how often they are drawn."""

    tales: tuple[Tale, ...]
    weight: float

    def __post_init__(self) -> None:
        if not self.tales:
            raise BadData("A source of stories has none; check the file and the tasks.")

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """Windows of one book with the story's sentences in their order, or the story alone."""
        tale = rng.choice(self.tales)
        sentences, known = tale.up_to(rng.choice(tale.questions)[0])
        is_page = rng.random() < mix.pages
        if is_page:
            windows = _alone(sentences, split)
        else:
            windows = scattered(sentences, rng.randint(1, mix.most), rng.choice(books), split, rng)
        if windows is None:
            return None
        asked = rng.sample(sorted(known.values(), key=str), min(len(known), mix.questions // 2))
        strange = _unknown(rng.choice(self.tales), sentences)
        most = max(1, round(mix.unanswerable * len(asked)))
        unanswerable = [to_abstain(q) for q in rng.sample(strange, min(most, len(strange)))]
        return Unit(windows, (*asked, *unanswerable), is_page)


def _unknown(other: Tale, sentences: Sequence[str]) -> list[str]:
    """Questions of another story about somebody or something that this one does not name."""
    words = set(re.findall(r"\w+", " ".join(sentences)))
    questions = sorted({asked.question for _, asked in other.questions})
    return [q for q in questions if not set(re.findall(r"(?<= )[A-Z]\w+|(?<=the )\w+", q)) <= words]


def _alone(sentences: Sequence[str], split: Split) -> tuple[str, ...] | None:
    page = " ".join(sentences)
    return (page,) if len(split(page)) == 1 else None


def scattered(
    sentences: Sequence[str], count: int, book: str, split: Split, rng: random.Random
) -> tuple[str, ...] | None:
    """Sentences at random places of `count` windows; None where a window cannot hold its own."""
    cuts = sorted(rng.randint(0, len(sentences)) for _ in range(count - 1))
    windows = []
    for first, last in itertools.pairwise([0, *cuts, len(sentences)]):
        around = SENTENCE.split(excerpt(book, rng, rng.randint(SHORTEST, LONGEST)))
        woven = _woven(sentences[first:last], around, rng)
        while len(split(woven)) > 1:
            if not around:
                return None
            around = around[: len(around) * 3 // 4]
            woven = _woven(sentences[first:last], around, rng)
        windows.append(woven)
    return tuple(windows)


def _woven(own: Sequence[str], around: Sequence[str], rng: random.Random) -> str:
    places = sorted(rng.randint(0, len(around)) for _ in own)
    sentences: list[str] = []
    used = 0
    for sentence, place in zip(own, places, strict=True):
        sentences += [*around[used:place], sentence]
        used = place
    return " ".join([*sentences, *around[used:]])


def read_tales(path: Path, weight: float, tasks: Sequence[int]) -> Tales:
    """Stories of these tasks, without those held out."""
    return Tales(tuple(each_tale(path, tasks)), weight)


def each_tale(path: Path, tasks: Sequence[int]) -> Iterator[Tale]:
    """Stories of these tasks that may be trained on. Raises BadData naming a broken line."""
    for name, tale in read_lines(path, _tale):
        if tale.task in tasks and not held_out(name):
            yield tale


def _tale(raw: dict[str, Any]) -> tuple[str, Tale]:
    questions = [
        (int(q["after_sentence"]), to_answer(q["question"], q["answers"][0]))
        for q in raw["questions"]
    ]
    return raw["id"], Tale(raw["task"], tuple(raw["sentences"]), tuple(questions))

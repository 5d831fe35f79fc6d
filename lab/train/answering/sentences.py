"""Units of single sentences with short questions: each planted in book text, its place known.

The questions are those of QAMR: who, what, when and how many, about each word of a sentence. Many
of them suit any sentence ("Who is purchasing?"), so that only those are kept whose words point to
their sentence, and whose answers the annotators agree on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.evaluate.cases.records import Question, Record, held_out, read_records
from lab.evaluate.scores import normalize
from lab.train.examples import (
    Asked,
    Mix,
    Span,
    Split,
    Unit,
    excerpt,
    scatter,
    to_abstain,
    to_answer,
)
from memory_models.errors import BadData

SPLIT = "train"
FEWEST_SHARED = 2  # content words that a question has from its sentence
CONTENT = 4  # letters of a content word, at least
LONGEST_ANSWER = 8  # words
MOST_SENTENCES = 5  # in a window
ASKED_OF_A_SENTENCE = 3
NO_ANSWERS = frozenset(
    {
        "he",
        "she",
        "they",
        "their",
        "his",
        "her",
        "its",
        "them",
        "him",
        "then",
        "there",
        "this",
        "that",
    }
)
SHORTEST_ANSWER = 3  # letters
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences to plant with questions about them, and how often they are drawn."""

    records: tuple[Record, ...]
    weight: float

    def __post_init__(self) -> None:
        if len(self.records) < 2 * MOST_SENTENCES:
            raise BadData(
                f"{len(self.records)} sentences are too few to plant some and to ask about others; "
                f"at least {2 * MOST_SENTENCES} are needed."
            )

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """Windows of one book with a few sentences in each, and some questions about each."""
        book = rng.choice(books)
        count = mix.draw_windows(rng)
        drawn = rng.sample(self.records, min(len(self.records), MOST_SENTENCES * (count + 1)))
        windows: list[str] = []
        asked: list[Asked] = []
        planted: list[Record] = []
        for number in range(count):
            own = drawn[number * MOST_SENTENCES :][: rng.randint(1, MOST_SENTENCES)]
            text = scatter([record.text for record in own], excerpt(book, rng), split, rng)
            windows.append(text)
            for record in own:
                at = text.find(record.text)
                if at >= 0:
                    span = Span(at, at + len(record.text), number)
                    asked += _questions(record, span, rng)
                    planted.append(record)
        if not asked:
            return None
        asked = rng.sample(asked, min(len(asked), mix.questions))
        unanswerable = max(1, round(mix.unanswerable * len(asked)))
        others = drawn[count * MOST_SENTENCES :]
        asked += [
            to_abstain(_pick(rng.choice(others), 1, rng)[0].question) for _ in range(unanswerable)
        ]
        return Unit(tuple(windows), tuple(asked), records=tuple(r.id for r in planted))


def read_sentences(path: Path, weight: float, split: str | None = None) -> Sentences:
    """The sentences of a file that may be trained on, with the questions that point to them."""
    kept = [
        Record(r.id, r.title, r.split, r.text, questions)
        for r in read_records(path, split or SPLIT)
        if not held_out(r.id) and (questions := pointing(r))
    ]
    return Sentences(tuple(kept), weight)


def pointing(record: Record) -> tuple[Question, ...]:
    """A sentence's questions that share words with it and have one answer."""
    found = (_agreed(question, record.text) for question in record.questions)
    return tuple(question for question in found if question is not None)


def _agreed(question: Question, text: str) -> Question | None:
    """The question with the shortest answer that all annotators' answers hold, if it is usable."""
    answer = min(question.answers, key=len).strip(" .,;")
    bare = normalize(answer)
    if (
        len(bare) < SHORTEST_ANSWER
        or bare in NO_ANSWERS
        or len(answer.split()) > LONGEST_ANSWER
        or answer not in text
    ):
        return None
    if any(f" {bare} " not in f" {normalize(other)} " for other in question.answers):
        return None
    if not question.question.rstrip().endswith("?"):
        return None
    shared = _content(question.question) & _content(text)
    if len(shared) < FEWEST_SHARED or _content(answer) & _content(question.question):
        return None
    return Question(question.question.strip(), (answer,), question.gold)


def _content(text: str) -> set[str]:
    return {word for word in WORD.findall(text.lower()) if len(word) >= CONTENT or word.isdigit()}


def _pick(record: Record, most: int, rng: random.Random) -> list[Question]:
    return rng.sample(record.questions, min(most, len(record.questions)))


def _questions(record: Record, span: Span, rng: random.Random) -> list[Asked]:
    chosen = _pick(record, ASKED_OF_A_SENTENCE, rng)
    return [to_answer(q.question, q.answers[0], span) for q in chosen]

"""Training material for the reader: windows of text and questions they do or do not answer.

A unit is one window of at most `window` tokens, read once, and the questions asked of it. Questions
whose passage lies elsewhere in the same document, or in another one, are asked too: the answer then
is `DECLINED`. So the reader learns to answer, to find, and to say that the window does not say.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memory_models.errors import BadData
from memory_models.evaluate.data import Question, Record
from memory_models.evaluate.scores import normalize
from memory_models.prompt import DECLINED

Split = Callable[[str], Sequence[tuple[int, int]]]
LATEST_START = 1500  # characters by which a document's windows are shifted at most
SENTENCE = re.compile(r"(?<=[.!?\"”])\s+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a window with the answer to learn."""

    question: str
    answer: str
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A window's text and what is asked of it; a page is all kept, a window is not."""

    text: str
    asked: tuple[Asked, ...]
    is_page: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Documents with questions, and how often they are drawn."""

    records: tuple[Record, ...]
    weight: float
    planted: bool = False  # short facts, put into windows of the books

    def __post_init__(self) -> None:
        if not self.records:
            raise BadData("A training source has no record; check the file and the split.")


@dataclass(frozen=True, slots=True)
class Mix:
    """How units are made."""

    questions: int = 14  # most answerable questions a unit
    strangers: float = 0.5  # declined questions for each answerable one
    pages: float = 0.15  # share of units that are the gold passage alone

    def __post_init__(self) -> None:
        if self.questions < 1 or self.strangers < 0 or not 0 <= self.pages <= 1:
            raise BadData(f"{self} is no mix: questions >= 1, strangers >= 0, pages in 0..1.")


def draw_units(
    sources: Sequence[Source], books: Sequence[str], split: Split, mix: Mix, seed: int, first: int
) -> Iterator[Unit]:
    """Endless units from number `first` on; unit n of a seed is always the same."""
    for number in itertools.count(first):
        rng = random.Random(f"{seed}/{number}")
        unit = None
        while unit is None:
            source = rng.choices(sources, [s.weight for s in sources])[0]
            make = _planted if source.planted else _of_record
            unit = make(source, books, split, mix, rng)
        yield unit


def _of_record(
    source: Source, books: Sequence[str], split: Split, mix: Mix, rng: random.Random
) -> Unit | None:
    weights = [len(r.questions) for r in source.records]
    record = rng.choices(source.records, weights)[0]
    if rng.random() < mix.pages:
        return _page(record, source, mix, rng)
    start = _sentence_start(record.text, rng.randrange(LATEST_START))
    ranges = [(start + a, start + b) for a, b in split(record.text[start:])]
    answerable = [q for q in record.questions if q.answers]
    answered = [[q for q in answerable if _inside(record, q, a, b)] for a, b in ranges]
    if not any(answered):
        return None
    chosen = rng.choices(range(len(ranges)), [len(found) for found in answered])[0]
    a, b = ranges[chosen]
    strange = [q for q in record.questions if q.answers and _outside(q, a, b)]
    strange += [q for q in record.questions if not q.answers and _inside(record, q, a, b)]
    asked = _asked(answered[chosen], strange, source, record, mix, rng)
    return Unit(record.text[a:b], asked)


def _page(record: Record, source: Source, mix: Mix, rng: random.Random) -> Unit | None:
    pages = sorted({q.gold for q in record.questions if q.gold and q.answers})
    if not pages:
        return None
    a, b = rng.choice(pages)
    inside = [q for q in record.questions if q.answers and q.gold == (a, b)]
    strange = [q for q in record.questions if q.answers and _outside(q, a, b)]
    text = record.text[a:b]
    return Unit(text, _asked(inside, strange, source, record, mix, rng), is_page=True)


def _planted(
    source: Source, books: Sequence[str], split: Split, mix: Mix, rng: random.Random
) -> Unit | None:
    book = rng.choice(books)
    start = rng.randrange(max(1, len(book) - 4000))
    excerpt = book[_sentence_start(book, start) : start + 4000]
    facts = rng.sample(source.records, rng.randint(2, 4))
    room = split(" ".join([*(f.text for f in facts), excerpt]))[0][1]
    kept = excerpt[: max(0, room - sum(len(f.text) + 1 for f in facts))]
    sentences = SENTENCE.split(kept)
    for fact in facts:
        sentences.insert(rng.randint(0, len(sentences)), fact.text)
    text = " ".join(sentences)
    window = text[: split(text)[0][1]]
    inside = [q for f in facts for q in f.questions if f.text in window]
    others = [q for f in rng.sample(source.records, 4) if f not in facts for q in f.questions]
    if not inside:
        return None
    count = max(1, round(mix.strangers * len(inside)))
    asked = [_answerable(q, rng) for q in inside] + [_declined(q) for q in others[:count]]
    return Unit(window, tuple(asked))


def _asked(
    inside: Sequence[Question],
    strange: Sequence[Question],
    source: Source,
    record: Record,
    mix: Mix,
    rng: random.Random,
) -> tuple[Asked, ...]:
    answerable = rng.sample(list(inside), min(mix.questions, len(inside)))
    count = max(1, round(mix.strangers * len(answerable)))
    near = rng.sample(list(strange), min(len(strange), round(0.75 * count)))
    other = rng.choice(source.records)
    far = [q for q in other.questions if q.answers] if other.id != record.id else []
    far = rng.sample(far, min(len(far), count - len(near)))
    asked = [_answerable(q, rng) for q in answerable]
    return (*asked, *(_declined(q) for q in (*near, *far)))


def _answerable(question: Question, rng: random.Random) -> Asked:
    answer = rng.choice(question.answers).strip()
    return Asked(question.question.strip(), answer[:1].upper() + answer[1:])


def _declined(question: Question) -> Asked:
    return Asked(question.question.strip(), DECLINED, declined=True)


def _sentence_start(text: str, near: int) -> int:
    found = SENTENCE.search(text, near)
    return found.end() if found and found.end() < len(text) - 200 else 0


def _inside(record: Record, question: Question, start: int, end: int) -> bool:
    """True when the window holds the passage, or the part of it that holds the answer's words."""
    where = _where(record, question)
    if where is None or where[1] <= start or where[0] >= end:
        return False
    if start <= where[0] and where[1] <= end:
        return True
    seen = f" {normalize(record.text[max(start, where[0]) : min(end, where[1])])} "
    return any(f" {normalize(a)} " in seen for a in question.answers if normalize(a))


def _outside(question: Question, start: int, end: int) -> bool:
    return question.gold is not None and (question.gold[1] <= start or question.gold[0] >= end)


def _where(record: Record, question: Question) -> tuple[int, int] | None:
    if question.gold is not None:
        return question.gold
    for answer in question.answers:
        at = record.text.find(answer)
        if at >= 0:
            return at, at + len(answer)
    return None

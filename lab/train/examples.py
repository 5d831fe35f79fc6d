"""Training examples for the answer adapter: windows of text with questions about them.

A unit is one window of at most `window` tokens, or a few of one document that are read apart and
seen together, and the questions asked of them. Questions whose passage is elsewhere in the same
document, or in another one, are asked too; their answer is `ABSTAINED`. So the adapter learns to
answer, to find, and to abstain.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.evaluate.cases.records import Question, Record
from lab.evaluate.scores import normalize
from lab.train.spans import answer_sentence, holder
from memory_models.errors import BadData
from memory_models.prompt import ABSTAINED

Split = Callable[[str], Sequence[tuple[int, int]]]
LATEST_START = 1500  # a document's windows are shifted by at most this many characters
SENTENCE = re.compile(r"(?<=[.!?\"”])\s+")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of one of a unit's windows."""

    start: int
    end: int
    window: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.end and self.window >= 0):
            raise BadData(f"{self} is no span: 0 <= start < end and window >= 0 are needed.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a window, with the answer to learn.

    span: the sentence that answers it, where it is known; for an abstention, the sentence that
    looks most as if it answered, if there is one.
    """

    question: str
    answer: str
    abstained: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """Windows, in the order of their document, and what is asked of them.

    All slots of a page are kept. `records` are those whose text the windows contain.
    """

    windows: tuple[str, ...]
    asked: tuple[Asked, ...]
    is_page: bool = False
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mix:
    """How units are made."""

    questions: int = 14  # most answerable questions a unit
    unanswerable: float = 0.5  # unanswerable questions for each answerable one
    pages: float = 0.15  # fraction of units that are the gold passage alone
    together: float = 0.0  # fraction of the others that are several windows
    most: int = 4  # most windows seen together

    def __post_init__(self) -> None:
        fractions = (self.pages, self.together)
        if self.questions < 1 or self.unanswerable < 0 or not all(0 <= f <= 1 for f in fractions):
            raise BadData(
                f"{self}: questions must be at least 1, unanswerable at least 0, pages and "
                "together 0 to 1."
            )
        if self.most < 2:
            raise BadData(f"{self}: most must be at least 2 windows.")

    def draw_windows(self, rng: random.Random) -> int:
        """How many windows a unit has."""
        return rng.randint(2, self.most) if rng.random() < self.together else 1


class Material(Protocol):
    """Where units come from; `weight` says how often it is drawn."""

    @property
    def weight(self) -> float: ...

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """A unit, or None if none can be made of what was drawn."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Documents with questions."""

    records: tuple[Record, ...]
    weight: float
    planted: bool = False  # records are short facts to plant in windows of the books

    def __post_init__(self) -> None:
        if not self.records:
            raise BadData("A training source has no record; check the file and the split.")

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """Windows of a record, or windows of a book with records in them."""
        make = _planted if self.planted else _of_record
        return make(self, books, split, mix, rng)


def draw_units(
    sources: Sequence[Material], books: Sequence[str], split: Split, mix: Mix, seed: int, first: int
) -> Iterator[Unit]:
    """Endless units from number `first` on; unit n of a seed is always the same."""
    for number in itertools.count(first):
        rng = random.Random(f"{seed}/{number}")
        unit = None
        while unit is None:
            source = rng.choices(sources, [s.weight for s in sources])[0]
            unit = source.unit(books, split, mix, rng)
        yield unit


def _of_record(
    source: Source, books: Sequence[str], split: Split, mix: Mix, rng: random.Random
) -> Unit | None:
    weights = [len(r.questions) for r in source.records]
    record = rng.choices(source.records, weights)[0]
    if rng.random() < mix.pages:
        return _page(record, source, mix, rng)
    start = sentence_start(record.text, rng.randrange(LATEST_START))
    ranges = [(start + a, start + b) for a, b in split(record.text[start:])]
    answerable = [q for q in record.questions if q.answers]
    answered = [[q for q in answerable if _inside(record, q, a, b)] for a, b in ranges]
    if not any(answered):
        return None
    chosen = rng.choices(range(len(ranges)), [len(found) for found in answered])[0]
    others = [n for n in range(len(ranges)) if n != chosen]
    more = rng.sample(others, min(len(others), mix.draw_windows(rng) - 1))
    shown = sorted([chosen, *more])
    seen = [ranges[n] for n in shown]
    inside = list(dict.fromkeys(q for n in shown for q in answered[n]))
    strange = [q for q in record.questions if q.answers and all(_outside(q, *r) for r in seen)]
    strange += [
        q for q in record.questions if not q.answers and any(_inside(record, q, *r) for r in seen)
    ]
    asked = _asked(inside, strange, source, record, mix, rng, seen)
    windows = tuple(record.text[a:b] for a, b in seen)
    return Unit(windows, asked, records=(record.id,))


def _page(record: Record, source: Source, mix: Mix, rng: random.Random) -> Unit | None:
    pages = sorted({q.gold for q in record.questions if q.gold and q.answers})
    if not pages:
        return None
    a, b = rng.choice(pages)
    inside = [q for q in record.questions if q.answers and q.gold == (a, b)]
    strange = [q for q in record.questions if q.answers and _outside(q, a, b)]
    text = record.text[a:b]
    asked = _asked(inside, strange, source, record, mix, rng, [(a, b)])
    return Unit((text,), asked, is_page=True)


def _planted(
    source: Source, books: Sequence[str], split: Split, mix: Mix, rng: random.Random
) -> Unit | None:
    count = mix.draw_windows(rng)
    facts = rng.sample(source.records, rng.randint(2, 4) if count == 1 else rng.randint(count, 6))
    book, windows = rng.choice(books), []
    for number in range(count):
        own = [fact.text for fact in facts[number::count]]
        windows.append(scatter(own, excerpt(book, rng), split, rng))
    held = [(fact, span) for fact in facts if (span := _planted_at(fact.text, windows))]
    inside = [(q, span) for fact, span in held for q in fact.questions]
    others = [q for f in rng.sample(source.records, 4) if f not in facts for q in f.questions]
    if not inside:
        return None
    most = max(1, round(mix.unanswerable * len(inside)))
    asked = [to_answer(q.question, rng.choice(q.answers), span) for q, span in inside]
    asked += [to_abstain(q.question) for q in others[:most]]
    return Unit(tuple(windows), tuple(asked), records=tuple(fact.id for fact in facts))


def _planted_at(fact: str, windows: Sequence[str]) -> Span | None:
    for number, window in enumerate(windows):
        at = window.find(fact)
        if at >= 0:
            return Span(at, at + len(fact), number)
    return None


def excerpt(book: str, rng: random.Random, characters: int = 4000) -> str:
    """Text of a book from the beginning of some sentence on."""
    start = rng.randrange(max(1, len(book) - characters))
    return book[sentence_start(book, start) : start + characters]


def scatter(facts: Sequence[str], text: str, split: Split, rng: random.Random) -> str:
    """One window of a text with facts between its sentences."""
    room = split(" ".join([*facts, text]))[0][1]
    kept = text[: max(0, room - sum(len(fact) + 1 for fact in facts))]
    sentences = SENTENCE.split(kept)
    for fact in facts:
        sentences.insert(rng.randint(0, len(sentences)), fact)
    woven = " ".join(sentences)
    return woven[: split(woven)[0][1]]


def _asked(
    inside: Sequence[Question],
    strange: Sequence[Question],
    source: Source,
    record: Record,
    mix: Mix,
    rng: random.Random,
    seen: Sequence[tuple[int, int]],
) -> tuple[Asked, ...]:
    answerable = rng.sample(list(inside), min(mix.questions, len(inside)))
    count = max(1, round(mix.unanswerable * len(answerable)))
    near = rng.sample(list(strange), min(len(strange), round(0.75 * count)))
    other = rng.choice(source.records)
    far = [q for q in other.questions if q.answers] if other.id != record.id else []
    far = rng.sample(far, min(len(far), count - len(near)))
    asked = [
        to_answer(q.question, rng.choice(q.answers), _span(record.text, q, seen))
        for q in answerable
    ]
    return (*asked, *(to_abstain(q.question) for q in (*near, *far)))


def _span(text: str, question: Question, seen: Sequence[tuple[int, int]]) -> Span | None:
    """The sentence that answers, in the windows' own characters."""
    place = answer_sentence(text, question)
    number = holder(place, seen)
    if place is None or number is None:
        return None
    return Span(place[0] - seen[number][0], place[1] - seen[number][0], number)


def to_answer(question: str, answer: str, span: Span | None = None) -> Asked:
    """A question with its answer, written as the product should write it."""
    answer = answer.strip()
    return Asked(question.strip(), answer[:1].upper() + answer[1:], span=span)


def to_abstain(question: str, span: Span | None = None) -> Asked:
    """A question that the windows do not answer."""
    return Asked(question.strip(), ABSTAINED, abstained=True, span=span)


def sentence_start(text: str, near: int) -> int:
    """Where the first sentence after a place begins; 0 where too little text follows."""
    found = SENTENCE.search(text, near)
    return found.end() if found and found.end() < len(text) - 200 else 0


def _inside(record: Record, question: Question, start: int, end: int) -> bool:
    """True if the window contains the passage, or the part of it with the answer's words."""
    where = located(record, question)
    if where is None or where[1] <= start or where[0] >= end:
        return False
    if start <= where[0] and where[1] <= end:
        return True
    return has_answer(record.text[max(start, where[0]) : min(end, where[1])], question)


def has_answer(text: str, question: Question) -> bool:
    """True if the text contains the words of an accepted answer."""
    seen = f" {normalize(text)} "
    return any(f" {normalize(a)} " in seen for a in question.answers if normalize(a))


def _outside(question: Question, start: int, end: int) -> bool:
    return question.gold is not None and (question.gold[1] <= start or question.gold[0] >= end)


def located(record: Record, question: Question) -> tuple[int, int] | None:
    """Characters of the gold passage, or of the answer where the text has it."""
    if question.gold is not None:
        return question.gold
    for answer in question.answers:
        at = record.text.find(answer)
        if at >= 0:
            return at, at + len(answer)
    return None

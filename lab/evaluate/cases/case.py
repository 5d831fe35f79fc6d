"""Cases: a question about a document inside a longer one, cut into windows.

The document's own windows are placed among distractor windows of other documents, half before and
half after. Every text is cut once, so that cases share windows wherever they can.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.evaluate.cases.planted import Planted
from lab.evaluate.cases.records import Question, Record
from memory_models.errors import InvalidRequest

Split = Callable[[str], Sequence[tuple[int, int]]]
"""Character ranges of a text's windows."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """One window of text: which record it is of, and which characters of it."""

    record: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question inside a long document."""

    record: int
    question: Question
    passage: str  # the gold passage, empty where it is not known
    windows: tuple[Window, ...]  # the long document, in order
    gold: frozenset[int]  # indices of windows that overlap the gold passage
    wrong: tuple[Window, ...]  # as many windows without the right document
    text: str  # the document's own text
    group: str = ""  # what the table breaks scores down by: a depth, a sub-task
    spans: tuple[Span, ...] = ()  # where the gold passage is in the document

    def is_gold(self, record: int, start: int, end: int) -> bool:
        """True if these characters of a record overlap the gold passage."""
        return record == self.record and any(start < e and end > s for s, e in self.spans)


def gold_windows(windows: Sequence[Window], record: int, spans: Sequence[Span]) -> frozenset[int]:
    """Indices of the windows of a record that overlap any of the spans."""
    return frozenset(
        i
        for i, w in enumerate(windows)
        if w.record == record and any(w.start < end and w.end > start for start, end in spans)
    )


class _Cut:
    """Windows of records, cut when they are first asked for."""

    def __init__(self, records: Sequence[Record], split: Split) -> None:
        self._records = records
        self._split = split
        self._known: dict[int, list[Window]] = {}

    def of(self, index: int) -> list[Window]:
        if index not in self._known:
            text = self._records[index].text
            self._known[index] = [Window(index, s, e, text[s:e]) for s, e in self._split(text)]
        return self._known[index]

    def first(self, order: Sequence[int], count: int) -> list[Window]:
        """The first `count` windows of these records, one record after another."""
        found: list[Window] = []
        for index in order:
            if len(found) >= count:
                break
            found += self.of(index)
        return found[:count]


def build_cases(
    records: Sequence[Record],
    split: Split,
    distractors: int,
    limit: int | None,
    seed: int = 0,
    only: str | None = None,
    pool: Sequence[Record] = (),
) -> list[Case]:
    """Cases of up to `limit` questions, spread evenly over the records of split `only`.

    distractors: number of windows of other records, half before and half after the own ones. They
    come from `pool` where there is one, the same for every question (so that they are read once);
    else from the other records, in an order that depends on the record.
    """
    every = [*records, *pool]
    cut = _Cut(every, split)
    shared = range(len(records), len(every)) if pool else None
    return [
        _case(every, cut, index, question, distractors, _others(records, index, seed, shared))
        for index, question in _choose_questions(records, limit, seed, only)
    ]


def _others(
    records: Sequence[Record], index: int, seed: int, shared: Sequence[int] | None
) -> Sequence[int]:
    if shared is not None:
        return shared
    others = [i for i in range(len(records)) if i != index]
    random.Random(f"{seed}/{records[index].id}").shuffle(others)
    return others


def _choose_questions(
    records: Sequence[Record], limit: int | None, seed: int, only: str | None
) -> list[tuple[int, Question]]:
    generator = random.Random(seed)
    piles = []
    for index, record in enumerate(records):
        if record.questions and only in (None, record.split):
            order = list(record.questions)
            generator.shuffle(order)
            piles.append([(index, question) for question in order])
    if not piles:
        raise InvalidRequest("No record of this split has a question; choose another --split.")
    rounds = (pile[k] for k in range(max(map(len, piles))) for pile in piles if k < len(pile))
    chosen = list(rounds)
    return sorted(chosen[:limit], key=lambda pair: pair[0])


def _case(
    records: Sequence[Record],
    cut: _Cut,
    index: int,
    question: Question,
    distractors: int,
    others: Sequence[int],
) -> Case:
    own = cut.of(index)
    strange = cut.first(others, distractors + len(own))
    around, spare = strange[:distractors], strange[distractors:]
    if len(around) < distractors:
        raise InvalidRequest(
            f"Only {len(around)} windows of other records, {distractors} distractors are asked "
            "for; ask for fewer, or name a file with more text by --distractor-data."
        )
    half = distractors // 2
    long = [*around[:half], *own, *around[half:]]
    text, spans = records[index].text, (question.gold,) if question.gold else ()
    return Case(
        record=index,
        question=question,
        passage=text[slice(*question.gold)] if question.gold else "",
        windows=tuple(long),
        gold=gold_windows(long, index, spans),
        wrong=(*around[:half], *spare, *around[half:]),
        text=text,
        spans=spans,
    )


def located(records: Sequence[Record]) -> list[Record]:
    """The records with only those questions whose passage is known, or all where none is."""
    found = [replace(r, questions=tuple(q for q in r.questions if q.gold)) for r in records]
    return found if any(r.questions for r in found) else list(records)


def planted_cases(planted: Planted, split: Split, wrong: Sequence[Window]) -> list[Case]:
    """A case for every planted fact: the whole planted text is the document."""
    windows = tuple(Window(0, s, e, planted.text[s:e]) for s, e in split(planted.text))
    cases = []
    for fact, where in zip(planted.facts, planted.where, strict=True):
        span = (where, where + len(fact.sentence))
        question = Question(fact.question, (fact.answer,), span)
        gold, spans = gold_windows(windows, 0, [span]), (span,)
        cases.append(
            Case(
                0,
                question,
                fact.sentence,
                windows,
                gold,
                tuple(wrong),
                planted.text,
                spans=spans,
            )
        )
    return cases

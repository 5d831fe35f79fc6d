"""The documents that answers are measured on: stories, articles, facts, everyday papers.

Each kind is cut into two parts by its records: `fit`, on which confidence is fitted, and `test`,
on which nothing is fitted and no adapter was trained. The everyday papers are all `test`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files

from lab.evaluate.cases.background import Measure, at_depth, book_windows, planted_document
from lab.evaluate.cases.planted import plant
from lab.evaluate.cases.records import HELD_OUT, Record, read_records
from lab.evaluate.cases.tasks import ROOM, depths_of
from lab.evaluate.product.plan import ProductPlan
from lab.evaluate.product.questions import Asked, Earlier, Question, Span
from lab.train.answering.follow_ups import pairs_of
from lab.train.answering.papers.source import Papers
from lab.train.examples import Mix
from lab.train.spans import answer_sentence

GAP = "\n\n"
FACT_TOKENS = 96_000  # of the book that facts are planted in
INVENTED_TOKENS = 33_000
PAPER_TOKENS = 12_000
PAPER_BOOK = 6_000  # tokens of a book around generated papers
PAPER_DOCUMENTS = 12


def documents(plan: ProductPlan, measure: Measure) -> list[Asked]:
    """The documents of all kinds that the plan asks for, each kind with at most `limit` questions.

    A document whose questions were all left out is left out, too.
    """
    makers: dict[str, Callable[[ProductPlan, Measure], Iterator[Asked]]] = {
        "stories": _stories,
        "articles": _articles,
        "facts": _facts,
        "invented": _invented,
        "everyday": _everyday,
        "papers": _papers,
        "wrong": _wrong,
        "follow-ups": _follow_ups,
        "whole": partial(_follow_ups, whole=True),
    }
    return [asked for kind in plan.kinds for asked in _limited(makers[kind](plan, measure), plan)]


def _limited(made: Iterator[Asked], plan: ProductPlan) -> list[Asked]:
    every = list(made)
    numbered = [(n, q) for n, asked in enumerate(every) for q in asked.questions]
    chosen = random.Random(plan.seed).sample(numbered, min(plan.limit, len(numbered)))
    kept = [
        replace(a, questions=tuple(q for m, q in chosen if m == n)) for n, a in enumerate(every)
    ]
    return [asked for asked in kept if asked.questions]


def _part(records: Sequence[Record], part: str, first: str = "fit") -> list[Record]:
    """Every other record; `first` is the part that the first one is in."""
    ordered = sorted(records, key=lambda record: record.id)
    return ordered[0::2] if part == first else ordered[1::2]


def _joined(records: Sequence[Record]) -> tuple[str, list[int]]:
    """The records as one text, and where each begins."""
    starts, text = [], ""
    for record in records:
        starts.append(len(text))
        text += record.text.strip() + GAP
    return text.rstrip(), starts


def _shift(record: Record, span: Span, start: int) -> Span:
    """A record's characters in the joined text, whose records are stripped."""
    lead = len(record.text) - len(record.text.lstrip())
    end = start + len(record.text.strip())
    return (max(start, span[0] - lead + start), min(end, span[1] - lead + start))


def _questions(record: Record, start: int, kind: str, *, exact: bool) -> Iterator[Question]:
    """exact: the place is the sentence with the answer, and not the passage, where it is known."""
    for q in record.questions:
        if not q.answers:
            yield Question(q.question, (), f"{kind}, unanswerable")
            continue
        if q.gold is None:
            continue
        place = (answer_sentence(record.text, q) if exact else None) or q.gold
        yield Question(q.question, q.answers, kind, (_shift(record, place, start),))


def _stories(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Validation stories, all of a part in one document: about sixty windows."""
    records = _part(read_records(plan.stories, "val"), plan.part)
    text, starts = _joined(records)
    found = [
        q
        for record, start in zip(records, starts, strict=True)
        for q in _questions(record, start, "stories", exact=False)
    ]
    yield Asked(f"stories, {plan.part}", text, tuple(found))


def _articles(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Articles that training leaves out, all in one document; questions about those of a part."""
    records = [
        record
        for record in read_records(plan.articles, HELD_OUT, unanswerable=True)
        if measure.count(record.text) > measure.window  # whole articles
    ]
    text, starts = _joined(records)
    asked = {record.id for record in _part(records, plan.part, first="test")}  # three articles
    found = [
        q
        for record, start in zip(records, starts, strict=True)
        if record.id in asked
        for q in _questions(record, start, "articles", exact=True)
    ]
    answerable = sum(bool(q.answers) for q in found)
    rng = random.Random(plan.seed)
    missing = [q for q in found if not q.answers]
    few = set(rng.sample(range(len(missing)), min(len(missing), answerable // 3)))
    kept = [q for q in found if q.answers] + [q for n, q in enumerate(missing) if n in few]
    yield Asked("articles", text, tuple(kept))


def _facts(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Short passages of an encyclopedia that training leaves out, planted in books."""
    records = [
        record
        for record in _part(read_records(plan.facts, HELD_OUT), plan.part)
        if record.questions and measure.count(record.text) <= ROOM * measure.window
    ]
    books = (record.text for record in read_records(plan.books, "val"))
    background = book_windows(books, measure, FACT_TOKENS)
    places = [at_depth(depth, len(background)) for depth in depths_of(len(records))]
    document = planted_document(background, [r.text for r in records], places, measure)
    found = []
    for record, (start, _) in zip(records, document.spans, strict=True):
        q = replace(record.questions[0], gold=(0, len(record.text)))
        place = answer_sentence(record.text, q) or (0, len(record.text))
        span = (start + place[0], start + place[1])
        found.append(Question(q.question, q.answers, "facts", (span,)))
    yield Asked(f"facts, {plan.part}", document.text, tuple(found))


def _invented(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Twenty invented sentences planted in a book."""
    books = (record.text for record in read_records(plan.books, "val"))
    planted = plant("".join(book_windows(books, measure, INVENTED_TOKENS)))
    found = [
        Question(fact.question, (fact.answer,), "invented", ((at, at + len(fact.sentence)),))
        for fact, at in zip(planted.facts, planted.where, strict=True)
    ]
    yield Asked("invented", planted.text, tuple(found))


def _everyday(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Everyday papers bound into documents of about 12,000 tokens, each question asked once.

    The last document is filled up with papers of the first.
    """
    lines = (files("lab.evaluate") / "everyday" / "papers.jsonl").read_text("utf-8").splitlines()
    papers = [json.loads(line) for line in lines]
    random.Random(0).shuffle(papers)
    bound: list[list[dict[str, object]]] = [[]]
    tokens = 0
    for paper in papers:
        count = measure.count(str(paper["text"]))
        if tokens + count > PAPER_TOKENS:
            bound.append([])
            tokens = 0
        bound[-1].append(paper)
        tokens += count
    for number, own in enumerate(bound):
        fillers = [paper for paper in papers if paper not in own]
        total = sum(measure.count(str(paper["text"])) for paper in own)
        bundle = list(own)
        while number and fillers and total < PAPER_TOKENS:
            bundle.append(fillers.pop(0))
            total += measure.count(str(bundle[-1]["text"]))
        text = GAP.join(str(paper["text"]) for paper in bundle)
        yield Asked(f"everyday {number + 1}", text, tuple(_asked_of(own, text)))


def _asked_of(papers: Sequence[dict[str, object]], text: str) -> Iterator[Question]:
    for paper in papers:
        start = text.index(str(paper["text"]))
        questions = paper["questions"]
        assert isinstance(questions, list)
        for q in questions:
            spots = [str(paper["text"]).index(line) for line in q["evidence"]]
            places = tuple(
                (start + at, start + at + len(line))
                for at, line in zip(spots, q["evidence"], strict=True)
            )
            yield Question(q["question"], tuple(q["answers"]), q["kind"], places)


def _papers(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Papers as training makes them, each unit with some pages of a book behind it; only `fit`."""
    books = [record.text for record in read_records(plan.books, "val")]
    source, mix = Papers(1.0), Mix(questions=8, pages=0.0, together=0.5)
    for number in range(PAPER_DOCUMENTS):
        rng = random.Random(f"product/{plan.seed}/{number}")
        unit = None
        while unit is None:
            unit = source.unit(books, measure.split, mix, rng)
        around = "".join(book_windows(iter(rng.sample(books, len(books))), measure, PAPER_BOOK))
        text = GAP.join([*unit.windows, around])
        starts = [0]
        for window in unit.windows:
            starts.append(starts[-1] + len(window) + len(GAP))
        found = []
        for asked in unit.asked:
            kind = "papers, unanswerable" if asked.abstained else "papers"
            span = asked.span
            places = (
                ((starts[span.window] + span.start, starts[span.window] + span.end),)
                if span is not None and not asked.abstained
                else ()
            )
            accepted = () if asked.abstained else (asked.answer,)
            found.append(Question(asked.question, accepted, kind, places))
        yield Asked(f"papers {number + 1}", text, tuple(found))


def _wrong(plan: ProductPlan, measure: Measure) -> Iterator[Asked]:
    """Questions about stories, asked of articles that do not answer them."""
    (stories,) = _stories(plan, measure)
    (articles,) = _articles(plan, measure)
    found = [Question(q.question, (), "wrong book") for q in stories.questions]
    yield Asked(articles.name, articles.text, tuple(found))


def _follow_ups(plan: ProductPlan, measure: Measure, *, whole: bool = False) -> Iterator[Asked]:
    """Pairs about validation stories; the second question cut short, or (whole) as it was."""
    records = _part(read_records(plan.stories, "val"), plan.part)
    text, starts = _joined(records)
    found = []
    for record, start in zip(records, starts, strict=True):
        rng = random.Random(f"{plan.seed}/{record.id}")
        accepted = {q.question.strip(): q for q in record.questions}
        usable = [q for q in record.questions if q.answers and q.gold]
        seen: set[str] = set()
        for pair in pairs_of(record, usable, rng):
            if pair.whole in seen:
                continue
            seen.add(pair.whole)
            q = accepted[pair.whole.strip()]
            assert q.gold is not None
            place = _shift(record, q.gold, start)
            earlier = Earlier(pair.first.question, pair.first.answer)
            if whole:
                found.append(Question(pair.whole, q.answers, "whole", (place,)))
            else:
                said = pair.second.question
                found.append(Question(said, q.answers, "follow-ups", (place,), earlier))
    yield Asked(f"stories, {plan.part}", text, tuple(found))

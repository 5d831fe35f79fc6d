"""Units for the retrieval adapter: the passages that BM25 finds for a question, as one page.

The document is a record's text among other texts, cut into passages and searched as `evaluate`
does. Where the passages found do not answer a question, the right answer is an abstention.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab.evaluate.cases.case import Window
from lab.evaluate.cases.passages import Count, Cutter, Index, Passage, page_of
from lab.evaluate.cases.records import Question, Record
from lab.train.examples import (
    Mix,
    Source,
    Split,
    Unit,
    excerpt,
    has_answer,
    located,
    to_abstain,
    to_answer,
)

ENOUGH = 0.5  # fraction of the gold passage that counts as an answer without its words


@dataclass(frozen=True, slots=True)
class RagUnits:
    """A source's questions, each with what is retrieved for it."""

    source: Source
    count: Count
    tokens: int  # of a passage at most
    most: int  # passages shown
    others: int = 16  # texts around the record's, from the source and from books in turn
    characters: int = 8000  # of each of them at most

    @property
    def weight(self) -> float:
        """As often as the source itself."""
        return self.source.weight

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """The passages found for one question, and what else may be asked of them."""
        records = self.source.records
        record = rng.choices(records, [len(r.questions) for r in records])[0]
        own = {q: gold for q in record.questions if q.answers and (gold := located(record, q))}
        if not own:
            return None
        asked = rng.choice(list(own))
        found = self._found(record, asked, books, rng)
        answered = [q for q, gold in own.items() if _answers(found, record, q, gold)]
        strange = [q for q, gold in own.items() if not _overlap(found, gold) and q not in answered]
        if asked not in (*answered, *strange):
            return None
        chosen = rng.sample(answered, min(mix.questions, len(answered)))
        chosen += [asked] if asked in answered and asked not in chosen else []
        unanswered = [asked] if asked in strange else []
        near = [q for q in strange if q is not asked]
        missing = max(1, round(mix.unanswerable * len(chosen))) - len(unanswered)
        unanswered += rng.sample(near, min(len(near), max(0, missing)))
        answers = [to_answer(q.question, rng.choice(q.answers)) for q in chosen]
        return Unit(
            (page_of(found),),
            (*answers, *(to_abstain(q.question) for q in unanswered)),
            is_page=True,
            records=(record.id,),
        )

    def _found(
        self, record: Record, asked: Question, books: Sequence[str], rng: random.Random
    ) -> list[Passage]:
        """The best passages for a question in the order of the document; the record is number 0."""
        texts = [record.text]
        for number in range(self.others):
            other = rng.choice(self.source.records).text if number % 2 else rng.choice(books)
            if other != record.text:
                texts.append(excerpt(other, rng, self.characters))
        windows = [Window(number, 0, len(text), text) for number, text in enumerate(texts)]
        index = Index(Cutter(self.count, self.tokens).cut(windows))
        return index.in_order(index.ranked(asked.question)[: self.most])


def _overlap(found: Sequence[Passage], gold: tuple[int, int]) -> int:
    """Characters of the gold passage that are shown."""
    start, end = gold
    return sum(max(0, min(p.end, end) - max(p.start, start)) for p in found if p.record == 0)


def _answers(
    found: Sequence[Passage], record: Record, question: Question, gold: tuple[int, int]
) -> bool:
    """True when enough of the gold passage is shown, or a part of it with the answer's words."""
    start, end = gold
    if _overlap(found, gold) >= ENOUGH * (end - start):
        return True
    parts = [record.text[max(p.start, start) : min(p.end, end)] for p in found if p.record == 0]
    return has_answer(" ".join(parts), question)

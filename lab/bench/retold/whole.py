"""Summaries of whole texts at one length: quoted in several ways, and as the product makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.library import Library, OnProgress, quiet
from app.summaries.key_passages import most_central
from app.summaries.told import sentences_of, told
from ingest.readers import read_book
from lab.bench.plans import RetoldPlan
from lab.bench.retold.choosing import (
    Choose,
    bm25,
    by_chance,
    first_words,
    lead,
    passages,
    text_rank,
)
from lab.bench.retold.rouge import KINDS, rouge
from lab.bench.retold.tellings import Teller, Telling
from lab.bench.retold.unsupported import unsupported, written_small
from lab.evaluate.cases.records import each_record, read_lines
from lab.evaluate.scores import mean
from lab.train.answering.summaries import read_summarised
from memory_models.prompt import TELL

QUOTED: dict[str, Choose] = {
    "the beginning": lead,
    "by chance": by_chance,
    "TextRank": text_rank,
    "BM25": bm25(TELL),
    "key passages": passages,
}
Scores = dict[str, list[tuple[float, ...]]]


@dataclass(frozen=True, slots=True)
class Whole:
    """A text and the summaries that people wrote of all of it."""

    name: str
    text: str
    people: tuple[str, ...]


def retold(library: Library, plan: RetoldPlan, on_progress: OnProgress = quiet) -> dict[str, Any]:
    """ROUGE of every way of summing up, and what is not supported by the text, for 100 sentences.

    The stories are those that training leaves out. Books longer than `most_words` are left out, and
    the model tells the `told_books` shortest of the others.
    """
    stories = [Whole(s.id, s.text, s.summaries) for s in read_summarised(plan.data, held=True)]
    books = _books(plan.texts, plan.books, plan.most_words) if plan.texts and plan.books else []
    teller = Teller(library, on_progress) if plan.told else None
    found: dict[str, Any] = {"words of each summary, at most": plan.words}
    found |= _measured("stories", stories, plan.words, teller, len(stories))
    if books:
        found |= _measured("books", books, plan.words, teller, plan.told_books)
    return found


def _books(texts: Path, books: Path, most_words: int) -> list[Whole]:
    """Books with a summary, from two files; the shortest first."""
    about = dict(read_lines(texts, lambda raw: (raw["book_id"], (raw["title"], raw["summary"]))))
    known = [
        Whole(about[book.id][0], book.text, (about[book.id][1],))
        for book in each_record(books)
        if book.id in about and len(book.text.split()) <= most_words
    ]
    return sorted(known, key=lambda whole: len(whole.text))


def _measured(
    kind: str, wholes: Sequence[Whole], words: int, teller: Teller | None, tells: int
) -> dict[str, Any]:
    quoted: Scores = {}
    beside: Scores = {}
    against: dict[str, list[int]] = {}
    made = []
    for number, whole in enumerate(wholes):
        chapters = _chapters(whole)
        for name, choose in QUOTED.items():
            quoted.setdefault(name, []).append(_score(choose(chapters, words), whole.people))
        if teller is None or number >= tells:
            continue
        telling = teller.tell(whole.name, whole.text)
        made.append({"text": whole.name, "summary": telling.book.summary})
        for name, text in _told(telling, chapters, words).items():
            beside.setdefault(name, []).append(_score([text], whole.people))
        for name, counted in _unsupported(telling, chapters, words).items():
            known = against.setdefault(name, [0, 0])
            known[0], known[1] = known[0] + counted[0], known[1] + counted[1]
    found: dict[str, Any] = {f"{kind}: quoted, {len(wholes)} texts": _rows(quoted)}
    if beside:
        found[f"{kind}: generated, {len(made)} texts"] = _rows(beside)
        found[f"{kind}: names and numbers unsupported"] = [
            {"sentences by": name, "sentences": n, "for 100 sentences": 100 * wrong / max(1, n)}
            for name, (wrong, n) in against.items()
        ]
        found[f"{kind}: summaries"] = made
    return found


def _chapters(whole: Whole) -> list[str]:
    """The text of each chapter of the work itself."""
    book = read_book(whole.text.encode(), "text.txt")
    work = [c for c in book.chapters if c.matter == "main"] or list(book.chapters)
    return [book.text[c.start : c.end] for c in work]


def _score(texts: Sequence[str], people: Sequence[str]) -> tuple[float, ...]:
    """ROUGE and words, the mean of several texts."""
    rows = [(*rouge(text, people), float(len(text.split()))) for text in texts]
    return tuple(mean(column) for column in zip(*rows, strict=True))


def _rows(scores: Scores) -> list[dict[str, Any]]:
    names = (*KINDS, "words")
    return [
        {"way": way, **dict(zip(names, map(mean, zip(*found, strict=True)), strict=True))}
        for way, found in scores.items()
    ]


def _checked(telling: Telling) -> list[str]:
    return [
        part.text
        for w in telling.windows
        for part in told(w.said, w.text, (w.page_first, w.page_last))
    ]


def _told(telling: Telling, chapters: Sequence[str], words: int) -> dict[str, str]:
    """What the model tells, and as many words quoted."""
    said = [s for w in telling.windows for s in sentences_of(w.said)]
    book = [str(s["text"]) for s in telling.book.sentences]
    found = {
        "every segment told, unchecked": _shortened(said, words),
        "every segment told, checked": _shortened(_checked(telling), words),
        "the product's summary": _shortened(book, words),
    }
    for name in ("every segment told, checked", "the product's summary"):
        length = len(found[name].split())
        (found[f"key passages, as long as {name}"],) = passages(chapters, length)
    return found


def _shortened(sentences: Sequence[str], words: int) -> str:
    """The sentences that say most, as many as fit."""
    for count in range(len(sentences), 0, -1):
        text = " ".join(sentences[n] for n in most_central(sentences, count))
        if len(text.split()) <= words:
            return text
    return first_words(" ".join(sentences), words)


def _unsupported(
    telling: Telling, chapters: Sequence[str], words: int
) -> dict[str, tuple[int, int]]:
    """How many names and numbers are not in the source, and of how many sentences."""
    small = written_small(chapters)
    said = [(s, w.text) for w in telling.windows for s in sentences_of(w.said)]
    checked = [
        (part.text, w.text)
        for w in telling.windows
        for part in told(w.said, w.text, (w.page_first, w.page_last))
    ]
    book = [
        (str(s["text"]), _pages(telling, int(s["page_first"]), int(s["page_last"])))
        for s in telling.book.sentences
    ]
    quoted = [(s, " ".join(chapters)) for s in sentences_of(passages(chapters, words)[0])]
    pairs = {
        "every segment told, unchecked": said,
        "every segment told, checked": checked,
        "the product's summary": book,
        "key passages": quoted,
    }
    return {
        name: (sum(len(unsupported(s, source, small)) for s, source in found), len(found))
        for name, found in pairs.items()
    }


def _pages(telling: Telling, first: int, last: int) -> str:
    """The text of the segments on these pages."""
    inside = (w for w in telling.windows if w.page_first <= last and w.page_last >= first)
    return " ".join(w.text for w in inside)

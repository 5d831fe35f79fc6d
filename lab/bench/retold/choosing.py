"""Ways to choose sentences of a text: the first ones, by chance, TextRank, BM25, key passages.

Each gets the chapters of a text and a number of words, and returns that many words, quoted in the
text's order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from app.summaries.key_passages import book_passages, key_passages, sentences_of_text
from app.summaries.telling import WORD
from ingest.book import Page
from lab.evaluate.cases.passages import Index, Passage

SEEDS = 5  # of sentences chosen by chance; their scores are averaged
DAMPING, ROUNDS = 0.85, 40
RUN = 4  # sentences of one passage that BM25 looks for
Choose = Callable[[Sequence[str], int], list[str]]


def first_words(text: str, words: int) -> str:
    """The first `words` words of a text."""
    return " ".join(text.split()[:words])


def sentences(chapters: Sequence[str]) -> list[str]:
    """The sentences of all chapters, with single spaces."""
    return [
        " ".join(chapter[a:b].split())
        for chapter in chapters
        for a, b in sentences_of_text(chapter, 0, len(chapter))
    ]


def lead(chapters: Sequence[str], words: int) -> list[str]:
    """The beginning of the text."""
    return [first_words(" ".join(chapters), words)]


def by_chance(chapters: Sequence[str], words: int) -> list[str]:
    """Sentences drawn at random, once for each of SEEDS."""
    found = sentences(chapters)
    return [_quoted(found, _shuffled(len(found), seed), words) for seed in range(SEEDS)]


def text_rank(chapters: Sequence[str], words: int) -> list[str]:
    """TextRank (Mihalcea and Tarau 2004): sentences that share words with others that do."""
    found = sentences(chapters)
    return [_quoted(found, np.argsort(-_text_rank(found), kind="stable").tolist(), words)]


def bm25(question: str) -> Choose:
    """The passages that BM25 finds for a question, as a retrieving system would show them."""

    def choose(chapters: Sequence[str], words: int) -> list[str]:
        found = sentences(chapters)
        runs = [" ".join(found[n : n + RUN]) for n in range(0, len(found), RUN)]
        index = Index([Passage(0, n, n + 1, run) for n, run in enumerate(runs)])
        return [_quoted(runs, index.ranked(question), words)]

    return choose


def passages(chapters: Sequence[str], words: int) -> list[str]:
    """Key passages, as many as make the wished number of words."""
    known: dict[tuple[int, int], list[str]] = {}

    def of_chapter(number: int, count: int) -> list[str]:
        text, key = chapters[number], (number, count)
        if key not in known:
            pages = [Page(1, "1", 0, max(1, len(text)))]
            known[key] = [p.text for p in key_passages(text, 0, len(text), pages, count)]
        return known[key]

    found = ""
    for count in range(ceil(words / 40), words + 1):
        chosen = book_passages(range(len(chapters)), of_chapter, count, str)
        found = " ".join(chosen)
        if len(found.split()) >= words:
            break
    return [first_words(found, words)]


def _quoted(found: Sequence[str], ranked: Sequence[int], words: int) -> str:
    """The first of the ranked sentences that make up so many words, in the text's order."""
    taken: list[int] = []
    length = 0
    for number in ranked:
        if length >= words:
            break
        taken.append(number)
        length += len(found[number].split())
    return first_words(" ".join(found[n] for n in sorted(taken)), words)


def _shuffled(count: int, seed: int) -> list[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order


def _text_rank(found: Sequence[str]) -> NDArray[np.float32]:
    """PageRank over sentences, joined by the words that they share, as in the paper."""
    bags = [{word.casefold() for word in WORD.findall(sentence)} for sentence in found]
    known = {word: n for n, word in enumerate(sorted(set().union(*bags)))}
    has = np.zeros((len(bags), len(known)), dtype=np.float32)
    for n, bag in enumerate(bags):
        has[n, [known[word] for word in bag]] = 1
    sizes = np.array([log(len(bag)) if len(bag) > 1 else 0.0 for bag in bags], dtype=np.float32)
    links = has @ has.T
    links /= np.maximum(sizes[:, None] + sizes[None, :], 0.1)
    np.fill_diagonal(links, 0)
    links /= np.maximum(links.sum(axis=1, keepdims=True), 1e-6)
    rank: NDArray[np.float32] = np.full(len(bags), 1 / max(1, len(bags)), dtype=np.float32)
    for _ in range(ROUNDS):
        rank = np.float32((1 - DAMPING) / max(1, len(bags))) + np.float32(DAMPING) * (rank @ links)
    return rank

"""Ways to choose sentences of a text: the first ones, by chance, TextRank, BM25, key passages.

Each gets the text and a number of words, and returns that many words quoted in the text's order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from app.summaries.key_passages import key_passages, sentences_of_text
from app.summaries.telling import WORD
from ingest.book import Page
from lab.evaluate.cases.passages import Index, Passage

SEEDS = 5  # of sentences chosen by chance; their scores are averaged
DAMPING, ROUNDS = 0.85, 40
Choose = Callable[[str, int], list[str]]


def first_words(text: str, words: int) -> str:
    """The first `words` words of a text."""
    return " ".join(text.split()[:words])


def sentences(text: str) -> list[str]:
    """The sentences of a text, with single spaces."""
    return [" ".join(text[a:b].split()) for a, b in sentences_of_text(text, 0, len(text))]


def lead(text: str, words: int) -> list[str]:
    """The beginning of the text."""
    return [first_words(text, words)]


def by_chance(text: str, words: int) -> list[str]:
    """Sentences drawn at random, once for each of SEEDS."""
    found = sentences(text)
    return [_quoted(found, _shuffled(len(found), seed), words) for seed in range(SEEDS)]


def text_rank(text: str, words: int) -> list[str]:
    """TextRank (Mihalcea and Tarau 2004): sentences that share words with others that do."""
    found = sentences(text)
    return [_quoted(found, np.argsort(-_text_rank(found), kind="stable").tolist(), words)]


def bm25(question: str, passages: bool = False) -> Choose:
    """What BM25 finds for a question: sentences, or rows of four sentences."""

    def choose(text: str, words: int) -> list[str]:
        found = sentences(text)
        size = 4 if passages else 1
        runs = [" ".join(found[n : n + size]) for n in range(0, len(found), size)]
        index = Index([Passage(0, n, n + 1, run) for n, run in enumerate(runs)])
        return [_quoted(runs, index.ranked(question), words)]

    return choose


def passages_of_length(text: str, words: int) -> list[str]:
    """Key passages, as many as make the wished number of words."""
    pages = [Page(1, "1", 0, max(1, len(text)))]
    average = max(1, words // 20)
    for count in range(max(1, average // 2), words + 1):
        found = " ".join(p.text for p in key_passages(text, 0, len(text), pages, count))
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


def _text_rank(found: Sequence[str]) -> NDArray[np.float64]:
    """PageRank over sentences, joined by the words that they share, as in the paper."""
    bags = [{word.casefold() for word in WORD.findall(sentence)} for sentence in found]
    known = {word: n for n, word in enumerate(sorted(set().union(*bags)))}
    has = np.zeros((len(bags), len(known)), dtype=np.float32)
    for n, bag in enumerate(bags):
        has[n, [known[word] for word in bag]] = 1
    sizes = np.array([log(len(bag)) if len(bag) > 1 else 0.0 for bag in bags])
    shared = (has @ has.T).astype(np.float64)
    weight = sizes[:, None] + sizes[None, :]
    links = np.divide(shared, weight, out=np.zeros_like(shared), where=weight > 0)
    np.fill_diagonal(links, 0)
    out = links.sum(axis=1, keepdims=True)
    moves = np.divide(links, out, out=np.full_like(links, 1 / max(1, len(bags))), where=out > 0)
    rank = np.full(len(bags), 1 / max(1, len(bags)))
    for _ in range(ROUNDS):
        rank = (1 - DAMPING) / max(1, len(bags)) + DAMPING * (rank @ moves)
    return rank

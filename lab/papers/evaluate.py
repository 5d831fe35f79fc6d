"""What a trained system predicts on held-out books: nats of every token, and means of them.

Books are read as rows of one batch, each from its start in whole windows, the state carried. The
perplexity of names is that of exactly the tokens of invented names (names.py), by how many windows
ago the same name was last mentioned; first mentions do not count. In books with echoes
(data.echoed) it is that of the echoed tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from lab.papers.data import FIRST_MENTION, Corpus
from lab.papers.train import busy_seconds, cross_entropy, precision
from memory_models.errors import BadData
from memory_models.papers.system import AnySystem, state_floats

Nats = npt.NDArray[np.float32]
DISTANCES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, math.inf)  # in windows
POSITIONS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # first windows of the ranges


@dataclass(frozen=True, slots=True)
class Reading:
    """Nats of tokens 1, 2, ... of each book read; how fast; what the state held at the end."""

    books: tuple[int, ...]  # indices into the corpus
    nats: tuple[Nats, ...]
    tokens_per_second: float  # of `busy_seconds`
    floats: int


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean nats of `count` tokens; `low` to `high` is the range that it belongs to."""

    low: float
    high: float
    count: int
    nats: float

    @property
    def perplexity(self) -> float:
        return math.exp(self.nats)


@torch.no_grad()
def read_books(
    system: AnySystem,
    corpus: Corpus,
    tokens: int,
    bfloat16: bool,
    rows: int,
    on_window: Callable[[int, int], None] = lambda done, total: None,
) -> Reading:
    """Read the first `tokens` tokens of every book, `rows` books at once."""
    W = system.window
    lengths = [min(tokens, len(corpus.book(i)) - 1) // W for i in range(corpus.books)]
    order = sorted((i for i, n in enumerate(lengths) if n), key=lambda i: -lengths[i])
    if not order:
        raise BadData(f"No book has a window of {W} tokens.")
    nats: dict[int, Nats] = {}
    total, done, seconds, floats = sum(lengths), 0, 0.0, 0
    for first in range(0, len(order), rows):
        group = order[first : first + rows]
        books = [corpus.book(i)[: lengths[i] * W + 1] for i in group]
        started = busy_seconds(system)
        found, held = _read_rows(system, books, bfloat16)
        seconds += busy_seconds(system) - started
        floats = max(floats, held)
        nats |= dict(zip(group, found, strict=True))
        done += sum(lengths[i] for i in group)
        on_window(done, total)
    read = tuple(sorted(nats))
    speed = sum(map(len, nats.values())) / seconds
    return Reading(read, tuple(nats[i] for i in read), speed, floats)


def _read_rows(
    system: AnySystem, books: Sequence[npt.NDArray[np.uint16]], bfloat16: bool
) -> tuple[list[Nats], int]:
    """Nats of each book; after a book's end its row reads zeros, which are not counted."""
    W, B = system.window, len(books)
    length = max(len(book) for book in books)
    padded = np.zeros((B, length), dtype=np.int64)
    for row, book in enumerate(books):
        padded[row, : len(book)] = book
    tokens = torch.from_numpy(padded).to(system.decoder.device)
    state = system.empty(B)
    parts = []
    for start in range(0, length - 1, W):
        window = tokens[:, start : start + W + 1]
        with precision(system, bfloat16):
            logits, state = system(window[:, :-1], state)
        parts.append(cross_entropy(logits, window[:, 1:]).cpu())
    found = torch.cat(parts, dim=1).numpy()
    nats = [found[row, : len(book) - 1] for row, book in enumerate(books)]
    return nats, state_floats(system, state)


def overall(reading: Reading) -> Mean:
    """Mean over all tokens of all books."""
    return _mean(0, math.inf, np.concatenate(reading.nats))


def by_position(reading: Reading, window: int) -> list[Mean]:
    """Mean nats by place in the book, in windows."""
    edges = [*POSITIONS, math.inf]
    every = np.concatenate(reading.nats)
    place = np.concatenate([np.arange(len(nats)) // window for nats in reading.nats])
    return _ranges(edges, place, every)


def by_distance(reading: Reading, corpus: Corpus, window: int) -> list[Mean]:
    """Mean nats of names after their first mention, by windows since their last."""
    nats, distance = _names(reading, corpus)
    return _ranges(DISTANCES, distance / window, nats)


def names_after_first(reading: Reading, corpus: Corpus) -> Mean:
    """Mean nats of all names after their first mention."""
    return _mean(0, math.inf, _names(reading, corpus)[0])


def names_beyond(reading: Reading, corpus: Corpus, tokens: int) -> Mean:
    """The same for names whose last mention is more than this many tokens ago."""
    nats, distance = _names(reading, corpus)
    return _mean(float(tokens), math.inf, nats[distance > tokens])


def _names(reading: Reading, corpus: Corpus) -> tuple[Nats, npt.NDArray[np.int64]]:
    """Nats and distances of the tokens of names that were mentioned before."""
    pairs = zip(reading.books, reading.nats, strict=True)
    distances = [corpus.distances(book)[1 : len(nats) + 1] for book, nats in pairs]
    distance = np.concatenate(distances).astype(np.int64)
    every = np.concatenate(reading.nats)
    named = distance > FIRST_MENTION
    return every[named], distance[named]


def _ranges(
    edges: Sequence[float], place: npt.NDArray[np.float64] | npt.NDArray[np.int64], nats: Nats
) -> list[Mean]:
    means = [
        _mean(low, high, nats[(place >= low) & (place < high)]) for low, high in pairwise(edges)
    ]
    return [mean for mean in means if mean.count]


def _mean(low: float, high: float, nats: Nats) -> Mean:
    return Mean(low, high, len(nats), float(nats.mean(dtype=np.float64)) if len(nats) else 0.0)

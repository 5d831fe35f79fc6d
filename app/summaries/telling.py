"""Which sentences of a chapter people would tell: a score learned from summaries by people.

What is measured of a sentence needs no other text than its chapter: how many words it has, how
near they are to those of the whole chapter, how often the chapter says them, how many are names,
and where the sentence stands. Each is compared with the chapter's other sentences. The weights are
a ridge regression on the sentences that summaries of 45 stories (SQuALITY) and 25 meetings (QMSum)
tell; none of those are among the texts that docs/results.md measures. No word is known beforehand,
so other languages are scored in the same way; a script without capitals has no names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

WORD = re.compile(r"[^\W\d_]{2,}")
WEIGHTS = {
    "length": 1.119,
    "length squared": -0.166,
    "centrality": -0.7,
    "centrality times length": 0.264,
    "names": 0.091,
    "place": -0.133,
    "place squared": 0.422,
    "frequency": 1.105,
}
_TOGETHER = 3  # sentences that one part of a chapter gives
_RARE = 4  # a name is written with a small letter less than once in so many times


def most_telling(sentences: Sequence[str], alone: Sequence[bool], count: int) -> list[int]:
    """The indices of at most ``count`` sentences, in order, from all parts of the chapter.

    alone: whether a sentence can stand alone; others are taken only where none can.
    """
    allowed = [n for n in range(len(sentences)) if alone[n]] or list(range(len(sentences)))
    if not allowed or count < 1:
        return []
    scores = telling(sentences)
    parts = -(-count // _TOGETHER)
    within: list[list[int]] = [[] for _ in range(parts)]
    for n, place in enumerate(_places(sentences)):
        within[min(int(place * parts), parts - 1)].append(n)
    may = set(allowed)
    chosen: list[int] = []
    for number, part in enumerate(within):
        share = count // parts + (number < count % parts)
        ranked = sorted((n for n in part if n in may), key=lambda n: -scores[n])
        chosen += ranked[:share]
    return sorted(chosen)


def telling(sentences: Sequence[str]) -> list[float]:
    """How much each sentence of a chapter tells; more is better."""
    words = [WORD.findall(sentence) for sentence in sentences]
    bags = [Counter(word.casefold() for word in found) for found in words]
    said: Counter[str] = Counter()
    for bag in bags:
        said.update(bag)
    length = _compared([log(max(1, len(found))) for found in words])
    near = _compared(centrality(sentences))
    names = _compared(_names(words))
    often = _compared(
        [sum(log(said[w]) * n for w, n in bag.items()) / max(1, bag.total()) for bag in bags]
    )
    measured = {
        "length": length,
        "length squared": [value**2 for value in length],
        "centrality": near,
        "centrality times length": [a * b for a, b in zip(near, length, strict=True)],
        "names": names,
        "place": [place - 0.5 for place in _places(sentences)],
        "place squared": [(place - 0.5) ** 2 for place in _places(sentences)],
        "frequency": often,
    }
    rows = zip(*(measured[name] for name in WEIGHTS), strict=True)
    return [sum(w * v for w, v in zip(WEIGHTS.values(), row, strict=True)) for row in rows]


def centrality(sentences: Sequence[str]) -> list[float]:
    """How near each sentence's words are to those of all together, from 0 to 1."""
    bags = [Counter(word.casefold() for word in WORD.findall(s)) for s in sentences]
    spread = Counter(word for bag in bags for word in bag)
    idf = {word: log(1 + len(bags) / times) for word, times in spread.items()}
    total: Counter[str] = Counter()
    vectors = []
    for bag in bags:
        vector = {word: times * idf[word] for word, times in bag.items()}
        length = sqrt(sum(value * value for value in vector.values())) or 1.0
        vectors.append({word: value / length for word, value in vector.items()})
        for word, value in vectors[-1].items():
            total[word] += value  # type: ignore[assignment]  # a Counter adds floats as well
    size = sqrt(sum(value * value for value in total.values())) or 1.0
    return [sum(value * total[w] for w, value in vector.items()) / size for vector in vectors]


def _places(sentences: Sequence[str]) -> list[float]:
    """Where each sentence begins, from 0 to 1."""
    size = max(1, sum(map(len, sentences)))
    places, at = [], 0
    for sentence in sentences:
        places.append(at / size)
        at += len(sentence)
    return places


def _names(words: Sequence[Sequence[str]]) -> list[float]:
    """How many names each sentence has, for its length: words that keep their capital inside it."""
    inside = Counter(w for found in words for w in found[1:] if w[0].isupper())
    small = Counter(w for found in words for w in found if w[0].islower())
    names = {w for w, n in inside.items() if n > 1 and small[w.casefold()] * _RARE < n}
    return [len(names.intersection(found)) / sqrt(max(1, len(found))) for found in words]


def _compared(values: Sequence[float]) -> list[float]:
    """Values as distances from their mean, in standard deviations."""
    mean = sum(values) / max(1, len(values))
    spread = sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values)))
    return [(value - mean) / spread if spread > 1e-9 else 0.0 for value in values]

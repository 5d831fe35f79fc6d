"""Key passages: the sentences that matter most, as they stand in the text, with their pages.

A generated summary may say what is not there; a quotation cannot. A sentence counts by how much its
words are those of the whole chapter (tf-idf, cosine with the chapter's sum), and the chapter is
divided into equal parts that give one sentence each, so that they are spread over it. On SQuALITY
no other score tried was better (docs/experiments/summaries.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

from ingest.book import Page
from ingest.cuts import sentence_ends
from ingest.pages import PageIndex

LENGTHS = {"sentence": 1, "paragraph": 5, "page": 14}
"""How many sentences a chapter gets."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST, _MOST = 6, 60  # words of a sentence that may stand alone
# A sentence that begins so speaks of somebody whom it does not name.
_LEANING = frozenset(
    _WORD.findall(
        """he she it they we you this that these those his her hers its their theirs him them such
        so then there here but and or nor yet for because which who whose what thus hence
        therefore however meanwhile instead otherwise also too"""
    )
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of the text, text[start:end], and where it stands."""

    text: str
    start: int
    end: int
    page_first: int
    page_last: int
    label_first: str
    label_last: str

    def to_dict(self) -> dict[str, Any]:
        """The passage as `summarize --json` prints it."""
        return {"text": self.text, "page_first": self.page_first, "page_last": self.page_last}


def key_passages(
    text: str, start: int, end: int, pages: Sequence[Page], count: int
) -> list[Passage]:
    """At most ``count`` sentences of text[start:end], in their order."""
    sentences = _sentences(text, start, end)
    chosen = most_central([text[a:b] for a, b in sentences], count)
    index = PageIndex(pages)
    return [_passage(text, *sentences[n], index) for n in chosen]


def most_central(sentences: Sequence[str], count: int) -> list[int]:
    """Which of some sentences say most of what all of them say, one from each equal part."""
    if not sentences:
        return []
    scores = _centrality(sentences)
    alone = [stands_alone(sentence) for sentence in sentences]
    count = min(count, len(sentences))
    size = sum(map(len, sentences)) / count
    parts: list[list[int]] = [[] for _ in range(count)]
    at = 0
    for n, sentence in enumerate(sentences):
        if alone[n]:
            parts[min(int(at / size), count - 1)].append(n)
        at += len(sentence)
    chosen = [max(part, key=lambda n: scores[n]) for part in parts if part]
    return chosen or [max(range(len(sentences)), key=lambda n: scores[n])]


def stands_alone(sentence: str) -> bool:
    """Whether a sentence can be understood without the one before it, as far as rules can tell."""
    words = _WORD.findall(sentence)
    if not _FEWEST <= len(words) <= _MOST:
        return False
    bare = sentence.lstrip("\"'“‘«( ")
    speech = len(bare) < len(sentence) and not sentence.rstrip().endswith((".", "!", "?"))
    return words[0].casefold() not in _LEANING and not speech


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without white space around it."""
    found: list[tuple[int, int]] = []
    at = start
    for stop in [*(start + e for e in sentence_ends(text[start:end])), end]:
        part = text[at:stop]
        bare = part.strip()
        if bare and any(character.isalpha() for character in bare):
            begin = at + len(part) - len(part.lstrip())
            found.append((begin, begin + len(bare)))
        at = stop
    return found


def _centrality(sentences: Sequence[str]) -> list[float]:
    """How near each sentence's words are to those of all together, from 0 to 1."""
    bags = [Counter(word.casefold() for word in _WORD.findall(s)) for s in sentences]
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


def _passage(text: str, start: int, end: int, pages: PageIndex) -> Passage:
    first, last = pages.of(start, end)
    words = " ".join(text[start:end].split())
    return Passage(words, start, end, first.number, last.number, first.label, last.label)

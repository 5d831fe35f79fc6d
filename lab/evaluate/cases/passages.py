"""Passages: a long document cut at sentence ends and searched with BM25.

The comparator of every table: retrieval with the passages in document order (the strong simple
form, arXiv 2506.03989). The sentences of a window are cut once, for all documents that contain it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import bm25s  # type: ignore[import-untyped]
import numpy as np
import Stemmer  # type: ignore[import-not-found, unused-ignore]
from numpy.typing import NDArray

from lab.evaluate.cases.case import Window
from memory_models.errors import InvalidRequest

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it reports every index by default

Count = Callable[[str], int]
TOKENS, MOST = 128, 4  # of a passage, and passages shown, where nothing else is asked for

_ENDS = re.compile(r"(?<=[.!?])[\"”’)\]]*\s+|\n\s*\n\s*")
_WORD = re.compile(r"\s*\S+\s*")


def sentences(text: str) -> list[str]:
    """The text's sentences, each with the white space after it; joined they are the text."""
    cuts = [0, *(m.end() for m in _ENDS.finditer(text) if m.end() < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(cuts) if a < b]


@dataclass(frozen=True, slots=True)
class Passage:
    """Sentences in a row: characters `start` to `end` of a record."""

    record: int
    start: int
    end: int
    text: str


def page_of(passages: Sequence[Passage]) -> str:
    """Passages as one text."""
    return "\n\n".join(passage.text.strip() for passage in passages)


class Cutter:
    """Cuts documents into passages of at most `tokens` tokens."""

    def __init__(self, count: Count, tokens: int) -> None:
        if tokens < 8:
            raise InvalidRequest(f"Passages of {tokens} tokens are too short; take 8 or more.")
        self._count = count
        self._tokens = tokens
        self._known: dict[str, list[tuple[str, int]]] = {}

    def cut(self, windows: Sequence[Window]) -> list[Passage]:
        """Cut windows into passages; a passage may cross a window's edge, never a record's."""
        passages: list[Passage] = []
        used = self._tokens
        for window in windows:
            start = window.start
            for sentence, tokens in self._sentences(window.text):
                last = passages[-1] if passages else None
                if (
                    last is None
                    or (last.record, last.end) != (window.record, start)
                    or used + tokens > self._tokens
                ):
                    passages.append(Passage(window.record, start, start + len(sentence), sentence))
                    used = tokens
                else:
                    passages[-1] = Passage(
                        last.record, last.start, last.end + len(sentence), last.text + sentence
                    )
                    used += tokens
                start += len(sentence)
        return passages

    def _sentences(self, text: str) -> list[tuple[str, int]]:
        if text not in self._known:
            self._known[text] = [
                (part, self._count(part)) for whole in sentences(text) for part in self._fit(whole)
            ]
        return self._known[text]

    def _fit(self, sentence: str) -> Iterator[str]:
        """The sentence, or runs of its words where it is too long."""
        if self._count(sentence) <= self._tokens:
            yield sentence
            return
        run, used = "", 0
        for word in _WORD.findall(sentence):
            tokens = self._count(word)
            if run and used + tokens > self._tokens:
                yield run
                run, used = "", 0
            run, used = run + word, used + tokens
        yield run


class Index:
    """BM25 over passages, with English stop words left out and words stemmed."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = passages
        self._stemmer = Stemmer.Stemmer("english")
        self._bm25 = bm25s.BM25()
        self._bm25.index(self._words([p.text for p in passages]), show_progress=False)

    def _words(self, texts: list[str]) -> list[list[str]]:
        words: list[list[str]] = bm25s.tokenize(
            texts, stopwords="en", stemmer=self._stemmer, return_ids=False, show_progress=False
        )
        return words

    def in_order(self, chosen: Sequence[int]) -> list[Passage]:
        """The passages with these indices, in the order of the document."""
        return [self.passages[i] for i in sorted(chosen)]

    def scores(self, question: str) -> NDArray[np.float64]:
        """The BM25 score of each passage for the question's words."""
        words = self._words([question])[0]
        found = self._bm25.get_scores(words) if words else np.zeros(len(self.passages))
        return np.asarray(found, dtype=np.float64)

    def ranked(self, question: str) -> list[int]:
        """Indices of all passages, best first; equal scores in document order."""
        return [int(i) for i in np.argsort(-self.scores(question), kind="stable")]

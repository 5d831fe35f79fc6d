"""Evidence: the sentences of the opened segments that a state's own attention points at.

The last token of a question's prompt attends to the kept slots of each opened segment. That
attention, summed over a sentence's tokens, says where the memory looked; the words that question
and sentence share say how well it fits. Both are scaled by their largest and added up.
The stored text is only shown. It is never given to the model.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ingest.cuts import sentence_ends
from memory_models.memory import Span
from memory_models.tokenizer import Tokenizer

MOST = 5  # pieces of evidence for an answer
EARLIER = 0.5  # weight of a word that only the earlier turn has
WORD_LENGTH = 6  # words added to a sentence's length, so that short ones do not win by it
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class OpenedText:
    """The stored text of an opened segment; `start` is its offset in the document's text."""

    segment: int
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an opened segment: its characters there, its tokens, its weight, its text."""

    segment: int
    start: int
    end: int
    first: int  # tokens first <= t < last
    last: int
    weight: float
    text: str = ""

    @property
    def span(self) -> Span:
        """The tokens of the sentence."""
        return Span(self.segment, self.first, self.last)


def rank_sentences(
    question: str,
    texts: Sequence[OpenedText],
    pointed: Mapping[int, Tensor],
    tokenizer: Tokenizer,
    earlier: str = "",
) -> list[Sentence]:
    """All sentences of the opened segments, best first; weights add up to 1.

    pointed: attention [window] on each token of a segment (`Reading.pointed`); earlier: the turn
    that the question follows, whose words count less.
    """
    plain = [
        sentence
        for text in texts
        for sentence in _sentences(text, pointed[text.segment], tokenizer)
    ]
    words = [set(_words(sentence.text)) for sentence in plain]
    shared = _scaled(_word_scores(question, earlier, words))
    attended = _scaled([sentence.weight for sentence in plain])
    scores = [a + w for a, w in zip(attended, shared, strict=True)]
    total = sum(scores) or 1.0
    ranked = [replace(s, weight=score / total) for s, score in zip(plain, scores, strict=True)]
    return sorted(ranked, key=lambda s: (-s.weight, s.segment, s.start))


def joined(sentences: Sequence[Sentence], most: int = MOST) -> list[Sentence]:
    """The best `most` sentences, adjacent ones as one with their weights added; best first."""
    pieces: list[Sentence] = []
    for sentence in sorted(sentences[:most], key=lambda s: (s.segment, s.start)):
        before = pieces[-1] if pieces else None
        if before and (before.segment, before.end) == (sentence.segment, sentence.start):
            pieces[-1] = replace(
                before,
                end=sentence.end,
                last=sentence.last,
                weight=before.weight + sentence.weight,
                text=before.text + sentence.text,
            )
        else:
            pieces.append(sentence)
    return sorted(pieces, key=lambda s: (-s.weight, s.segment, s.start))


def _sentences(text: OpenedText, mass: Tensor, tokenizer: Tokenizer) -> Iterator[Sentence]:
    """Sentences with their attention: the sum over tokens / sqrt(number of tokens)."""
    offsets = tokenizer.offsets(text.text)
    weights = mass[: len(offsets)].tolist()
    first, start = 0, 0
    for end in [*sentence_ends(text.text), len(text.text)]:
        if end <= start:
            continue
        last = first
        while last < len(offsets) and offsets[last][0] < end:
            last += 1
        said = text.text[start:end]
        if last > first and said.strip():
            weight = sum(weights[first:last]) / math.sqrt(last - first)
            yield Sentence(text.segment, start, end, first, last, weight, said)
        first, start = last, end


def _word_scores(question: str, earlier: str, words: Sequence[set[str]]) -> list[float]:
    """Rarity of the question's words in each sentence / sqrt(6 + its words)."""
    asked, before = set(_words(question)), set(_words(earlier))
    count = Counter(word for sentence in words for word in sentence)
    rarity = {
        word: math.log(1 + (len(words) - count[word] + 0.5) / (count[word] + 0.5))
        for word in asked | before
    }
    rarity |= {word: EARLIER * rarity[word] for word in before - asked}
    return [
        sum(rarity[word] for word in sentence & rarity.keys())
        / math.sqrt(WORD_LENGTH + len(sentence))
        for sentence in words
    ]


def _scaled(scores: Sequence[float]) -> list[float]:
    largest = max(scores, default=0.0)
    return [score / largest for score in scores] if largest > 0 else [0.0] * len(scores)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())

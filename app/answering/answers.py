"""One answer: two looks at the state, the stream of text, and what can be said about it afterwards.

The first look opens the segments that the question addresses. Its attention says which sentences
answer (`app/answering/evidence.py`). The second look sees only the best sentence's kept slots and
some tokens around them, so that what stands side by side in a segment is not confused. Both looks
together decide whether there is an answer. The second one gives it, unless it is much less sure
than the first one that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from app.answering.confidence import (
    Confidence,
    Looks,
    Signals,
    Word,
    answerable,
    word_shares,
)
from app.answering.conversation import Turn
from app.answering.evidence import MOST, OpenedText, Sentence, rank_sentences
from memory_models.generate import (
    Abstention,
    Decoding,
    Mixture,
    Trace,
    answerability_logit,
    generate,
)
from memory_models.memory import Reading, Span
from memory_models.prompt import Prompt
from memory_models.tokenizer import Tokenizer

NOT_SUPPORTED = "(The document does not clearly support this answer.)"
NO_ANSWER = "The document does not seem to answer this."
NOT_FOUND = "I did not find this in the document."
CLOSEST = "The passages that come closest:"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the memory looked: a window's share of the attention, its pages and its text."""

    segment: int
    chapter: int
    page_first: int
    page_last: int
    weight: float
    text: str
    label_first: str = ""
    label_last: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sentences of the stored text that the state's attention points at.

    start, end: characters of the document's text; weight: share of all opened sentences' scores.
    """

    text: str
    start: int
    end: int
    segment: int
    chapter: int
    page_first: int
    page_last: int
    label_first: str
    label_last: str
    weight: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, as `bookstate ask --json` prints it."""

    answer: str
    confidence: float
    confidence_word: Word
    supported: bool
    notice: str  # what must be said of an answer that is not supported, else empty
    sources: list[Source]
    evidence: list[Evidence]  # best first, at most five
    first_token_seconds: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @property
    def hedged(self) -> str:
        """The answer as people read it: a guess says that it is one."""
        if self.answer == NOT_FOUND:
            return f"{NOT_FOUND} {CLOSEST}" if self.evidence else NOT_FOUND
        if not self.answer:
            return self.notice
        return f"Perhaps: {self.answer}" if self.confidence_word == "guess" else self.answer


class AnswerStream:
    """Iterate for pieces of text; afterwards (also when stopped early) ask for `finish()`."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        open_reading: Callable[[], Reading],
        read_texts: Callable[[Sequence[int]], Sequence[OpenedText]],
        question: str,
        prompt: Prompt,
        decoding: Decoding,
        confidence: Confidence,
        note: str = "",
        abstention: Abstention | None = None,
        reading_id: str = "",
        looks: Looks = Looks(),  # noqa: B008 - frozen
        after: Turn | None = None,
        windows: int = 8,
    ) -> None:
        self.windows = windows  # most that are opened
        self.reading_id = reading_id  # of the state that answers
        self.note = note  # what a person must know about the part of the book that was asked
        self._tokenizer = tokenizer
        self._open_reading = open_reading
        self._read_texts = read_texts
        self._question = question
        self._prompt = prompt
        self._decoding = decoding
        self._confidence = confidence
        self._abstention = abstention
        self._how = looks
        self.after = after  # the turn that the question follows
        self._started = perf_counter()
        self._first_token_seconds = 0.0
        self._mass: dict[int, float] = {}
        self._answerability = 1.0  # by the first look
        self._second = 1.0  # by the second look, or by the first where there is no other
        self._agrees = False  # both looks begin with the same token
        self._looked_at = 0  # sentences that are rows of the look that answers
        self._row = (-1, 0.0)  # the first look's heaviest row: its segment and its weight
        self.sentences: list[Sentence] = []  # of the opened segments, best first
        self.trace = Trace()

    def __iter__(self) -> Iterator[str]:
        """Pieces of the answer as they are made."""
        reading, mixture = self._looks()
        if self.abstains:
            self._first_token_seconds = perf_counter() - self._started
            yield NOT_FOUND
            return
        shown = ""
        for _ in generate(mixture, self._tokenizer.chat.stops, self._decoding, self.trace):
            if len(self.trace.tokens) == 1:
                self._first_token_seconds = perf_counter() - self._started
            else:  # a token's own attention is known once it has been fed
                self._look(reading, mixture)
            text = self._tokenizer.decode(self.trace.tokens).lstrip()
            if not text.endswith("\ufffd") and len(text) > len(shown):  # half a character waits
                yield text[len(shown) :]
                shown = text
        if self.trace.tokens:
            self._look(reading, mixture)
        self._put_first()
        rest = self._tokenizer.decode(self.trace.tokens).lstrip()[len(shown) :]
        if rest:
            yield rest

    def _looks(self) -> tuple[Reading, Mixture]:
        """The reading that answers, its prompt read: of the second look if it is sure enough."""
        reading = self._open_reading()
        decides = self._abstention and replace(self._abstention, threshold=0.0)
        mixture = self._asked(reading, decides)
        self._look(reading, mixture)
        self._answerability = self._second = mixture.answerability
        self._agrees = True
        weights = mixture.log_weights.exp().tolist()
        pointed = reading.pointed(weights)
        if pointed:
            self._rank(pointed, dict(zip(pointed, weights, strict=False)))
        if not (self.sentences and decides and self._how.second):
            return reading, mixture
        second = self._second_reading(reading)
        if second is None:
            return reading, mixture
        again = self._asked(second, replace(decides, weight=self._how.decided))
        self._second = again.answerability
        self._agrees = int(again.next.argmax()) == int(mixture.next.argmax())
        if self.abstains or again.answerability < mixture.answerability - self._how.less_sure:
            return reading, mixture
        self._looked_at = len(second.prior)
        return second, again

    def _second_reading(self, reading: Reading) -> Reading | None:
        """The best sentences with some tokens around them, a row each; their weights as prior."""
        margin, best = self._how.margin, self.sentences[: self._how.sentences]
        spans = [Span(s.segment, max(0, s.first - margin), s.last + margin) for s in best]
        prior = torch.tensor([s.weight for s in best]).clamp_min(1e-6).log()
        return reading.focused(*spans, prior=prior)

    def _rank(self, pointed: Mapping[int, Tensor], weights: Mapping[int, float]) -> None:
        """Find the sentences that the first look points at; weights: of the rows, by segment."""
        self.sentences = rank_sentences(
            self._question,
            self._read_texts(sorted(pointed)),
            pointed,
            self._tokenizer,
            self.after.text if self.after else "",
        )
        self._row = max(weights.items(), key=lambda item: item[1])

    def _asked(self, reading: Reading, abstention: Abstention | None) -> Mixture:
        mixture = Mixture(reading, abstention)
        mixture.prefill(self._prompt.tokens, self._prompt.question)
        return mixture

    def _look(self, reading: Reading, mixture: Mixture) -> None:
        for segment, mass in reading.attended(mixture.log_weights.exp().tolist()).items():
            self._mass[segment] = self._mass.get(segment, 0.0) + mass

    def _put_first(self) -> None:
        """Put the sentence that answers before those that were thought to answer better."""
        weights = self.trace.weights
        if self._looked_at < 2 or len(weights) != self._looked_at:
            return
        best = max(range(len(weights)), key=lambda row: weights[row])
        self.sentences.insert(0, self.sentences.pop(best))

    @property
    def confidence(self) -> float:
        """Calibrated probability that the answer is right; where there is none, that there is."""
        return self._confident(self.signals())

    def _confident(self, signals: Signals) -> float:
        if self.abstains:
            return self._answerable
        return self._confidence.of(signals) if self.trace.log_probs else 0.0

    def signals(self) -> Signals:
        """What is known about the answer so far."""
        best = [sentence.weight for sentence in self.sentences[:2]]
        first = best[0] if best else 0.0
        same = bool(best) and self.sentences[0].segment == self._row[0]
        return Signals(
            log_prob=self.trace.log_prob,
            gain=self.trace.gain,
            answerability=answerability_logit(self._answerability),
            second=answerability_logit(self._second),
            agrees=float(self._agrees),
            row=self._row[1],
            evidence=first,
            lead=first - best[1] if len(best) > 1 else first,
            same_row=float(same),
            **word_shares(
                self._said(), self._question, [sentence.text for sentence in self.sentences[:MOST]]
            ),
        )

    def _said(self) -> str:
        return self._tokenizer.decode(self.trace.tokens).strip()

    @property
    def abstains(self) -> bool:
        """True if both looks together say that the document does not answer."""
        return self._abstention is not None and self._answerable < self._abstention.threshold

    @property
    def _answerable(self) -> float:
        """The probability that there is an answer, by both looks."""
        looks = answerability_logit(self._answerability), answerability_logit(self._second)
        return answerable(*looks)

    def weights(self) -> dict[int, float]:
        """Segment -> share of the attention mass, summing to 1, largest first."""
        total = sum(self._mass.values())
        ranked = sorted(self._mass.items(), key=lambda item: (-item[1], item[0]))
        return {segment: mass / total for segment, mass in ranked} if total else {}

    def finish(self, sources: list[Source], evidence: list[Evidence]) -> Answer:
        """The answer with its evidence; says so where the memory does not support it."""
        abstains, signals = self.abstains, self.signals()
        text = NOT_FOUND if abstains else self._said()
        confidence = self._confident(signals)
        is_likely = confidence >= self._confidence.threshold
        supported = is_likely and bool(text) and not abstains
        notice = "" if supported or abstains else NOT_SUPPORTED if text else NO_ANSWER
        return Answer(
            answer=text,
            confidence=round(confidence, 4),
            confidence_word="guess" if abstains else self._confidence.word(confidence, signals),
            supported=supported,
            notice=notice,
            sources=sources,
            evidence=evidence,
            first_token_seconds=round(self._first_token_seconds, 4),
            seconds=round(perf_counter() - self._started, 4),
        )

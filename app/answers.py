"""One answer: two looks at the state, the stream of text, and what can be said about it afterwards.

The first look opens the segments that the question addresses. Its attention says which sentences
answer (`app/evidence.py`). The second look sees only the best sentence's kept slots and some tokens
around them, so that what stands side by side in a segment is not confused. It answers unless it is
much less sure than the first one that there is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

from app.calibration import Confidence
from app.evidence import OpenedText, Sentence, rank_sentences
from memory_models.generate import (
    Abstention,
    Decoding,
    Mixture,
    Trace,
    answerability_logit,
    generate,
    sigmoid,
)
from memory_models.memory import Reading, Span
from memory_models.prompt import Prompt
from memory_models.tokenizer import Tokenizer

NOT_SUPPORTED = "(The document does not clearly support this answer.)"
NO_ANSWER = "The document does not seem to answer this."
NOT_FOUND = "I did not find this in the document."
SURE, LIKELY = 0.7, 0.4  # least confidence of an answer that is called so
MARGIN = 40  # tokens around the best sentence that the second look sees
LESS_SURE = 0.3  # of answerability, by which the second look may fall behind the first


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
    confidence_word: str  # sure, likely or guess
    supported: bool
    notice: str  # what the answer says where it is not supported, else empty
    sources: list[Source]
    evidence: list[Evidence]  # best first, at most five
    first_token_seconds: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def confidence_word(confidence: float) -> str:
    """The word that people read for a confidence."""
    return "sure" if confidence >= SURE else "likely" if confidence >= LIKELY else "guess"


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
    ) -> None:
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
        self._started = perf_counter()
        self._first_token_seconds = 0.0
        self._mass: dict[int, float] = {}
        self._answerability = 1.0  # by the first look
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
        rest = self._tokenizer.decode(self.trace.tokens).lstrip()[len(shown) :]
        if rest:
            yield rest

    def _looks(self) -> tuple[Reading, Mixture]:
        """The reading that answers, its prompt read: of the second look if it is sure enough."""
        reading = self._open_reading()
        mixture = self._asked(reading, self._abstention)
        self._look(reading, mixture)
        self._answerability = mixture.answerability
        pointed = reading.pointed(mixture.log_weights.exp().tolist())
        if pointed:
            texts = self._read_texts(sorted(pointed))
            self.sentences = rank_sentences(self._question, texts, pointed, self._tokenizer)
        if not self.sentences or self._abstention is None or self.abstains:
            return reading, mixture
        segment, first, last = self.sentences[0].span
        second = reading.focused(Span(segment, max(0, first - MARGIN), last + MARGIN))
        if second is None:
            return reading, mixture
        again = self._asked(second, replace(self._abstention, threshold=0.0))
        if again.answerability < mixture.answerability - LESS_SURE:
            return reading, mixture
        return second, again

    def _asked(self, reading: Reading, abstention: Abstention | None) -> Mixture:
        mixture = Mixture(reading, abstention)
        mixture.prefill(self._prompt.tokens, self._prompt.question)
        return mixture

    def _look(self, reading: Reading, mixture: Mixture) -> None:
        for segment, mass in reading.attended(mixture.log_weights.exp().tolist()).items():
            self._mass[segment] = self._mass.get(segment, 0.0) + mass

    @property
    def confidence(self) -> float:
        """Calibrated probability that the answer is right."""
        if not self.trace.log_probs and not self.abstains:
            return 0.0
        c = self._confidence
        evidence = c.gain * self.trace.gain + c.log_prob * self.trace.log_prob
        answerable = c.answerability * answerability_logit(self._answerability)
        return sigmoid(c.bias + evidence + answerable)

    @property
    def abstains(self) -> bool:
        """True if the answer adapter says that the document does not answer."""
        return self._abstention is not None and self._answerability < self._abstention.threshold

    @property
    def supported(self) -> bool:
        """False where the memory does not make the answer likelier than chance would."""
        return self.confidence >= self._confidence.threshold

    def weights(self) -> dict[int, float]:
        """Segment -> share of the attention mass, summing to 1, largest first."""
        total = sum(self._mass.values())
        ranked = sorted(self._mass.items(), key=lambda item: (-item[1], item[0]))
        return {segment: mass / total for segment, mass in ranked} if total else {}

    def finish(self, sources: list[Source], evidence: list[Evidence]) -> Answer:
        """The answer with its evidence; says so where the memory does not support it."""
        text = self._tokenizer.decode(self.trace.tokens).strip()
        if self.abstains:
            text = NOT_FOUND
        supported = self.supported and bool(text) and not self.abstains
        notice = "" if supported or self.abstains else NOT_SUPPORTED if text else NO_ANSWER
        return Answer(
            answer=f"{text} {notice}".strip(),
            confidence=round(self.confidence, 4),
            confidence_word=confidence_word(self.confidence),
            supported=supported,
            notice=notice,
            sources=sources,
            evidence=evidence,
            first_token_seconds=round(self._first_token_seconds, 4),
            seconds=round(perf_counter() - self._started, 4),
        )

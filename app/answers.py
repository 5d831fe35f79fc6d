"""One answer: the prompt, the stream of text, and what can be said about it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from app.calibration import Confidence
from memory_models.generate import (
    Abstention,
    Decoding,
    Mixture,
    Trace,
    answerability_logit,
    generate,
    sigmoid,
)
from memory_models.memory import Reading
from memory_models.prompt import Prompt
from memory_models.tokenizer import Tokenizer

NOT_SUPPORTED = "(The document does not clearly support this answer.)"
NO_ANSWER = "The document does not seem to answer this."


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
class Answer:
    """A finished answer, as `bookstate ask --json` prints it."""

    answer: str
    confidence: float
    supported: bool
    notice: str  # what the answer says where it is not supported, else empty
    sources: list[Source]
    first_token_seconds: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class AnswerStream:
    """Iterate for pieces of text; afterwards (also when stopped early) ask for `finish()`."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        open_reading: Callable[[], Reading],
        prompt: Prompt,
        decoding: Decoding,
        confidence: Confidence,
        note: str = "",
        declining: Abstention | None = None,
        reading_id: str = "",
    ) -> None:
        self.reading_id = reading_id  # of the state that answers
        self.note = note  # what a person must know about the part of the book that was asked
        self._tokenizer = tokenizer
        self._open_reading = open_reading
        self._prompt = prompt
        self._decoding = decoding
        self._confidence = confidence
        self._declining = declining
        self._started = perf_counter()
        self._first_token_seconds = 0.0
        self._mass: dict[int, float] = {}
        self.trace = Trace()

    def __iter__(self) -> Iterator[str]:
        """Pieces of the answer as they are made."""
        reading = self._open_reading()
        mixture = Mixture(reading, self._declining)
        mixture.prefill(self._prompt.tokens, self._prompt.question)
        self._look(reading, mixture)
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

    def _look(self, reading: Reading, mixture: Mixture) -> None:
        for segment, mass in reading.attended(mixture.log_weights.exp().tolist()).items():
            self._mass[segment] = self._mass.get(segment, 0.0) + mass

    @property
    def confidence(self) -> float:
        """Calibrated probability that the answer is right."""
        if not self.trace.log_probs:
            return 0.0
        c = self._confidence
        evidence = c.gain * self.trace.gain + c.log_prob * self.trace.log_prob
        answerable = c.answerability * answerability_logit(self.trace.answerability)
        return sigmoid(c.bias + evidence + answerable)

    @property
    def declined(self) -> bool:
        """True where the reader says that the document does not answer."""
        return self._declining is not None and self.trace.answerability < self._declining.threshold

    @property
    def supported(self) -> bool:
        """False where the memory does not make the answer likelier than chance would."""
        return self.confidence >= self._confidence.threshold

    def weights(self) -> dict[int, float]:
        """Segment -> share of the attention mass, summing to 1, largest first."""
        total = sum(self._mass.values())
        ranked = sorted(self._mass.items(), key=lambda item: (-item[1], item[0]))
        return {segment: mass / total for segment, mass in ranked} if total else {}

    def finish(self, sources: list[Source]) -> Answer:
        """The answer with its evidence; says so where the memory does not support it."""
        text = self._tokenizer.decode(self.trace.tokens).strip()
        supported = self.supported and bool(text) and not self.declined
        notice = "" if supported or self.declined else NOT_SUPPORTED if text else NO_ANSWER
        return Answer(
            answer=f"{text} {notice}".strip(),
            confidence=round(self.confidence, 4),
            supported=supported,
            notice=notice,
            sources=sources,
            first_token_seconds=round(self._first_token_seconds, 4),
            seconds=round(perf_counter() - self._started, 4),
        )

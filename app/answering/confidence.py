"""How sure an answer is: what is known about it, and the probability that it is right.

`Signals` are measured while an answer is made. A logistic model of them (`Confidence`), fitted by
`bookstate train confidence` to answers of many kinds, gives a probability, and two thresholds turn
it into the word that people read: sure, likely or guess.

An answer that only repeats words of the question, or has words that neither the evidence nor the
question has, is called a guess even if its probability is high.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from memory_models.generate import sigmoid

Word = Literal["sure", "likely", "guess"]
OLD_FIELDS = {"support": "answerability", "declining": "abstain_below"}
YES_OR_NO = frozenset({"yes", "no"})
COMMON = frozenset(
    re.findall(
        r"\w+",
        """a an the of and or to in on at for from by with as is was were are be been has had have
        did do does it its he she they his her their him them this that these those not so than
        then there because""",
    )
)
STEM = 4  # letters that two forms of a word share
# Beginnings of words in questions to be answered by yes or no, which say nothing of their matter.
ASKING = frozenset(
    re.findall(r"\w+", "may can coul must shal shou will woul migh need allo perm okay ok any i")
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about an answer once it is made."""

    log_prob: float = 0.0  # mean log-probability of its tokens
    gain: float = 0.0  # nats a token by which the memory makes it likelier
    answerability: float = 0.0  # log-odds that there is an answer, by the first look
    second: float = 0.0  # the same by the second look, or by the first where there is no other
    agrees: float = 0.0  # 1 if both looks begin with the same token
    row: float = 0.0  # weight of the row that answers most, of the first look
    evidence: float = 0.0  # share of the best sentence among all opened sentences
    lead: float = 0.0  # share by which the best sentence is ahead of the second
    same_row: float = 0.0  # 1 if the best sentence is in the segment of the heaviest row
    quoted: float = 0.0  # share of the answer's words that the best sentence has
    nearby: float = 0.0  # the same for all sentences that are shown
    echoed: float = 0.0  # share of the answer's words that the question has
    unexplained: float = 0.0  # share that neither sentences nor question have
    length: float = 0.0  # words of the answer, at most 20


SIGNALS = tuple(f.name for f in fields(Signals))


@dataclass(frozen=True, slots=True)
class Looks:
    """How the second look is made, if there is one."""

    second: bool = True
    margin: int = 8  # tokens around a sentence that it sees; more of them mix up names
    less_sure: float = 0.3  # of answerability, by which it may fall behind the first look
    sentences: int = 1  # best ones that it looks at, each as a row
    decided: float = 0.25  # weight of a row's log-odds of answering

    def __post_init__(self) -> None:
        if self.margin < 0 or not 0 <= self.less_sure <= 1 or self.sentences < 1:
            raise ValueError(
                f"{self}: margin is at least 0, less_sure 0 to 1 and sentences at least 1."
            )


@dataclass(frozen=True, slots=True)
class Confidence:
    """A logistic model of an answer's signals; `bookstate calibrate` fits it."""

    bias: float
    threshold: float  # below it, an answer counts as not supported
    weights: Mapping[str, float] = field(default_factory=dict)  # of signals, others count nothing
    abstain_below: float = 0.0  # an answer adapter abstains below this; of both looks together
    sure: float = 0.7  # least confidence of an answer that is called sure
    likely: float = 0.4

    def __post_init__(self) -> None:
        unknown = sorted(self.weights.keys() - set(SIGNALS))
        if unknown:
            raise ValueError(f"There is no signal {unknown[0]!r}; known are {', '.join(SIGNALS)}.")

    @classmethod
    def uncalibrated(cls) -> Confidence:
        """One half at no gain, until `bookstate calibrate` has measured this backbone."""
        return cls(bias=0.0, threshold=0.5, weights={"gain": 1.0})

    @classmethod
    def of_answer_adapter(cls) -> Confidence:
        """The answer adapter's own answerability, until it is calibrated."""
        return cls(0.0, threshold=0.5, weights={"answerability": 1.0}, abstain_below=0.5)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Confidence:
        """From a calibration file; older ones have the weights among the other fields."""
        named = {OLD_FIELDS.get(name, name): value for name, value in raw.items()}
        weights = dict(named.pop("weights", {}))
        weights |= {name: named.pop(name) for name in SIGNALS if name in named}
        return cls(weights=weights, **named)

    def of(self, signals: Signals) -> float:
        """The probability that an answer with these signals is right."""
        known = asdict(signals)
        return sigmoid(self.bias + sum(w * known[name] for name, w in self.weights.items()))

    def word(self, confidence: float, signals: Signals) -> Word:
        """What people read for a confidence."""
        if is_doubtful(signals):
            return "guess"
        if confidence >= self.sure:
            return "sure"
        return "likely" if confidence >= self.likely else "guess"


def answerable(first: float, second: float) -> float:
    """The probability that there is an answer, from both looks' log-odds."""
    return sigmoid((first + second) / 2)


def is_doubtful(signals: Signals) -> bool:
    """True for an answer that repeats the question, or has words that nothing explains."""
    return signals.echoed == 1.0 or signals.unexplained > 0.0


def word_shares(answer: str, question: str, sentences: Sequence[str]) -> dict[str, float]:
    """The signals `quoted`, `nearby`, `echoed`, `unexplained` and `length` of an answer.

    sentences: the evidence, best first. Yes and no are explained by a best sentence that has a word
    of the question.
    """
    said = [word for word in words_of(answer) if word not in YES_OR_NO]
    length = float(min(20, len(_WORD.findall(answer))))
    asked = _stems(words_of(question))
    best = _stems(words_of(sentences[0])) if sentences else set()
    if not said:  # yes, no, or nothing but common words
        has, about = float(bool(sentences)), asked - ASKING
        elsewhere = float(bool(about) and not about & best)
        return {
            "quoted": has,
            "nearby": has,
            "echoed": 0.0,
            "unexplained": elsewhere,
            "length": length,
        }
    shown = _stems(word for text in sentences for word in words_of(text))

    def share(known: set[str]) -> float:
        return sum(_stem(word) in known for word in said) / len(said)

    return {
        "quoted": share(best),
        "nearby": share(shown),
        "echoed": share(asked),
        "unexplained": 1.0 - share(shown | asked),
        "length": length,
    }


def words_of(text: str) -> list[str]:
    """The words of a text that mean something by themselves, in lower case."""
    return [word for word in _WORD.findall(text.lower()) if word not in COMMON]


def _stems(words: Iterable[str]) -> set[str]:
    return {_stem(word) for word in words}


def _stem(word: str) -> str:
    """The beginning of a word; a number whole."""
    return word if any(c.isdigit() for c in word) else word[:STEM]

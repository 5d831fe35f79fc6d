"""What `bookstate evaluate` and `bookstate calibrate` are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import InvalidSetting
from lab.plan import option

TASKS = ("records", "literaryqa", "planted", "babi", "passkey")
BY_TEXT = ("planted", "babi", "passkey")  # an answer is right if it holds the words that it must
LONGEST = 16_000_000  # tokens
QUICK = ("none", "wrong", "gold", "rag", "adaptive")
EVERY = ("none", "wrong", "random", "gold", "truncated", "rag", "adaptive", "infini", "melodi")


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What to evaluate. Several `distractors` or `tokens` are several settings."""

    data: Path | None = option(None, kind="data", help="Records, .jsonl.gz.")
    split: str | None = option(
        None, help="Questions of this split only; held-out: what training leaves out."
    )
    memories: tuple[str, ...] = option(
        EVERY,
        commas=True,
        help="Names with commas between them; truncated@TOKENS, rag@TOKENSxPASSAGES, "
        "adaptive@KEEP_RATIOxBITS and infini@UPDATE are variants; also full, together.",
    )
    distractors: tuple[int, ...] = option(
        (60,), commas=True, help="records: windows of other documents; several with commas."
    )
    limit: int | None = option(
        None, minimum=1, help="Most questions; planted, passkey: one a depth without it; babi: 100."
    )
    seed: int = option(0, help="Seed of everything random.")
    documents: int | None = option(
        None, minimum=1, help="records, literaryqa: ask about this many documents only."
    )
    task: str = option("records", help=f"{', '.join(TASKS[:-1])} or {TASKS[-1]}.")
    books: Path | None = option(None, kind="data", help="Book texts, for all tasks but records.")
    tokens: tuple[int, ...] = option(
        (), commas=True, help="Length of the document; several with commas. (default: 32000)"
    )
    depths: int | None = option(
        None, minimum=1, help="planted, passkey: how many depths. (default: 10, 20)"
    )
    distractor_data: Path | None = option(
        None, kind="data", help="records: take the other documents from this file."
    )
    unanswerable: bool = option(False, help="records: ask unanswerable questions too.")
    no_abstain: bool = option(False, old=("made-to-answer",), help="Abstention is ruled out.")

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InvalidSetting(
                f"Task {self.task!r} is not known; choose from {', '.join(TASKS)}."
            )
        if self.data is None and self.task != "passkey":
            raise InvalidSetting(f"Task {self.task} needs questions; name their file with --data.")
        if self.books is None and (
            self.task in ("literaryqa", "planted") or (self.task == "babi" and any(self.tokens))
        ):
            raise InvalidSetting(f"Task {self.task} needs book text; name the file with --books.")
        least = 0 if self.task == "babi" else 1
        for tokens in self.tokens:
            if not least <= tokens <= LONGEST:
                raise InvalidSetting(
                    f"A document of {tokens:,} tokens is out of range; --tokens takes {least} to "
                    f"{LONGEST:,}."
                )

    @property
    def score(self) -> str:
        """The score that counts for this task."""
        return "contains" if self.task in BY_TEXT else "f1"

    @property
    def lengths(self) -> tuple[int, ...]:
        """Document lengths in tokens, for the tasks that have them."""
        return self.tokens or (32_000,)


def quickened(plan: EvaluationPlan) -> EvaluationPlan:
    """A plan of the same kind that ends within five minutes on two cores."""
    return replace(
        plan,
        memories=QUICK if plan.memories == EVERY else plan.memories,
        distractors=(8,),
        tokens=() if plan.task == "records" else (6000,),
        limit=min(plan.limit or 4, 4),
        depths=min(plan.depths or 4, 4),
        documents=2,
    )


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """What to calibrate on."""

    data: Path = option(kind="data", help="Records, .jsonl.gz.")
    heads_split: str = option("train", help="Split that chooses the heads.")
    confidence_split: str = option("val", help="Split that fits confidence.")
    questions: int = option(120, minimum=4, help="Questions for the heads.")
    answers: int = option(69, minimum=4, help="Questions for confidence.")
    distractors: int = option(60, minimum=1, help="Windows of other documents.")
    keep_heads: bool = option(
        False, help="Fit confidence alone, as after training an answer adapter."
    )

    @property
    def heads(self) -> EvaluationPlan | None:
        """The questions that choose the heads, or None where heads stay as they are."""
        if self.keep_heads:
            return None
        return EvaluationPlan(
            self.data, self.heads_split, (), (self.distractors,), self.questions, documents=24
        )

    @property
    def confidence(self) -> EvaluationPlan:
        """The questions that confidence is fitted on."""
        memories = ("adaptive", "wrong")
        return EvaluationPlan(
            self.data, self.confidence_split, memories, (self.distractors,), self.answers
        )

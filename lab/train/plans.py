"""What the `bookstate train` commands are asked for: one plan a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.adapters import ADDRESSER, ANSWERS, CODEC, MELODI, RAG, SUMMARIES, WRITE_GATE
from app.errors import InvalidSetting
from app.settings import Settings
from lab.plan import option
from lab.train.budget import Budget
from lab.train.training_file import FILES, TrainingFile, training_file
from memory_models.memories.infini import UPDATES

OUT = "Adapter file to write, .safetensors."
RETROFIT_UNITS = 2  # units a step of a retrofit


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Files of questions that an adapter is trained on."""

    data: tuple[str, ...] = option(kind="data", help=f"Records with questions: {FILES}.")
    facts: tuple[str, ...] = option((), kind="data", help="The same, short facts to plant.")
    books: Path = option(kind="data", help="Books to plant facts in.")

    def __post_init__(self) -> None:
        _ = self.files  # refuses what is not a training file

    @property
    def files(self) -> tuple[TrainingFile, ...]:
        """The files that are trained on."""
        return _files(self.data, self.facts)


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """What fits in one go share."""

    KIND: ClassVar[str]
    out: Path = option(kind="output", help=OUT)
    folder: Path | None = option(
        None, kind="output", help="Folder of the run, so that a stopped one continues."
    )
    seed: int = option(0, help="Seed of everything random.")

    @property
    def kind(self) -> str:
        """The kind of adapter that is written."""
        return self.KIND


@dataclass(frozen=True, kw_only=True)
class GateFit(FitPlan):
    """`train gate`."""

    KIND = WRITE_GATE
    data: tuple[Path, ...] = option(kind="data", help="Records, .jsonl.gz.")
    windows: int = option(144, minimum=16, help="Windows to learn from.")
    epochs: int = option(6, minimum=1, help="Passes over the windows.")


@dataclass(frozen=True, kw_only=True)
class AddressingFit(Questions, FitPlan):
    """`train addressing`."""

    KIND = ADDRESSER
    windows: int = option(600, minimum=8, help="Windows to ask questions of.")
    epochs: int = option(5, minimum=1, help="Passes over the questions.")


@dataclass(frozen=True, kw_only=True)
class CodecFit(Questions, FitPlan):
    """`train codec`."""

    KIND = CODEC
    windows: int = option(160, minimum=1, help="Windows to learn from.")


@dataclass(frozen=True, kw_only=True)
class ConfidenceFit:
    """`train confidence`."""

    answers: tuple[Path, ...] = option(
        kind="data", help="Answers to fit to, written by `bench answers --part fit --out`."
    )
    test: tuple[Path, ...] = option(
        (), kind="data", help="Answers to judge the fit on, of `bench answers --out`."
    )


@dataclass(frozen=True, kw_only=True)
class LoopPlan:
    """What runs of the training loop share."""

    KIND: ClassVar[str]
    folder: Path = option(kind="output", help="Folder of the run: checkpoints, log, best weights.")
    out: Path | None = option(None, kind="output", help=f"{OUT} (default: FOLDER/KIND.safetensors)")
    weights: Path | None = option(None, kind="data", help="Weights to begin with, .safetensors.")
    tokens: int = option(300_000, minimum=1000, help="Tokens to train on in all.")
    learning_rate: float = option(1e-3, minimum=1e-9, help="Learning rate.")
    validate_minutes: float = option(25.0, minimum=0.1, help="Minutes between validations.")
    seed: int = option(0, help="Seed of everything random.")

    @property
    def kind(self) -> str:
        """The kind of adapter that is written."""
        return self.KIND

    @property
    def adapter_file(self) -> Path:
        """The adapter file to write."""
        return self.out or self.folder / f"{self.kind}.safetensors"

    @property
    def budget(self) -> Budget:
        """The same for the training loop."""
        return Budget(
            self.tokens,
            self.learning_rate,
            seed=self.seed,
            validate_seconds=60 * self.validate_minutes,
        )


@dataclass(frozen=True, kw_only=True)
class QuestionPlan(Questions, LoopPlan):
    """What runs on questions share."""

    validation: Path = option(kind="data", help="Records with a split named val.")


@dataclass(frozen=True, kw_only=True)
class AnswersPlan(QuestionPlan):
    """`train answers`."""

    KIND = ANSWERS
    stories: tuple[str, ...] = option((), kind="data", help="The same, bAbI stories to scatter.")
    sentences: tuple[str, ...] = option(
        (), kind="data", help="The same, sentences with short questions to plant."
    )
    follow_ups: tuple[str, ...] = option(
        (), kind="data", help="The same, stories whose questions can follow each other."
    )
    papers: float = option(
        0.0, minimum=0, help="Weight of made-up everyday papers: leases, minutes, letters."
    )
    passkeys: float = option(
        0.0,
        minimum=0,
        old=("numbers",),
        help="Weight of pass keys, codes and prices to find.",
    )
    tokens: int = option(500_000, minimum=1000, help="Tokens to train on in all.")
    second_looks: float = option(
        0.0, minimum=0, maximum=1, help="Fraction of units that see one sentence's slots only."
    )
    mixed: float = option(
        0.0,
        minimum=0,
        maximum=1,
        help="Fraction of the units with several windows that are answered window by window.",
    )
    rank: int = option(16, minimum=1, help="Rank of the low-rank weights.")
    probes: int = option(24, minimum=2, help="Questions of each kind to validate with.")

    @property
    def files(self) -> tuple[TrainingFile, ...]:
        """The files that are trained on."""
        return _files(self.data, self.facts, self.stories, self.sentences, self.follow_ups)


@dataclass(frozen=True, kw_only=True)
class RagPlan(QuestionPlan):
    """`train rag`."""

    KIND = RAG
    tokens: int = option(140_000, minimum=1000, help="Tokens to train on in all.")
    rank: int = option(1, minimum=1, help="Rank of the low-rank weights.")


@dataclass(frozen=True, kw_only=True)
class SummariesPlan(LoopPlan):
    """`train summaries`."""

    KIND = SUMMARIES
    summaries: Path = option(kind="data", help="Stories with summaries by people.")
    tokens: int = option(75_000, minimum=1000, help="Tokens to train on in all.")
    rank: int = option(1, minimum=1, help="Rank of the low-rank weights.")
    learning_rate: float = option(2e-3, minimum=1e-9, help="Learning rate.")


@dataclass(frozen=True, kw_only=True)
class RetrofitPlan(QuestionPlan):
    """What `train infini` and `train melodi` share."""

    passkeys: float = option(0.5, minimum=0, maximum=1, help="Fraction of units with a pass key.")
    longest: int = option(
        1_280_000, minimum=512, help="Most tokens of filler around a pass key; none is read twice."
    )
    validate_minutes: float = option(10.0, minimum=0.1, help="Minutes between validations.")
    write_penalty: float = 0.0
    write_scale: float = 1.0

    @property
    def budget(self) -> Budget:
        """The same for the training loop."""
        return Budget(
            self.tokens,
            self.learning_rate,
            accumulate=RETROFIT_UNITS,
            seed=self.seed,
            validate_seconds=60 * self.validate_minutes,
        )


@dataclass(frozen=True, kw_only=True)
class InfiniPlan(RetrofitPlan):
    """`train infini`."""

    update: str = option(
        Settings.model_fields["infini_update"].default,  # what documents are read with
        help="Update rule: linear or delta.",
    )
    write_penalty: float = option(
        0.0,
        minimum=0,
        old=("silence",),
        help="Weight of what is written of filler, in the loss.",
    )
    write_scale: float = option(
        1.0,
        minimum=0.1,
        old=("sharpen",),
        help="Multiplies the logits of write strengths at the end.",
    )
    learning_rate: float = option(3e-3, minimum=1e-9, help="Learning rate.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.update not in UPDATES:
            raise InvalidSetting(
                f"Update rule {self.update!r} is not known; choose {' or '.join(UPDATES)}."
            )

    @property
    def kind(self) -> str:
        """The adapter's kind, one for each update rule."""
        return f"infini-{self.update}"


@dataclass(frozen=True, kw_only=True)
class MelodiPlan(RetrofitPlan):
    """`train melodi`."""

    KIND = MELODI


def _files(
    data: tuple[str, ...],
    facts: tuple[str, ...] = (),
    stories: tuple[str, ...] = (),
    sentences: tuple[str, ...] = (),
    follow_ups: tuple[str, ...] = (),
) -> tuple[TrainingFile, ...]:
    return (
        *(training_file(text, "questions") for text in data),
        *(training_file(text, "facts") for text in facts),
        *(training_file(text, "stories") for text in stories),
        *(training_file(text, "sentences") for text in sentences),
        *(training_file(text, "follow-ups") for text in follow_ups),
    )

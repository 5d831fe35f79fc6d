"""Commands that train adapters: the write gate, the addresser, the codec, readers, retrofits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast

import typer

from app.cli.common import Backbone, Json, emit, err, opened, say
from app.cli.progress import training_bar
from app.errors import InvalidSetting
from lab.markdown import figures_markdown

if TYPE_CHECKING:
    from lab.train.loop import Budget
    from lab.train.material import Share
    from lab.train.runs.task_adapters import OverPlan

commands = typer.Typer(
    help="Train adapters for the backbone; `bookstate adapters install` puts them to use.",
    no_args_is_help=True,
)

Data = Annotated[list[Path], typer.Option(exists=True, dir_okay=False, help="Records, .jsonl.gz.")]
Questions = Annotated[
    list[str],
    typer.Option(help="FILE, FILE:WEIGHT or FILE:WEIGHT:SPLIT; records with questions."),
]
Facts = Annotated[list[str] | None, typer.Option(help="The same, short facts to plant in books.")]
Books = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Books to plant in.")]
Validation = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Has a val split.")]
Folder = Annotated[Path, typer.Option(file_okay=False, help="The run: checkpoints and log.")]
Begun = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="The run: what was read, so that a stopped one goes on."),
]
Out = Annotated[Path, typer.Option(dir_okay=False, help="The adapter file to write, .safetensors.")]
OutInFolder = Annotated[
    Path | None,
    typer.Option(
        dir_okay=False,
        help="The adapter file to write, .safetensors.  [default: FOLDER/KIND.safetensors]",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Tokens = Annotated[int, typer.Option(min=1000, help="Trained-on tokens in all.")]
PassKeys = Annotated[float, typer.Option(min=0, max=1, help="Share of pass keys.")]
Longest = Annotated[
    int, typer.Option(min=512, help="Most tokens of filler around a pass key, written unread.")
]
LONGEST = 1_280_000
Weights = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Trained weights to begin with, .safetensors."),
]
Rate = Annotated[float, typer.Option(min=0, help="Learning rate.")]
Minutes = Annotated[float, typer.Option(min=0.1, help="Between validations.")]


@commands.command(name="gate")
def gate_command(
    data: Data,
    out: Out,
    windows: Annotated[int, typer.Option(min=16, help="Windows to learn from.")] = 144,
    epochs: Annotated[int, typer.Option(min=1)] = 6,
    folder: Begun = None,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """The write gate: which slots matter, in one pass instead of two."""
    from lab.train.memories.gate import GatePlan
    from lab.train.runs.adapters import train_gate

    plan = GatePlan(epochs=epochs, seed=seed)
    with (
        opened(backbone) as library,
        training_bar(err, "Reading windows twice") as on_window,
        training_bar(err, "Fitting") as on_step,
    ):
        notes = train_gate(library.engine, data, windows, plan, out, folder, on_window, on_step)
        _report(notes, out, as_json=as_json)


@commands.command(name="addressing")
def addressing_command(
    data: Questions,
    books: Books,
    out: Out,
    facts: Facts = None,
    windows: Annotated[int, typer.Option(min=8, help="Windows to ask questions of.")] = 600,
    epochs: Annotated[int, typer.Option(min=1)] = 5,
    folder: Begun = None,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """The addresser: which window answers a question. Stored states stay valid."""
    from lab.train.memories.addressing import AddressingPlan
    from lab.train.runs.adapters import train_addressing

    plan = AddressingPlan(epochs=epochs, seed=seed)
    with (
        opened(backbone) as library,
        training_bar(err, "Reading windows") as on_window,
        training_bar(err, "Fitting") as on_step,
    ):
        shares = _shares(data, facts)
        notes = train_addressing(
            library.engine, shares, books, windows, plan, out, folder, on_window, on_step
        )
        _report(notes, out, as_json=as_json)


@commands.command(name="codec")
def codec_command(
    data: Questions,
    books: Books,
    out: Out,
    facts: Facts = None,
    windows: Annotated[int, typer.Option(min=1, help="Windows to learn from.")] = 160,
    folder: Begun = None,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """The slot codec: one to three bits a number. States written with an older one stay behind."""
    from lab.train.memories.codec import CodecPlan
    from lab.train.runs.adapters import train_codec

    with opened(backbone) as library, training_bar(err, "Tracing answers") as on_window:
        shares = _shares(data, facts)
        notes = train_codec(
            library.engine, shares, books, windows, CodecPlan(), out, seed, folder, on_window
        )
        _report(notes, out, as_json=as_json)


@commands.command(name="reader")
def reader_command(
    data: Questions,
    books: Books,
    validation: Validation,
    folder: Folder,
    out: OutInFolder = None,
    facts: Facts = None,
    stories: Annotated[
        list[str] | None, typer.Option(help="The same, bAbI stories to scatter in books.")
    ] = None,
    numbers: Annotated[
        float, typer.Option(min=0, help="Weight of numbers to find: pass keys, codes, prices.")
    ] = 0.0,
    tokens: Tokens = 500_000,
    weights: Weights = None,
    rank: Annotated[int, typer.Option(min=1)] = 16,
    learning_rate: Rate = 1e-3,
    probes: Annotated[int, typer.Option(min=2, help="Validation questions.")] = 24,
    validate_minutes: Minutes = 25.0,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """The reader: answering, finding and declining from windows' slots. Resumes in its folder."""
    from lab.train.runs.answer_adapter import ReaderPlan, train_reader
    from memory_models.adapter import LoraConfig

    budget = Pace(tokens, learning_rate, seed, validate_minutes).budget()
    with opened(backbone) as library, training_bar(err, "Training") as on_step:
        plan = ReaderPlan(
            _shares(data, facts, stories),
            books,
            validation,
            budget,
            LoraConfig(rank),
            probes,
            numbers=numbers,
            start=weights,
        )
        out = out or _in(folder, "answers")
        notes = train_reader(library.engine, plan, folder, out, on_step)
        _report(notes, out, as_json=as_json)


@commands.command(name="retrieved")
def retrieved_command(
    data: Questions,
    books: Books,
    validation: Validation,
    folder: Folder,
    out: OutInFolder = None,
    facts: Facts = None,
    tokens: Tokens = 140_000,
    weights: Weights = None,
    rank: Annotated[int, typer.Option(min=1)] = 1,
    learning_rate: Rate = 1e-3,
    validate_minutes: Minutes = 25.0,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Who answers from what BM25 retrieves, for `evaluate`: weights over the installed reader."""
    from lab.train.runs.task_adapters import Pages, train_retrieved

    pace = Pace(tokens, learning_rate, seed, validate_minutes)
    with opened(backbone) as library, training_bar(err, "Training") as on_step:
        pages = Pages(_shares(data, facts), books, validation)
        out, plan = out or _in(folder, "rag"), _over_plan(pace, rank, weights)
        notes = train_retrieved(library.engine, pages, plan, folder, out, on_step)
        _report(notes, out, as_json=as_json)


@commands.command(name="teller")
def teller_command(
    summaries: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Stories that people have summed up.")
    ],
    folder: Folder,
    out: OutInFolder = None,
    tokens: Tokens = 75_000,
    weights: Weights = None,
    rank: Annotated[int, typer.Option(min=1)] = 1,
    learning_rate: Rate = 2e-3,
    validate_minutes: Minutes = 25.0,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Who tells what happens in a window, for summaries: weights over the installed reader."""
    from lab.train.runs.task_adapters import train_teller

    pace = Pace(tokens, learning_rate, seed, validate_minutes)
    with opened(backbone) as library, training_bar(err, "Training") as on_step:
        plan = _over_plan(pace, rank, weights)
        out = out or _in(folder, "summaries")
        notes = train_teller(library.engine, summaries, plan, folder, out, on_step)
        _report(notes, out, as_json=as_json)


def _over_plan(pace: Pace, rank: int, weights: Path | None) -> OverPlan:
    from lab.train.runs.task_adapters import OverPlan
    from memory_models.adapter import LoraConfig

    return OverPlan(pace.budget(), LoraConfig(rank), weights)


@commands.command(name="mean")
def mean_command(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="Of one kind: reader, infini-…, melodi."),
    ],
    out: Out,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Write the mean of adapters of one kind."""
    from lab.train.runs.merge_adapters import average_adapters

    with opened(backbone) as library:
        notes = average_adapters(library.engine, files, out)
        _report(notes, out, as_json=as_json)


@commands.command(name="infini")
def infini_command(
    data: Questions,
    books: Books,
    validation: Validation,
    folder: Folder,
    out: OutInFolder = None,
    facts: Facts = None,
    update: Annotated[str, typer.Option(help="linear or delta.")] = "linear",
    tokens: Tokens = 300_000,
    weights: Weights = None,
    passkeys: PassKeys = 0.5,
    longest: Longest = LONGEST,
    silence: Annotated[
        float, typer.Option(min=0, help="Weight of what is written without need, a pass key.")
    ] = 0.0,
    sharpen: Annotated[
        float, typer.Option(min=0.1, help="Multiplies the logits of write strengths at the end.")
    ] = 1.0,
    learning_rate: Rate = 3e-3,
    validate_minutes: Minutes = 10.0,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Infini-attention: what is written and read, between the backbone and the trained reader."""
    sources = Sources(data, facts, books, validation, weights)
    pace = Pace(tokens, learning_rate, seed, validate_minutes)
    keys = Keys(passkeys, longest, silence, sharpen)
    _retrofit(f"infini-{update}", sources, pace, folder, out, keys, backbone, as_json)


@commands.command(name="melodi")
def melodi_command(
    data: Questions,
    books: Books,
    validation: Validation,
    folder: Folder,
    out: OutInFolder = None,
    facts: Facts = None,
    tokens: Tokens = 300_000,
    weights: Weights = None,
    passkeys: PassKeys = 0.5,
    longest: Longest = LONGEST,
    learning_rate: Rate = 1e-3,
    validate_minutes: Minutes = 10.0,
    seed: Seed = 0,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """MELODI: what a window leaves for the long-term layer, and how the reader looks at it."""
    sources = Sources(data, facts, books, validation, weights)
    pace = Pace(tokens, learning_rate, seed, validate_minutes)
    _retrofit("melodi", sources, pace, folder, out, Keys(passkeys, longest), backbone, as_json)


class Sources(NamedTuple):
    """Where a retrofit learns from."""

    data: list[str]
    facts: list[str] | None
    books: Path
    validation: Path
    start: Path | None


class Keys(NamedTuple):
    """How often pass keys are met, in how long texts, and how their filler is kept silent."""

    share: float
    longest: int
    silence: float = 0.0
    sharpen: float = 1.0


class Pace(NamedTuple):
    """How long and how fast it learns."""

    tokens: int
    learning_rate: float
    seed: int
    validate_minutes: float

    def budget(self) -> Budget:
        """The same for the training loop."""
        from lab.train.loop import Budget

        return Budget(
            self.tokens,
            self.learning_rate,
            seed=self.seed,
            validate_seconds=60 * self.validate_minutes,
        )


def _retrofit(
    kind: str,
    sources: Sources,
    pace: Pace,
    folder: Path,
    out: Path | None,
    keys: Keys,
    backbone: str | None,
    as_json: bool,
) -> None:
    from lab.train.memories.retrofit import Passkeys
    from lab.train.runs.retrofits import Kind, RetrofitPlan, train_retrofit

    out = out or _in(folder, kind)
    with opened(backbone) as library, training_bar(err, "Training") as on_step:
        plan = RetrofitPlan(
            cast(Kind, kind),  # which refuses what is none
            _shares(sources.data, sources.facts),
            sources.books,
            sources.validation,
            replace(pace.budget(), accumulate=2),
            passkeys=Passkeys(most=keys.longest),
            passkey_share=keys.share,
            silence=keys.silence,
            sharpen=keys.sharpen,
            start=sources.start,
        )
        notes = train_retrofit(library.engine, plan, folder, out, on_step)
        _report(notes, out, as_json=as_json)


def _in(folder: Path, kind: str) -> Path:
    return folder / f"{kind}.safetensors"


def _report(notes: dict[str, Any], out: Path, *, as_json: bool) -> None:
    """Print an adapter's notes, and say how to use it."""
    emit(notes) if as_json else say(figures_markdown(notes))
    err.print(
        f"Wrote {out}; to use it, run: bookstate adapters install {out}",
        markup=False,
        soft_wrap=True,
    )


def _shares(
    data: list[str],
    facts: list[str] | None,
    stories: list[str] | None = None,
) -> tuple[Share, ...]:
    return (
        *(_share(text, "questions") for text in data),
        *(_share(text, "facts") for text in facts or []),
        *(_share(text, "stories") for text in stories or []),
    )


def _share(text: str, kind: Literal["questions", "facts", "stories"]) -> Share:
    from lab.train.material import Share

    name, _, rest = text.partition(":")
    weight, _, split = rest.partition(":")
    path = Path(name)
    if not path.is_file():
        raise InvalidSetting(f"{name!r} is no file; give FILE, FILE:WEIGHT or FILE:WEIGHT:SPLIT.")
    try:
        return Share(path, split or None, float(weight or 1.0), kind)
    except ValueError as error:
        raise InvalidSetting(f"{text!r}: the weight {weight!r} is no number.") from error

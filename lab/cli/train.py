"""Commands that train adapters: each writes one to a file and installs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from app.cli.common import Backbone, Json, emit, err, opened, say
from app.cli.progress import training_bar
from app.engine import Engine
from lab.cli.plans import plan_command
from lab.markdown import figures_markdown
from lab.train.plans import (
    AddressingFit,
    AnswersPlan,
    CodecFit,
    ConfidenceFit,
    GateFit,
    InfiniPlan,
    LoopPlan,
    MelodiPlan,
    RagPlan,
    SummariesPlan,
)

Settings = Mapping[str, Any]
Notes = dict[str, Any]
OnStep = Callable[[int, int, float], None]
P = TypeVar("P", bound=LoopPlan)
Files = Annotated[
    list[Path],
    typer.Argument(
        exists=True, dir_okay=False, help="Adapters of one kind: answers, infini or melodi."
    ),
]
Out = Annotated[Path, typer.Option(dir_okay=False, help="Adapter file to write, .safetensors.")]

commands = typer.Typer(
    help="Train adapters for the backbone; `bookstate adapters install` puts them to use.",
    no_args_is_help=True,
)


@plan_command(commands, "gate", GateFit, group="train")
def gate_command(plan: GateFit, settings: Settings, as_json: Json = False) -> None:
    """The write gate: which slots matter, in one pass instead of two."""
    from lab.train.runs.adapters import train_gate

    with (
        opened(**settings) as library,
        training_bar(err, "Reading windows twice") as on_window,
        training_bar(err, "Fitting") as on_step,
    ):
        notes = train_gate(library.engine, plan, on_window, on_step)
    _report(notes, plan.out, as_json=as_json)


@plan_command(commands, "addressing", AddressingFit, group="train")
def addressing_command(plan: AddressingFit, settings: Settings, as_json: Json = False) -> None:
    """The addresser: which window answers a question. Stored states stay valid."""
    from lab.train.runs.adapters import train_addressing

    with (
        opened(**settings) as library,
        training_bar(err, "Reading windows") as on_window,
        training_bar(err, "Fitting") as on_step,
    ):
        notes = train_addressing(library.engine, plan, on_window, on_step)
    _report(notes, plan.out, as_json=as_json)


@plan_command(commands, "codec", CodecFit, group="train")
def codec_command(plan: CodecFit, settings: Settings, as_json: Json = False) -> None:
    """The slot codec: one to three bits a number. States keep the codec they were written with."""
    from lab.train.runs.adapters import train_codec

    with opened(**settings) as library, training_bar(err, "Tracing answers") as on_window:
        notes = train_codec(library.engine, plan, on_window)
    _report(notes, plan.out, as_json=as_json)


@plan_command(commands, "answers", AnswersPlan, "reader", group="train")
def answers_command(plan: AnswersPlan, settings: Settings, as_json: Json = False) -> None:
    """The answer adapter: it answers and abstains from windows' slots."""
    from lab.train.runs.answer_adapter import train_answers

    _train(train_answers, plan, settings, as_json=as_json)


@plan_command(commands, "confidence", ConfidenceFit, group="train")
def confidence_command(plan: ConfidenceFit, settings: Settings, as_json: Json = False) -> None:
    """Confidence: how likely an answer is right, and from where on it is called sure."""
    from lab.evaluate.product.figures import confidence_figures, figures
    from lab.evaluate.product.fit import fit_confidence, judged_by, write_confidence
    from lab.evaluate.product.run import read_outcomes

    outcomes = [outcome for file in plan.answers for outcome in read_outcomes(file)]
    test = [outcome for file in plan.test for outcome in read_outcomes(file)]
    confidence = fit_confidence(outcomes)
    fitted = {"fit": confidence_figures(judged_by(confidence, outcomes))}
    with opened(**settings) as library:
        write_confidence(library.engine, confidence, fitted)
    judged = {"test": figures(judged_by(confidence, test))} if test else {}
    shown = {**asdict(confidence), **fitted, **judged}
    emit(shown) if as_json else say(figures_markdown(shown))


@plan_command(commands, "rag", RagPlan, "retrieved", group="train")
def rag_command(plan: RagPlan, settings: Settings, as_json: Json = False) -> None:
    """The retrieval adapter: it answers from BM25's passages in `evaluate`."""
    from lab.train.runs.task_adapters import train_rag

    _train(train_rag, plan, settings, as_json=as_json)


@plan_command(commands, "summaries", SummariesPlan, "teller", group="train")
def summaries_command(plan: SummariesPlan, settings: Settings, as_json: Json = False) -> None:
    """The summary adapter: it summarizes windows."""
    from lab.train.runs.task_adapters import train_summaries

    _train(train_summaries, plan, settings, as_json=as_json)


@plan_command(commands, "infini", InfiniPlan, group="train")
def infini_command(plan: InfiniPlan, settings: Settings, as_json: Json = False) -> None:
    """Infini-attention: what is written and how it is read, for this backbone."""
    from lab.train.runs.retrofits import train_retrofit

    _train(train_retrofit, plan, settings, as_json=as_json)


@plan_command(commands, "melodi", MelodiPlan, group="train")
def melodi_command(plan: MelodiPlan, settings: Settings, as_json: Json = False) -> None:
    """MELODI: what a window leaves for the long-term layer, and how it is read."""
    from lab.train.runs.retrofits import train_retrofit

    _train(train_retrofit, plan, settings, as_json=as_json)


@commands.command(name="mean", hidden=True)
@commands.command(name="merge")
def merge_command(files: Files, out: Out, backbone: Backbone = None, as_json: Json = False) -> None:
    """Write the mean of several adapters of one kind that were trained from one start."""
    from lab.train.runs.merge_adapters import merge_adapters

    with opened(backbone) as library:
        notes = merge_adapters(library.engine, files, out)
    _report(notes, out, as_json=as_json)


def _train(
    train: Callable[[Engine, P, OnStep], dict[str, Any]],
    plan: P,
    settings: Settings,
    *,
    as_json: bool,
) -> None:
    with opened(**settings) as library, training_bar(err, "Training") as on_step:
        notes = train(library.engine, plan, on_step)
    _report(notes, plan.adapter_file, as_json=as_json)


def _report(notes: Mapping[str, Any], out: Path, *, as_json: bool) -> None:
    """Print an adapter's notes, and how to use it."""
    emit(notes) if as_json else say(figures_markdown(notes))
    err.print(
        f"Wrote {out}. To use it, run: bookstate adapters install {out}",
        markup=False,
        soft_wrap=True,
    )

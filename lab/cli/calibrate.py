"""`bookstate calibrate`: addressing heads and confidence, measured on a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import Backbone, Json, emit, err, opened, say
from app.cli.progress import reading_bar
from lab.markdown import figures_markdown

commands = typer.Typer()


@commands.command()
def calibrate_command(
    data: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Records, .jsonl.gz.")],
    heads_split: Annotated[str, typer.Option(help="Split that chooses the heads.")] = "train",
    confidence_split: Annotated[str, typer.Option(help="Split that fits confidence.")] = "val",
    questions: Annotated[int, typer.Option(min=4, help="Questions for the heads.")] = 120,
    answers: Annotated[int, typer.Option(min=4, help="Questions for confidence.")] = 69,
    distractors: Annotated[int, typer.Option(min=1, help="Windows of other documents.")] = 60,
    keep_heads: Annotated[
        bool, typer.Option("--keep-heads", help="Fit confidence alone, as after training a reader.")
    ] = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Find the backbone's addressing heads and calibrate confidence; kept beside the backbone."""
    from lab.evaluate.calibrate_run import calibrate
    from lab.evaluate.plan import Plan

    heads = None
    if not keep_heads:
        heads = Plan(data, heads_split, (), (distractors,), questions, documents=24)
    confidence = Plan(data, confidence_split, ("adaptive", "wrong"), (distractors,), answers)
    with opened(backbone) as library, reading_bar(err, "Calibrating") as on_progress:
        notes = calibrate(library.engine, heads, confidence, on_progress)
        emit(notes) if as_json else say(figures_markdown(notes))

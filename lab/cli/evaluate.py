"""`bookstate evaluate`: memories compared on questions about documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import Json, emit, err, opened, say
from app.cli.progress import reading_bar
from lab.cli.plans import plan_command
from lab.evaluate.plan import EvaluationPlan, quickened
from lab.provenance import provenance, provenance_line

if TYPE_CHECKING:
    from lab.evaluate.run import Evaluation

commands = typer.Typer()


@plan_command(commands, "evaluate", EvaluationPlan)
def evaluate_command(
    plan: EvaluationPlan,
    settings: Mapping[str, Any],
    quick: Annotated[
        bool, typer.Option("--quick", help="Four questions about short documents: 5 minutes.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for plots, as SVG.")
    ] = None,
    answers: Annotated[bool, typer.Option("--answers", help="Show every answer too.")] = False,
    as_json: Json = False,
) -> None:
    """Compare memories on questions about documents: generated answers, likelihood, addressing.

    Questions are those of the records, each document among windows of others (records); about
    whole books (literaryqa); about short passages planted in a book (planted); about bAbI stories
    scattered in a book (babi); or about a pass key (passkey).
    """
    from lab.evaluate.answerers import rag_note
    from lab.evaluate.run import evaluate, evaluation_json

    plan = quickened(plan) if quick else plan
    with opened(**settings) as library, reading_bar(err, "Evaluating") as on_progress:
        found = evaluate(library.engine, plan, on_progress)
        if note := rag_note(library.engine, plan.memories):
            err.print(note, style="yellow", markup=False, soft_wrap=True)
        if answers:
            _show(found)
        if plots is not None:
            _plot(found, plan.score, plots)
        emit(evaluation_json(found)) if as_json else say(_tables(found, plan.score))


def _plot(found: Evaluation, score: str, folder: Path) -> None:
    from lab.evaluate.plots import write_plots

    for file in write_plots(found.rows, score, folder):
        err.print(f"wrote {file}", markup=False, soft_wrap=True)


def _tables(found: Evaluation, score: str) -> str:
    from lab.evaluate.table import groups_markdown, to_markdown

    groups = [groups_markdown(found.groups, score)] if found.groups else []
    return "\n\n".join([to_markdown(found.rows), *groups, provenance_line(provenance())])


def _show(found: Evaluation) -> None:
    """Print questions with their accepted answers and the answer of every memory."""
    for asked in found.asked:
        case, gold = asked.case, sorted(asked.case.gold)
        where = f"{len(case.windows)} windows, gold {gold}" if gold else ""
        err.print(f"\n{asked.setting} {case.group} {where}".rstrip(), markup=False, soft_wrap=True)
        accepted = " | ".join(case.question.answers) or "(not in the document)"
        err.print(f"Q: {case.question.question}\nA: {accepted}", markup=False, soft_wrap=True)
        for name, outcome in asked.outcomes.items():
            rank = "" if outcome.rank is None else f" [rank {outcome.rank}]"
            err.print(f"  {name}{rank}: {outcome.answer}", markup=False, soft_wrap=True)

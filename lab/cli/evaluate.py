"""`bookstate evaluate`: memories compared on questions about documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import Backbone, Json, emit, err, opened, say
from app.cli.progress import reading_bar
from app.errors import InvalidSetting
from lab.provenance import made_by, made_by_line

if TYPE_CHECKING:
    from lab.evaluate.run import Evaluation

Split = Annotated[
    str | None,
    typer.Option(help="Questions of this split only; held-out: what training leaves out."),
]


QUICK = "none,wrong,gold,rag,adaptive"
EVERY = "none,wrong,random,gold,truncated,rag,adaptive,infini,melodi"


commands = typer.Typer()


@commands.command()
def evaluate_command(
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Records, .jsonl.gz.")
    ] = None,
    task: Annotated[
        str, typer.Option(help="records, literaryqa, planted, babi or passkey.")
    ] = "records",
    split: Split = None,
    memories: Annotated[
        str | None,
        typer.Option(
            help="none wrong random gold truncated[@TOKENS] full rag[@TOKENSxPASSAGES] "
            f"adaptive[@SHARE] infini[@linear] melodi, with commas.  [default: {EVERY}]"
        ),
    ] = None,
    distractors: Annotated[
        str, typer.Option(help="records: windows of other documents; several with commas.")
    ] = "60",
    distractor_data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="records: take them from this file."),
    ] = None,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="records: ask those questions too.")
    ] = False,
    books: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Book texts, for all tasks but records."),
    ] = None,
    tokens: Annotated[
        str, typer.Option(help="Length of the document; several with commas.  [default: 32000]")
    ] = "",
    depths: Annotated[
        int | None,
        typer.Option(min=1, help="planted, passkey: so many depths.  [default: 10, 20]"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most questions; planted, passkey: one a depth without it; babi: 100."
        ),
    ] = None,
    documents: Annotated[
        int | None, typer.Option(min=1, help="records, literaryqa: ask about so many only.")
    ] = None,
    seed: Annotated[int, typer.Option()] = 0,
    made_to_answer: Annotated[
        bool, typer.Option("--made-to-answer", help="Declining is ruled out.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Four questions about short documents: 5 minutes.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for plots, as SVG.")
    ] = None,
    answers: Annotated[bool, typer.Option("--answers", help="Show every answer too.")] = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Compare memories on questions about documents: free-running answers, likelihood, addressing.

    Questions are those of the records, each document among windows of others (records); about
    whole books (literaryqa); about short passages planted in a book (planted); about bAbI stories
    scattered in a book (babi); or about a pass key (passkey).
    """
    from lab.evaluate.answerers import who_retrieves
    from lab.evaluate.plan import Plan, quickened
    from lab.evaluate.plots import write_plots
    from lab.evaluate.run import evaluate, evaluation_json  # not needed to ask

    with opened(backbone) as library, reading_bar(err, "Evaluating") as on_progress:
        plan = Plan(
            data=data,
            split=split,
            memories=_names(memories or (QUICK if quick else EVERY)),
            distractors=_counts(distractors, "--distractors"),
            limit=limit,
            seed=seed,
            task=task,
            books=books,
            tokens=_counts(tokens, "--tokens") if tokens else (),
            depths=depths,
            documents=documents,
            distractor_data=distractor_data,
            unanswerable=unanswerable,
            declines=not made_to_answer,
        )
        plan = quickened(plan) if quick else plan
        found = evaluate(library.engine, plan, on_progress)
        if note := who_retrieves(library.engine, plan.memories):
            err.print(note, style="yellow", markup=False, soft_wrap=True)
        if answers:
            _show(found)
        if plots is not None:
            for file in write_plots(found.rows, plan.score, plots):
                err.print(f"wrote {file}", markup=False, soft_wrap=True)
        emit(evaluation_json(found)) if as_json else say(_tables(found, plan.score))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _counts(text: str, option: str) -> tuple[int, ...]:
    parts = _names(text)
    if not parts or not all(part.isdecimal() for part in parts):
        raise InvalidSetting(f"{option} {text!r} is not a count, or several with commas.")
    return tuple(dict.fromkeys(map(int, parts)))


def _tables(found: Evaluation, score: str) -> str:
    from lab.evaluate.table import groups_markdown, to_markdown

    groups = [groups_markdown(found.groups, score)] if found.groups else []
    return "\n\n".join([to_markdown(found.rows), *groups, made_by_line(made_by())])


def _show(found: Evaluation) -> None:
    """Questions with their accepted answers, and what every memory said."""
    for asked in found.asked:
        case, gold = asked.case, sorted(asked.case.gold)
        where = f"{len(case.windows)} windows, gold {gold}" if gold else ""
        err.print(f"\n{asked.setting} {case.group} {where}".rstrip(), markup=False, soft_wrap=True)
        accepted = " | ".join(case.question.answers) or "(not in the document)"
        err.print(f"Q: {case.question.question}\nA: {accepted}", markup=False, soft_wrap=True)
        for name, outcome in asked.outcomes.items():
            rank = "" if outcome.rank is None else f" [rank {outcome.rank}]"
            err.print(f"  {name}{rank}: {outcome.answer}", markup=False, soft_wrap=True)

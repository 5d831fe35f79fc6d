"""Commands that measure: evaluate, calibrate, bench."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli_common import Backbone, Json, emit, err, opened, say
from app.errors import InvalidSetting
from app.library import Library, OnProgress
from app.made_by import made_by, made_by_line
from app.markdown import figures_markdown
from app.progress import reading_bar
from memory_models.evaluate.data import Record

if TYPE_CHECKING:
    from app.measure import Evaluation

Split = Annotated[
    str | None,
    typer.Option(help="Questions of this split only; held-out: what training leaves out."),
]


QUICK = "none,wrong,gold,rag,adaptive"
EVERY = "none,wrong,random,gold,truncated,rag,adaptive,infini,melodi"


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
    from app.measure import evaluate, evaluation_json  # not needed to ask
    from app.measure_cases import Plan, quickened
    from app.measure_conditions import who_retrieves
    from memory_models.evaluate.plots import write_plots

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
        found = evaluate(library, plan, on_progress)
        if note := who_retrieves(library, plan.memories):
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
    from memory_models.evaluate.table import groups_markdown, to_markdown

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
    from app.calibrate import calibrate
    from app.measure_cases import Plan

    heads = None
    if not keep_heads:
        heads = Plan(data, heads_split, (), (distractors,), questions, documents=24)
    confidence = Plan(data, confidence_split, ("adaptive", "wrong"), (distractors,), answers)
    with opened(backbone) as library, reading_bar(err, "Calibrating") as on_progress:
        notes = calibrate(library, heads, confidence, on_progress)
        emit(notes) if as_json else say(figures_markdown(notes))


bench_app = typer.Typer(help="Measure what the README claims.", no_args_is_help=True)

Books = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Books, .jsonl.gz.")]


@contextmanager
def _benching(backbone: str | None) -> Iterator[tuple[Library, OnProgress]]:
    from app.bench import bench_settings

    with opened(backbone) as library, reading_bar(err, "Measuring") as on_progress:
        bench = Library(bench_settings(library.settings))
        bench.__dict__["backbone"] = library.backbone  # loaded (or fetched) by the main library
        try:
            yield bench, on_progress
        finally:
            bench.close()


def _book(data: Path, book_id: str) -> Record:
    from memory_models.evaluate.data import read_records

    for record in read_records(data):
        if record.id == book_id:
            return record
    raise InvalidSetting(f"{data.name} has no book {book_id!r}; `id` names it there.")


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    made = made_by()
    emit({**result, "made_by": made}) if as_json else say(
        f"{figures_markdown(result)}\n\n{made_by_line(made)}"
    )


@bench_app.command(name="planted")
def planted_command(
    data: Books,
    book: Annotated[str, typer.Option(help="Id of the book to plant in.")] = "1661",
    wrong: Annotated[str, typer.Option(help="Id of the wrong book.")] = "6455",
    tokens: Annotated[int, typer.Option(min=1000)] = 33_000,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Twenty facts planted in a book: asked of the state, the passage, memory off, a wrong book."""
    with _benching(backbone) as (library, on_progress):
        from app.bench import planted

        books = _book(data, book), _book(data, wrong)
        _report(planted(library, *books, tokens, on_progress), as_json=as_json)


@bench_app.command(name="reading")
def reading_command(
    data: Books,
    tokens: Annotated[int, typer.Option(min=1000)] = 300_000,
    memory: Annotated[
        str | None, typer.Option(help="adaptive, melodi or infini; the settings' without it.")
    ] = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Reading speed over the first and the last tenth of a long document, and peak memory."""
    with _benching(backbone) as (library, on_progress):
        from app.bench import reading

        _report(reading(library, data, tokens, on_progress, memory), as_json=as_json)


@bench_app.command(name="writing")
def writing_command(
    data: Books,
    windows: Annotated[int, typer.Option(min=1)] = 20,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """What keeping a state costs over a plain pass through the backbone."""
    with _benching(backbone) as (library, _):
        from app.bench import writing

        _report(writing(library, data, windows), as_json=as_json)


@bench_app.command(name="asking")
def asking_command(
    data: Books,
    short: Annotated[int, typer.Option(min=1000)] = 6_000,
    long: Annotated[int, typer.Option(min=1000)] = 130_000,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """First-token time on a short and a long document, and reopening in a new process."""
    with _benching(backbone) as (library, on_progress):
        from app.bench import asking

        _report(asking(library, data, short, long, on_progress), as_json=as_json)


@bench_app.command(name="novel")
def novel_command(
    data: Books,
    book: Annotated[str, typer.Option(help="Id of the book.")] = "6455",
    questions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="One question a line.")
    ] = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """One novel as text, EPUB and PDF: read, asked, summarised."""
    with _benching(backbone) as (library, on_progress):
        from app.bench import QUESTIONS, novel

        lines = questions.read_text("utf-8").splitlines() if questions else QUESTIONS
        asked = [line for line in lines if line.strip()]
        _report(novel(library, _book(data, book), asked, on_progress), as_json=as_json)


@bench_app.command(name="summaries")
def summaries_command(
    data: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Stories that people have summed up.")
    ],
    stories: Annotated[int, typer.Option(min=1, help="Of those that training leaves out.")] = 5,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Every window summed up: ROUGE-L against people, and how many names were invented."""
    with _benching(backbone) as (library, on_progress):
        from app.bench_summaries import summaries

        _report(summaries(library, data, stories, on_progress), as_json=as_json)


def register(app: typer.Typer) -> None:
    """Hang these commands on the main program."""
    app.add_typer(bench_app, name="bench")
    app.command(name="evaluate")(evaluate_command)
    app.command(name="calibrate")(calibrate_command)

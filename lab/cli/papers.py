"""Commands for the papers' systems: train them in a queue, see how far it is, measure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from app.cli.common import Json, emit, err, refusing, say
from app.settings import read_settings
from lab.markdown import figures_markdown, rows_markdown

if TYPE_CHECKING:
    from lab.papers.runs import Job, Papers

OnStep = Callable[[str, int, int], None]

commands = typer.Typer(
    help="Infini-attention, MELODI and their rivals, trained from scratch.", no_args_is_help=True
)

SizeName = Annotated[str, typer.Option("--size", help="mini, small or paper.")]
Data = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Books, .jsonl.gz; needed the first time."),
]
Systems = Annotated[
    str, typer.Option(help="Names with commas between (SYSTEM@key=value;...), main, ablations.")
]
Seeds = Annotated[str, typer.Option(help="Numbers with commas between.")]
Threads = Annotated[int, typer.Option(min=1, help="Of torch; part of what makes the bits.")]


@contextmanager
def _papers(size: str, data: Path | None, threads: int | None = None) -> Iterator[Papers]:
    """The folder of a size; typed refusals become one line and exit code 1."""
    import torch

    from lab.papers.configs import size_named
    from lab.papers.runs import Papers

    if threads is not None:
        torch.set_num_threads(threads)
    with refusing():
        yield Papers(read_settings().home, size_named(size), data)


def _jobs(papers: Papers, systems: str, seeds: str) -> list[Job]:
    """Systems are separated by spaces or commas; the changes of an ablation by semicolons."""
    from app.errors import InvalidSetting
    from lab.papers.configs import ABLATIONS, SYSTEMS
    from lab.papers.runs import jobs

    named: list[str] = []
    for name in systems.replace(",", " ").split():
        group = {"main": tuple(SYSTEMS), "ablations": ABLATIONS}.get(name)
        named += group or [name.replace(";", ",")]
    try:
        numbers = [int(seed) for seed in seeds.replace(",", " ").split()]
    except ValueError as error:
        raise InvalidSetting(f"Seeds {seeds!r}; give whole numbers, such as 0,1,2.") from error
    return jobs(list(dict.fromkeys(named)), numbers, papers.size)


@commands.command(name="tokenizer")
def tokenizer_command(data: Data = None, size: SizeName = "mini", as_json: Json = False) -> None:
    """Train the size's tokenizer on the training books, and encode all books."""
    with _papers(size, data) as papers:
        counts = {
            f"{split}{'-renamed' if renamed else ''}": len(
                papers.corpus(split, renamed=renamed).tokens
            )
            for split in ("train", "val")
            for renamed in (False, True)
        }
        found = {
            "tokenizer": str(papers.tokenizer_path),
            "vocabulary": papers.tokenizer.vocabulary,
            "tokens": counts,
        }
        emit(found) if as_json else say(figures_markdown(found))


@commands.command(name="train")
def train_command(
    data: Data = None,
    systems: Systems = "main",
    seeds: Seeds = "0,1,2",
    size: SizeName = "mini",
    threads: Threads = 1,
    background: Annotated[bool, typer.Option("--background", help="Return at once.")] = False,
    queues: Annotated[int, typer.Option(min=1, help="With --background: side by side.")] = 1,
    as_json: Json = False,
) -> None:
    """Train runs one after another; finished ones are skipped, a stopped one continues."""
    from lab.papers.runs import work

    with _papers(size, data, threads) as papers:
        jobs = _jobs(papers, systems, seeds)
        if background:
            started = [_start(papers, number) for number in range(queues)]
            emit({"queues": started}) if as_json else say(rows_markdown(started))
            return
        with _bar() as on_step:
            work(papers, jobs, _say_aside if as_json else say, on_step)
        if as_json:
            done = [result for job in jobs if (result := papers.result(job)) is not None]
            emit({"results": [result.to_json() for result in done]})


def _start(papers: Papers, number: int) -> dict[str, str | int]:
    """Start the same command without --background in its own process; says where to watch it."""
    log = papers.folder / f"queue-{number}.log"
    kept = [argument for argument in sys.argv[1:] if argument != "--background"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *kept],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    return {"queue": number, "process": process.pid, "log": str(log)}


@contextmanager
def _bar() -> Iterator[OnStep]:
    """A bar with the steps of the run that is being trained."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=err, transient=True)
    tasks: dict[str, TaskID] = {}

    def on_step(name: str, step: int, steps: int) -> None:
        if name not in tasks:
            for task in tasks.values():
                bar.remove_task(task)
            tasks.clear()
            tasks[name] = bar.add_task(name, total=steps)
        bar.update(tasks[name], completed=step)

    if not err.is_terminal:
        yield lambda _name, _step, _steps: None
        return
    with bar:
        yield on_step


@commands.command(name="table")
def table_command(size: SizeName = "mini", as_json: Json = False) -> None:
    """The table of finished runs, and how far the others are."""
    _show(size, None, as_json=as_json)


@commands.command(name="import")
def import_command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    size: SizeName = "mini",
    as_json: Json = False,
) -> None:
    """Import results of runs made elsewhere, as `papers table --json` printed them there."""
    from lab.papers.runs import take_in

    with _papers(size, None) as papers:
        taken = [job.folder for job in take_in(papers, file)]
        emit({"imported": taken}) if as_json else say(f"{len(taken)} results: {' '.join(taken)}")


@commands.command(name="speed")
def speed_command(
    systems: Systems = "main",
    size: SizeName = "mini",
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Parameters, memory, and tokens a second of one core, of each system with its memory full."""
    from dataclasses import asdict

    from lab.papers.runs import speed

    with _papers(size, None, threads) as papers:
        found = [asdict(speed(papers.size, job.system)) for job in _jobs(papers, systems, "0")]
        emit({"systems": found}) if as_json else say(rows_markdown(found))


def bench_papers_command(
    data: Data = None,
    systems: Systems = "main,ablations",
    seeds: Seeds = "0,1,2",
    size: SizeName = "mini",
    threads: Threads = 1,
    only_table: Annotated[bool, typer.Option("--only-table", help="Train nothing.")] = False,
    as_json: Json = False,
) -> None:
    """The papers' tables: trains what is missing, then perplexity, memory, speed, ablations."""
    from lab.papers.runs import work

    if not only_table:
        with _papers(size, data, threads) as papers, _bar() as on_step:
            work(papers, _jobs(papers, systems, seeds), _say_aside, on_step)
    _show(size, data, as_json=as_json)


def _say_aside(text: str) -> None:
    """Standard output is the table alone."""
    err.print(text, markup=False, soft_wrap=True)


def _show(size: str, data: Path | None, *, as_json: bool) -> None:
    from lab.papers.runs import table_json, table_markdown, write_table

    with _papers(size, data) as papers:
        charts = write_table(papers)
        emit(table_json(papers)) if as_json else say(table_markdown(papers))
        err.print(f"Charts: {charts}", markup=False, soft_wrap=True)

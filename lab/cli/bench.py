"""`bookstate bench`: what the documentation claims, measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.common import Backbone, Json, emit, err, opened, say
from app.cli.progress import reading_bar
from app.errors import InvalidSetting
from app.library import Library, OnProgress
from lab.cli.papers import bench_papers_command
from lab.evaluate.cases.records import Record
from lab.markdown import figures_markdown
from lab.provenance import made_by, made_by_line

commands = typer.Typer(help="Measure what the README claims.", no_args_is_help=True)

Books = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Books, .jsonl.gz.")]


@contextmanager
def _benching(backbone: str | None) -> Iterator[tuple[Library, OnProgress]]:
    from lab.bench.bench import bench_settings

    with opened(backbone) as library, reading_bar(err, "Measuring") as on_progress:
        bench = Library(bench_settings(library.settings))
        bench.engine.__dict__["backbone"] = library.backbone
        try:
            yield bench, on_progress
        finally:
            bench.close()


def _book(data: Path, book_id: str) -> Record:
    from lab.evaluate.cases.records import read_records

    for record in read_records(data):
        if record.id == book_id:
            return record
    raise InvalidSetting(f"{data.name} has no book {book_id!r}; `id` names it there.")


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    made = made_by()
    emit({**result, "made_by": made}) if as_json else say(
        f"{figures_markdown(result)}\n\n{made_by_line(made)}"
    )


@commands.command(name="planted")
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
        from lab.bench.bench import planted

        books = _book(data, book), _book(data, wrong)
        _report(planted(library, *books, tokens, on_progress), as_json=as_json)


@commands.command(name="reading")
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
        from lab.bench.bench import reading

        _report(reading(library, data, tokens, on_progress, memory), as_json=as_json)


@commands.command(name="writing")
def writing_command(
    data: Books,
    windows: Annotated[int, typer.Option(min=1)] = 20,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """What keeping a state costs over a plain pass through the backbone."""
    with _benching(backbone) as (library, _):
        from lab.bench.bench import writing

        _report(writing(library, data, windows), as_json=as_json)


@commands.command(name="asking")
def asking_command(
    data: Books,
    short: Annotated[int, typer.Option(min=1000)] = 6_000,
    long: Annotated[int, typer.Option(min=1000)] = 130_000,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """First-token time on a short and a long document, and reopening in a new process."""
    with _benching(backbone) as (library, on_progress):
        from lab.bench.bench import asking

        _report(asking(library, data, short, long, on_progress), as_json=as_json)


@commands.command(name="novel")
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
        from lab.bench.bench import QUESTIONS, novel

        lines = questions.read_text("utf-8").splitlines() if questions else QUESTIONS
        asked = [line for line in lines if line.strip()]
        _report(novel(library, _book(data, book), asked, on_progress), as_json=as_json)


@commands.command(name="summaries")
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
        from lab.bench.summaries import summaries

        _report(summaries(library, data, stories, on_progress), as_json=as_json)


commands.command(name="papers")(bench_papers_command)

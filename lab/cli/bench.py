"""`bookstate bench`: what the documentation claims, measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from app.cli.common import Json, emit, err, opened, say
from app.cli.progress import reading_bar
from app.errors import InvalidSetting
from app.library import Library, OnProgress
from lab.bench.plans import (
    AbandonedPlan,
    AskingPlan,
    CitationsPlan,
    CrowdPlan,
    NovelPlan,
    OcrPlan,
    PeoplePlan,
    PlantedPlan,
    ReadingPlan,
    RetoldPlan,
    SummariesPlan,
    ThoroughPlan,
    WritingPlan,
)
from lab.cli.documents import commands as documents_commands
from lab.cli.hard import commands as hard_commands
from lab.cli.papers import bench_papers_command
from lab.cli.plans import plan_command
from lab.evaluate.cases.records import Record
from lab.evaluate.product.plan import ProductPlan
from lab.markdown import figures_markdown
from lab.provenance import provenance, provenance_line

Settings = Mapping[str, Any]
commands = typer.Typer(help="Measure what the documentation claims.", no_args_is_help=True)


@contextmanager
def _benching(settings: Settings) -> Iterator[tuple[Library, OnProgress]]:
    from lab.bench.bench import bench_settings

    with opened(**settings) as library, reading_bar(err, "Measuring") as on_progress:
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
    raise InvalidSetting(f"{data.name} has no book {book_id!r}; the field `id` names its books.")


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    made = provenance()
    emit({**result, "provenance": made}) if as_json else say(
        f"{figures_markdown(result)}\n\n{provenance_line(made)}"
    )


@plan_command(commands, "planted", PlantedPlan, group="bench")
def planted_command(plan: PlantedPlan, settings: Settings, as_json: Json = False) -> None:
    """Twenty facts planted in a book: asked of the state, the passage, memory off, a wrong book."""
    from lab.bench.bench import planted

    with _benching(settings) as (library, on_progress):
        books = _book(plan.data, plan.book), _book(plan.data, plan.wrong)
        _report(planted(library, *books, plan.tokens, on_progress), as_json=as_json)


@plan_command(commands, "reading", ReadingPlan, group="bench")
def reading_command(plan: ReadingPlan, settings: Settings, as_json: Json = False) -> None:
    """Reading speed over the first and the last tenth of a long document, and peak memory."""
    from lab.bench.bench import reading

    with _benching(settings) as (library, on_progress):
        found = reading(library, plan.data, plan.tokens, on_progress, plan.memory)
        _report(found, as_json=as_json)


@plan_command(commands, "writing", WritingPlan, group="bench")
def writing_command(plan: WritingPlan, settings: Settings, as_json: Json = False) -> None:
    """What keeping a state costs over a plain pass through the backbone."""
    from lab.bench.bench import writing

    with _benching(settings) as (library, _):
        _report(writing(library, plan.data, plan.windows), as_json=as_json)


@plan_command(commands, "asking", AskingPlan, group="bench")
def asking_command(plan: AskingPlan, settings: Settings, as_json: Json = False) -> None:
    """First-token time on a short and a long document, and reopening in a new process."""
    from lab.bench.bench import asking

    with _benching(settings) as (library, on_progress):
        found = asking(library, plan.data, plan.short, plan.long, on_progress)
        _report(found, as_json=as_json)


@plan_command(commands, "novel", NovelPlan, group="bench")
def novel_command(plan: NovelPlan, settings: Settings, as_json: Json = False) -> None:
    """One novel as text, EPUB and PDF: read, asked, summarized."""
    from lab.bench.bench import QUESTIONS, novel

    lines = plan.questions.read_text("utf-8").splitlines() if plan.questions else QUESTIONS
    asked = [line for line in lines if line.strip()]
    with _benching(settings) as (library, on_progress):
        found = novel(library, _book(plan.data, plan.book), asked, on_progress)
        _report(found, as_json=as_json)


@plan_command(commands, "summaries", SummariesPlan, group="bench")
def summaries_command(plan: SummariesPlan, settings: Settings, as_json: Json = False) -> None:
    """Summaries of every window: ROUGE-L against people's, and how many names were invented."""
    from lab.bench.summaries import summaries

    with _benching(settings) as (library, on_progress):
        _report(summaries(library, plan.data, plan.stories, on_progress), as_json=as_json)


@plan_command(commands, "retold", RetoldPlan, group="bench")
def retold_command(plan: RetoldPlan, settings: Settings, as_json: Json = False) -> None:
    """Summaries of whole stories and books against people's: quoted, generated, at one length."""
    from lab.bench.retold.whole import retold

    with _benching(settings) as (library, on_progress):
        _report(retold(library, plan, on_progress), as_json=as_json)


@plan_command(commands, "people", PeoplePlan, group="bench")
def people_command(plan: PeoplePlan, settings: Settings, as_json: Json = False) -> None:
    """People found in novels against lists made by hand: of the ten most mentioned, how many."""
    from lab.bench.people import people_figures

    _report(people_figures(plan.books, plan.lists), as_json=as_json)


@plan_command(commands, "answers", ProductPlan, group="bench")
def answers_command(plan: ProductPlan, settings: Settings, as_json: Json = False) -> None:
    """Answers, evidence and confidence as people get them, over several kinds of documents."""
    from lab.evaluate.product.figures import figures
    from lab.evaluate.product.run import ask_all, write_outcomes

    with _benching(settings) as (library, on_progress):
        found = ask_all(library, plan, on_progress)
        if plan.out is not None:
            write_outcomes(found, plan.out)
        _report(figures(found), as_json=as_json)


@plan_command(commands, "thorough", ThoroughPlan, group="bench")
def thorough_command(plan: ThoroughPlan, settings: Settings, as_json: Json = False) -> None:
    """Facts of three kinds scattered in a book: how many a list of all pages has, and how right."""
    from lab.bench.thorough import thorough

    with _benching(settings) as (library, on_progress):
        found = thorough(library, plan.books, plan.tokens, plan.facts, plan.seed, on_progress)
        _report(found, as_json=as_json)


@plan_command(commands, "crowd", CrowdPlan, group="bench")
def crowd_command(plan: CrowdPlan, settings: Settings, as_json: Json = False) -> None:
    """Many who ask and add documents at a real server: errors, fairness, memory, time to list."""
    from lab.bench.crowd import crowd

    with opened(**settings) as library, reading_bar(err, "Measuring") as on_progress:
        book, used = _book(plan.data, plan.book), library.settings
        size = plan.askers, plan.readers, plan.seconds, plan.tokens
        found = crowd(used, book, *size, on_progress)
    _report(found, as_json=as_json)


@plan_command(commands, "abandoned", AbandonedPlan, group="bench")
def abandoned_command(plan: AbandonedPlan, settings: Settings, as_json: Json = False) -> None:
    """Questions at a real server that nobody waits for, then one that somebody waits for."""
    from lab.bench.crowd import abandoned

    with opened(**settings) as library:
        book, used = _book(plan.data, plan.book), library.settings
        found = abandoned(used, book, plan.requests, plan.tokens)
    _report(found, as_json=as_json)


@plan_command(commands, "citations", CitationsPlan, group="bench")
def citations_command(plan: CitationsPlan, settings: Settings, as_json: Json = False) -> None:
    """Citations of a made PDF and EPUB: the right page, the right words marked, time of a click."""
    from lab.bench.citations.run import citation_figures

    with _benching(settings) as (library, _):
        found = citation_figures(library, plan, lambda done, of: err.print(f"{done} of {of} books"))
    _report(found, as_json=as_json)


commands.command(name="papers")(bench_papers_command)


@plan_command(commands, "ocr", OcrPlan, group="bench")
def ocr_command(plan: OcrPlan, settings: Settings, as_json: Json = False) -> None:
    """Text recognition on pictures of known text: the share of characters that are wrong."""
    from lab.bench.ocr import ocr_figures

    found = ocr_figures(plan)
    made = provenance()
    if as_json:
        emit({**found, "provenance": made})
    else:
        say(f"{figures_markdown(found)}\n\n{provenance_line(made)}")


commands.add_typer(hard_commands)
commands.add_typer(documents_commands)

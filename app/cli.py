"""The command line: thin commands over `Library`.

With --json, standard output holds exactly one JSON value (one a line for --questions) and all else
goes to standard error. Exit code 0 done, 1 refused with a one-line reason, 2 wrong usage.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import typer

from app import measure_cli, papers_cli, train_cli
from app.answers import Answer
from app.archive import export_document, import_document
from app.cli_common import Backbone, Existing, Json, emit, err, opened, refusing, say
from app.documents_json import document_json, ingested_json, shown_json
from app.errors import InvalidQuestion, StoreFailed
from app.library import Ingested, Library, quiet
from app.models import (
    MEMORY_NOTES,
    backbone_folder,
    caution,
    load_backbone,
    read_calibration,
    reader_name,
)
from app.progress import fetch_bar, reading_bar
from app.recall import Scope, scope_note
from app.settings import CODED, Settings, read_settings
from app.store import Document, Store
from memory_models.backbone import DEFAULT_BACKBONE, fetch_default, is_present, pull

app = typer.Typer(
    name="bookstate",
    help="Read a book once, keep its memory state, ask for ever.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Backbones.", no_args_is_help=True)
app.add_typer(models_app, name="models")
measure_cli.register(app)
train_cli.register(app)
papers_cli.register(app, measure_cli.bench_app)


def main() -> None:
    """Entry point of `bookstate` and `python -m app`."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    app()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = 7860,
    auth_file: Annotated[
        Path | None, typer.Option(help="Lines of user:password, each may log in.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open")] = True,
    backbone: Backbone = None,
) -> None:
    """Open the web UI."""
    from app.ui.server import serve_ui  # gradio takes seconds to import

    with opened(backbone) as library:
        serve_ui(library, host, port, auth_file, open_browser=open_browser)


@app.command()
def ingest(
    file: Existing,
    memory: Annotated[str | None, typer.Option(help=" | ".join(MEMORY_NOTES))] = None,
    title: Annotated[str | None, typer.Option()] = None,
    password: Annotated[str | None, typer.Option(help="Of an encrypted PDF.")] = None,
    preset: Annotated[str | None, typer.Option(help=" | ".join(CODED))] = None,
    share: Annotated[float | None, typer.Option(help="Share of slots kept (adaptive).")] = None,
    slot_bits: Annotated[
        float | None, typer.Option(help="1 to 3 with a codec, 4, 8 or 16 (adaptive).")
    ] = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Read a file once and keep its state."""
    state = {"memory": memory, "preset": preset, "share": share, "slot_bits": slot_bits}
    with opened(backbone, **state) as library:
        if warning := caution(library.settings.memory, library.backbone, library.settings):
            err.print(warning, style="yellow")
        if library.settings.memory == "adaptive" and not library.calibration.measured:
            err.print(
                f"Backbone {library.backbone.name!r} is not calibrated: windows are addressed by "
                "guessed heads. `bookstate calibrate` measures them.",
                style="yellow",
                markup=False,
            )
        with reading_bar(err) as on_progress:
            done = library.add(
                file.read_bytes(),
                file.name,
                title=title,
                password=password,
                on_progress=on_progress,
            )
        if as_json:
            emit(ingested_json(done))
        else:
            say(_ingested_line(done))


def _ingested_line(done: Ingested) -> str:
    d = done.document
    how = "already known" if done.already_known else "resumed and read" if done.resumed else "read"
    return (
        f"{d.id}  {d.title}: {how}; {done.chapters} chapters, {d.segments} segments, "
        f"{d.tokens:,} tokens, state {_size(d.state_bytes)} "
        f"(1/{d.kv_cache_bytes / max(1, d.state_bytes):.1f} of the KV cache), {d.seconds:.0f} s"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count:,} bytes"


@app.command(name="list")
def list_documents(
    search: Annotated[str, typer.Option(help="Part of a title, author or file name.")] = "",
    as_json: Json = False,
) -> None:
    """List the documents, newest first."""
    with opened() as library:
        documents = library.list(search)
        if as_json:
            emit([document_json(d) for d in documents])
            return
        for d in documents:
            state = _size(d.state_bytes) if d.ready else f"{d.segments_done}/{d.segments} segments"
            say(f"{d.id}  {d.title}  [{d.memory}, {d.tokens:,} tokens, {state}]")


@app.command()
def show(document_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show one document with its chapters."""
    with opened() as library:
        document = library.store.document(document_id)
        shown = shown_json(library, document)
        if as_json:
            emit(shown)
            return
        for name, value in shown.items():
            if name not in ("chapters", "sources"):
                say(f"{name:16} {value}")
        for chapter in shown["chapters"]:
            say(f"{chapter['number']:>4}  {chapter['title']}  ({chapter['segments']} segments)")


@app.command()
def ask(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    question: Annotated[str | None, typer.Argument()] = None,
    questions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON lines: id, question.")
    ] = None,
    chapter: Annotated[int | None, typer.Option(help="Only this chapter.")] = None,
    as_of_chapter: Annotated[int | None, typer.Option(help="The book up to here.")] = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Answer a question from a document's state."""
    if (question is None) == (questions is None):
        raise typer.BadParameter("give either a QUESTION or --questions FILE")
    with opened(backbone) as library:
        scope = Scope(chapter=chapter, as_of_chapter=as_of_chapter)
        if questions is not None:
            _ask_file(library, document_id, questions, scope, as_json=as_json)
            return
        assert question is not None
        stream = library.ask(document_id, question, scope)
        for piece in stream:
            if not as_json:
                sys.stdout.write(piece)
                sys.stdout.flush()
        answer = library.answer(document_id, stream)
        if as_json:
            emit(answer.to_dict())
        else:
            _finish_line(library, answer)
        _warn(stream.note)


def _ask_file(
    library: Library, document_id: str, file: Path, scope: Scope, *, as_json: bool
) -> None:
    note = ""
    for asked in _parse_questions(file):
        stream = library.ask(document_id, str(asked["question"]), scope)
        for _ in stream:
            pass
        answer = library.answer(document_id, stream)
        if as_json:
            emit({"id": asked.get("id"), **answer.to_dict()})
        else:
            say(f"{asked['question']}\n  {answer.answer}")
        note = stream.note
    _warn(note)


def _warn(note: str) -> None:
    if note:
        err.print(note, style="yellow", markup=False, soft_wrap=True)


def _parse_questions(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text("utf-8-sig").split("\n")  # other line ends may stand inside JSON
    except UnicodeDecodeError as error:
        raise InvalidQuestion(f"{file.name} is not UTF-8 text; save it as UTF-8.") from error
    return [
        _parse_question(line, f"{file.name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _parse_question(line: str, where: str) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidQuestion(f"{where} is not JSON ({error}); write one object a line.") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("question"), str):
        raise InvalidQuestion(f'{where} has no text under "question"; write {{"question": "..."}}.')
    return asked


def _finish_line(library: Library, answer: Answer) -> None:
    say("" if answer.supported else f" {answer.notice}")
    err.print(f"confidence {answer.confidence:.2f}, {answer.seconds:.1f} s", style="dim")
    for source in answer.sources[:3]:
        pages = source.label_first
        if source.label_last != source.label_first:
            pages += f"-{source.label_last}"
        opening = " ".join(source.text.split())[:100]
        err.print(f"  p. {pages}, {source.weight:.0%}: {opening}...", style="dim", markup=False)


@app.command()
def summarize(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    chapter: Annotated[int | None, typer.Option(help="One chapter.")] = None,
    chapters: Annotated[bool, typer.Option("--chapters", help="Every chapter.")] = False,
    book: Annotated[
        bool, typer.Option("--book", help="The whole book (and its chapters).")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Anew, in place of what was made before.")
    ] = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Summarise from the state; what was made before is not made again without --again."""
    if (chapter is not None) + chapters + book > 1:
        raise typer.BadParameter("give one of --chapter N, --chapters, --book")
    from app.summaries import Summarizer  # its splitter takes a second to import

    with opened(backbone) as library, reading_bar(err, "Summarising") as on_progress:
        summarizer = Summarizer(library, again=again)
        document = library.store.document(document_id)
        whole = None
        if chapter is not None:
            made = [summarizer.chapter(document, chapter)]
        else:
            made = list(summarizer.chapters(document, on_progress))
            whole = None if chapters else summarizer.book(document)
        _warn(scope_note(document, Scope(chapter=chapter)))
        if as_json:
            summaries = [
                {"chapter": s.chapter, "title": s.title, "summary": s.summary} for s in made
            ]
            emit({"summaries": summaries, "book": whole.summary if whole else None})
            return
        for s in made:
            say(f"{s.chapter}. {s.title}\n{indent(s.summary, '   ')}\n")
        if whole:
            say(f"The book\n{indent(whole.summary, '   ')}")


@app.command()
def append(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    file: Existing,
    password: Annotated[str | None, typer.Option()] = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Continue a document's state with another file."""
    with opened(backbone) as library, reading_bar(err) as on_progress:
        document = library.append(
            document_id, file.read_bytes(), file.name, password=password, on_progress=on_progress
        )
        _show_document(library, document, as_json=as_json)


@app.command()
def rename(
    document_id: Annotated[str, typer.Argument(metavar="ID")], title: str, as_json: Json = False
) -> None:
    """Give a document another title."""
    with opened() as library:
        _show_document(library, library.rename(document_id, title), as_json=as_json)


@app.command()
def rm(document_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Delete a document with its state, chats and summaries."""
    with opened() as library:
        shown = shown_json(library, library.store.document(document_id))
        removed = library.remove(document_id)
        emit(shown) if as_json else say(f"removed {removed.id}  {removed.title}")


@app.command()
def export(
    document_id: Annotated[str, typer.Argument(metavar="ID")], out: Path, as_json: Json = False
) -> None:
    """Write a document with its state to one file."""
    with opened() as library:
        document = export_document(library.store, document_id, out)
        _show_document(library, document, as_json=as_json)


@app.command(name="import")
def import_(file: Existing, as_json: Json = False) -> None:
    """Take in a file that `export` wrote; it is checked before anything is stored."""
    with opened() as library:
        _show_document(library, import_document(library.store, file), as_json=as_json)


def _show_document(library: Library, document: Document, *, as_json: bool) -> None:
    if as_json:
        emit(shown_json(library, document))
    else:
        say(f"{document.id}  {document.title}  ({document.segments} segments)")


@models_app.command(name="list")
def models_list(as_json: Json = False) -> None:
    """Backbones that are on this disk."""
    with opened() as library:
        folder = library.settings.models
        found = [p for p in sorted(folder.glob("*")) if is_present(p)] if folder.is_dir() else []
        rows = [{"name": p.name, "default": p.name == DEFAULT_BACKBONE.name} for p in found]
        if as_json:
            emit(rows)
            return
        for row in rows:
            say(f"{row['name']}{'  (default)' if row['default'] else ''}")
        if not rows:
            say("none yet; `bookstate models pull default` fetches the default backbone")


@models_app.command(name="pull")
def models_pull(name: str, as_json: Json = False) -> None:
    """Fetch the default backbone, or a Hugging Face model by its id."""
    with opened() as library, fetch_bar(err) as on_fetch:
        if name in ("default", DEFAULT_BACKBONE.name):
            folder = library.settings.models / DEFAULT_BACKBONE.name
            if not is_present(folder):
                fetch_default(folder, on_fetch)
        else:
            folder = library.settings.models / name.replace("/", "--")
            if not is_present(folder):
                pull(name, folder, on_fetch)
        emit({"name": folder.name, "present": True}) if as_json else say(f"{folder.name} is here")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the installation: data folder, database, backbone, calibration, device."""
    with refusing():
        checks = list(_checks(read_settings()))
        if as_json:
            emit([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in checks])
        else:
            for name, ok, detail in checks:
                say(f"{'ok ' if ok else 'BAD'}  {name:12} {detail}")
        if not all(ok for _, ok, _ in checks):
            raise typer.Exit(1)


def _checks(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    import torch

    from memory_models.backbone import best_device, best_dtype

    database = _database_check(settings.database)  # makes the folder where there is none
    yield "data folder", settings.home.is_dir(), str(settings.home)
    yield database
    device = best_device()
    dtype = str(best_dtype(device)).removeprefix("torch.")
    yield "device", True, f"{device}, {dtype}, {torch.get_num_threads()} threads"
    folder = backbone_folder(settings)
    if not is_present(folder):
        yield "backbone", False, f"{folder.name} is not here; run `bookstate models pull default`"
        return
    backbone = load_backbone(settings, quiet)
    yield "backbone", True, f"{backbone.name} {backbone.sha256[:12]}"
    measured = read_calibration(backbone, reader_name(backbone, settings)).measured
    yield "calibration", measured, "measured" if measured else "guessed; run `bookstate calibrate`"


def _database_check(file: Path) -> tuple[str, bool, str]:
    try:
        with closing(Store(file)) as store:
            found = store.quick_check()
    except StoreFailed as error:
        return "database", False, str(error)
    return "database", found == "ok", f"{file.name}: {found}"

"""Commands for documents: ingest, list, show, append, rename, rm."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import (
    Backbone,
    DocumentId,
    Existing,
    Json,
    emit,
    err,
    opened,
    say,
    show_document,
)
from app.cli.progress import reading_bar
from app.documents_json import document_json, ingested_json, shown_json
from app.engine import MEMORY_NOTES
from app.library import Ingested
from app.settings import CODED

commands = typer.Typer()


@commands.command()
def ingest(
    file: Existing,
    memory: Annotated[str | None, typer.Option(help=" | ".join(MEMORY_NOTES))] = None,
    title: Annotated[str | None, typer.Option()] = None,
    password: Annotated[str | None, typer.Option(help="Of an encrypted PDF.")] = None,
    preset: Annotated[str | None, typer.Option(help=" | ".join(CODED))] = None,
    keep_ratio: Annotated[
        float | None,
        typer.Option("--keep-ratio", "--share", help="Part of the slots kept (adaptive)."),
    ] = None,
    slot_bits: Annotated[
        float | None, typer.Option(help="1 to 3 with a codec, 4, 8 or 16 (adaptive).")
    ] = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Read a file once and keep its state."""
    state = {"memory": memory, "preset": preset, "keep_ratio": keep_ratio, "slot_bits": slot_bits}
    with opened(backbone, **state) as library:
        if warning := library.engine.caution(library.settings.memory):
            err.print(warning, style="yellow")
        if library.settings.memory == "adaptive" and not library.engine.calibration.measured:
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


@commands.command(name="list")
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


@commands.command()
def show(document_id: DocumentId, as_json: Json = False) -> None:
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


@commands.command()
def append(
    document_id: DocumentId,
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
        show_document(library, document, as_json=as_json)


@commands.command()
def rename(document_id: DocumentId, title: str, as_json: Json = False) -> None:
    """Give a document another title."""
    with opened() as library:
        show_document(library, library.rename(document_id, title), as_json=as_json)


@commands.command()
def rm(document_id: DocumentId, as_json: Json = False) -> None:
    """Delete a document with its state, chats and summaries."""
    with opened() as library:
        shown = shown_json(library, library.store.document(document_id))
        removed = library.remove(document_id)
        emit(shown) if as_json else say(f"removed {removed.id}  {removed.title}")

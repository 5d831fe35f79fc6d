"""Commands for documents: inspect, ingest, reread, list, show, append, position, rename, rm."""

from __future__ import annotations

from typing import Annotated

import typer

from app.answering.language import NAMES
from app.cli.common import (
    Backbone,
    DocumentId,
    Existing,
    Json,
    Password,
    emit,
    err,
    opened,
    refusing,
    say,
    show_document,
)
from app.cli.documents_json import document_json, ingested_json, inspected_json, shown_json
from app.cli.progress import counting_bar, reading_bar
from app.engine import MEMORY_NOTES, backbone_folder
from app.intake.inspection import inspect as inspect_book
from app.intake.redividing import divide_again
from app.intake.register import DIVISIONS, File
from app.library import Ingested, Library
from app.position import position_of, set_position
from app.settings import CODED, read_settings
from app.shelf.documents import documents_of_tag

commands = typer.Typer()

Memory = Annotated[
    str | None, typer.Option("--memory", help=f"Memory to read with: {', '.join(MEMORY_NOTES)}.")
]
Preset = Annotated[
    str | None, typer.Option("--preset", help=f"Size of the state: {', '.join(CODED)} (adaptive).")
]
KeepRatio = Annotated[
    float | None,
    typer.Option(
        "--keep-ratio",
        "--share",
        help="Share of the slots to keep, above 0 and up to 1, instead of the preset's (adaptive).",
    ),
]
SlotBits = Annotated[
    float | None,
    typer.Option(
        "--slot-bits",
        help="Bits per number in a slot, instead of the preset's: 1, 1.5, 2 or 3 with a trained "
        "codec; 4, 8 or 16 without (adaptive).",
    ),
]
Title = Annotated[
    str | None, typer.Option("--title", help="Title of the document, instead of the file's.")
]
Chapters = Annotated[
    str | None,
    typer.Option(
        "--chapters",
        help="Divide the text otherwise: "
        + "; ".join(f"{name}, {words}" for name, words in DIVISIONS.items())
        + ".",
    ),
]


@commands.command()
def ingest(
    file: Existing,
    memory: Memory = None,
    title: Title = None,
    password: Password = None,
    preset: Preset = None,
    keep_ratio: KeepRatio = None,
    slot_bits: SlotBits = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Add a file to the library: read it once and keep its memory state."""
    state = {"memory": memory, "preset": preset, "keep_ratio": keep_ratio, "slot_bits": slot_bits}
    with opened(backbone, **state) as library:
        _warn(library, library.settings.memory)
        with reading_bar(err) as on_progress, counting_bar(err, "Recognising pages") as on_page:
            done = library.add(
                file.read_bytes(),
                file.name,
                title=title,
                password=password,
                on_progress=on_progress,
                on_page=on_page,
            )
        _show_ingested(library, done, as_json=as_json)


@commands.command()
def reread(
    document_id: DocumentId,
    memory: Memory = None,
    chapters: Chapters = None,
    password: Password = None,
    preset: Preset = None,
    keep_ratio: KeepRatio = None,
    slot_bits: SlotBits = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Read a stored document again, for example with another memory or in other chapters.

    Its chats, summaries and earlier readings are kept.
    """
    state = {"memory": memory, "preset": preset, "keep_ratio": keep_ratio, "slot_bits": slot_bits}
    with opened(backbone, **state) as library:
        _warn(library, memory or library.store.document(document_id).reading.memory)
        with reading_bar(err) as on_progress:
            if chapters:
                divided = divide_again(
                    library, document_id, chapters, memory=memory, password=password
                )
                done = library.finish(divided, on_progress)
            else:
                done = library.reread(
                    document_id, memory=memory, password=password, on_progress=on_progress
                )
        _show_ingested(library, done, as_json=as_json)


@commands.command()
def inspect(file: Existing, password: Password = None, as_json: Json = False) -> None:
    """Show what is found in a file: chapters, pages, language and warnings. Nothing is stored."""
    with refusing():
        settings = read_settings()
        given = File(file.name, file.read_bytes(), password)
        found = inspect_book(given.parse(settings.reading_limits))
    if as_json:
        emit(inspected_json(found))
        return
    say(f"{found.title}{f', by {found.author}' if found.author else ''}")
    language = NAMES.get(found.language or "", "a language that is not recognised")
    say(f"{found.format}, {found.pages} pages, {found.characters:,} characters, {language}")
    for chapter in found.chapters:
        apart = "" if chapter.matter == "main" else f" [{chapter.matter} matter]"
        say(f"  p. {chapter.page_first:>4}  {chapter.title}{apart}")
    cautions = [*found.warnings, found.caution(backbone_folder(settings).name)]
    for warning in filter(None, cautions):
        err.print(warning, style="yellow", markup=False, soft_wrap=True)


def _warn(library: Library, memory: str) -> None:
    """Print warnings about this memory and backbone on standard error."""
    if warning := library.engine.caution(memory):
        err.print(warning, style="yellow")
    if memory == "adaptive" and not library.engine.calibration.measured:
        err.print(
            f"Backbone {library.backbone.name!r} is not calibrated: which of its attention heads "
            "find the right segments is a guess. Run `bookstate calibrate` to measure it.",
            style="yellow",
            markup=False,
        )


def _show_ingested(library: Library, done: Ingested, *, as_json: bool) -> None:
    """Print what was read, and on standard error what of the file could not be."""
    for warning in library.store.warnings(done.document.reading):
        err.print(warning, style="yellow", markup=False, soft_wrap=True)
    emit(ingested_json(done)) if as_json else say(_ingested_line(done))


def _ingested_line(done: Ingested) -> str:
    d, r = done.document, done.document.reading
    how = "already known" if done.already_known else "resumed and read" if done.resumed else "read"
    return (
        f"{d.id}  {d.title}: {how}; {done.chapters} chapters, {r.segments} segments, "
        f"{r.tokens:,} tokens, state {_size(r.state_bytes)} "
        f"(1/{r.kv_cache_bytes / max(1, r.state_bytes):.1f} of the KV cache), {r.seconds:.0f} s"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count:,} bytes"


@commands.command(name="list")
def list_documents(
    search: Annotated[
        str, typer.Option(help="List only titles, authors or file names that contain this text.")
    ] = "",
    tag: Annotated[str, typer.Option(help="List only documents that have this tag.")] = "",
    as_json: Json = False,
) -> None:
    """List the documents, newest first."""
    with opened() as library:
        documents, tags = library.list(search), library.store.tags_of_all()
        if tag:
            wanted = {d.id for d in documents_of_tag(library, tag)}
            documents = [d for d in documents if d.id in wanted]
        if as_json:
            emit([document_json(d) | {"tags": tags.get(d.id, [])} for d in documents])
            return
        for d in documents:
            r = d.reading
            state = _size(r.state_bytes) if r.ready else f"{r.segments_done}/{r.segments} segments"
            named = "".join(f"  #{name}" for name in tags.get(d.id, []))
            say(f"{d.id}  {d.title}  [{r.memory}, {r.tokens:,} tokens, {state}]{named}")


@commands.command()
def show(document_id: DocumentId, as_json: Json = False) -> None:
    """Show one document with its chapters and readings."""
    with opened() as library:
        document = library.store.document(document_id)
        shown = shown_json(library, document)
        if as_json:
            emit(shown)
            return
        for name, value in shown.items():
            if name not in ("chapters", "sources", "readings", "warnings"):
                say(f"{name:16} {value}")
        for warning in shown["warnings"]:
            say(f"warning          {warning}")
        for chapter in shown["chapters"]:
            say(f"{chapter['number']:>4}  {chapter['title']}  ({chapter['segments']} segments)")
        for r in shown["readings"]:
            done = _size(r["state_bytes"]) if r["ready"] else f"{r['segments_done']} segments read"
            used = ", in use" if r["in_use"] else ""
            say(f"reading {r['id']}  {r['memory']}, {r['backbone']}, {done}{used}")


@commands.command()
def append(
    document_id: DocumentId,
    file: Existing,
    password: Password = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Add another file to the end of a document, and read it."""
    with opened(backbone) as library, reading_bar(err) as on_progress:
        document = library.append(
            document_id, file.read_bytes(), file.name, password=password, on_progress=on_progress
        )
        show_document(library, document, as_json=as_json)


@commands.command()
def position(
    document_id: DocumentId,
    chapter: Annotated[
        int | None, typer.Option(help="I have read to the end of this chapter.")
    ] = None,
    page: Annotated[int | None, typer.Option(help="I have read to the end of this page.")] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Forget the place: answers are from the whole book.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show or set how far you have read; answers and summaries keep to it."""
    if (chapter is not None) + (page is not None) + clear > 1:
        raise typer.BadParameter("give one of --chapter N, --page N, --clear")
    with opened() as library:
        document = library.store.document(document_id)
        if chapter is not None or page is not None or clear:
            place = set_position(library, document, chapter=chapter, page=page)
        else:
            place = position_of(library, document)
    if as_json:
        emit({"chapter": place.chapter, "page": place.page})
    elif place.chapter is None:
        say(f"{document.title}: no place is set; answers are from the whole book.")
    else:
        say(f"{document.title}: read to chapter {place.chapter}, page {place.label}.")


@commands.command()
def rename(document_id: DocumentId, title: str, as_json: Json = False) -> None:
    """Give a document another title."""
    with opened() as library:
        show_document(library, library.rename(document_id, title), as_json=as_json)


@commands.command()
def rm(
    document_id: DocumentId,
    reading: Annotated[
        bool, typer.Option("--reading", help="Delete only the reading with this id, given in full.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete a document with its states, chats and summaries, or only one of its readings."""
    with opened() as library:
        store = library.store
        document = store.document_of(document_id) if reading else store.document(document_id)
        shown = shown_json(library, document)
        remove = library.remove_reading if reading else library.remove
        removed = remove(document_id)
        emit(shown) if as_json else say(f"removed {removed.id}  {removed.title}")

"""The commands `notes` and `chats`, and the option `--out` of all that can be taken along."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import DocumentId, Json, emit, err, opened, say
from app.library import Library
from app.storage.store import Note
from app.taking.contents import answer_text, chats_taken, notes_taken
from app.taking.files import write
from app.taking.keeping import own_note
from app.taking.taken import Cited, Taken

commands = typer.Typer()

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="File to write instead of printing: .md, .docx or .json; an existing one is replaced.",
    ),
]


def write_out(library: Library, taken: Taken, out: Path) -> None:
    """Write a file, and say so."""
    write(taken, out, library.settings.home)
    err.print(f"Wrote {out}.", style="dim", markup=False, soft_wrap=True)


@commands.command()
def notes(
    document_id: DocumentId,
    add: Annotated[str | None, typer.Option(help="Write a note of your own.")] = None,
    page: Annotated[str | None, typer.Option(help="The page that it is about, as printed.")] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show a document's notebook: what was kept in the page, and notes of your own."""
    if page is not None and add is None:
        raise typer.BadParameter("--page belongs to --add TEXT")
    with opened() as library:
        store = library.store
        document = store.document(document_id)
        if add is not None:
            store.keep_note(document.id, own_note(store, document, add, page))
        kept = store.notes(document.id)
        if out is not None:
            write_out(library, notes_taken(document, kept), out)
            return
    if as_json:
        emit({"notes": [asdict(note) for note in kept]})
        return
    for note in kept:
        _print(note)
    if not kept:
        err.print("Nothing has been kept from this document yet.", style="dim")


def _print(note: Note) -> None:
    if note.question:
        say(note.question)
    pages = dict.fromkeys(Cited.of(place).short for place in note.citations)
    where = f" ({', '.join(pages)})" if pages else ""
    say(f"  {' '.join(note.text.split())}{where}")
    if note.remark:
        say(f"  Note: {' '.join(note.remark.split())}")


@commands.command()
def chats(document_id: DocumentId, out: Out = None, as_json: Json = False) -> None:
    """Show the chats about a document, or write them to a file."""
    with opened() as library:
        store = library.store
        document = store.document(document_id)
        found = [(c, store.messages(c.id)) for c in reversed(store.chats(document.id))]
        if out is not None:
            write_out(library, chats_taken(document, [(c.title, m) for c, m in found]), out)
            return
    if as_json:
        emit(
            {
                "chats": [
                    {
                        "title": chat.title,
                        "created_at": chat.created_at,
                        "messages": [asdict(message) for message in messages],
                    }
                    for chat, messages in found
                ]
            }
        )
        return
    for chat, messages in found:
        say(f"{chat.title}  ({chat.created_at[:10]})")
        for message in messages:
            asked = message.role == "user"
            say(f"  {message.text}" if asked else f"    {answer_text(message)}")
    if not found:
        err.print("There is no chat about this document yet.", style="dim")

"""The command `revise`: a new version of a document's file."""

from __future__ import annotations

import typer

from app.cli.common import Backbone, DocumentId, Existing, Json, Password, emit, err, opened, say
from app.cli.progress import counting_bar, reading_bar
from app.revision.revising import revise as revise_document

commands = typer.Typer()


@commands.command()
def revise(
    document_id: DocumentId,
    file: Existing,
    password: Password = None,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Put a changed file in a document's place: read what changed, and say what that is.

    Chats, the place up to which you have read, and summaries of unchanged chapters are kept.
    """
    with opened(backbone) as library:
        with counting_bar(err, "Recognising pages") as on_page:
            revised = revise_document(
                library,
                document_id,
                file.read_bytes(),
                file.name,
                password=password,
                on_page=on_page,
            )
        changes = revised.changes
        if not as_json:
            err.print(changes.headline, markup=False, soft_wrap=True)
        with reading_bar(err) as on_progress:
            document = library.read(revised.document.reading.id, on_progress)
    if as_json:
        about = {"id": document.id, "title": document.title, "seconds": document.reading.seconds}
        emit(about | changes.to_dict())
        return
    say(f"{document.id}  {document.title}: new version read, {document.reading.seconds:.0f} s")
    for line in changes.lines():
        say(f"  {line}")

"""Commands that move a document between libraries: export and import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import DocumentId, Existing, Json, opened, show_document
from app.exchange.archive import import_document
from app.exchange.export import export_document

commands = typer.Typer()


@commands.command()
def export(
    document_id: DocumentId,
    out: Annotated[Path, typer.Argument(help="File to write; an existing one is replaced.")],
    as_json: Json = False,
) -> None:
    """Export a document with its state, chats and summaries to one file."""
    with opened() as library:
        document = export_document(library.store, document_id, out)
        show_document(library, document, as_json=as_json)


@commands.command(name="import")
def import_(file: Existing, as_json: Json = False) -> None:
    """Import a file that `export` wrote; it is checked before anything is stored."""
    with opened() as library:
        document = import_document(library.store, file, library.settings.reading_limits)
        show_document(library, document, as_json=as_json)

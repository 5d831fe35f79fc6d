"""What all commands share: options, output, and the place where errors become exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.answering.answers import Evidence, Source
from app.cli.documents_json import shown_json
from app.cli.progress import fetch_bar
from app.errors import REFUSALS
from app.library import Library
from app.settings import read_settings
from app.storage.store import Document

err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone", help="Model to use: a folder, or the name of one that `models pull` fetched."
    ),
]
DocumentId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A document's title, or the id of a document or a reading; its beginning is enough.",
    ),
]
Password = Annotated[str | None, typer.Option("--password", help="Password of an encrypted PDF.")]
Existing = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="Path of the file.")
]


@contextmanager
def opened(backbone: str | None = None, **flags: Any) -> Iterator[Library]:
    """Open the library for one command; an expected error is printed in one line.

    The command sees the documents of the first account, which the data folder's owner has.
    """
    with opened_for_all(backbone, **flags) as library:
        yield library.seen_by(library.store.first_account())


@contextmanager
def opened_for_all(backbone: str | None = None, **flags: Any) -> Iterator[Library]:
    """Open the library with the documents of all accounts, as `opened` does."""
    with refusing():
        settings = read_settings(backbone=backbone, **flags)
        with fetch_bar(err) as on_fetch:
            library = Library(settings, on_fetch)
            try:
                yield library
            finally:
                library.close()


@contextmanager
def refusing() -> Iterator[None]:
    """Print an expected error in one line and exit with code 1."""
    try:
        yield
    except REFUSALS as error:
        err.print(" ".join(str(error).split()), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


def emit(value: Any) -> None:
    """Print a value as JSON, on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a line for people on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_document(library: Library, document: Document, *, as_json: bool) -> None:
    """Print a document as JSON or in one line."""
    if as_json:
        emit(shown_json(library, document))
    else:
        say(f"{document.id}  {document.title}  ({document.reading.segments} segments)")


def page_range(place: Evidence | Source) -> str:
    """ "37" or "37-39", by printed labels."""
    one = place.label_first == place.label_last
    return place.label_first if one else f"{place.label_first}-{place.label_last}"

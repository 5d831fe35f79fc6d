"""What every command shares: options, output, and the one place that turns refusals into exits."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.cli.documents_json import shown_json
from app.cli.progress import fetch_bar
from app.errors import REFUSALS
from app.library import Library
from app.settings import read_settings
from app.storage.store import Document

err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="One JSON value on standard output.")]
Backbone = Annotated[
    str | None, typer.Option("--backbone", help="Folder or pulled name of a Llama-family model.")
]
DocumentId = Annotated[
    str, typer.Argument(metavar="ID", help="Beginning of a document's or reading's id, or a title.")
]
Existing = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@contextmanager
def opened(backbone: str | None = None, **flags: Any) -> Iterator[Library]:
    """A library for one command, whose refusals are one line."""
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
    """Turns every typed refusal into one line and exit code 1."""
    try:
        yield
    except REFUSALS as error:
        err.print(" ".join(str(error).split()), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


def emit(value: Any) -> None:
    """One JSON value on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line for people on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_document(library: Library, document: Document, *, as_json: bool) -> None:
    if as_json:
        emit(shown_json(library, document))
    else:
        say(f"{document.id}  {document.title}  ({document.reading.segments} segments)")

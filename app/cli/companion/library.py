"""The commands `library save` and `library restore`: everything in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import Existing, Json, emit, opened_for_all, refusing, say
from app.exchange.whole import restore_library, save_library
from app.settings import read_settings

commands = typer.Typer(no_args_is_help=True, help="Save and restore the whole library.")


@commands.command()
def save(
    out: Annotated[Path, typer.Argument(help="File to write; an existing one is replaced.")],
    as_json: Json = False,
) -> None:
    """Save all documents with their memories, chats, notes and accounts to one file.

    The file also holds the hashes of passwords: keep it where you would keep those. A server may
    run meanwhile. Models are not in the file.
    """
    with opened_for_all() as library:
        made = save_library(library.store, out)
    if as_json:
        emit({"file": str(out), **made.model_dump()})
        return
    say(f"Saved {made.documents} documents to {out} ({made.size / 1e6:,.1f} MB).")


@commands.command()
def restore(
    file: Existing,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where the library has documents already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a saved library into the data folder; the library that was there is kept beside it."""
    with refusing():
        home = read_settings().home
        kept = restore_library(home, file, replace=replace)
    if as_json:
        emit({"home": str(home), "kept": str(kept) if kept else None})
        return
    say(f"Restored the library in {home}.")
    if kept:
        say(f"The library that was there before is kept in {kept}.")

"""`bookstate models`: the backbones on this disk."""

from __future__ import annotations

import typer

from app.cli.common import Json, emit, err, opened, say
from app.cli.progress import fetch_bar
from memory_models.backbone import DEFAULT_BACKBONE, fetch_default, is_present, pull

commands = typer.Typer(help="Backbones.", no_args_is_help=True)


@commands.command(name="list")
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


@commands.command(name="pull")
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

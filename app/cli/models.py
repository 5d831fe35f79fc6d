"""`bookstate models`: the backbones on this disk."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import Existing, Json, emit, err, opened, say
from app.cli.progress import fetch_bar
from app.errors import InvalidSetting
from app.supply.gguf import check_gguf
from memory_models.backbone import DEFAULT_BACKBONE, add_gguf, fetch_default, is_present

commands = typer.Typer(
    help="List and fetch backbones: the language models that read and answer.",
    no_args_is_help=True,
)
Name = Annotated[
    str, typer.Argument(help="`default`, or a model's id on Hugging Face, such as OWNER/NAME.")
]
Revision = Annotated[
    str | None,
    typer.Option("--revision", help="Commit, branch or tag to fetch; else the newest commit."),
]


@commands.command(name="list")
def models_list(as_json: Json = False) -> None:
    """List the backbones on this computer."""
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
            say("No backbone yet; run `bookstate models pull default` to fetch the default one.")


@commands.command(name="pull")
def models_pull(name: Name, revision: Revision = None, as_json: Json = False) -> None:
    """Fetch the default backbone or a model from Hugging Face; check one that is here already.

    A model from Hugging Face stays at the commit at which it was first fetched.
    """
    from memory_models.sources.hub import pull

    with opened() as library, fetch_bar(err) as on_fetch:
        if name in ("default", DEFAULT_BACKBONE.name):
            if revision is not None:
                raise InvalidSetting("The default backbone has no revisions; leave out --revision.")
            folder, commit = library.settings.models / DEFAULT_BACKBONE.name, None
            if not is_present(folder):
                fetch_default(folder, on_fetch)
        else:
            folder = library.settings.models / name.replace("/", "--")
            commit = pull(name, folder, on_fetch, revision).commit
        if as_json:
            emit({"name": folder.name, "present": True, "commit": commit})
            return
        say(f"{folder.name} is ready{f' (commit {commit})' if commit else ''}")


@commands.command(name="add")
def models_add(file: Existing, as_json: Json = False) -> None:
    """Add a model from a GGUF file: convert it once; `--backbone` then takes the file's name.

    The file is checked in a process of its own before anything in this one reads it.
    """
    with opened() as library, fetch_bar(err) as on_fetch:
        folder = library.settings.models / file.stem
        if is_present(folder):
            raise InvalidSetting(
                f"A backbone {folder.name!r} is here already; delete {folder} first, or rename the "
                "file."
            )
        outline = check_gguf(file, library.settings.reading_limits)
        add_gguf(file, folder, on_fetch)
        if as_json:
            emit({**outline, "name": folder.name, "present": True})
            return
        say(f"{folder.name} is ready; {outline['parameters']:,} parameters")

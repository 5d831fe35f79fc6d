"""`bookstate adapters`: lists, installs and chooses trained adapters of a backbone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from app.adapters import KINDS, Installed
from app.cli.common import Backbone, Existing, Json, emit, opened, say

commands = typer.Typer(
    help="List, install and choose trained adapters of the backbone.", no_args_is_help=True
)

Kind = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")]
Name = Annotated[
    str, typer.Argument(metavar="HASH", help="The adapter's hash; its beginning is enough.")
]


@commands.command(name="list")
def list_adapters(backbone: Backbone = None, as_json: Json = False) -> None:
    """List the installed adapters; * marks those in use."""
    with opened(backbone) as library:
        found = library.engine.trained.files.installed()
        if as_json:
            emit([asdict(one) for one in found])
            return
        for one in found:
            say(_line(one))


@commands.command()
def install(file: Existing, backbone: Backbone = None, as_json: Json = False) -> None:
    """Install an adapter that `bookstate train` wrote, and use it from now on.

    Documents that were read with earlier adapters still work: those stay installed.
    """
    with opened(backbone) as library:
        _show(library.engine.trained.files.install(file), as_json=as_json)


@commands.command()
def use(kind: Kind, name: Name, backbone: Backbone = None, as_json: Json = False) -> None:
    """Choose which installed adapter of a kind is used from now on."""
    with opened(backbone) as library:
        _show(library.engine.trained.files.use(kind, name), as_json=as_json)


def _show(one: Installed, *, as_json: bool) -> None:
    emit(asdict(one)) if as_json else say(_line(one))


def _line(one: Installed) -> str:
    return (
        f"{'*' if one.in_use else ' '} {one.kind:14} {one.name}{'  (ships)' if one.ships else ''}"
    )

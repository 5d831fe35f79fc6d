"""The lab's commands (train, evaluate, ...), imported only when one of them is called.

No other file of the product imports `lab`, whose packages come with the extra of the same name.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import typer
from typer.core import TyperCommand, TyperGroup

from app.cli.common import refusing
from app.errors import LabNotInstalled

COMMANDS = ("evaluate", "calibrate", "train", "bench", "papers")
NEEDED = ("rouge_score", "bm25s", "Stemmer", "matplotlib")  # the extra's modules

Command = TyperCommand | TyperGroup


class WithLab(TyperGroup):
    """A group of commands that lists the lab's commands after its own."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The product's commands, then the lab's."""
        return [*super().list_commands(ctx), *COMMANDS]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Command | None:  # type: ignore[override]
        """A command by its name, or None."""
        if cmd_name in COMMANDS:
            return _lab_command(cmd_name)
        found: Command | None = super().get_command(ctx, cmd_name)  # type: ignore[assignment]
        return found


def _lab_command(name: str) -> Command:
    missing = [module for module in NEEDED if find_spec(module) is None]
    commands = _refusal(name, missing) if missing else import_module(f"lab.cli.{name}").commands
    command: Command = typer.main.get_command(commands)  # type: ignore[assignment]
    command.name = name
    return command


def _refusal(name: str, missing: list[str]) -> typer.Typer:
    """A command that accepts any arguments and says what has to be installed."""
    commands = typer.Typer()

    @commands.command(
        help="Needs the extra `lab`, which is not installed.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def refuse() -> None:
        with refusing():
            raise LabNotInstalled(
                f"`bookstate {name}` needs {', '.join(missing)}; "
                "run `pip install 'bookstate[lab]'` first."
            )

    return commands

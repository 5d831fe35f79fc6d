"""The command line: short commands that call `Library`, one file for each group.

With --json, standard output holds exactly one JSON value (with --questions, one per line); all
other output goes to standard error. Exit codes: 0 for success, 1 for an error that is explained in
one line, 2 for wrong usage.
"""

from __future__ import annotations

import logging
import sys

import typer

from app.cli import adapters, doctor, documents, exchange, models, questions, serve, users
from app.cli.companion import jobs, library, people, revise, shelf, taking
from app.cli.lab import WithLab

app = typer.Typer(
    name="bookstate",
    help="Read a book once, keep its memory state, ask as often as you like.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=WithLab,
)
for group in (serve, documents, questions, revise, people, shelf, taking, jobs, exchange, doctor):
    app.add_typer(group.commands)
app.add_typer(models.commands, name="models")
app.add_typer(adapters.commands, name="adapters")
app.add_typer(users.commands, name="users")
app.add_typer(library.commands, name="library")


def main() -> None:
    """Entry point of `bookstate` and `python -m app`."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    app()

"""`bookstate bench documents`: a folder of files, read and compared with other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.common import Json, emit, err, say
from lab.bench.documents.run import documents
from lab.bench.plans import DocumentsPlan
from lab.cli.plans import plan_command
from lab.markdown import figures_markdown
from lab.provenance import provenance, provenance_line

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of files.")]
commands = typer.Typer()


def _tell(what: str, done: int, of: int) -> None:
    if done % 50 == 0 or done == of:
        err.print(f"{what}: {done} of {of}", markup=False, highlight=False)


@plan_command(commands, "documents", DocumentsPlan, group="bench")
def documents_command(
    plan: DocumentsPlan, settings: Mapping[str, Any], *, folder: Folder, as_json: Json = False
) -> None:
    """Files read as the product reads them, against poppler, the files' own marks and labels."""
    found = documents(
        folder, out=plan.out, labels=plan.labels, only_labelled=plan.only_labelled, told=_tell
    )
    made = provenance()
    emit({**found, "provenance": made}) if as_json else say(
        f"{figures_markdown(found)}\n\n{provenance_line(made)}"
    )

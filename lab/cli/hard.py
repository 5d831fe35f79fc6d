"""`bookstate bench mutations`, `hostile` and `kills`: what the program withstands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from app.cli.common import Json, emit, err, say
from lab.bench.hard.hostile import hostile
from lab.bench.hard.kills import kills
from lab.bench.hard.mutations import mutations
from lab.bench.plans import HostilePlan, KillsPlan, MutationsPlan
from lab.cli.plans import plan_command
from lab.markdown import figures_markdown
from lab.provenance import provenance, provenance_line

Settings = Mapping[str, Any]
commands = typer.Typer()


def _tell(what: str, done: int, of: int) -> None:
    err.print(f"{what}: {done} of {of}", markup=False, highlight=False)


def _report(result: dict[str, Any], *, as_json: bool) -> None:
    """Print a table, then what failed; exit code 1 if anything did."""
    made = provenance()
    if as_json:
        emit({**result, "provenance": made})
    else:
        say(f"{figures_markdown(result)}\n\n{provenance_line(made)}")
    if result["failures"]:
        raise typer.Exit(1)


@plan_command(commands, "mutations", MutationsPlan, group="bench")
def mutations_command(plan: MutationsPlan, settings: Settings, as_json: Json = False) -> None:
    """Small files of every format, changed at random: each must be read or refused."""
    found = mutations(list(plan.names), plan.count, plan.first, _tell)
    _report(found, as_json=as_json)


@plan_command(commands, "hostile", HostilePlan, group="bench")
def hostile_command(plan: HostilePlan, settings: Settings, as_json: Json = False) -> None:
    """Files made to do harm: read or refused in time, the server answering others meanwhile."""
    found = hostile(plan.data, list(plan.names), serve=plan.serve, told=_tell)
    _report(found, as_json=as_json)


@plan_command(commands, "kills", KillsPlan, group="bench")
def kills_command(plan: KillsPlan, settings: Settings, as_json: Json = False) -> None:
    """Commands killed at random moments: nothing that was there before may be lost."""
    names, told = list(plan.names), _tell
    found = kills(plan.count, names, plan.seed, plan.minutes, preloaded=plan.preloaded, told=told)
    _report(found, as_json=as_json)

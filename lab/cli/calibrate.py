"""`bookstate calibrate`: addressing heads and confidence, measured on a backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from app.cli.common import Json, emit, err, opened, say
from app.cli.progress import reading_bar
from lab.cli.plans import plan_command
from lab.evaluate.plan import CalibrationPlan
from lab.markdown import figures_markdown

commands = typer.Typer()


@plan_command(commands, "calibrate", CalibrationPlan)
def calibrate_command(
    plan: CalibrationPlan, settings: Mapping[str, Any], as_json: Json = False
) -> None:
    """Find the backbone's addressing heads and fit confidence; kept next to the backbone."""
    from lab.evaluate.calibrate_run import calibrate

    with opened(**settings) as library, reading_bar(err, "Calibrating") as on_progress:
        notes = calibrate(library.engine, plan.heads, plan.confidence, on_progress)
        emit(notes) if as_json else say(figures_markdown(notes))

"""Plots of a run's `log.jsonl`: the training loss, and what validation measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lab.evaluate.plots import Chart, Series, write_svg
from lab.evaluate.scores import mean

MOST_POINTS = 60  # of the training loss; each is the mean of several steps
Line = dict[str, float]


def write_curves(folder: Path) -> list[Path]:
    """Draw `loss.svg` (all figures in nats) and `validation.svg`; returns the files written.

    A score below zero is a negative loss and is drawn as a loss.
    """
    text = (folder / "log.jsonl").read_text("utf-8")
    lines: list[Line] = [json.loads(line) for line in text.splitlines()]
    steps = [line for line in lines if "loss" in line]
    judged = [line for line in lines if "score" in line]
    names = dict.fromkeys(n for line in judged for n in line if n not in ("step", "total_tokens"))
    validated = [_validated(judged, name) for name in names]
    nats = [s for s in validated if s.name.endswith(("nats", "loss"))]
    shares = [s for s in validated if s not in nats]
    files = []
    for name, series in (("loss", [_trained(steps), *nats]), ("validation", shares)):
        if any(s.points for s in series):
            chart = Chart(name, "tokens trained on", tuple(series), even=True)
            files.append(write_svg(chart, folder / f"{name}.svg"))
    return files


def _trained(steps: Sequence[Line]) -> Series:
    run = -(-len(steps) // MOST_POINTS) or 1
    points = []
    for group in (steps[first : first + run] for first in range(0, len(steps), run)):
        weight = sum(line["weight"] for line in group)
        loss = sum(line["loss"] for line in group) / max(1.0, weight)
        points.append((mean([line["total_tokens"] for line in group]), loss))
    return Series("training loss", tuple(points))


def _validated(judged: Sequence[Line], name: str) -> Series:
    points = [(line["total_tokens"], line[name]) for line in judged if name in line]
    if all(y <= 0 for _, y in points) and any(y < 0 for _, y in points):
        return Series("validation loss", tuple((x, -y) for x, y in points))
    return Series(name, tuple(points))

"""Plots of scores as SVG files, the same bytes for the same scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.evaluate.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0f766e", "#b45309", "#4338ca", "#be123c", "#4d7c0f", "#0369a1", "#7e22ce", "#57534e")
SIZE = (7.6, 4.2)  # inches


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour, joined by a line; with `level` a dashed horizontal line instead."""

    name: str
    points: tuple[tuple[float, float], ...] = ()
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Series over an x axis that is logarithmic, or `even` and begins at 0."""

    title: str
    x_label: str
    series: tuple[Series, ...]
    even: bool = False

    @property
    def top(self) -> float:
        """Where the y axis ends: the next tenth above all values."""
        values = [y for s in self.series for _, y in s.points]
        values += [s.level for s in self.series if s.level is not None]
        return max(0.1, math.ceil(10 * max(values, default=1.0) - 1e-9) / 10)


def write_svg(chart: Chart, path: Path) -> Path:
    """Draw a chart as an SVG file; returns its path."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Text stays text, and element ids depend on nothing but the plot.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "bookstate", "font.size": 9.0}):
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        _draw(chart, axes)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def _draw(chart: Chart, axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_title(chart.title, loc="left")
    axes.set_xlabel(chart.x_label)
    axes.set_xscale("linear" if chart.even else "log")
    for number, series in enumerate(chart.series):
        colour = COLOURS[number % len(COLOURS)]
        if series.level is not None:
            axes.axhline(series.level, color=colour, linestyle="--", label=series.name)
            continue
        across = [x for x, _ in sorted(series.points)]
        up = [y for _, y in sorted(series.points)]
        axes.plot(across, up, color=colour, marker="o", label=series.name)
    axes.set_ylim(0, 1.02 * chart.top)  # whole markers at the top
    if chart.even:
        axes.set_xlim(left=0)
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="#e7e5e4")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _short(value: float) -> str:
    """How an axis shows a number: 0.05, 32K, 1M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def against_length(rows: Sequence[Row], score: str) -> Chart:
    """Score against document length, a line for each memory."""
    memories = dict.fromkeys(row.memory for row in rows)
    series = tuple(
        Series(memory, tuple((max(1, r.document_tokens), getattr(r, score)) for r in own))
        for memory in memories
        if (own := [r for r in rows if r.memory == memory])
    )
    return Chart(f"{score} against document length", "tokens of the document", series)


def against_size(rows: Sequence[Row], score: str) -> Chart:
    """Score against state size over KV cache size, for the longest documents.

    Memories that differ only after the @ are points of one line; conditions without a state are
    levels.
    """
    longest = max(row.document_tokens for row in rows)
    at = [row for row in rows if row.document_tokens == longest]
    kinds: dict[str, list[tuple[float, float]]] = {}
    levels = []
    for row in at:
        value = getattr(row, score)
        if row.state_bytes and row.kv_cache_bytes:
            kind = row.memory.partition("@")[0]
            kinds.setdefault(kind, []).append((row.state_bytes / row.kv_cache_bytes, value))
        else:
            levels.append(Series(row.memory, level=value))
    lines = [Series(kind, tuple(points)) for kind, points in kinds.items()]
    title = f"{score} against state size, documents of {longest:,} tokens"
    return Chart(title, "state size, as a fraction of the 16-bit KV cache", (*lines, *levels))


def write_plots(rows: Sequence[Row], score: str, folder: Path) -> list[Path]:
    """Both plots as files in a folder, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, chart in (
        ("score-against-length.svg", against_length(rows, score)),
        ("score-against-state-size.svg", against_size(rows, score)),
    ):
        files.append(write_svg(chart, folder / name))
    return files

"""Plots of scores as small SVG files that stand by themselves, in a README too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lab.evaluate.table import Row

COLOURS = ("#0f766e", "#b45309", "#4338ca", "#be123c", "#4d7c0f", "#0369a1", "#7e22ce", "#57534e")
WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 40, 52
DASH = 'stroke-dasharray="6 4"'


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour: joined by a line, or, where `level` is given, one dashed level."""

    name: str
    points: tuple[tuple[float, float], ...] = ()
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Series over an axis from the least to the largest x: logarithmic, or `even` and from 0."""

    title: str
    x_label: str
    series: tuple[Series, ...]
    even: bool = False

    def x(self, value: float) -> float:
        """Pixel of a value on the x axis."""
        low, high = self._range()
        share = ((value if self.even else math.log(value)) - low) / (high - low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Pixel of a value on the y axis."""
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)

    @property
    def top(self) -> float:
        """Where the y axis ends: the next tenth above all values."""
        values = [y for s in self.series for _, y in s.points]
        values += [s.level for s in self.series if s.level is not None]
        return max(0.1, math.ceil(10 * max(values, default=1.0) - 1e-9) / 10)

    def _range(self) -> tuple[float, float]:
        if self.even:
            return 0.0, max([x for s in self.series for x, _ in s.points], default=1.0)
        found = [math.log(x) for s in self.series for x, _ in s.points] or [0.0]
        middle, half = (min(found) + max(found)) / 2, (max(found) - min(found)) / 2
        reach = max(1.05 * half, math.log(2))  # all alike is a point in the middle
        return middle - reach, middle + reach

    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten inside the x axis, or the ends where there are none."""
        if self.even:
            return [self._range()[1] * step / 5 for step in range(6)]
        low, high = (math.exp(end) for end in self._range())
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        nice = [m * 10.0**p for p in powers for m in (1, 2, 5)]
        inside = [tick for tick in nice if low * 0.999 <= tick <= high * 1.001]
        return inside if len(inside) > 1 else [low, high]


def to_svg(chart: Chart) -> str:
    """The chart as one SVG element."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13" fill="#57534e">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 24, chart.title, 'font-size="16" fill="#1c1917"'),
        *_axes(chart),
    ]
    for number, series in enumerate(chart.series):
        parts += _drawn(chart, series, COLOURS[number % len(COLOURS)], TOP + 20 * number + 8)
    return "\n".join([*parts, "</svg>", ""])


def _axes(chart: Chart) -> list[str]:
    parts, end, bottom = [], WIDTH - RIGHT, HEIGHT - BOTTOM
    for step in range(6):
        value = chart.top * step / 5
        y = chart.y(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{end}" stroke="#e7e5e4"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value:.2f}", 'text-anchor="end"'))
    for tick in chart.ticks():
        x = chart.x(tick)
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#e7e5e4"/>')
        parts.append(_text(x, bottom + 18, _short(tick), 'text-anchor="middle"'))
    middle = (LEFT + end) / 2
    parts.append(_text(middle, HEIGHT - 12, chart.x_label, 'text-anchor="middle"'))
    return parts


def _drawn(chart: Chart, series: Series, colour: str, legend: float) -> list[str]:
    end = WIDTH - RIGHT
    dash = "" if series.level is None else DASH
    parts = [
        f'<path d="M{end + 12} {legend:.1f}h18" stroke="{colour}" stroke-width="2" {dash}/>',
        _text(end + 36, legend + 4, series.name, ""),
    ]
    if series.level is not None:
        y = chart.y(series.level)
        line = f'<path d="M{LEFT} {y:.1f}H{end}" stroke="{colour}" stroke-width="1.5" {DASH}/>'
        return [*parts, line]
    places = [(chart.x(x), chart.y(y)) for x, y in sorted(series.points)]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
    return parts


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _short(value: float) -> str:
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
    """Score against the state's share of the KV cache, for the longest documents.

    Memories that differ in what stands behind the @ are points of one line; conditions without a
    state are levels.
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
    return Chart(title, "state as a share of the 16-bit KV cache", (*lines, *levels))


def write_plots(rows: Sequence[Row], score: str, folder: Path) -> list[Path]:
    """Both plots as files in a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, chart in (
        ("score-against-length.svg", against_length(rows, score)),
        ("score-against-state-size.svg", against_size(rows, score)),
    ):
        (folder / name).write_text(to_svg(chart), "utf-8")
        files.append(folder / name)
    return files

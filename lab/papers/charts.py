"""Plotly charts of the papers' systems, as one page that needs no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import cycle
from statistics import fmean

import plotly.graph_objects as go  # type: ignore[import-untyped]
from plotly.colors import qualitative  # type: ignore[import-untyped]
from plotly.io import to_html  # type: ignore[import-untyped]

from lab.papers.evaluate import Mean
from lab.papers.table import Result, make_rows

COLOURS = qualitative.Dark24
LEAST_FLOATS = 100  # where systems without a memory stand on the logarithmic axis


def page(results: Sequence[Result], order: Sequence[str]) -> str:
    """All charts that the results allow."""
    main = [result for result in results if "@" not in result.system]
    charts = {
        "Perplexity against memory": by_memory(results, order),
        "Perplexity by place in the book": _lines(main, order, lambda r: r.positions, "windows"),
        "Perplexity of invented names by windows since the last mention": _lines(
            main, order, lambda r: r.distances, "windows since the last mention"
        ),
        "Perplexity of passages that come again, by windows since": _lines(
            main, order, lambda r: r.echoes, "windows since"
        ),
        "Training": _training(main, order),
        **{f"Gates of {name}: share taken from memory": chart for name, chart in _gates(main)},
    }
    parts = [
        f"<h2>{escape(title)}</h2>\n"
        + to_html(
            chart.update_layout(margin={"t": 16, "b": 48}),
            config={"displayModeBar": False},
            include_plotlyjs=index == 0,
            full_html=False,
            default_height=380,
        )
        for index, (title, chart) in enumerate(charts.items())
    ]
    style = "body{font-family:sans-serif;max-width:1000px;margin:2em auto}h2{font-size:1.1em}"
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>The papers' systems</title><style>{style}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>"
    )


def by_memory(results: Sequence[Result], order: Sequence[str]) -> go.Figure:
    """Plain and name perplexity of every system over the floats of its state.

    Ablations are points; their names show when the pointer is over them.
    """
    rows = sorted(make_rows(results, order), key=lambda row: row.floats)
    figure = go.Figure()
    floats = [max(LEAST_FLOATS, row.floats) for row in rows]
    names = ["" if "@" in row.system else row.system for row in rows]
    sides = cycle(("top center", "bottom center"))  # in turn: neighbours' names must not overlap
    places = [next(sides) if name else "top center" for name in names]
    kinds = (
        ("all tokens", [r.perplexity for r in rows], [r.perplexity_spread for r in rows]),
        ("names", [r.name_perplexity for r in rows], [r.name_perplexity_spread for r in rows]),
    )
    for (label, values, spreads), colour in zip(kinds, COLOURS, strict=False):
        figure.add_scatter(
            x=floats,
            y=values,
            error_y={"type": "data", "array": spreads},
            text=names,
            hovertext=[row.system for row in rows],
            mode="markers+text",
            textposition=places,
            marker={"size": [9 if name else 5 for name in names], "color": colour},
            name=label,
        )
    figure.update_xaxes(type="log", title="floats of memory (none: at the left edge)")
    figure.update_yaxes(type="log", title="perplexity")
    return figure


def _lines(
    results: Sequence[Result],
    order: Sequence[str],
    ranges: Callable[[Result], Sequence[Mean]],
    title: str,
) -> go.Figure:
    """Mean over seeds of a perplexity by ranges, a line for each system."""
    figure = go.Figure()
    for colour, (system, runs) in _coloured(results, order):
        found: dict[float, list[float]] = {}
        for run in runs:
            for mean in ranges(run):
                found.setdefault(mean.low, []).append(mean.perplexity)
        lows = sorted(found)
        figure.add_scatter(
            x=[_label(low, lows) for low in lows],
            y=[fmean(found[low]) for low in lows],
            name=system,
            line={"color": colour},
        )
    figure.update_xaxes(type="category", title=title)
    figure.update_yaxes(type="log", title="perplexity")
    return figure


def _label(low: float, lows: Sequence[float]) -> str:
    later = [other for other in lows if other > low]
    return f"{low:g}-{later[0]:g}" if later else f"> {low:g}"


def _training(results: Sequence[Result], order: Sequence[str]) -> go.Figure:
    """Training loss of every run."""
    figure = go.Figure()
    for colour, (system, runs) in _coloured(results, order):
        for number, run in enumerate(runs):
            figure.add_scatter(
                x=[step for step, _ in run.curve],
                y=[math.exp(loss) for _, loss in run.curve],
                name=system,
                legendgroup=system,
                showlegend=number == 0,
                line={"color": colour, "width": 1},
            )
    figure.update_xaxes(title="step")
    figure.update_yaxes(type="log", title="perplexity")
    return figure


def _gates(results: Sequence[Result]) -> list[tuple[str, go.Figure]]:
    """A map of layers and heads where gates have both, else a histogram; means over seeds."""
    charts = []
    found: dict[str, list[Result]] = {}
    for result in results:
        if result.gates:
            found.setdefault(result.system, []).append(result)
    for system, runs in found.items():
        for values in zip(*(run.gates.values() for run in runs), strict=True):
            figure = go.Figure()
            if isinstance(values[0][0], list):
                mean = [
                    [fmean(cells) for cells in zip(*rows, strict=True)]
                    for rows in zip(*values, strict=True)
                ]
                figure.add_heatmap(z=mean, zmin=0, zmax=1, colorscale="Teal")
                figure.update_xaxes(title="head", dtick=1)
                figure.update_yaxes(title="layer", dtick=1)
            else:
                every = [gate for gates in values for gate in gates]
                figure.add_histogram(x=every, xbins={"start": 0, "end": 1, "size": 0.05})
                figure.update_xaxes(title="gate", range=[0, 1])
            charts.append((system, figure))
    return charts


def _coloured(
    results: Sequence[Result], order: Sequence[str]
) -> list[tuple[str, tuple[str, list[Result]]]]:
    found: dict[str, list[Result]] = {}
    for name in order:
        runs = [result for result in results if result.system == name]
        if runs:
            found[name] = runs
    return list(zip(COLOURS, found.items(), strict=False))

"""Plotly charts of a memory: its size, and where it looked for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]

from app.ui.texts import PART_NAMES, pages, size

COLOURS = ("#0f766e", "#5eaaa2", "#a8d5cf", "#d6ebe8")
CACHE_COLOUR = "#a8a29e"
TICKS = 8


def sizes(parts: Mapping[str, int], kv_cache_bytes: int) -> go.Figure:
    """The state's size by part, next to the KV cache of the same text."""
    figure = go.Figure()
    ranked = sorted(parts.items(), key=lambda item: -item[1])
    for (part, count), colour in zip(ranked, COLOURS, strict=False):
        figure.add_bar(
            y=["this memory"],
            x=[count / 1e6],
            name=PART_NAMES.get(part, part),
            orientation="h",
            marker_color=colour,
            hovertext=size(count),
            hoverinfo="text+name",
        )
    figure.add_bar(
        y=["uncompressed"],
        x=[kv_cache_bytes / 1e6],
        name="uncompressed",
        orientation="h",
        marker_color=CACHE_COLOUR,
        hovertext=size(kv_cache_bytes),
        hoverinfo="text+name",
    )
    figure.update_layout(barmode="stack", xaxis_title="megabytes")
    return _calm(figure, height=230)


def attention(
    sources: Sequence[Mapping[str, Any]], segments: int, labels: Mapping[int, str]
) -> go.Figure:
    """The share of attention that an answer paid to each segment, over the whole book.

    labels: page labels of some segments, for the axis.
    """
    figure = go.Figure()
    figure.add_bar(
        x=[source["segment"] for source in sources],
        y=[source["weight"] for source in sources],
        width=max(0.8, segments / 160),
        marker_color=COLOURS[0],
        hovertext=[f"{pages(source)}: {source['weight']:.0%}" for source in sources],
        hoverinfo="text",
    )
    figure.update_xaxes(
        range=[-0.6, segments - 0.4],
        tickvals=list(labels),
        ticktext=[f"p. {label}" for label in labels.values()],
        title="place in the book",
    )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", title="attention")
    figure.update_layout(showlegend=False)
    return _calm(figure, height=260)


def tick_segments(segments: int) -> list[int]:
    """Segments spread evenly over the book, for the axis."""
    count = min(TICKS, segments)
    return sorted({round(i * (segments - 1) / max(1, count - 1)) for i in range(count)})


def _calm(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 14, "family": "Source Sans Pro, sans-serif", "color": "#78716c"},
        legend={"orientation": "h", "y": 1.15, "x": 0},
        bargap=0.35,
    )
    figure.update_xaxes(gridcolor="rgba(128,128,128,0.2)", automargin=True)
    figure.update_yaxes(gridcolor="rgba(128,128,128,0.2)", automargin=True)
    return figure

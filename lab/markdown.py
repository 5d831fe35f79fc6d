"""The results of measuring and training commands as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def figures_markdown(found: Figures) -> str:
    """A table of the figures, and one of every list of rows under its name.

    A figure in an inner mapping is named by both keys: {"a": {"b": 1}} has the figure "a b".
    """
    single: list[Figures] = []
    tables: list[str] = []
    for name, value in _flat(found):
        if _is_rows(value):
            tables += [name, rows_markdown(value)]
        else:
            single.append({"figure": name, "value": value})
    return "\n\n".join(([rows_markdown(single)] if single else []) + tables)


def rows_markdown(rows: Sequence[Figures]) -> str:
    """Rows under the names of the first one's values."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _flat(found: Figures) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from ((f"{name} {inner}", v) for inner, v in _flat(value))
        else:
            yield name, value


def _is_rows(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(row, Mapping) for row in value)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_cell, value))
    return " ".join(str(value).split()).replace("|", "\\|")

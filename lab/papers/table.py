"""Results of runs -> rows: means over seeds with their spread, JSON and Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean, stdev
from typing import Any

from lab.papers.evaluate import Mean

MEMORIZING = "memorizing"


@dataclass(frozen=True, slots=True)
class Result:
    """One trained run, measured."""

    system: str
    seed: int
    size: str
    window: int
    parameters: int
    floats: int  # that the state of one book holds at its end
    tokens: int  # trained on
    train_tokens_per_second: float  # seconds of one core, or of a GPU
    read_tokens_per_second: float
    seconds: float  # of wall time that training took
    threads: int
    products: str  # what matrices were multiplied in
    plain: Mean
    names: Mean  # invented names after their first mention
    far_names: Mean  # whose last mention is more than two windows ago
    positions: tuple[Mean, ...]
    distances: tuple[Mean, ...]  # names, by windows since the last mention
    echoes: tuple[Mean, ...]  # passages that come again, by windows since
    gates: dict[str, list[Any]]
    curve: tuple[tuple[int, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them. Infinite ends of ranges become null."""
        return {name: _without_infinity(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Result:
        """Inverse of `to_json`."""
        values = {f.name: raw[f.name] for f in fields(cls)}
        for name in ("plain", "names", "far_names"):
            values[name] = _mean(values[name])
        for name in ("positions", "distances", "echoes"):
            values[name] = tuple(map(_mean, values[name]))
        values["curve"] = tuple((int(step), float(loss)) for step, loss in values["curve"])
        return cls(**values)


def _mean(raw: dict[str, Any]) -> Mean:
    high = math.inf if raw["high"] is None else raw["high"]
    return Mean(raw["low"], high, raw["count"], raw["nats"])


def _without_infinity(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinity(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinity(part) for part in value]
    return None if value == math.inf else value


@dataclass(frozen=True, slots=True)
class Row:
    """One system over its seeds; spreads are standard deviations, None for a single seed."""

    system: str
    seeds: tuple[int, ...]
    window: int
    parameters: int
    floats: int
    of_memorizing: float | None  # floats, Memorizing's = 1
    perplexity: float
    perplexity_spread: float | None
    name_perplexity: float
    name_perplexity_spread: float | None
    far_name_perplexity: float
    far_name_perplexity_spread: float | None
    train_tokens_per_second: float  # seconds of one core, or of a GPU
    read_tokens_per_second: float


def make_rows(results: Iterable[Result], order: Sequence[str]) -> list[Row]:
    """One row for each system with a result: those of the given order first."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.system, []).append(result)
    reference = found.get(MEMORIZING)
    floats = reference[0].floats if reference else None
    names = [*(n for n in order if n in found), *sorted(n for n in found if n not in order)]
    return [_row(name, sorted(found[name], key=lambda r: r.seed), floats) for name in names]


def _row(name: str, runs: list[Result], reference: int | None) -> Row:
    first = runs[0]

    def perplexity(of: Callable[[Result], Mean]) -> tuple[float, float | None]:
        values = [of(run).perplexity for run in runs]
        return round(fmean(values), 3), round(stdev(values), 3) if len(values) > 1 else None

    plain, plain_spread = perplexity(lambda run: run.plain)
    names, names_spread = perplexity(lambda run: run.names)
    far, far_spread = perplexity(lambda run: run.far_names)
    return Row(
        system=name,
        seeds=tuple(run.seed for run in runs),
        window=first.window,
        parameters=first.parameters,
        floats=first.floats,
        of_memorizing=None if reference is None else round(first.floats / reference, 5),
        perplexity=plain,
        perplexity_spread=plain_spread,
        name_perplexity=names,
        name_perplexity_spread=names_spread,
        far_name_perplexity=far,
        far_name_perplexity_spread=far_spread,
        train_tokens_per_second=round(fmean(run.train_tokens_per_second for run in runs)),
        read_tokens_per_second=round(fmean(run.read_tokens_per_second for run in runs)),
    )


def to_markdown(rows: Sequence[Row]) -> str:
    """The table for people."""
    lines = [
        "| system | seeds | parameters | perplexity | names | names > 2 windows ago "
        "| memory, floats | of Memorizing | trained, tokens/s | read, tokens/s |",
        "|---" * 10 + "|",
    ]
    for r in rows:
        share = f"1/{1 / r.of_memorizing:.1f}" if r.of_memorizing else "-"
        lines.append(
            f"| {r.system} | {len(r.seeds)} | {r.parameters / 1e6:.2f}M "
            f"| {_spread(r.perplexity, r.perplexity_spread)} "
            f"| {_spread(r.name_perplexity, r.name_perplexity_spread)} "
            f"| {_spread(r.far_name_perplexity, r.far_name_perplexity_spread)} "
            f"| {r.floats:,} | {share} | {r.train_tokens_per_second:,.0f} "
            f"| {r.read_tokens_per_second:,.0f} |"
        )
    return "\n".join(lines)


def distances_markdown(
    results: Sequence[Result], order: Sequence[str], of: Callable[[Result], Sequence[Mean]]
) -> str:
    """Perplexity by the windows since a token's last mention; means over seeds."""
    rows: dict[str, dict[float, list[float]]] = {}
    heads: dict[float, str] = {}
    for result in results:
        for mean in of(result):
            label = f"{mean.low:g} to {mean.high:g}" if mean.high < math.inf else f"> {mean.low:g}"
            heads[mean.low] = label
            cells = rows.setdefault(result.system, {}).setdefault(mean.low, [])
            cells.append(mean.perplexity)
    lows = sorted(heads)
    lines = [
        "| windows | " + " | ".join(heads[low] for low in lows) + " |",
        "|---" * (len(lows) + 1) + "|",
    ]
    for name in [*(n for n in order if n in rows), *sorted(n for n in rows if n not in order)]:
        texts = [f"{fmean(rows[name][low]):.1f}" if low in rows[name] else "-" for low in lows]
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _spread(value: float, spread: float | None) -> str:
    return f"{value:.2f}" if spread is None else f"{value:.2f} ± {spread:.2f}"

"""Outcomes -> rows: means, recovered gains with bootstrap intervals, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.evaluate.harness import Outcome
from lab.evaluate.scores import bootstrap, mean, recovered_gain

OFF, GOLD = "none", "gold"


@dataclass(frozen=True, slots=True)
class Row:
    """One condition over all cases; each 95% interval belongs to the gain before it."""

    memory: str
    n: int
    f1: float
    exact_match: float
    rouge_l: float
    nats_per_token: float
    recovered_gain: float | None  # of free-running F1
    interval: tuple[float, float] | None
    recovered_gain_nats: float | None  # of teacher-forced likelihood: a wiring check
    interval_nats: tuple[float, float] | None
    first_token_nats: float
    recall_at_4: float | None
    recall_at_8: float | None
    state_bytes: int
    kv_cache_bytes: int
    contains: float = 0.0  # fraction of answers that contain an accepted one
    share_of_gold: float | None = None  # contains, divided by that of the gold passage
    abstained: float = 0.0  # fraction of answers that abstain
    setting: str = ""  # the document's length, as the table names it
    document_tokens: int = 0
    group: str = ""  # empty for all cases of a setting together


Outcomes = Mapping[str, Sequence[Outcome]]
"""Condition -> one outcome a case, in the same order of cases."""


def make_rows(
    outcomes: Outcomes, *, setting: str = "", document_tokens: int = 0, group: str = ""
) -> list[Row]:
    """A row for every condition."""
    return [
        _row(name, found, outcomes, setting, document_tokens, group)
        for name, found in outcomes.items()
    ]


def _row(
    name: str,
    found: Sequence[Outcome],
    outcomes: Outcomes,
    setting: str,
    document_tokens: int,
    group: str,
) -> Row:
    off, gold = outcomes.get(OFF), outcomes.get(GOLD)

    def gain(attribute: str, indices: Sequence[int]) -> float | None:
        if off is None or gold is None:
            return None
        columns = [
            [float(getattr(column[i], attribute)) for i in indices] for column in (found, off, gold)
        ]
        return recovered_gain(columns[0], columns[1], columns[2])

    every = range(len(found))
    ranks = [o.rank for o in found if o.rank is not None]
    held, ceiling = _mean(found, "contains"), _mean(gold or (), "contains")
    return Row(
        memory=name,
        n=len(found),
        f1=_mean(found, "f1"),
        exact_match=_mean(found, "exact_match"),
        rouge_l=_mean(found, "rouge_l"),
        nats_per_token=_mean(found, "nats_per_token"),
        recovered_gain=_rounded(gain("f1", every)),
        interval=bootstrap(lambda chosen: gain("f1", chosen), len(found)),
        recovered_gain_nats=_rounded(gain("nats_per_token", every)),
        interval_nats=bootstrap(lambda chosen: gain("nats_per_token", chosen), len(found)),
        first_token_nats=_mean(found, "first_token_nats"),
        recall_at_4=round(mean([float(r < 4) for r in ranks]), 4) if ranks else None,
        recall_at_8=round(mean([float(r < 8) for r in ranks]), 4) if ranks else None,
        state_bytes=round(_mean(found, "state_bytes")),
        kv_cache_bytes=round(_mean(found, "kv_cache_bytes")),
        contains=held,
        share_of_gold=round(held / ceiling, 4) if ceiling else None,
        abstained=_mean(found, "abstained"),
        setting=setting,
        document_tokens=document_tokens,
        group=group,
    )


def _mean(outcomes: Sequence[Outcome], attribute: str) -> float:
    return round(mean([float(getattr(o, attribute)) for o in outcomes]), 4)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def row_json(row: Row) -> dict[str, Any]:
    """A row as the command prints it; the gain in F1 under its full name too."""
    own = {"recovered_gain_f1": row.recovered_gain, "interval_f1": row.interval}
    return {**asdict(row), **own}


def to_markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown."""
    several = len({row.setting for row in rows}) > 1
    head = (
        "| memory | n | F1 | EM | ROUGE-L | contains | abstained | nats/token | first token "
        "| gain in nats (95%) | gain in F1 (95%) | recall@4 | state / KV cache |"
    )
    lines = [("| document " if several else "") + head, "|---" * (13 + several) + "|"]
    lines += [(f"| {row.setting} " if several else "") + _line(row) for row in rows]
    return "\n".join(lines)


def _line(r: Row) -> str:
    size = f"1/{r.kv_cache_bytes / r.state_bytes:.1f}" if r.state_bytes else "-"
    recall = "-" if r.recall_at_4 is None else f"{r.recall_at_4:.2f}"
    nats = _with_interval(r.recovered_gain_nats, r.interval_nats)
    return (
        f"| {r.memory} | {r.n} | {r.f1:.3f} | {r.exact_match:.3f} | {r.rouge_l:.3f} "
        f"| {r.contains:.2f} | {r.abstained:.2f} | {r.nats_per_token:.2f} "
        f"| {r.first_token_nats:.2f} | {nats} | {_with_interval(r.recovered_gain, r.interval)} "
        f"| {recall} | {size} |"
    )


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def groups_markdown(groups: Sequence[Row], score: str) -> str:
    """One score by group (a line each) and memory (a column each)."""
    memories = list(dict.fromkeys(row.memory for row in groups))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in groups:
        value = f"{getattr(row, score):.2f}"
        cells.setdefault((row.setting, f"{row.group} ({row.n})"), {})[row.memory] = value
    lines = [f"| {score} of | {' | '.join(memories)} |", "|---" * (len(memories) + 1) + "|"]
    for (setting, group), found in cells.items():
        values = " | ".join(found.get(memory, "-") for memory in memories)
        lines.append(f"| {setting}, {group} | {values} |")
    return "\n".join(lines)

"""Figures of measured files: one row for each format, and what is worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from lab.bench.documents.measure import LONG_ENOUGH, Measured

_WORST = 10
_MOST_SECONDS, _MOST_MIB = 60, 1024


def report(files: Sequence[Measured]) -> dict[str, Any]:
    """Means and shares by format, heads and chapters of PDFs, and the ten files that lost most."""
    formats = sorted({one.format for one in files})
    rows = [_row(name, [one for one in files if one.format == name]) for name in formats]
    compared = sorted(
        (one for one in files if one.words), key=lambda one: one.words.recall if one.words else 0
    )
    worst = [
        {"file": one.file, "recall": one.words.recall, "precision": one.words.precision,
         "order": one.words.order}
        for one in compared[:_WORST] if one.words
    ]  # fmt: skip
    refusals = Counter(one.outcome for one in files if one.outcome != "read")
    return {
        "files": len(files),
        **_heads(files),
        **_chapters(files),
        **({"formats": rows} if rows else {}),
        **({"worst": worst} if worst else {}),
        **(
            {"not read": [{"outcome": k, "files": n} for k, n in refusals.most_common()]}
            if refusals
            else {}
        ),
    }


def _row(name: str, files: Sequence[Measured]) -> dict[str, Any]:
    words = [one.words for one in files if one.words]
    return {
        "format": name,
        "files": len(files),
        "read": sum(one.outcome == "read" for one in files),
        "errors": sum(one.outcome.startswith("error") for one in files),
        "over a limit": sum(
            one.seconds > _MOST_SECONDS or one.peak_mib > _MOST_MIB for one in files
        ),
        "compared": len(words),
        "recall": _mean([each.recall for each in words]),
        "under 0.9": _share([each.recall < 0.9 for each in words]),
        "under 0.98": _share([each.recall < 0.98 for each in words]),
        "precision": _mean([each.precision for each in words]),
        "order": _mean([each.order for each in words]),
        "seconds": round(sum(one.seconds for one in files), 1),
        "slowest": max(one.seconds for one in files),
        "peak MiB": max(one.peak_mib for one in files),
    }


def _heads(files: Sequence[Measured]) -> dict[str, Any]:
    judged = [one.heads for one in files if one.heads]
    if not judged:
        return {}
    return {
        f"PDFs of {LONG_ENOUGH} pages and more": len(judged),
        "with running heads left or body text deleted": _share([h.is_wrong() for h in judged]),
        "pages with heads": sum(h.pages_with_heads for h in judged),
        "of these with a head left": sum(len(h.left) for h in judged),
        "lines of the body deleted": sum(len(h.deleted) for h in judged),
    }


def _chapters(files: Sequence[Measured]) -> dict[str, Any]:
    judged = [one.chapters for one in files if one.chapters]
    if not judged:
        return {}
    labelled = sum(each.labelled for each in judged)
    return {
        "files with labelled chapters": len(judged),
        "with an invented chapter": _share([bool(each.invented) for each in judged]),
        "chapters invented": sum(len(each.invented) for each in judged),
        "chapters labelled": labelled,
        "chapters found": labelled - sum(len(each.missing) for each in judged),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 4) if values else None


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values)} ({sum(values) / max(1, len(values)):.1%})" if values else "-"

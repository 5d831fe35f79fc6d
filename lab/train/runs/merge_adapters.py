"""`bookstate train merge`: one adapter from several of a kind that were trained from one start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.adapters import ANSWERS, INFINI_DELTA, INFINI_LINEAR, MELODI, kind_of
from app.engine import Engine
from app.errors import InvalidSetting
from lab.provenance import provenance
from lab.train.runs.answer_adapter import ABSTAIN_BELOW
from memory_models.adapter import Adapter, average_lora, load_adapter, mean_weights, save_adapter

MADE = ("backbone", "backbone_sha256")  # every adapter's notes say so
RENAMED = {"reader": "answers"}  # notes by what they were called before
# What the merged adapter takes over, so that it must be the same in all.
ALIKE: dict[str, tuple[str, ...]] = {
    ANSWERS: (*MADE, "rank", "scale", "together"),
    **dict.fromkeys((INFINI_LINEAR, INFINI_DELTA, MELODI), (*MADE, "window", "answers", "config")),
}


def merge_adapters(engine: Engine, files: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write the mean of answer adapters, or of one retrofit's weights, to the file `out`."""
    found = [load_adapter(path, engine.backbone.sha256) for path in files]
    kind = kind_of(found[0])
    if kind not in ALIKE:
        raise InvalidSetting(
            f"{files[0].name} is of kind {kind!r}; only {', '.join(ALIKE)} can be merged."
        )
    noted = [_current(adapter) for adapter in found]
    shared = {name: noted[0][name] for name in ("kind", *ALIKE[kind]) if name in noted[0]}
    for path, other in zip(files, noted, strict=True):
        for name, value in shared.items():
            if other.get(name) != value:
                raise InvalidSetting(
                    f"{path.name} has {name} {other.get(name)!r}, {files[0].name} has {value!r}; "
                    "merge adapters that agree in it."
                )
    weights = [adapter.weights for adapter in found]
    merged_of = [adapter.notes for adapter in found]
    notes = shared | {"merged_of": merged_of, "provenance": provenance()}
    if kind == ANSWERS:
        mean = average_lora(weights)
        notes["abstain_below"] = ABSTAIN_BELOW
    else:
        mean = mean_weights(weights)
    save_adapter(out, Adapter(mean, notes))
    return notes


def _current(adapter: Adapter) -> dict[str, Any]:
    """An adapter's notes under their present names."""
    notes = {RENAMED.get(name, name): value for name, value in adapter.notes.items()}
    return notes | {"kind": kind_of(adapter)}

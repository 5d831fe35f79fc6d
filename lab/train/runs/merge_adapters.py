"""`bookstate train mean`: one adapter from several of a kind, which were trained from one start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.adapters import ANSWERS, kind_of
from app.engine import Engine
from app.errors import InvalidSetting
from lab.provenance import made_by
from lab.train.runs.answer_adapter import DECLINING_THRESHOLD
from lab.train.runs.retrofits import KINDS
from memory_models.adapter import Adapter, average_lora, load_adapter, mean_weights, save_adapter

MADE = ("kind", "backbone", "backbone_sha256")  # what every adapter says of itself
# What a mean takes over, so that all have to have the same.
ALIKE: dict[str, tuple[str, ...]] = {
    ANSWERS: (*MADE, "rank", "scale", "together"),
    **dict.fromkeys(KINDS, (*MADE, "window", "reader", "config")),
}


def average_adapters(engine: Engine, files: Sequence[Path], out: Path) -> dict[str, Any]:
    """Write the mean of answer adapters, or of one retrofit's weights, to the file `out`."""
    backbone = engine.backbone
    found = [load_adapter(path, backbone.sha256) for path in files]
    kind = kind_of(found[0])
    if kind not in ALIKE:
        raise InvalidSetting(
            f"{files[0].name} is of kind {kind!r}; a mean is of {', '.join(ALIKE)}."
        )
    shared = {name: found[0].notes[name] for name in ALIKE[kind] if name in found[0].notes}
    for path, other in zip(files, found, strict=True):
        for name, value in shared.items():
            if other.notes.get(name) != value:
                raise InvalidSetting(
                    f"{path.name} has {name} {other.notes.get(name)!r}, {files[0].name} {value!r}; "
                    "average like with like."
                )
    weights = [adapter.weights for adapter in found]
    notes = shared | {"mean_of": [adapter.notes for adapter in found], "made_by": made_by()}
    if kind == ANSWERS:
        mean = average_lora(weights)
        notes["declining_threshold"] = DECLINING_THRESHOLD
    else:
        mean = mean_weights(weights)
    save_adapter(out, Adapter(mean, notes))
    return notes

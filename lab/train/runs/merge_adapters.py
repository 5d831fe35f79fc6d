"""`bookstate train mean`: one adapter from several of a kind, which were trained from one start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.adapters import READER, own_folder
from app.errors import InvalidSetting
from app.library import Library
from lab.provenance import made_by
from lab.train.runs.answer_adapter import DECLINING_THRESHOLD
from lab.train.runs.retrofits import KINDS
from memory_models.adapter import Adapter, average_lora, load_adapter, mean_weights, save_adapter

MADE = ("kind", "backbone", "backbone_sha256")  # what every adapter says of itself
# What a mean takes over, so that all have to have the same.
ALIKE: dict[str, tuple[str, ...]] = {
    READER: (*MADE, "rank", "scale", "together"),
    **dict.fromkeys(KINDS, (*MADE, "window", "reader", "config")),
}


def average_adapters(library: Library, files: Sequence[Path]) -> dict[str, Any]:
    """Install the mean of trained readers, or of one retrofit's weights, for this backbone."""
    backbone = library.backbone
    found = [load_adapter(path, backbone.sha256) for path in files]
    kind = str(found[0].notes.get("kind"))
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
    if kind == READER:
        mean = average_lora(weights)
        notes["declining_threshold"] = DECLINING_THRESHOLD
    else:
        mean = mean_weights(weights)
    save_adapter(own_folder(backbone) / f"{kind}.safetensors", Adapter(mean, notes))
    return notes

"""Configurations of memories as stored: canonical JSON, and the names that older states use."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError

from memory_models.errors import BrokenState, ModelError
from memory_models.memories.adaptive import AdaptiveConfig
from memory_models.memories.infini import InfiniConfig
from memory_models.memories.melodi import MelodiConfig

MemoryConfig = AdaptiveConfig | InfiniConfig | MelodiConfig
CONFIGS: dict[str, type[MemoryConfig]] = {
    "adaptive": AdaptiveConfig,
    "infini": InfiniConfig,
    "melodi": MelodiConfig,
}
RENAMED = {"share": "keep_ratio"}  # by what a field was called before


def config_json(config: Any) -> str:
    """Canonical JSON of a configuration."""
    return json.dumps(asdict(config), sort_keys=True)


def parse_config(kind: str, text: str) -> MemoryConfig:
    """Inverse of `config_json` for a memory kind, also for older field names.

    Raises BrokenState for anything that is not a configuration of this kind.
    """
    if kind not in CONFIGS:
        raise BrokenState(f"Memory {kind!r} is not known; it is one of {', '.join(CONFIGS)}.")
    try:
        return TypeAdapter(CONFIGS[kind]).validate_json(_current_names(text), strict=True)
    except (ValueError, ValidationError, ModelError) as error:
        raise BrokenState(
            f"The {kind} configuration {text:.200} cannot be read; read the document again."
        ) from error


def same_config(kind: str, one: str, other: str) -> bool:
    """True if two stored configurations make the same state.

    Addressing heads do not count: a newer calibration does not make a book another one.
    """
    return _without_heads(kind, one) == _without_heads(kind, other)


def _without_heads(kind: str, text: str) -> dict[str, Any]:
    found = asdict(parse_config(kind, text))
    found.pop("address_heads", None)
    return found


def _current_names(text: str) -> str:
    raw = json.loads(text)
    if not isinstance(raw, dict):
        raise ValueError(f"{text:.80} is no JSON object")
    return json.dumps({RENAMED.get(name, name): value for name, value in raw.items()})

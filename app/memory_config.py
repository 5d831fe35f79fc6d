"""Configurations of memories, to and from the JSON that is stored with a state."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from app.storage.configs import read_config
from memory_models.errors import BrokenState, ModelError
from memory_models.memories.adaptive import AdaptiveConfig
from memory_models.memories.infini import InfiniConfig
from memory_models.memories.melodi import MelodiConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MemoryConfig = AdaptiveConfig | InfiniConfig | MelodiConfig
CONFIGS: dict[str, type[MemoryConfig]] = {
    "adaptive": AdaptiveConfig,
    "infini": InfiniConfig,
    "melodi": MelodiConfig,
}


def config_json(config: DataclassInstance) -> str:
    """Canonical JSON of a configuration."""
    return json.dumps(asdict(config), sort_keys=True)


def parse_config(memory: str, text: str) -> MemoryConfig:
    """Inverse of `config_json`, also for the names that older states use.

    Raises BrokenState for anything that is not a configuration of this memory.
    """
    if memory not in CONFIGS:
        raise BrokenState(f"Memory {memory!r} is not known; it is one of {', '.join(CONFIGS)}.")
    try:
        named = json.dumps(read_config(memory, text))
        adapter: TypeAdapter[MemoryConfig] = TypeAdapter(CONFIGS[memory])
        return adapter.validate_json(named, strict=True)
    except (ValueError, RecursionError, ModelError) as error:  # pydantic's is a ValueError
        raise BrokenState(
            f"The {memory} configuration {text:.200} cannot be read; read the document again."
        ) from error

"""Configurations of memories, converted to and from the JSON that is stored with a state."""

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
    """A configuration as JSON with sorted keys."""
    return json.dumps(asdict(config), sort_keys=True)


def parse_config(memory: str, text: str) -> MemoryConfig:
    """Inverse of `config_json`; also accepts the field names of older versions.

    Raises BrokenState for anything that is not a configuration of this memory.
    """
    if memory not in CONFIGS:
        raise BrokenState(
            f"There is no memory {memory!r}, only {', '.join(CONFIGS)}; use the version of "
            "bookstate that made this state."
        )
    try:
        named = json.dumps(read_config(memory, text))
        adapter: TypeAdapter[MemoryConfig] = TypeAdapter(CONFIGS[memory])
        return adapter.validate_json(named, strict=True)
    except (ValueError, RecursionError, ModelError) as error:  # pydantic's is a ValueError
        raise BrokenState(
            f"The {memory} configuration {text:.200} cannot be read; read the document again."
        ) from error

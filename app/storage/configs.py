"""Memory configurations as stored JSON, which may use field names of older versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

OLD_NAMES: Mapping[str, Mapping[str, str]] = {"adaptive": {"share": "keep_ratio"}}
"""Memory -> a field's old name -> its present name."""


def read_config(memory: str, config: str) -> dict[str, Any]:
    """A stored configuration with the present names of its fields. Raises ValueError."""
    stored = json.loads(config)
    if not isinstance(stored, dict):
        raise ValueError("a memory configuration is a JSON object")
    names = OLD_NAMES.get(memory, {})
    found = {names.get(name, name): value for name, value in stored.items()}
    if len(found) < len(stored):
        raise ValueError("a field occurs twice, with its old name and with its new one")
    return found


def same_memory(memory: str, first: str, second: str) -> bool:
    """True if two configurations of a memory are equal except for their addressing heads.

    A new calibration may find other heads; a document need not be read again because of that.
    """
    one, other = read_config(memory, first), read_config(memory, second)
    one.pop("address_heads", None)
    other.pop("address_heads", None)
    return one == other


def written_with(memory_config: str) -> str | None:
    """The adapters used to read with this configuration, with their hashes; None if none."""
    config = json.loads(memory_config)
    named = [f"{kind} {config[kind]}" for kind in ("gate", "codec", "maps") if config.get(kind)]
    return ", ".join(named) or None

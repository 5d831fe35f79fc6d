"""Memory configurations as they are stored: JSON, which may use names that fields had before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

OLD_NAMES: Mapping[str, Mapping[str, str]] = {"adaptive": {"share": "keep_ratio"}}
"""Memory -> the name that a field had once -> the name that it has now."""


def read_config(memory: str, config: str) -> dict[str, Any]:
    """A stored configuration with every field under its present name. Raises ValueError."""
    stored = json.loads(config)
    if not isinstance(stored, dict):
        raise ValueError("a memory configuration is a JSON object")
    names = OLD_NAMES.get(memory, {})
    found = {names.get(name, name): value for name, value in stored.items()}
    if len(found) < len(stored):
        raise ValueError("a field is there under its old name and its new one")
    return found


def same_memory(memory: str, first: str, second: str) -> bool:
    """True where two configurations of a memory differ at most in their address heads.

    A newer calibration finds other heads; that is no reason to read a document again.
    """
    one, other = read_config(memory, first), read_config(memory, second)
    one.pop("address_heads", None)
    other.pop("address_heads", None)
    return one == other


def written_with(memory_config: str) -> str | None:
    """The adapters that write states of this configuration, each by its hash; None for none."""
    config = json.loads(memory_config)
    named = [f"{kind} {config[kind]}" for kind in ("gate", "codec", "maps") if config.get(kind)]
    return ", ".join(named) or None

"""GGUF files: checked in a process of its own before the libraries that convert them see one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.parent import checked_apart
from memory_models.errors import BrokenCheckpoint

_KINDS = {"family": str, "name": str, "tensors": int, "parameters": int, "vocabulary": int}


def check_gguf(file: Path, limits: Limits = LIMITS) -> dict[str, Any]:
    """What a GGUF file says about its model, once its structure has proved sound.

    Raises UnreadableDocument, or BrokenCheckpoint.
    """
    found = checked_apart(file, limits)
    if {name: type(value) for name, value in found.items()} != _KINDS:
        raise BrokenCheckpoint(
            f"{file.name} makes its reader say nonsense, so it is damaged or made to do harm; "
            "download it again."
        )
    return found

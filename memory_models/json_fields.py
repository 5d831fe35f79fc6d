"""The JSON files of a checkpoint, read field by field with their types checked.

A checkpoint is somebody else's: every wrong field is refused with the file's name, the field's
name, what was expected there and what was found.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memory_models.errors import BrokenCheckpoint

MOST = 2**31 - 1  # no size in a configuration is larger


class Fields:
    """One JSON object; `where` names it in errors, a null field counts as absent."""

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, Mapping):
            raise BrokenCheckpoint(
                f"{where} must be a JSON object, not {_shown(raw)}; fetch the checkpoint again."
            )
        self._raw = raw
        self.where = where

    @classmethod
    def from_file(cls, path: Path) -> Fields:
        """The object in a JSON file; raises BrokenCheckpoint where there is none."""
        try:
            raw = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise BrokenCheckpoint(
                f"{path} is missing; copy the checkpoint's {path.name} into the folder."
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise BrokenCheckpoint(
                f"{path} cannot be read as JSON ({error}); fetch the checkpoint again."
            ) from error
        return cls(raw, str(path))

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, name: str) -> bool:
        return self._raw.get(name) is not None

    def require(self, names: Sequence[str]) -> None:
        """Refuse an object that lacks one of these fields, naming all that it lacks."""
        missing = [name for name in names if name not in self]
        if missing:
            raise BrokenCheckpoint(
                f"{self.where} lacks {', '.join(missing)}; fetch the checkpoint again."
            )

    def count(self, name: str, default: int | None = None, most: int = MOST) -> int:
        """A whole number from 1 to `most`."""
        found = self._get(name, default)
        if not _is_finite(found) or found != int(found) or not 1 <= found <= most:
            raise self._unexpected(name, f"a whole number from 1 to {most}", found)
        return int(found)

    def positive(self, name: str, default: float | None = None) -> float:
        """A number above 0."""
        found = self._get(name, default)
        if not _is_finite(found) or found <= 0:
            raise self._unexpected(name, "a number above 0", found)
        return float(found)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        found = self._get(name, default)
        if not isinstance(found, bool):
            raise self._unexpected(name, "true or false", found)
        return found

    def text(self, name: str, default: str) -> str:
        """A string."""
        found = self._get(name, default)
        if not isinstance(found, str):
            raise self._unexpected(name, "a string", found)
        return found

    def section(self, name: str) -> Fields:
        """The object inside this one; an empty one where it is absent."""
        found = self._get(name, {})
        if not isinstance(found, Mapping):
            raise self._unexpected(name, "a JSON object", found)
        return Fields(found, f"{name} of {self.where}")

    def texts(self) -> dict[str, str]:
        """All fields, where each is a string."""
        return {name: self.text(name, "") for name in self._raw}

    def _get(self, name: str, default: Any) -> Any:
        found = self._raw.get(name)
        if found is not None:
            return found
        if default is None:
            self.require([name])
        return default

    def _unexpected(self, name: str, expected: str, found: Any) -> BrokenCheckpoint:
        return BrokenCheckpoint(
            f"{name!r} in {self.where} must be {expected}, not {_shown(found)}; "
            "fetch the checkpoint again."
        )


def _is_finite(value: Any) -> bool:
    """True for a number that fits a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def _shown(value: Any) -> str:
    """As JSON, at most 60 characters."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Little texts about people, as records to evaluate on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAMES = ("Mara", "Anton", "Ilse", "Joren", "Greta", "Tobias")


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


def about(name: str, number: int) -> str:
    """A little text about somebody."""
    lines = (f"{name} sold the clock {n} by the mill. " for n in range(6 + number))
    return "".join(lines) + f"\n\nThen {name} hid the letter behind the church."

"""Which commit of the Hugging Face hub a backbone is, and the SHA-256 of each of its files.

Both are stored beside the backbone's folder when it is first fetched, and every later load compares
them: a file that was changed, added or removed since is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

from memory_models.checkpoint import INDEX
from memory_models.errors import BrokenCheckpoint

WANTED = ("config.json", INDEX, "model*.safetensors", "tokenizer.json", "tokenizer.model")
"""What is fetched of a model, and the only files of its folder that are read as its own."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Pin:
    """What was fetched: a repository, its commit, and the SHA-256 of each file by name."""

    repository: str
    commit: str
    files: Mapping[str, str]


def pin_file(folder: Path) -> Path:
    """Where the pin of a backbone's folder is: beside it, so that it outlives the folder."""
    return folder.with_name(f"{folder.name}.pin.json")


def read_pin(folder: Path) -> Pin | None:
    """The pin of a backbone, None for one that is not from the hub. Raises BrokenCheckpoint."""
    path = pin_file(folder)
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text("utf-8"))
        pin = Pin(str(raw["repository"]), str(raw["commit"]), dict(raw["files"]))
        well_formed = _COMMIT.fullmatch(pin.commit) and pin.files
        if not well_formed or not all(_SHA256.fullmatch(each) for each in pin.files.values()):
            raise ValueError("a commit or a hash in it is none")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenCheckpoint(
            f"{path} cannot be read ({error}), so {folder.name} cannot be checked; restore it from "
            f"a backup, or delete it and {folder} and run `bookstate models pull` again."
        ) from error
    return pin


def write_pin(folder: Path, pin: Pin) -> None:
    """Store the pin of a backbone, whole or not at all."""
    path = pin_file(folder)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(asdict(pin), indent=1, sort_keys=True) + "\n", "utf-8")
    part.replace(path)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder that is part of a model, by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in WANTED):
            with path.open("rb") as stream:
                found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def check_pinned(folder: Path) -> Pin | None:
    """Compare a backbone's files with its pin, if it has one. Raises BrokenCheckpoint."""
    pin = read_pin(folder)
    if pin is None:
        return None
    name, expected, found = first_difference(pin.files, hashes(folder))
    if name:
        raise BrokenCheckpoint(
            f"{folder / name} has SHA-256 {found}, but {expected} was stored when "
            f"{pin.repository} was fetched at commit {pin.commit}: it was changed since. Delete "
            f"{folder} and run `bookstate models pull {pin.repository}`, which fetches the same "
            "commit again."
        )
    return pin


def first_difference(expected: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, str, str]:
    """(file, expected SHA-256, found SHA-256) of the first file that differs, else empty names."""
    names: Iterable[str] = sorted({*expected, *found})
    for name in names:
        if expected.get(name) != found.get(name):
            return name, expected.get(name, "none"), found.get(name, "none")
    return "", "", ""

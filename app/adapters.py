"""The files of trained adapters of one backbone, named by a hash of their weights.

An adapter is stored as `<kind>/<hash>.safetensors`, with its notes in `<hash>.json`. `index.json`
says which adapter of each kind is in use. Adapters of the package are in
`assets/adapters/<backbone hash>`; those that a user installs are in `<backbone folder>/adapters`,
whose index takes precedence. No file is ever overwritten: a state names the adapters that it was
made with and still finds them when others are in use.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Protocol

from app.errors import InvalidSetting
from memory_models.adapter import Adapter, load_adapter, save_adapter
from memory_models.errors import BrokenCheckpoint
from memory_models.memory import to_bytes

WRITE_GATE, ADDRESSER, CODEC = "write_gate", "addresser", "codec"
ANSWERS, SUMMARIES, RAG = "answers", "summaries", "rag"  # the last two are trained over answers
INFINI_LINEAR, INFINI_DELTA, MELODI = "infini-linear", "infini-delta", "melodi"
KINDS = (
    WRITE_GATE,
    ADDRESSER,
    CODEC,
    ANSWERS,
    SUMMARIES,
    RAG,
    INFINI_LINEAR,
    INFINI_DELTA,
    MELODI,
)
OLD_KINDS = {"reader": ANSWERS, "teller": SUMMARIES, "retrieval_reader": RAG}
INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Installed:
    """An adapter that can be used."""

    kind: str
    name: str  # hash of its weights
    in_use: bool
    ships: bool  # part of the package, not installed by the user


def adapter_name(adapter: Adapter) -> str:
    """The hash of an adapter's weights, which serves as its name."""
    return hashlib.sha256(to_bytes(adapter.weights)).hexdigest()[:16]


def kind_of(adapter: Adapter) -> str:
    """The kind that an adapter's notes name. Raises BrokenCheckpoint."""
    kind = str(adapter.notes.get("kind"))
    kind = OLD_KINDS.get(kind, kind)
    if kind not in KINDS:
        raise BrokenCheckpoint(
            f"The adapter's notes say that its kind is {kind!r}, which must be one of "
            f"{', '.join(KINDS)}; train it again."
        )
    return kind


class Weights(Protocol):
    """A backbone, loaded or not: where it is, and the hash of its weights."""

    @property
    def folder(self) -> Path: ...
    @property
    def sha256(self) -> str: ...


class AdapterFiles:
    """The adapters of one backbone: those that the user installed, then those of the package."""

    def __init__(self, backbone: Weights) -> None:
        self._sha256 = backbone.sha256
        self.own = backbone.folder / "adapters"
        self._shipped = files("assets") / "adapters" / backbone.sha256[:16]
        _move_into_folders(self.own, self._sha256)

    def in_use(self, kind: str) -> str | None:
        """The name of the adapter of a kind that is in use, or None if there is none."""
        for folder in self._folders():
            if name := _read_index(folder).get(kind):
                return name
        return None

    def load(self, kind: str, name: str) -> Adapter | None:
        """The adapter with this name, in use or not; None if it is not installed."""
        for folder in self._folders():
            path = folder / kind / f"{name}.safetensors"
            if path.is_file():
                return load_adapter(path, self._sha256)
        return None

    def installed(self) -> list[Installed]:
        """All adapters, by kind."""
        in_use = {kind: self.in_use(kind) for kind in KINDS}
        own, shipped = (
            {(path.parent.name, path.stem) for path in folder.glob("*/*.safetensors")}
            for folder in self._folders()
        )
        return [
            Installed(kind, name, in_use[kind] == name, (kind, name) in shipped)
            for kind, name in sorted(own | shipped)
            if kind in in_use
        ]

    def hashes(self) -> Iterator[tuple[Installed, str]]:
        """Every adapter with the SHA-256 of its file."""
        for one in self.installed():
            for folder in self._folders():
                path = folder / one.kind / f"{one.name}.safetensors"
                if path.is_file():
                    yield one, hashlib.sha256(path.read_bytes()).hexdigest()
                    break

    def install(self, path: Path) -> Installed:
        """Copy an adapter, with the notes next to it, into the user's folder and use it."""
        adapter = load_adapter(path, self._sha256)
        kind, name = kind_of(adapter), adapter_name(adapter)
        if self.load(kind, name) is None:
            save_adapter(self.own / kind / f"{name}.safetensors", adapter)
        return self.use(kind, name)

    def use(self, kind: str, name: str) -> Installed:
        """Use an installed adapter from now on, to read and to answer."""
        known = [one.name for one in self.installed() if one.kind == kind]
        found = [one for one in known if one.startswith(name)]
        if len(found) != 1:
            raise InvalidSetting(
                f"{len(found)} installed adapters of kind {kind!r} have a hash that begins with "
                f"{name!r}, but it must be exactly one; choose from {', '.join(known) or 'none'}."
            )
        _write_index(self.own, _read_index(self.own) | {kind: found[0]})
        return next(one for one in self.installed() if (one.kind, one.name) == (kind, found[0]))

    def _folders(self) -> Iterator[Path]:
        """The user's folder, then the package's."""
        yield self.own
        with as_file(self._shipped) as shipped:
            yield shipped


def _read_index(folder: Path) -> dict[str, str]:
    path = folder / INDEX
    if not path.is_file():
        return {}
    try:
        index = json.loads(path.read_text("utf-8"))
        return {str(kind): str(name) for kind, name in index.items()}
    except (ValueError, AttributeError) as error:
        raise BrokenCheckpoint(
            f"{path} cannot be read ({error}); remove it and choose again with "
            "`bookstate adapters use`."
        ) from error


def _write_index(folder: Path, index: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{INDEX}.{os.getpid()}"
    part.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", "utf-8")
    part.replace(folder / INDEX)


def _move_into_folders(own: Path, sha256: str) -> None:
    """Move the files of version 0.3 to where this version looks for them.

    Version 0.3 stored the adapter in use as `<kind>.safetensors`, and older codecs next to it. The
    notes are copied first and removed last, so that nothing is lost if the program is killed.
    """
    old = sorted(own.glob("*.safetensors")) if own.is_dir() else []
    for path in old:
        adapter = load_adapter(path, sha256)
        kind, name = kind_of(adapter), adapter_name(adapter)
        (own / kind).mkdir(exist_ok=True)
        in_use = OLD_KINDS.get(path.stem, path.stem) == kind
        if in_use and kind not in (index := _read_index(own)):
            _write_index(own, index | {kind: name})
        notes = path.with_suffix(".json")
        shutil.copyfile(notes, own / kind / f"{name}.json")
        path.replace(own / kind / f"{name}.safetensors")
        notes.unlink()

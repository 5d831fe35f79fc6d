"""The safetensors files of a checkpoint's folder: which they are, what they hold, their hash."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from memory_models.errors import BrokenCheckpoint
from memory_models.json_fields import Fields

INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
SHARD = re.compile(r"model-\d+-of-(\d+)\.safetensors")
STAMP = "bookstate.sha256"


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where one tensor lies and its shape; its numbers are read when they are asked for."""

    file: Path
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a folder by name."""

    folder: Path
    tensors: Mapping[str, StoredTensor]

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Read the headers of the weight files; raises BrokenCheckpoint where one is damaged."""
        tensors: dict[str, StoredTensor] = {}
        for path in weight_files(folder):
            try:
                with safe_open(path, framework="pt") as file:
                    for name in file.keys():  # noqa: SIM118 - not a dict
                        if not name.endswith("rotary_emb.inv_freq"):  # computed, not learned
                            shape = tuple(file.get_slice(name).get_shape())
                            tensors[name] = StoredTensor(path, shape)
            except (SafetensorError, OSError) as error:
                raise _damaged(path, error) from error
        return cls(folder, tensors)

    def size(self, dtype: torch.dtype, prefix: str = "") -> int:
        """Bytes in memory of all tensors whose names begin with `prefix`."""
        counts = (t.count for name, t in self.tensors.items() if name.startswith(prefix))
        return sum(counts) * dtype.itemsize

    def read(
        self, device: torch.device, dtype: torch.dtype, skipped: Collection[str] = ()
    ) -> dict[str, Tensor]:
        """All tensors but the skipped ones, in `dtype`.

        They are read and converted one after the other, so that no second copy of all is made.
        """
        weights: dict[str, Tensor] = {}
        for path in dict.fromkeys(tensor.file for tensor in self.tensors.values()):
            try:
                with safe_open(path, framework="pt", device=str(device)) as file:
                    for name, tensor in self.tensors.items():
                        if tensor.file == path and name not in skipped:
                            weights[name] = file.get_tensor(name).to(dtype)
            except (SafetensorError, OSError) as error:
                raise _damaged(path, error) from error
        return weights

    def check_fits(self, expected: Mapping[str, Tensor]) -> None:
        """Compare names and shapes with a decoder's; raises BrokenCheckpoint where they differ."""
        missing = sorted(expected.keys() - self.tensors.keys())
        surplus = sorted(self.tensors.keys() - expected.keys())
        reasons = [f"{name} is missing" for name in missing]
        reasons += [f"{name} is not part of such a model" for name in surplus]
        for name in sorted(expected.keys() & self.tensors.keys()):
            shape, found = tuple(expected[name].shape), self.tensors[name].shape
            if shape != found:
                reasons.append(f"{name} has shape {found}, not {shape}")
        if reasons:
            more = f", and {len(reasons) - 3} more" if len(reasons) > 3 else ""
            raise BrokenCheckpoint(
                f"{self.folder} does not fit its config.json: {'; '.join(reasons[:3])}{more}. "
                "Fetch the whole checkpoint again."
            )


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the model's weights, by name.

    The index says which, where there is one; else it is model.safetensors, else all shards. Other
    names count only where a folder has none of these: checkpoints come with other copies of the
    same weights, such as Mistral's consolidated.safetensors.
    """
    if (folder / INDEX).is_file():
        return _indexed(folder)
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    files = sorted(folder.glob("*.safetensors"))
    shards = [(path, match) for path in files if (match := SHARD.fullmatch(path.name))]
    if shards:
        count = int(shards[0][1][1])
        if len(shards) != count or any(int(match[1]) != count for _, match in shards):
            raise BrokenCheckpoint(
                f"{folder} has {len(shards)} of the {count} files of its checkpoint; "
                "fetch the others, too."
            )
        return [path for path, _ in shards]
    if not files:
        raise BrokenCheckpoint(
            f"{folder} has no .safetensors file; convert the checkpoint to safetensors first."
        )
    return files


def _indexed(folder: Path) -> list[Path]:
    index = Fields.from_file(folder / INDEX)
    index.require(["weight_map"])
    names = sorted(set(index.section("weight_map").texts().values()))
    if not names:
        raise BrokenCheckpoint(f"weight_map of {index.where} is empty; fetch the index again.")
    for name in names:
        if re.fullmatch(r"[\w.-]+\.safetensors", name) is None:
            raise BrokenCheckpoint(
                f"{index.where} names {json.dumps(name)}, which is not the name of a .safetensors "
                "file in the same folder; fetch the index again."
            )
        if not (folder / name).is_file():
            raise BrokenCheckpoint(
                f"{index.where} names {name}, which is missing; fetch that file, too."
            )
    return [folder / name for name in names]


def _damaged(path: Path, error: Exception) -> BrokenCheckpoint:
    return BrokenCheckpoint(f"{path} is damaged ({error}); fetch it again.")


def weights_sha256(folder: Path) -> str:
    """SHA-256 over the weights, kept beside them so that only the first load pays for it."""
    stamp = folder / STAMP
    files = weight_files(folder)
    signature = " ".join(f"{f.name}:{f.stat().st_size}:{f.stat().st_mtime_ns}" for f in files)
    if stamp.is_file():
        known, _, digest = stamp.read_text("utf-8", errors="replace").rpartition("\n")
        if known == signature and len(digest) == 64:
            return digest
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    if os.access(folder, os.W_OK):
        with suppress(OSError):  # a full or read-only disk: the next load computes it again
            stamp.write_text(f"{signature}\n{total.hexdigest()}", "utf-8")
    return total.hexdigest()


def is_present(folder: Path) -> bool:
    """True when `folder` holds a whole converted checkpoint."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))

"""The table at the start of a safetensors file: which tensors it holds, and where."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.book import DamagedDocument

LONGEST_HEADER = 1 << 16  # bytes
SIZES = {"I8": 1, "U8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8}
"""Bytes of a number of each type."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor: its type, its shape, and the offset of its first byte in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Table:
    """All tensors of a file by name, and what the file says about itself."""

    about: Mapping[str, Any]
    tensors: Mapping[str, Stored]


def read_table(head: bytes, size: int, where: str) -> Table:
    """The table of a file of `size` bytes, which begins with `head`.

    Every byte of the file must belong to a tensor. `where` names the file in messages. Raises
    DamagedDocument.
    """
    length = int.from_bytes(head[:8], "little")
    if size < 8 or length > min(LONGEST_HEADER, size - 8, len(head) - 8):
        raise _damaged(where, "its header does not fit")
    try:
        header = json.loads(head[8 : 8 + length])
        about = dict(header.pop("__metadata__"))
        tensors = {name: _tensor(entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(where, "its header cannot be read") from error
    found, end, first = {}, 0, 8 + length
    for name, (dtype, shape, start, stop) in sorted(tensors.items(), key=lambda t: t[1][2:]):
        if start != end or stop - start != math.prod(shape) * SIZES[dtype]:
            raise _damaged(where, f"{name} is not where its header says")
        end = stop
        if first + stop > size:
            raise _damaged(where, f"{name} is cut off")
        found[name] = Stored(dtype, shape, first + start)
    if first + end != size:
        raise _damaged(where, "it has too many bytes")
    return Table(about, found)


def _tensor(entry: dict[str, Any]) -> tuple[str, tuple[int, ...], int, int]:
    """(dtype, shape, start, stop) of one header entry. Raises ValueError if it is invalid."""
    dtype, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    numbers = [*shape, start, stop]
    if len(entry) != 3 or dtype not in SIZES or any(type(n) is not int for n in numbers):
        raise ValueError(f"not a tensor: {entry}")
    if min(shape, default=1) < 1 or len(shape) > 8 or not 0 <= start <= stop < 1 << 62:
        raise ValueError(f"impossible shape or place: {entry}")
    return dtype, tuple(shape), start, stop


def _damaged(where: str, why: str) -> DamagedDocument:
    return DamagedDocument(f"{where} is damaged: {why}; export the document again.")

"""Checks the blobs of an imported state before any of them is stored.

Every part of every memory has a layout: tensor names, dtypes and shapes. A shape is written as
words, such as "layers heads". A word stands for the same number in all blobs of a document, except
for the words in `_OWN`, which may differ from blob to blob, and the number 1. Neither torch nor the
backbone is needed here: whether the state fits the backbone is checked when the state is opened
(`app/state_reader.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidArchive
from ingest.structures.tensors import Table
from memory_models.memories.adaptive import AdaptiveConfig
from memory_models.memories.infini import InfiniConfig
from memory_models.memories.melodi import MelodiConfig
from memory_models.memory import FORMAT_VERSION

MemoryConfig = AdaptiveConfig | InfiniConfig | MelodiConfig
Array = NDArray[Any]
Layout = Mapping[str, tuple[str, str]]  # tensor name -> (dtypes allowed, shape in words)

_OWN = ("slots", "tokens", "held", "eighths", "bytes", "words")
_DTYPES: dict[str, np.dtype[Any]] = {
    "I8": np.dtype("i1"),
    "I16": np.dtype("<i2"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "BF16": np.dtype("<u2"),  # numpy has no such type; its bits are checked
}
_PLACES = {"counts": ("I16", "layers heads"), "places": ("I16", "slots")}
_SLOTS: Mapping[float, Layout] = {
    4: _PLACES
    | {"keys": ("U8", "slots half"), "values": ("U8", "slots half")}
    | {"key_scale": ("F16", "slots"), "value_scale": ("F16", "slots")}
    | {"key_mean": ("F16", "layers heads size")},
    8: _PLACES
    | {"keys": ("I8", "slots size"), "values": ("I8", "slots size")}
    | {"key_scale": ("F16", "slots"), "value_scale": ("F16", "slots")},
    16: _PLACES | {"keys": ("BF16", "slots size"), "values": ("BF16", "slots size")},
}
_ADDRESS_SCALE = {"address_scale": ("F16", "pairs tokens")}
_ADDRESS: Mapping[float, Layout] = {
    4: {"address_keys": ("U8", "pairs tokens half"), "address_mean": ("F16", "pairs size")}
    | _ADDRESS_SCALE,
    8: {"address_keys": ("I8", "pairs tokens size")} | _ADDRESS_SCALE,
    16: {"address_keys": ("I8", "pairs tokens size")} | _ADDRESS_SCALE,
}
_CODED_SLOTS: Layout = {"kept": ("U8", "layers heads eighths"), "codes": ("U8", "bytes")}
_CODED_ADDRESS: Layout = {"address_codes": ("U8", "pairs tokens row")}
_WORDS: Layout = {"words": ("I32", "words"), "word_counts": ("U8", "words")}
_INFINI = {"M": ("F32", "layers 1 heads size size"), "z": ("F32", "layers 1 heads size")}
_MELODI = {
    "z": ("F32 BF16 F16", "layers 1 short width"),
    "keys": ("F32 BF16 F16", "1 heads held long size"),
    "values": ("F32 BF16 F16", "1 heads held long size"),
    "windows_written": ("I64", "1"),
}


def expected_blobs(
    config: MemoryConfig, segments: int, ends: Sequence[int]
) -> list[tuple[str, int]]:
    """(part, segment) of all blobs of a finished state, sorted.

    ends: the segments after which a recurrent memory stores a snapshot.
    """
    if isinstance(config, AdaptiveConfig):
        return [(part, n) for part in ("address", "slots") for n in range(segments)]
    return [("carry", segments - 1), *(("snapshot", n) for n in ends)]


@dataclass(slots=True)
class StateCheck:
    """Checks the blobs of one document, one after the other. Raises InvalidArchive.

    tokens: of each segment; kv_bytes: of the backbone's plain cache for one token.
    """

    config: MemoryConfig
    tokens: Sequence[int]
    kv_bytes: int
    _sizes: dict[str, int] = field(default_factory=dict)

    def check(self, part: str, segment: int, blob: bytes, table: Table) -> None:
        """Raise InvalidArchive if a blob is not what this memory writes for this segment.

        table: of the blob's tensors, each of which lies inside the blob.
        """
        where = f"{part} {segment}"
        layout = self._layout(part)
        tensors = _arrays(blob, table, where)
        if tensors.keys() != layout.keys():
            raise InvalidArchive(
                f"The state's part {where} holds the tensors {sorted(tensors)}, but "
                f"{sorted(layout)} are expected; export the document again."
            )
        sizes = self._sizes | self._given(segment)
        for name, (dtypes, words) in layout.items():
            dtype, array = tensors[name]
            if dtype not in dtypes.split():
                raise InvalidArchive(
                    f"The state's part {where} has {name} in {dtype}, but {dtypes} is expected; "
                    "export the document again."
                )
            _bind(sizes, words, array.shape, f"{where} has {name}")
            _check_finite(dtype, array, f"{where} has {name}")
        if 2 * sizes.get("half", 0) not in (0, sizes.get("size")):
            raise InvalidArchive(
                f"The state's part {where} has slots of {2 * sizes['half']} numbers, but heads of "
                f"{sizes.get('size')}; export the document again."
            )
        self._check_values(segment, {name: array for name, (_, array) in tensors.items()}, where)
        self._sizes = {word: size for word, size in sizes.items() if word not in _OWN}
        self._check_cache(where)

    def _layout(self, part: str) -> Layout:
        if isinstance(self.config, AdaptiveConfig):
            bits, coded = self.config.slot_bits, bool(self.config.codec)
            if part == "slots":
                return _CODED_SLOTS if coded else _SLOTS[bits]
            address = _CODED_ADDRESS if coded else _ADDRESS[bits]
            return {**address, **_WORDS} if self.config.words else address
        return _INFINI if isinstance(self.config, InfiniConfig) else _MELODI

    def _given(self, segment: int) -> dict[str, int]:
        if not isinstance(self.config, MelodiConfig):
            return {"tokens": self.tokens[segment]}
        held = min(segment + 1, self.config.queue)
        short = 0 if self.config.parallel else self.config.short
        return {"short": short, "long": self.config.long, "held": held}

    def _check_values(self, segment: int, arrays: Mapping[str, Array], where: str) -> None:
        tokens = self.tokens[segment]
        if "counts" in arrays:
            counts, places = arrays["counts"], arrays["places"]
            fits = int(counts.min()) >= 0 and int(counts.max()) <= tokens
            fits = fits and int(counts.sum(dtype=np.int64)) == len(places)
            if not fits or int(places.min()) < 0 or int(places.max()) >= tokens:
                raise InvalidArchive(
                    f"The state's part {where} has slot counts and places that do not fit each "
                    f"other or its {tokens} tokens; export the document again."
                )
        if "kept" in arrays:
            eighths, over = arrays["kept"].shape[2], -tokens % 8
            beyond = arrays["kept"][:, :, -1] >> (8 - over)  # bits after the last token
            if eighths != -(-tokens // 8) or (over and int(beyond.max()) > 0):
                raise InvalidArchive(
                    f"The state's part {where} marks slots after the last of its {tokens} tokens; "
                    "export the document again."
                )
        if "windows_written" in arrays and int(arrays["windows_written"][0]) != segment + 1:
            raise InvalidArchive(
                f"The state's part {where} says that {int(arrays['windows_written'][0])} windows "
                f"were read, but it must be {segment + 1}; export the document again."
            )
        if "M" in arrays and float(arrays["z"].min()) < 0:
            raise InvalidArchive(
                f"The state's part {where} has negative sums in z, which are impossible; export "
                "the document again."
            )

    def _check_cache(self, where: str) -> None:
        words = ("layers", "heads", "size")
        if not all(word in self._sizes for word in words):
            return
        found = math.prod(self._sizes[word] for word in words) * 4
        if found != self.kv_bytes:
            raise InvalidArchive(
                f"The state's part {where} is of a backbone with {found} cache bytes per token, "
                f"but the document says {self.kv_bytes}; export the document again."
            )


def _arrays(blob: bytes, table: Table, where: str) -> dict[str, tuple[str, Array]]:
    """Name -> (dtype, array) of a blob's tensors."""
    if table.about != {"bookstate": str(FORMAT_VERSION)}:
        raise InvalidArchive(
            f"The state's part {where} has the format {table.about!s:.200}, but this version reads "
            f"format {FORMAT_VERSION}; export the document again with this version of bookstate."
        )
    found = {}
    for name, tensor in table.tensors.items():
        kind, count = _DTYPES[tensor.dtype], math.prod(tensor.shape)
        flat = np.frombuffer(blob, kind, count, offset=tensor.start)
        found[name] = (tensor.dtype, flat.reshape(tensor.shape))
    return found


def _bind(sizes: dict[str, int], words: str, shape: tuple[int, ...], what: str) -> None:
    """Note the number of each word of a shape.

    Raises InvalidArchive if a word already has another number.
    """
    names = words.split()
    fits = len(names) == len(shape)
    for word, number in zip(names, shape, strict=False):
        fits = fits and number == (1 if word == "1" else sizes.setdefault(word, number))
    if not fits:
        known = ", ".join(str(sizes.get(word, word)) for word in names)
        raise InvalidArchive(
            f"The state's part {what} of shape {list(shape)}, but it must be [{known}]; "
            "export the document again."
        )


def _check_finite(dtype: str, array: Array, what: str) -> None:
    if dtype == "BF16":
        finite = bool(((array & 0x7F80) != 0x7F80).all())
    else:
        finite = dtype[0] in "IU" or bool(np.isfinite(array).all())
    if not finite:
        raise InvalidArchive(
            f"The state's part {what} with numbers that are not finite; read the document again."
        )

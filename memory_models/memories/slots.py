"""Kept slots as stored tensors: quantised to int8 with one scale a slot, or 16-bit.

A slot is one (layer, key/value head, token) with its key and value. The slots of a window lie flat,
ordered by layer, head and place, with their counts beside them:

    counts [layers,G] int16, places [N] int16, keys [N,d], values [N,d],
    and for int8 key_scale [N], value_scale [N] float16.

That is 2 d + 6 bytes a slot in int8, against 4 d for the 16-bit KV cache.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memory import Bundle

SLOT_BITS = (8, 16)


class Quantized(NamedTuple):
    """int8 rows with a scale each: row = codes * scale."""

    codes: Tensor  # [...,d] int8
    scale: Tensor  # [...] float16


def quantize(rows: Tensor) -> Quantized:
    """Symmetric int8 per row of [...,d]; the scale is rounded first, so codes fit what is kept."""
    wide = rows.float()
    scale = (wide.abs().amax(-1) / 127).clamp(6.2e-5, 65504.0).half()  # smallest normal float16
    codes = (wide / scale.float().unsqueeze(-1)).round().clamp(-127, 127).to(torch.int8)
    return Quantized(codes, scale)


def dequantize(codes: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Inverse of `quantize` up to rounding, [...,d]."""
    return (codes.float() * scale.float().unsqueeze(-1)).to(dtype)


def pack(keys: Tensor, values: Tensor, kept: Tensor, bits: int) -> dict[str, Tensor]:
    """Slots of one window as tensors to store.

    keys, values: unrotated, [layers,G,T,d]; kept: mask [layers,G,T]; bits: 8 or 16.
    """
    if bits not in SLOT_BITS:
        raise InvalidRequest(f"Slots of {bits} bits are not known; choose one of {SLOT_BITS}.")
    places = kept.nonzero()[:, 2]  # row-major: by layer, head, place
    packed = {"counts": kept.sum(-1).to(torch.int16), "places": places.to(torch.int16)}
    for name, rows in (("key", keys[kept]), ("value", values[kept])):
        if bits == 8:
            packed[f"{name}s"], packed[f"{name}_scale"] = quantize(rows)
        else:
            packed[f"{name}s"] = rows.to(torch.bfloat16)
    return packed


class Slots(NamedTuple):
    """Slots of one window, dequantised, in flat order."""

    counts: list[list[int]]  # [layers][G]
    places: Tensor  # [N]
    keys: Tensor  # [N,d], unrotated
    values: Tensor  # [N,d]


def unpack(packed: Bundle, dtype: torch.dtype) -> Slots:
    """Inverse of `pack`; refuses tensors that contradict one another."""
    counts, places = packed["counts"], packed["places"].long()
    if int(counts.sum()) != places.shape[0] or packed["keys"].shape[0] != places.shape[0]:
        raise BrokenState(
            f"A window's slot counts add up to {int(counts.sum())} but {places.shape[0]} slots are "
            "stored; read the document again."
        )
    rows = []
    for name in ("key", "value"):
        stored = packed[f"{name}s"]
        scaled = stored.dtype == torch.int8
        rows.append(
            dequantize(stored, packed[f"{name}_scale"], dtype) if scaled else stored.to(dtype)
        )
    return Slots(counts.tolist(), places, rows[0], rows[1])

"""Kept slots as stored tensors: by a trained codec, or 4, 8 or 16 bits a number without one.

A slot is one (layer, key/value head, token) with its key and value. The slots of a window lie flat,
ordered by layer, head and place, with their counts beside them:

    counts [layers,G] int16, places [N] int16, keys [N,d], values [N,d],
    and for 4 and 8 bits key_scale [N], value_scale [N] float16.

That is 2 d + 6 bytes a slot at 8 bits, against 4 d for the 16-bit KV cache.

At 4 bits a row is first turned by a Hadamard matrix, which spreads outlying channels over all, and
keys are stored less their head's mean over the window (`key_mean` [layers,G,d] float16): keys are
mostly that mean, and what tells them apart is the rest. Two numbers a byte: d + 6 bytes a slot.

With a codec (1 to 3 bits, `memory_models/memories/codec.py`) a window is two tensors: the mask of
kept slots `kept` [layers,G,T/8], a bit a token, and `codes` [bytes], slot after slot.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memories.codec import CODED_BITS, SlotCode
from memory_models.memory import Bundle
from memory_models.quantize import dequantize, hadamard, pack_nibbles, quantize, unpack_nibbles

PLAIN_BITS = (4, 8, 16)
SLOT_BITS = (*CODED_BITS, *PLAIN_BITS)
_POWERS = tuple(1 << place for place in range(8))


def pack_mask(mask: Tensor) -> Tensor:
    """bool [...,T] -> uint8 [...,T/8 rounded up], the first token in the lowest bit."""
    T = mask.shape[-1]
    whole = torch.nn.functional.pad(mask, (0, -T % 8))
    eight = whole.unflatten(-1, (-1, 8)).to(torch.uint8)  # [...,T/8,8]
    packed: Tensor = (eight * _powers(mask.device)).sum(-1).to(torch.uint8)
    return packed


def unpack_mask(packed: Tensor) -> Tensor:
    """Inverse of `pack_mask`, padded: bool [...,8 n]."""
    return (packed[..., None] & _powers(packed.device)).ne(0).flatten(-2)


def _powers(device: torch.device) -> Tensor:
    return torch.tensor(_POWERS, dtype=torch.uint8, device=device)


def pack_coded(keys: Tensor, values: Tensor, kept: Tensor, code: SlotCode) -> dict[str, Tensor]:
    """Slots of one window by a codec; shapes as for `pack`."""
    keys, values, kept = keys.cpu(), values.cpu(), kept.cpu()
    rows = torch.cat((keys[kept], values[kept]), dim=1)  # [N,2d]
    counts = kept.sum(-1).flatten().tolist()
    return {"kept": pack_mask(kept), "codes": code.encode(rows, counts)}


def pack(keys: Tensor, values: Tensor, kept: Tensor, bits: float) -> dict[str, Tensor]:
    """Slots of one window as tensors to store, without a codec.

    keys, values: unrotated, [layers,G,T,d]; kept: mask [layers,G,T]; bits: 4, 8 or 16.
    """
    if bits not in PLAIN_BITS:
        raise InvalidRequest(
            f"Slots of {bits} bits are not known; choose one of {PLAIN_BITS}, or train a codec."
        )
    bits = int(bits)
    places = kept.nonzero()[:, 2]  # row-major: by layer, head, place
    packed = {"counts": kept.sum(-1).to(torch.int16), "places": places.to(torch.int16)}
    if bits == 4:
        packed["key_mean"] = keys.float().mean(2).half()
        keys = keys.float() - packed["key_mean"].float()[:, :, None]
    for name, rows in (("key", keys[kept]), ("value", values[kept])):
        if bits == 16:
            packed[f"{name}s"] = rows.to(torch.bfloat16)
            continue
        if bits == 4:
            rows = rows.float() @ hadamard(rows.shape[1]).to(rows.device)
        codes, packed[f"{name}_scale"] = quantize(rows, bits)
        packed[f"{name}s"] = pack_nibbles(codes) if bits == 4 else codes
    return packed


def slot_shape(packed: Bundle) -> tuple[int, int, int] | None:
    """(layers, G, d) of packed slots; None where only a codec can tell."""
    if "codes" in packed:
        return None
    layers, heads = packed["counts"].shape
    halved = packed["keys"].dtype == torch.uint8
    return layers, heads, packed["keys"].shape[1] * (2 if halved else 1)


class Slots(NamedTuple):
    """Slots of one window, dequantised, in flat order."""

    counts: list[list[int]]  # [layers][G]
    places: Tensor  # [N]
    keys: Tensor  # [N,d], unrotated
    values: Tensor  # [N,d]


def unpack(packed: Bundle, dtype: torch.dtype, code: SlotCode | None = None) -> Slots:
    """Inverse of `pack` or `pack_coded`; refuses tensors that contradict one another."""
    if "codes" in packed:
        return _unpack_coded(packed, dtype, code)
    counts, places = packed["counts"], packed["places"].long()
    if int(counts.sum()) != places.shape[0] or packed["keys"].shape[0] != places.shape[0]:
        raise BrokenState(
            f"A window's slot counts add up to {int(counts.sum())} but {places.shape[0]} slots are "
            "stored; read the document again."
        )
    keys, values = (_rows(packed, name) for name in ("key", "value"))
    if "key_mean" in packed:
        keys = keys + packed["key_mean"].float().flatten(0, 1).repeat_interleave(
            counts.flatten().long(), dim=0
        )
    return Slots(counts.tolist(), places, keys.to(dtype), values.to(dtype))


def _unpack_coded(packed: Bundle, dtype: torch.dtype, code: SlotCode | None) -> Slots:
    if code is None:
        raise BrokenState("These slots need the codec they were written with; it is not installed.")
    kept = unpack_mask(packed["kept"])  # [layers,G,T]
    counts = kept.sum(-1)
    rows = code.decode(packed["codes"].cpu(), counts.flatten().tolist()).to(packed["kept"].device)
    keys, values = rows.to(dtype).chunk(2, dim=1)
    return Slots(counts.tolist(), kept.nonzero()[:, 2], keys, values)


def _rows(packed: Bundle, name: str) -> Tensor:
    """[N,d] in float32, or as stored at 16 bits."""
    stored = packed[f"{name}s"]
    if stored.dtype == torch.uint8:
        turned = dequantize(unpack_nibbles(stored), packed[f"{name}_scale"], torch.float32)
        return turned @ hadamard(turned.shape[1]).T.to(turned.device)
    if stored.dtype == torch.int8:
        return dequantize(stored, packed[f"{name}_scale"], torch.float32)
    return stored

"""How kept slots are stored: by a trained codec, or without one at 4, 8 or 16 bits a number.

Axis legend as in decoder.py; here also N kept slots of a window. A slot is the key and value of one
token at one layer and key/value head. Its place is the token's index in the window. The slots of a
window are stored flat, ordered by layer, head and place:

    counts [layers,G] int16, places [N] int16, keys [N,d], values [N,d],
    and for 4 and 8 bits key_scale [N], value_scale [N] float16.

That is 2d + 6 bytes a slot at 8 bits, where the 16-bit KV cache takes 4d.

At 4 bits each row is multiplied by a Hadamard matrix, which spreads outlier channels over all
channels, and two numbers share a byte: d + 6 bytes a slot. From keys, their head's mean over the
window is subtracted first and stored (`key_mean` [layers,G,d] float16), because keys are mostly
that mean and differ only in the small rest.

With a codec (1 to 3 bits, `memory_models/memories/codec.py`) a window is two tensors: the mask of
kept slots `kept` [layers,G,T/8], one bit a token, and `codes` [bytes], slot after slot.
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
    """bool [...,T] -> uint8 [...,T/8], rounded up; the first token is in the lowest bit."""
    T = mask.shape[-1]
    whole = torch.nn.functional.pad(mask, (0, -T % 8))
    eight = whole.unflatten(-1, (-1, 8)).to(torch.uint8)  # [...,T/8,8]
    packed: Tensor = (eight * _powers(mask.device)).sum(-1).to(torch.uint8)
    return packed


def unpack_mask(packed: Tensor) -> Tensor:
    """uint8 [...,n] -> bool [...,8n]: the inverse of `pack_mask`, with its padding."""
    return (packed[..., None] & _powers(packed.device)).ne(0).flatten(-2)


def _powers(device: torch.device) -> Tensor:
    return torch.tensor(_POWERS, dtype=torch.uint8, device=device)


def pack_coded(keys: Tensor, values: Tensor, kept: Tensor, code: SlotCode) -> dict[str, Tensor]:
    """The kept slots of one window as tensors to store, by a codec; shapes as for `pack`."""
    keys, values, kept = keys.cpu(), values.cpu(), kept.cpu()
    rows = torch.cat((keys[kept], values[kept]), dim=1)  # [N,2d]
    counts = kept.sum(-1).flatten().tolist()
    return {"kept": pack_mask(kept), "codes": code.encode(rows, counts)}


def pack(keys: Tensor, values: Tensor, kept: Tensor, bits: float) -> dict[str, Tensor]:
    """The kept slots of one window as tensors to store, without a codec.

    keys, values: unrotated, [layers,G,T,d]; kept: mask [layers,G,T]; bits: 4, 8 or 16. Raises
    InvalidRequest for other bits.
    """
    if bits not in PLAIN_BITS:
        raise InvalidRequest(
            f"Slots of {bits} bits a number need a codec; train one, or choose one of {PLAIN_BITS}."
        )
    bits = int(bits)
    places = kept.nonzero()[:, 2]  # [N], row-major: by layer, head, place
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
    """(layers, G, d) of packed slots; None where they were packed by a codec, which hides d."""
    if "codes" in packed:
        return None
    layers, heads = packed["counts"].shape
    halved = packed["keys"].dtype == torch.uint8
    return layers, heads, packed["keys"].shape[1] * (2 if halved else 1)


class Slots(NamedTuple):
    """The kept slots of one window, dequantized, ordered by layer, head and place."""

    counts: list[list[int]]  # [layers][G] slots of each head
    places: Tensor  # [N] token's index in the window
    keys: Tensor  # [N,d], unrotated
    values: Tensor  # [N,d]


def within(slots: Slots, first: int, last: int) -> Slots:
    """The slots of tokens first <= t < last, with their places in the window."""
    inside = (slots.places >= first) & (slots.places < last)  # [N]
    shape = (len(slots.counts), len(slots.counts[0]))
    heads = torch.tensor(slots.counts).flatten()
    head = torch.arange(len(heads)).repeat_interleave(heads).to(inside.device)  # [N]
    counts = torch.bincount(head[inside], minlength=len(heads)).view(shape)
    return Slots(counts.tolist(), slots.places[inside], slots.keys[inside], slots.values[inside])


def unpack(packed: Bundle, dtype: torch.dtype, code: SlotCode | None = None) -> Slots:
    """Slots from stored tensors: the inverse of `pack` and `pack_coded`, up to rounding.

    Raises BrokenState where the tensors contradict one another, or where their codec is missing.
    """
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
        raise BrokenState(
            "These slots need the codec that they were written with, which is not installed; "
            "install it or read the document again."
        )
    kept = unpack_mask(packed["kept"])  # [layers,G,T]
    counts = kept.sum(-1)
    rows = code.decode(packed["codes"].cpu(), counts.flatten().tolist()).to(packed["kept"].device)
    keys, values = rows.to(dtype).chunk(2, dim=1)
    return Slots(counts.tolist(), kept.nonzero()[:, 2], keys, values)


def _rows(packed: Bundle, name: str) -> Tensor:
    """The keys or values [N,d] (name: "key" or "value"), in float32, or as stored at 16 bits."""
    stored = packed[f"{name}s"]
    if stored.dtype == torch.uint8:
        rows = dequantize(unpack_nibbles(stored), packed[f"{name}_scale"], torch.float32)
        return rows @ hadamard(rows.shape[1]).T.to(rows.device)
    if stored.dtype == torch.int8:
        return dequantize(stored, packed[f"{name}_scale"], torch.float32)
    return stored

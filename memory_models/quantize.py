"""Quantization to 8 or 4 bits a number with one scale a row, for kept slots and address keys.

At 4 bits a row is first multiplied by a Hadamard matrix, which spreads outlier channels over all
channels.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


class Quantized(NamedTuple):
    """Rows as int8 codes and one scale for each: row = codes * scale."""

    codes: Tensor  # [...,d] int8
    scale: Tensor  # [...] float16


def quantize(rows: Tensor, bits: int = 8) -> Quantized:
    """Quantize each row of [...,d] symmetrically to `bits` bits (at most 8).

    The scale is rounded to float16 before the codes are computed, so that they fit the stored one.
    """
    most = 2 ** (bits - 1) - 1
    wide = rows.float()
    scale = (wide.abs().amax(-1) / most).clamp(6.2e-5, 65504.0).half()  # smallest normal float16
    codes = (wide / scale.float().unsqueeze(-1)).round().clamp(-most, most).to(torch.int8)
    return Quantized(codes, scale)


def dequantize(codes: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """codes [...,d], scale [...] -> rows [...,d]: the inverse of `quantize` up to rounding."""
    return (codes.float() * scale.float().unsqueeze(-1)).to(dtype)


@cache
def hadamard(d: int) -> Tensor:
    """An orthogonal matrix [d,d]: Hadamard blocks of the largest power of two that divides d."""
    size = d & -d
    matrix = torch.ones(1, 1)
    while matrix.shape[0] < size:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)), 0)
    blocks: Tensor = torch.block_diag(*[matrix * size**-0.5] * (d // size))
    return blocks


def pack_nibbles(codes: Tensor) -> Tensor:
    """int8 codes [N,d] in -7..7, with d even -> uint8 [N,d/2]."""
    shifted = (codes + 8).to(torch.uint8)
    both: Tensor = shifted[:, ::2] | (shifted[:, 1::2] << 4)
    return both


def unpack_nibbles(packed: Tensor) -> Tensor:
    """uint8 [N,d/2] -> int8 codes [N,d]: the inverse of `pack_nibbles`."""
    both = torch.stack((packed & 15, packed >> 4), dim=-1).flatten(1)  # [N,d]
    codes: Tensor = both.to(torch.int8) - 8
    return codes

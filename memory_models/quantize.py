"""Rows of numbers in 8 or 4 bits each, one scale a row; kept slots and address keys are stored so.

At 4 bits a row is first multiplied by a Hadamard matrix, which spreads outlying channels over all.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


class Quantized(NamedTuple):
    """int8 rows with a scale each: row = codes * scale."""

    codes: Tensor  # [...,d] int8
    scale: Tensor  # [...] float16


def quantize(rows: Tensor, bits: int = 8) -> Quantized:
    """Symmetric codes per row of [...,d]; the scale is rounded first, so codes fit what is kept."""
    most = 2 ** (bits - 1) - 1
    wide = rows.float()
    scale = (wide.abs().amax(-1) / most).clamp(6.2e-5, 65504.0).half()  # smallest normal float16
    codes = (wide / scale.float().unsqueeze(-1)).round().clamp(-most, most).to(torch.int8)
    return Quantized(codes, scale)


def dequantize(codes: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Inverse of `quantize` up to rounding, [...,d]."""
    return (codes.float() * scale.float().unsqueeze(-1)).to(dtype)


@cache
def hadamard(d: int) -> Tensor:
    """Orthogonal [d,d]: a Hadamard matrix over the largest power of two in d, block-diagonal."""
    size = d & -d
    matrix = torch.ones(1, 1)
    while matrix.shape[0] < size:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)), 0)
    blocks: Tensor = torch.block_diag(*[matrix * size**-0.5] * (d // size))
    return blocks


def pack_nibbles(codes: Tensor) -> Tensor:
    """int8 codes in -7..7, [N,d] with d even -> uint8 [N,d/2]."""
    shifted = (codes + 8).to(torch.uint8)
    both: Tensor = shifted[:, ::2] | (shifted[:, 1::2] << 4)
    return both


def unpack_nibbles(packed: Tensor) -> Tensor:
    """Inverse of `pack_nibbles`."""
    both = torch.stack((packed & 15, packed >> 4), dim=-1).flatten(1)
    codes: Tensor = both.to(torch.int8) - 8
    return codes

"""Tiny random decoders, and the parts of a decoder written out one token at a time.

The literal parts share no code with `memory_models.decoder`: vectors [D], python loops, formulas.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from memory_models.decoder import Decoder, DecoderConfig, RMSNorm, Rope

DTYPE = {"float32": torch.float32, "bfloat16": torch.bfloat16}[
    os.environ.get("BOOKSTATE_TEST_DTYPE", "float32")
]
"""What the tests compute in where they do not ask for another; the same on every machine."""


class _WideNorm(RMSNorm):
    """RMSNorm without the cast to float32, so that float64 decoders are float64 throughout."""

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


class _WideRope(Rope):
    """Rope with angles in float64."""

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        phase = positions.double().unsqueeze(-1) * self.inverse_frequency.double()
        phase = torch.cat((phase, phase), dim=-1)
        return phase.cos(), phase.sin()


def tiny_decoder(
    heads: int = 4,
    kv_heads: int = 2,
    layers: int = 3,
    head_size: int = 8,
    width: int = 24,
    vocabulary: int = 37,
    dtype: torch.dtype = DTYPE,
    seed: int = 0,
) -> Decoder:
    """A random decoder; in float64 without any float32 step inside."""
    config = DecoderConfig(
        family="llama",
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        rope_theta=100.0,
        norm_eps=1e-5,
        max_positions=256,
        tied=True,
    )
    decoder = Decoder(config)
    fill(decoder, seed)
    decoder = decoder.to(dtype)
    if dtype == torch.float64:
        decoder.rope = _WideRope(config)
        decoder.rope.inverse_frequency = 100.0 ** (
            -torch.arange(0, head_size, 2, dtype=torch.float64) / head_size
        )
        for module in decoder.modules():
            if isinstance(module, RMSNorm):
                module.__class__ = _WideNorm
    return decoder


def fill(module: nn.Module, seed: int, scale: float = 0.3) -> None:
    """Every parameter random; norms around one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * scale
            parameter.copy_(1 + noise if "norm" in name else noise)


def some_tokens(*shape: int, seed: int = 1, vocabulary: int = 37) -> Tensor:
    """Random token ids."""
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))


def literal_norm(norm: RMSNorm, x: Tensor) -> Tensor:
    """x [D]."""
    return norm.weight * x / math.sqrt(sum(float(c) ** 2 for c in x) / len(x) + norm.eps)


def literal_rope(x: Tensor, place: int, theta: float = 100.0) -> Tensor:
    """x [d] turned to `place`: channels i and i + d/2 are one plane."""
    d = len(x)
    out = x.clone()
    for i in range(d // 2):
        angle = place * theta ** (-2 * i / d)
        cos, sin = math.cos(angle), math.sin(angle)
        out[i] = x[i] * cos - x[i + d // 2] * sin
        out[i + d // 2] = x[i + d // 2] * cos + x[i] * sin
    return out


def literal_project(decoder: Decoder, layer: int, x: Tensor) -> tuple[list[Tensor], ...]:
    """x [D] -> its q, k, v as lists of heads [d], before RoPE."""
    block = decoder.layer(layer)
    normed = literal_norm(block.input_layernorm, x)
    attention = block.self_attn
    d = decoder.config.head_size
    return tuple(
        list((linear.weight @ normed).split(d))
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj)
    )


def literal_softmax(q: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
    """Attention of q [d] over all keys given."""
    weights = [math.exp(float(q @ k) / math.sqrt(len(q))) for k in keys]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def literal_finish(decoder: Decoder, layer: int, x: Tensor, heads: Sequence[Tensor]) -> Tensor:
    """Output projection, both residuals and the feed-forward for one token x [D]."""
    block = decoder.layer(layer)
    x = x + block.self_attn.o_proj.weight @ torch.cat(list(heads))
    normed = literal_norm(block.post_attention_layernorm, x)
    gate = block.mlp.gate_proj.weight @ normed
    inner = gate / (1 + torch.exp(-gate)) * (block.mlp.up_proj.weight @ normed)
    return x + block.mlp.down_proj.weight @ inner

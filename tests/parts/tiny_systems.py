"""Every system of the papers, tiny, in float64 where wanted."""

from __future__ import annotations

from typing import Any

import torch
from tiny import _WideNorm, _WideRope, fill
from torch import Tensor

from memory_models.decoder import DecoderConfig, RMSNorm
from memory_models.memories.infini import InfiniConfig
from memory_models.memories.melodi import MelodiConfig
from memory_models.papers.block_recurrent import BlockRecurrentSystem
from memory_models.papers.compressive import CompressiveConfig, CompressiveSystem
from memory_models.papers.infini import InfiniSystem, InfiniVariant
from memory_models.papers.local import LocalConfig, LocalSystem
from memory_models.papers.melodi import MelodiSystem, MelodiVariant
from memory_models.papers.memorizing import MemorizingConfig, MemorizingSystem
from memory_models.papers.rmt import RmtSystem
from memory_models.papers.system import AnySystem

W = 6
VOCABULARY = 37


def config(heads: int = 4, kv_heads: int = 2, layers: int = 3) -> DecoderConfig:
    """Grouped queries, a norm on queries and keys."""
    return DecoderConfig(
        family="qwen3",
        vocab_size=VOCABULARY,
        hidden_size=24,
        intermediate_size=48,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_size=8,
        rope_theta=100.0,
        norm_eps=1e-6,
        max_positions=4096,
        tied=True,
        qk_norm=True,
    )


def melodi(c: DecoderConfig, **variant: Any) -> AnySystem:
    memory = MelodiConfig(window=W, short=3, long=2, queue=3, mixing="released")
    return MelodiSystem(c, memory, MelodiVariant(**variant))


def infini(c: DecoderConfig, **variant: Any) -> AnySystem:
    return InfiniSystem(c, W, InfiniConfig(W, "delta"), InfiniVariant(**variant))


MAKERS = {
    "window": lambda c: LocalSystem(c, W, LocalConfig()),
    "sliding": lambda c: LocalSystem(c, W, LocalConfig(W, sliding=True, gradient=True)),
    "xl": lambda c: LocalSystem(c, W, LocalConfig(W)),
    "block_recurrent": lambda c: BlockRecurrentSystem(c, W, 4, max(0, c.layers - 2)),
    "memorizing": lambda c: MemorizingSystem(c, W, MemorizingConfig(3 * W, 4, c.layers // 2)),
    "rmt": lambda c: RmtSystem(c, W, 2),
    "compressive": lambda c: CompressiveSystem(c, W, CompressiveConfig(2, 4)),
    "infini_linear": lambda c: InfiniSystem(c, W, InfiniConfig(W, "linear")),
    "infini_delta": lambda c: InfiniSystem(c, W, InfiniConfig(W, "delta")),
    "infini_dpfp": lambda c: infini(c, features="dpfp"),
    "infini_mass": lambda c: infini(c, gate="mass"),
    "infini_together": lambda c: infini(c, together=2),
    "melodi": melodi,
    "melodi_short": lambda c: melodi(c, memory="short"),
    "melodi_long": lambda c: melodi(c, memory="long"),
    "melodi_unbranched": lambda c: melodi(c, branching=False),
    "melodi_pooling": lambda c: melodi(c, start="pooling"),
    "melodi_strided": lambda c: melodi(c, start="strided"),
    "melodi_content": lambda c: melodi(c, mix="content"),
    "melodi_layers": lambda c: melodi(c, layers=2),
    "melodi_merge": lambda c: melodi(c, oldest="merge"),
}


def make(name: str, dtype: torch.dtype = torch.float32, seed: int = 3, **shape: int) -> AnySystem:
    """A system with random parameters, so that nothing is hidden by a zero."""
    system = MAKERS[name](config(**shape))
    fill(system, seed)
    return widened(system) if dtype == torch.float64 else system


def widened(system: AnySystem) -> AnySystem:
    """In float64 without any float32 step inside."""
    system = system.double()
    decoder = system.decoder
    decoder.rope = _WideRope(decoder.config)
    half = torch.arange(0, decoder.config.head_size, 2, dtype=torch.float64)
    decoder.rope.inverse_frequency = 100.0 ** (-half / decoder.config.head_size)
    for module in system.modules():
        if isinstance(module, RMSNorm):
            module.__class__ = _WideNorm
    return system


def windows(count: int, rows: int = 2, seed: int = 1, size: int = W) -> list[Tensor]:
    """Random windows [rows,size]."""
    generator = torch.Generator().manual_seed(seed)
    every = torch.randint(VOCABULARY, (rows, count * size), generator=generator)
    return list(every.split(size, dim=1))


def run(system: AnySystem, tokens: list[Tensor], state: Any = None) -> tuple[Tensor, Any]:
    """Logits of all windows one after the other, and the last state."""
    state = system.empty(tokens[0].shape[0]) if state is None else state
    parts = []
    for window in tokens:
        logits, state = system(window, state)
        parts.append(logits)
    return torch.cat(parts, dim=1), state

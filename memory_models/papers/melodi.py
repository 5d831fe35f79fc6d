"""MELODI from scratch, and with parts of it taken away (arXiv 2410.03156).

The memory itself (mixers, queue, cross-attention, its formulas and what differs from the paper) is
memories/melodi.py; S short-term and L long-term tokens of a window, Q windows in the queue.
Here is what changes when the decoder is trained from nothing:

  * Mixers normalise and add u back and start random, and the gate starts near one half, as in the
    authors' code (google-research/meliad); `start="pooling"` starts mixers as strided means.
  * x and u run through a layer as one sequence [x | u], causal.

`memory` and `branching` are the paper's ablations: `short` has no queue, `long` has no z (summary
tokens remain, m is made from them), and without branching one mixer makes both the summary for the
next layer and the z for the next window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.melodi import (
    MelodiConfig,
    MelodiMixers,
    MelodiState,
    Slots,
    TokenMixer,
    long_term_attention,
    self_attention,
    short_slots,
)
from memory_models.papers.system import Read, System

PARTS = ("both", "short", "long")
STARTS = ("random", "pooling")


@dataclass(frozen=True, slots=True)
class MelodiVariant:
    """The paper's model, or what is left of it."""

    memory: Literal["both", "short", "long"] = "both"
    branching: bool = True
    start: Literal["random", "pooling"] = "random"

    def __post_init__(self) -> None:
        if self.memory not in PARTS:
            raise InvalidRequest(f"MELODI memory {self.memory!r}; use one of {', '.join(PARTS)}.")
        if self.start not in STARTS:
            raise InvalidRequest(f"MELODI start {self.start!r}; use one of {', '.join(STARTS)}.")


class MelodiSystem(System[MelodiState]):
    """A decoder with MELODI's memories."""

    state_type = MelodiState
    batch_axis = {"z": 1}  # noqa: RUF012

    def __init__(
        self, config: DecoderConfig, memory: MelodiConfig, variant: MelodiVariant | None = None
    ) -> None:
        super().__init__(config, memory.window)
        self.memory, self.variant = memory, variant or MelodiVariant()
        self.mixers = MelodiMixers(config, memory, gate_start=0.0)
        self._long_layer = memory.long_layer_of(config.layers)
        nn.init.trunc_normal_(self.mixers.gate, std=0.25)
        if self.variant.start == "random":
            _randomise(self.mixers)
        if not self.variant.branching or self.variant.memory == "long":
            self.mixers.short = nn.ModuleList()
        if not self.variant.branching:
            wanted = TokenMixer(memory, memory.short, (config.hidden_size, config.norm_eps))
            self.mixers.summary.append(_randomised(wanted, self.variant.start))

    def empty(self, batch: int) -> MelodiState:
        """z of zeros (or of no token), a queue of no window."""
        state = MelodiState.empty(self.decoder, batch, self.memory)
        return state if self._has("short") else state._replace(z=state.z[:, :, :0])

    def gates(self) -> dict[str, Tensor]:
        """a, the share of cross-attention, mean over each head's channels [H]."""
        if not self._has("long"):
            return {}
        return {"memory": self.mixers.gate.detach().sigmoid().mean(-1)}

    def read(self, tokens: Tensor, state: MelodiState) -> Read:
        """Read one window with what those before it left, then leave z and m of this one."""
        self.check(tokens, state.windows_written.shape[0])
        layers, T = self.decoder.config.layers, tokens.shape[1]
        x = self.decoder.embed(tokens)
        u = self.mixers.summary_tokens.to(x.dtype).expand(x.shape[0], -1, -1)  # [B,S,D]
        attend = _Attention(self, state, T)
        z: list[Tensor] = []
        after = state
        for layer in range(layers):
            both = self.decoder.layer(layer)(torch.cat((x, u), dim=1), layer, attend)
            x, u = both[:, :T], both[:, T:]
            if layer == self._long_layer and self._has("long"):
                after = self._enqueue(layer, self.mixers.long(x, u), state)
            u, left = self._branch(layer, x, u)
            z.extend(left)
        if z:
            after = after._replace(z=torch.stack(z).to(state.z.dtype))
        return self.done(x, after._replace(windows_written=state.windows_written + 1))

    def _has(self, part: str) -> bool:
        return self.variant.memory in ("both", part)

    def _branch(self, layer: int, x: Tensor, u: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Summary for the next layer [B,S,D], and z of this layer unless there is none."""
        last = layer + 1 == self.decoder.config.layers
        if not self.variant.branching:
            mixed = self.mixers.summary[layer](x, u)
            return mixed, [mixed] if self._has("short") else []
        left = [self.mixers.short[layer](x, u)] if self._has("short") else []
        return u if last else self.mixers.summary[layer](x, u), left

    def _enqueue(self, layer: int, m: Tensor, state: MelodiState) -> MelodiState:
        """Project m [B,L,D] with the layer's own weights; the oldest window drops out."""
        block = self.decoder.layer(layer)
        kept = min(self.memory.queue, 1 + int(state.windows_written.max()))  # filled in some row
        _, k, v = block.self_attn.project(block.input_layernorm(m))  # [B,G,L,d]
        keys = torch.cat((state.keys, k.unsqueeze(2).to(state.keys.dtype)), dim=2)
        values = torch.cat((state.values, v.unsqueeze(2).to(state.values.dtype)), dim=2)
        return state._replace(keys=keys[:, :, -kept:], values=values[:, :, -kept:])


class _Attention:
    """Attention of [x | u] over [z | x | u] at every layer, and over the queue at one."""

    def __init__(self, system: MelodiSystem, state: MelodiState, tokens: int) -> None:
        self._system, self._state = system, state
        positions = torch.arange(tokens + system.memory.short, device=system.decoder.device)
        self._cos, self._sin = system.decoder.rope.angles(positions)
        self._written = state.windows_written > 0
        self._carries = state.z.shape[2] > 0 and bool(self._written.any())

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [B,H,T+S,d], k, v [B,G,T+S,d], before RoPE -> [B,H,T+S,d]."""
        system, short = self._system, None
        if self._carries:
            short = _like(short_slots(system.decoder, layer, self._state.z[layer]), k, v)
        own = Slots(rotate(k, self._cos, self._sin), v)
        rotated = rotate(q, self._cos, self._sin)
        local = self_attention(rotated, own, None, short, self._written)
        if layer != system._long_layer or not system._has("long"):
            return local
        queue = self._state._replace(
            keys=self._state.keys.to(q.dtype), values=self._state.values.to(q.dtype)
        )
        return long_term_attention(q, local, queue, system.mixers.gate)


def _like(slots: Slots, k: Tensor, v: Tensor) -> Slots:
    return Slots(slots.keys.to(k.dtype), slots.values.to(v.dtype))


def _randomise(mixers: MelodiMixers) -> None:
    for part in mixers.modules():
        if isinstance(part, TokenMixer):
            _randomised(part, "random")


def _randomised(mixer: TokenMixer, start: str) -> TokenMixer:
    if start == "random":
        nn.init.trunc_normal_(mixer.linear.weight, std=1 / math.sqrt(mixer.linear.in_features))
    return mixer

"""MELODI trained from scratch, its ablations and variants (arXiv 2410.03156).

The memory itself (mixers, queue, cross-attention, formulas, what differs from the paper, the axis
legend) is in memories/melodi.py. What changes when the decoder is trained from scratch:

  * Mixers normalise x and u, add u back and start from random weights, and the gate starts near one
    half, as in the authors' code (google-research/meliad). `start="pooling"` starts mixers as
    strided means. `start="strided"` starts them by picking every W/S-th (for F_long, every W/L-th)
    token unchanged, so that the memory starts as a thinned cache, from which the decoder's initial
    weights can copy.
  * x and u go through a layer as one causal sequence [x | u].

`memory` and `branching` are the paper's ablations. `short` has no queue. `long` has no z; the
summary tokens remain, and m is made from them. Without branching one mixer makes both the summary
for the next layer and the z for the next window.

Variants, which the paper leaves open or argues against:

  * `layers=n`: n consecutive long-term layers, starting with the middle one, each with its own
    mixer, gate and queue. Their keys and values are concatenated along the heads' axis.
  * `mix="content"`: F_short and F_long weigh tokens by their content (`ContentMixer`) instead of by
    their places in the window.
  * `oldest="merge"`: when the queue is full, the two oldest windows are merged into one, 2L tokens
    to L by the mean of neighbours, instead of the oldest being dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.melodi import (
    ContentMixer,
    KeysValues,
    MelodiConfig,
    MelodiMixers,
    MelodiState,
    TokenMixer,
    long_term_attention,
    projected,
    self_attention,
    short_slots,
)
from memory_models.papers.system import Read, System

PARTS = ("both", "short", "long")
STARTS = ("random", "pooling", "strided")
OLDEST = ("drop", "merge")
MIXES = ("place", "content")


@dataclass(frozen=True, slots=True)
class MelodiVariant:
    """An ablation or variant of the model; the defaults are the paper's."""

    memory: Literal["both", "short", "long"] = "both"
    branching: bool = True
    start: Literal["random", "pooling", "strided"] = "random"
    layers: int = 1
    oldest: Literal["drop", "merge"] = "drop"
    mix: Literal["place", "content"] = "place"

    def __post_init__(self) -> None:
        if self.memory not in PARTS:
            raise InvalidRequest(
                f"MELODI memory {self.memory!r} is not known; use one of {', '.join(PARTS)}."
            )
        if self.start not in STARTS:
            raise InvalidRequest(
                f"MELODI start {self.start!r} is not known; use one of {', '.join(STARTS)}."
            )
        if self.oldest not in OLDEST:
            raise InvalidRequest(
                f"MELODI oldest {self.oldest!r} is not known; use one of {', '.join(OLDEST)}."
            )
        if self.mix not in MIXES:
            raise InvalidRequest(
                f"MELODI mix {self.mix!r} is not known; use one of {', '.join(MIXES)}."
            )
        if self.mix == "content" and not self.branching:
            raise InvalidRequest("MELODI mix 'content' needs F_short; use it with branching on.")
        if self.layers < 1:
            raise InvalidRequest(f"There are {self.layers} long-term layers; use at least 1.")


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
        first = memory.long_layer_of(config.layers)
        self.long_layers = range(first, first + self.variant.layers)
        if self.long_layers.stop > config.layers:
            raise InvalidRequest(
                f"{self.variant.layers} long-term layers from layer {first} on do not fit a "
                f"decoder of {config.layers} layers; use fewer."
            )
        nn.init.trunc_normal_(self.mixers.gate, std=0.25)
        others = range(self.variant.layers - 1)
        self.more = nn.ModuleList(_LongLayer(config, memory) for _ in others)
        if not self.variant.branching or self.variant.memory == "long":
            self.mixers.short = nn.ModuleList()
        if not self.variant.branching:
            wanted = TokenMixer(memory, memory.short, (config.hidden_size, config.norm_eps))
            self.mixers.summary.append(wanted)
        for part in self.modules():
            if isinstance(part, TokenMixer):
                _start(part, self.variant.start)
        if self.variant.mix == "content":
            D, short = config.hidden_size, len(self.mixers.short)
            self.mixers.short = nn.ModuleList(ContentMixer(D, memory.short) for _ in range(short))
            self.mixers.long = ContentMixer(D, memory.long)
            for further in map(self._more, range(1, self.variant.layers)):
                further.mixer = ContentMixer(D, memory.long)

    def empty(self, batch: int) -> MelodiState:
        """z of zeros (of 0 tokens without short-term memory) and an empty queue."""
        state = MelodiState.empty(self.decoder, batch, self.memory)
        heads = (1, self.variant.layers, 1, 1, 1)
        state = state._replace(keys=state.keys.repeat(heads), values=state.values.repeat(heads))
        return state if self._has("short") else state._replace(z=state.z[:, :, :0])

    def gates(self) -> dict[str, Tensor]:
        """a, the weight of cross-attention, averaged over each head's channels.

        [H] for one long-term layer, [layers,H] for several.
        """
        if not self._has("long"):
            return {}
        gates = [self.gate_of(layer).detach().sigmoid().mean(-1) for layer in self.long_layers]
        return {"memory": gates[0] if len(gates) == 1 else torch.stack(gates)}

    def read(self, tokens: Tensor, state: MelodiState) -> Read:
        """Read one window with the state that earlier windows left, then write its z and m."""
        self.check(tokens, state.windows_written.shape[0])
        layers, T = self.decoder.config.layers, tokens.shape[1]
        x = self.decoder.embed(tokens)
        u = self.mixers.summary_tokens.to(x.dtype).expand(x.shape[0], -1, -1)  # [B,S,D]
        attend = _Attention(self, state, T)
        z: list[Tensor] = []
        new: list[KeysValues] = []
        for layer in range(layers):
            both = self.decoder.layer(layer)(torch.cat((x, u), dim=1), layer, attend)
            x, u = both[:, :T], both[:, T:]
            if layer in self.long_layers and self._has("long"):
                new.append(projected(self.decoder, layer, self._long_mixer(layer)(x, u)))
            u, left = self._branch(layer, x, u)
            z.extend(left)
        after = self._enqueue(new, state) if new else state
        if z:
            after = after._replace(z=torch.stack(z).to(state.z.dtype))
        return self.done(x, after._replace(windows_written=state.windows_written + 1))

    def _has(self, part: str) -> bool:
        """Whether the memory has its "short" or "long" part."""
        return self.variant.memory in ("both", part)

    def _branch(self, layer: int, x: Tensor, u: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The summary for the next layer [B,S,D], and this layer's z in a list, if it has one."""
        last = layer + 1 == self.decoder.config.layers
        if not self.variant.branching:
            mixed = self.mixers.summary[layer](x, u)
            return mixed, [mixed] if self._has("short") else []
        left = [self.mixers.short[layer](x, u)] if self._has("short") else []
        return u if last else self.mixers.summary[layer](x, u), left

    def gate_of(self, layer: int) -> Tensor:
        """The gate [H,d] of a long-term layer, before the sigmoid."""
        which = layer - self.long_layers.start
        return self.mixers.gate if which == 0 else self._more(which).gate

    def queue_of(self, layer: int, state: MelodiState) -> MelodiState:
        """The state with the queue of one long-term layer only."""
        G = self.decoder.config.kv_heads
        first = (layer - self.long_layers.start) * G
        own = slice(first, first + G)
        return state._replace(keys=state.keys[:, own], values=state.values[:, own])

    def _long_mixer(self, layer: int) -> nn.Module:
        which = layer - self.long_layers.start
        return self.mixers.long if which == 0 else self._more(which).mixer

    def _more(self, which: int) -> _LongLayer:
        """The long-term layer number `which`, counted from 0; the first is in `mixers`."""
        found = self.more[which - 1]
        assert isinstance(found, _LongLayer)
        return found

    def _enqueue(self, new: Sequence[KeysValues], state: MelodiState) -> MelodiState:
        """Append a window's slots, one for each long-term layer [B,G,L,d], to the queue.

        Where the queue was full, the oldest window is dropped or merged.
        """
        kept = min(self.memory.queue, 1 + int(state.windows_written.max()))  # filled in some row
        queues = []
        for old, parts in zip(state[1:3], zip(*new, strict=True), strict=True):
            added = torch.cat(parts, dim=1).unsqueeze(2).to(old.dtype)  # [B,G*layers,1,L,d]
            queues.append(torch.cat((old, added), dim=2))
        keys, values = (self._shortened(queue, kept, state.windows_written) for queue in queues)
        return state._replace(keys=keys, values=values)

    def _shortened(self, queue: Tensor, kept: int, written: Tensor) -> Tensor:
        """The last `kept` windows of a queue [B,G*layers,n,L,d], the oldest merged where asked."""
        short = queue[:, :, -kept:]
        if self.variant.oldest == "drop" or queue.shape[2] == kept or kept < self.memory.queue:
            return short
        L = queue.shape[3]
        merged = (
            queue[:, :, -kept - 1 : 1 - kept or None].flatten(2, 3).unflatten(2, (L, 2)).mean(3)
        )
        full = (written >= kept)[:, None, None, None]  # [B,1,1,1]; other rows drop nothing
        oldest = torch.where(full, merged, short[:, :, 0])  # [B,G*layers,L,d]
        return torch.cat((oldest.unsqueeze(2), short[:, :, 1:]), dim=2)


class _LongLayer(nn.Module):
    """Mixer and gate of a long-term layer after the first."""

    def __init__(self, config: DecoderConfig, memory: MelodiConfig) -> None:
        super().__init__()
        self.mixer: nn.Module = TokenMixer(memory, memory.long, None)
        self.gate = nn.Parameter(torch.empty(config.heads, config.head_size))
        nn.init.trunc_normal_(self.gate, std=0.25)


class _Attention:
    """The `Attend` of a window: [x | u] over [z | x | u]; long-term layers also over the queue."""

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
        own = KeysValues(rotate(k, self._cos, self._sin), v)
        rotated = rotate(q, self._cos, self._sin)
        local = self_attention(rotated, own, None, short, self._written)
        if layer not in system.long_layers or not system._has("long"):
            return local
        queue = system.queue_of(layer, self._state)
        queue = queue._replace(keys=queue.keys.to(q.dtype), values=queue.values.to(q.dtype))
        return long_term_attention(q, local, queue, system.gate_of(layer))


def _like(slots: KeysValues, k: Tensor, v: Tensor) -> KeysValues:
    """The slots in the dtypes of k and v."""
    return KeysValues(slots.keys.to(k.dtype), slots.values.to(v.dtype))


@torch.no_grad()
def _start(mixer: TokenMixer, start: str) -> None:
    """Apply the starts "random" and "strided"; a `TokenMixer` starts as strided means anyway."""
    weight, W = mixer.linear.weight, mixer.window
    if start == "random":
        nn.init.trunc_normal_(weight, std=1 / math.sqrt(mixer.linear.in_features))
    if start == "strided":
        weight.zero_()
        rows = torch.arange(weight.shape[0], device=weight.device)
        weight[rows, (rows + 1) * W // weight.shape[0] - 1] = 1.0

"""Memorizing Transformer: top-k attention to exact keys and values at one layer (2203.08913).

Axis legend as in local.py; here also N slots that the memory can hold, n slots that it holds now, K
slots that each query retrieves.

Every layer has the Transformer-XL cache. One layer, the memory layer, also keeps the keys and
values, before RoPE, of the last N tokens. Each query retrieves the K best slots of its head's
key/value head:

  A_mem = softmax over the K of (q k / sqrt(d)) v
  A = g A_mem + (1 - g) A_local,   g = sigmoid(b_h)

with one b for each query head, 0 at the start. A window is read before it is written, so the memory
holds earlier windows only (the last of them is also in the cache). No gradient flows into the
memory.

What differs from the paper:
  * The search is exact; the paper's is approximate above some size.
  * Queries and keys have the decoder's learned RMS norm instead of unit length times a scale.
  * A row whose memory is still empty gives exactly A_local.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig
from memory_models.errors import InvalidRequest
from memory_models.papers.local import Cache, LocalAttention, LocalConfig, filled
from memory_models.papers.system import Read, System


@dataclass(frozen=True, slots=True)
class MemorizingConfig:
    """Size and place of the memory."""

    size: int  # N, tokens
    top: int  # K
    layer: int  # index of the memory layer

    def __post_init__(self) -> None:
        if self.size < 1 or self.top < 1:
            raise InvalidRequest(
                f"The memory has {self.size} slots and queries retrieve {self.top}; both must be "
                "at least 1."
            )


class MemorizingState(NamedTuple):
    """The cache of all layers and the memory of one."""

    keys: Tensor  # [B,layers,G,C,d] before RoPE
    values: Tensor  # [B,layers,G,C,d]
    memory_keys: Tensor  # [B,G,n,d] before RoPE, newest last
    memory_values: Tensor  # [B,G,n,d]
    seen: Tensor  # [B] int64, tokens read since the row was empty

    def detach(self) -> MemorizingState:
        """The same values, cut from the graph."""
        return MemorizingState(*(tensor.detach() for tensor in self))


class MemorizingSystem(System[MemorizingState]):
    """Transformer-XL with an exact memory at one layer."""

    state_type = MemorizingState

    def __init__(self, config: DecoderConfig, window: int, memory: MemorizingConfig) -> None:
        super().__init__(config, window)
        if not 0 <= memory.layer < config.layers:
            raise InvalidRequest(
                f"The memory layer is {memory.layer}; it must be 0 to {config.layers - 1}."
            )
        self.memory = memory
        self.local = LocalConfig(cache=window)
        self.gate = nn.Parameter(torch.zeros(config.heads))  # b [H]

    def empty(self, batch: int) -> MemorizingState:
        """Caches of zeros and a memory without slots."""
        cache = Cache.empty(self.decoder, batch, self.window)
        none = cache.keys[:, 0, :, :0]
        return MemorizingState(cache.keys, cache.values, none, none.clone(), cache.seen)

    def gates(self) -> dict[str, Tensor]:
        """g [H], each head's weight of the memory."""
        return {"memory": self.gate.detach().sigmoid()}

    def read(self, tokens: Tensor, state: MemorizingState) -> Read:
        """Read one window, then remember its keys and values."""
        self.check(tokens, state.seen.shape[0])
        T = tokens.shape[1]
        cache = Cache(state.keys, state.values, state.seen)
        local = LocalAttention(self.decoder, self.local, cache, T)
        written: list[Tensor] = []

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            near = local(layer, q, k, v)
            if layer != self.memory.layer:
                return near
            written.extend((k.detach(), v.detach()))
            return self._gated(q, near, state)

        hidden = self.decoder.hidden(tokens, attend)
        keys, values, seen = local.after(T)
        kept = min(self.memory.size, int(seen.max()))  # drops slots that are empty in all rows
        memory_keys, memory_values = (
            torch.cat((old, new.to(old.dtype)), dim=2)[:, :, -kept:]
            for old, new in zip(state[2:4], written, strict=True)
        )
        after = MemorizingState(keys, values, memory_keys, memory_values, seen)
        return self.done(hidden, after)

    def _gated(self, q: Tensor, local: Tensor, state: MemorizingState) -> Tensor:
        """A from q, before RoPE, and local (A_local), [B,H,T,d] each; A_local where n = 0."""
        n = state.memory_keys.shape[2]
        if n == 0:
            return local
        held = filled(state.seen, n)  # [B,n]
        far = top_attention(q, state.memory_keys, state.memory_values, held, self.memory.top)
        g = self.gate.sigmoid()[:, None, None]  # [H,1,1]
        mixed = (g * far + (1 - g) * local).to(local.dtype)
        return torch.where(held.any(-1)[:, None, None, None], mixed, local)


def top_attention(q: Tensor, keys: Tensor, values: Tensor, held: Tensor, top: int) -> Tensor:
    """Softmax over each query's `top` best slots: q [B,H,T,d], keys, values [B,G,n,d] -> [B,H,T,d].

    held [B,n] (bool): the slots to choose from; a row without any gives meaningless numbers.
    """
    B, H, T, d = q.shape
    G, n = keys.shape[1:3]
    grouped = q.reshape(B, G, (H // G) * T, d)  # [B,G,R*T,d]
    with torch.no_grad():
        scores = grouped @ keys.to(q.dtype).transpose(-1, -2)  # [B,G,R*T,n]
        if not bool(held.all()):
            scores = scores.masked_fill(~held[:, None, None], -torch.inf)
        best, index = scores.topk(min(top, n), dim=-1, sorted=False)  # [B,G,R*T,K]
    chosen_keys, chosen_values = _gather(keys, index), _gather(values, index)  # [B,G,R*T,K,d]
    weights = (chosen_keys.to(q.dtype) @ grouped.unsqueeze(-1)).squeeze(-1) * d**-0.5  # [B,G,R*T,K]
    found = best > -torch.inf  # False where fewer than K slots hold a token
    weights = weights.masked_fill(~found & found.any(-1, keepdim=True), -torch.inf).softmax(-1)
    out: Tensor = weights.unsqueeze(-2).to(q.dtype) @ chosen_values.to(q.dtype)  # [B,G,R*T,1,d]
    return out.reshape(B, H, T, d)


def _gather(slots: Tensor, index: Tensor) -> Tensor:
    """The slots [B,G,n,d] that index [B,G,R*T,K] chooses, [B,G,R*T,K,d]."""
    B, G, n, d = slots.shape
    first = torch.arange(B * G, device=slots.device).view(B, G, 1, 1) * n  # each head's first row
    rows = slots.reshape(B * G * n, d)
    return rows[(index + first).flatten()].view(*index.shape, d)

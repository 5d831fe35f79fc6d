"""Attention to the current window and to a cache of the exact keys and values of earlier tokens.

Axis legend as in decoder.py; here also W tokens of a full window, C slots of the cache.

`window`   no cache: every window is read independently.
`xl`       Transformer-XL (arXiv 1901.02860): every layer caches the keys and values of the last W
           tokens; a token sees all of them and its own window. No gradient flows into the cache.
`sliding`  sliding-window attention, the comparator "Slide" of Block-Recurrent (arXiv 2203.07852):
           the same cache, but a token sees itself and exactly the W tokens before it, and gradients
           flow into the cache.

What differs from Transformer-XL:
  * Keys and values are cached instead of hidden states. While the weights do not change they are
    the same numbers; they take twice the floats, which is how Memorizing and MELODI count. Keys are
    cached before RoPE and rotated at use to positions -C .. -1; RoPE depends on differences only.
  * RoPE replaces relative sinusoids.
  * The cache has its full size from the start; slots that no token has filled are masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from memory_models.decoder import Decoder, DecoderConfig, dot_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.papers.system import Read, System


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """How much of the text before its own window a token sees."""

    cache: int = 0  # C, tokens
    sliding: bool = False  # True: a token sees exactly the C tokens before it
    gradient: bool = False  # True: gradients flow into the cache

    def __post_init__(self) -> None:
        if self.cache < 0:
            raise InvalidRequest(f"The cache is {self.cache} tokens; it must be 0 or more.")
        if self.sliding and not self.cache:
            raise InvalidRequest(
                "Sliding-window attention needs a cache; make it as long as the window."
            )


class Cache(NamedTuple):
    """The last C tokens of each row, newest last."""

    keys: Tensor  # [B,layers,G,C,d] before RoPE
    values: Tensor  # [B,layers,G,C,d]
    seen: Tensor  # [B] int64, tokens read since the row was empty

    def detach(self) -> Cache:
        """The same values, cut from the graph: truncates back-propagation here."""
        return Cache(self.keys.detach(), self.values.detach(), self.seen)

    @classmethod
    def empty(cls, decoder: Decoder, batch: int, size: int) -> Cache:
        """A cache of zeros with room for `size` tokens, none of them read."""
        c = decoder.config
        keys = decoder.lm_head.weight.new_zeros(batch, c.layers, c.kv_heads, size, c.head_size)
        return cls(keys, keys.clone(), keys.new_zeros(batch, dtype=torch.int64))


def filled(seen: Tensor, slots: int) -> Tensor:
    """Which of the last `slots` slots hold a token: seen [B] tokens read -> bool [B,slots]."""
    return torch.arange(slots, device=seen.device) >= slots - seen.clamp(max=slots)[:, None]


class LocalAttention:
    """The `Attend` of one window of `tokens` tokens; collects the cache of the next window."""

    def __init__(self, decoder: Decoder, config: LocalConfig, cache: Cache, tokens: int) -> None:
        self._config, self._cache, self._size = config, cache, cache.keys.shape[3]
        positions = torch.arange(-self._size, tokens, device=decoder.device)
        self._cos, self._sin = decoder.rope.angles(positions)  # [C+T,d]
        self._visible = _visible(config, cache.seen, self._size, tokens)
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [B,H,T,d], k, v [B,G,T,d], before RoPE -> [B,H,T,d]."""
        C = self._size
        if C:
            k = torch.cat((self._cache.keys[:, layer].to(k.dtype), k), dim=2)
            v = torch.cat((self._cache.values[:, layer].to(v.dtype), v), dim=2)
            self._keys.append(k[:, :, -C:])
            self._values.append(v[:, :, -C:])
        rotated = rotate(q, self._cos[C:], self._sin[C:])
        keys = rotate(k, self._cos, self._sin)
        if self._visible is None:
            return dot_attention(rotated, keys, v)
        return F.scaled_dot_product_attention(
            rotated, keys, v, attn_mask=self._visible, enable_gqa=True
        )

    def after(self, tokens: int) -> Cache:
        """The next window's cache; valid once every layer has been called."""
        seen = self._cache.seen + tokens
        if not self._size:
            return self._cache._replace(seen=seen)
        keys = torch.stack(self._keys, dim=1).to(self._cache.keys.dtype)
        values = torch.stack(self._values, dim=1).to(self._cache.values.dtype)
        cache = Cache(keys, values, seen)
        return cache if self._config.gradient else cache.detach()


def _visible(config: LocalConfig, seen: Tensor, C: int, T: int) -> Tensor | None:
    """The attention mask [B,1,T,C+T]; None without a cache, where plain causal attention does."""
    if not C:
        return None
    place = torch.arange(-C, T, device=seen.device)
    row = torch.arange(T, device=seen.device)[:, None]
    visible = (place <= row) & (place >= -seen[:, None, None])  # [B,T,C+T]
    if config.sliding:
        visible = visible & (place >= row - C)
    return visible.unsqueeze(1)


class LocalSystem(System[Cache]):
    """The systems `window`, `xl` and `sliding`."""

    state_type = Cache

    def __init__(self, config: DecoderConfig, window: int, local: LocalConfig) -> None:
        super().__init__(config, window)
        self.local = local

    def empty(self, batch: int) -> Cache:
        """A cache of zeros."""
        return Cache.empty(self.decoder, batch, self.local.cache)

    def read(self, tokens: Tensor, state: Cache) -> Read:
        """Read one window and cache its keys and values."""
        self.check(tokens, state.seen.shape[0])
        attend = LocalAttention(self.decoder, self.local, state, tokens.shape[1])
        hidden = self.decoder.hidden(tokens, attend)
        return self.done(hidden, attend.after(tokens.shape[1]))

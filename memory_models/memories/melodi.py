"""MELODI: short-term tokens at every layer, a long-term queue at one (arXiv 2410.03156).

Axis legend as in decoder.py; here also W tokens of a full window (T <= W), S short-term tokens and
as many summary tokens, L long-term tokens of a window, Q windows that the queue can hold, n windows
that it holds now.

At layer l, window k is computed from its tokens x, the summary u (learned tokens at the first
layer) and the short-term memory z_{k-1} that this layer made from the window before:

  attention            queries [x | u], keys and values [z_{k-1} | x | u], causal: x never sees u
  summary branching    [x'; u'] after the feed-forward, then two linear maps over the token axis:
                         u <- F_summary [x'; u']   for the next layer of this window
                         z_k = F_short [x'; u']    for this layer of the next window
  long-term layer      (one, in the middle; it also does all of the above)
                         A = a A_cross + (1 - a) A_self,   a = sigmoid(gate)
                         A_cross: the same queries, without positions, attend to the keys and values
                         of m_1 .. m_{k-1}, where m_j = F_long [x'; u'] (L tokens)
                         this layer's projections turn m_k into keys and values, which join a
                         first-in-first-out queue of Q windows after window k has been read

A mixer F is one dense map over tokens with bias, shared by all channels. Nothing is detached.

Where the paper and its authors' code (google-research/meliad, transformer/memory2) differ:
  * `mixing="plain"` is the paper's linear map; `mixing="released"` normalises x and u first and
    adds u back in F_summary and F_short, as the code does (F_long is plain in both).
  * The gate is one number for each head and channel, as in the code; there, a weighs A_self.

What differs from both:
  * A pretrained decoder is retrofitted. Mixers start as strided mean pooling over x, with weight 0
    on u, so the learned summary tokens get a gradient only once those weights have moved. The gate
    starts at -3, where the authors' starts near 0 (a near one half). Queries and keys are the
    backbone's; no norm is added to them.
  * Empty slots are masked, for each batch row; the authors' code attends to zeros.
  * Positions: RoPE, with z at -S .. -1, x at 0 .. T-1, u at T .. T+S-1. RoPE depends on differences
    only, so this equals z at 0 .. S-1 and so on. It leaves x at the backbone's own positions: with
    an empty state, x goes through exactly the operations of `decoder(tokens)`.
  * A window shorter than W (the last of a chapter) is stretched to W tokens for the mixers by area
    averaging (`pooling(W, T)`, the identity at T = W), so that each summary token covers an equal
    part of the window. Attention sees the T real tokens only.
  * The last layer has no F_summary, because no layer would read its output.
  * A question reads z and the queue as a window does. It may have any length, has no u, and writes
    nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.decoder import Decoder, DecoderConfig, RMSNorm, dot_attention, rotate
from memory_models.errors import InvalidRequest

MIXINGS = ("plain", "released")


@dataclass(frozen=True, slots=True)
class MelodiConfig:
    """Sizes of the memory."""

    window: int = 512  # W, tokens
    short: int = 128  # S, tokens
    long: int = 64  # L, tokens
    queue: int = 128  # Q, windows
    long_layer: int | None = None  # None: the middle layer
    mixing: Literal["plain", "released"] = "plain"
    parallel: bool = False  # True: no short-term memory, windows in any order (melodi_retrofit.py)
    maps: str = ""  # hash of the trained retrofit; empty for none

    def __post_init__(self) -> None:
        for name, limit in (("short", self.window), ("long", self.window), ("queue", None)):
            value = getattr(self, name)
            if value < 1 or (limit is not None and value > limit):
                allowed = "at least 1" if limit is None else f"1 to the window's {limit}"
                raise InvalidRequest(f"MELODI {name} is {value}; it must be {allowed}.")
        if self.mixing not in MIXINGS:
            raise InvalidRequest(
                f"MELODI mixing {self.mixing!r} is not known; use one of {', '.join(MIXINGS)}."
            )

    def long_layer_of(self, layers: int) -> int:
        """Index of the long-term layer in a decoder of `layers` layers."""
        index = layers // 2 if self.long_layer is None else self.long_layer
        if not 0 <= index < layers:
            raise InvalidRequest(
                f"MELODI long_layer is {index}; it must be None or 0 to {layers - 1}."
            )
        return index


class MelodiState(NamedTuple):
    """What windows 1 .. k-1 left, in the decoder's dtype.

    Of row b, z is valid where windows_written > 0, and the last min(windows_written, n) windows of
    the queue are.
    """

    z: Tensor  # [layers,B,S,D]
    keys: Tensor  # [B,G,n,L,d] before RoPE, newest window last
    values: Tensor  # [B,G,n,L,d]
    windows_written: Tensor  # [B] int64

    @classmethod
    def empty(cls, decoder: Decoder, batch: int, config: MelodiConfig, n: int = 0) -> MelodiState:
        """The state before anything was read; its queue has room for n windows."""
        c = decoder.config
        short = 0 if config.parallel else config.short
        z = decoder.lm_head.weight.new_zeros(c.layers, batch, short, c.hidden_size)
        slots = z.new_zeros(batch, c.kv_heads, n, config.long, c.head_size)
        return cls(z, slots, slots.clone(), z.new_zeros(batch, dtype=torch.int64))

    def detach(self) -> MelodiState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return MelodiState(*(tensor.detach() for tensor in self))


def pooling(out: int, into: int) -> Tensor:
    """The matrix [out,into] that averages `into` tokens to `out` tokens; every row sums to 1.

    Row s averages the tokens in [s, s+1) * into / out. A token that only partly lies inside counts
    with that fraction. This is strided mean pooling where `out` divides `into`, and the identity
    where they are equal.
    """
    edges = torch.arange(out + 1, dtype=torch.float64) * (into / out)
    starts = torch.arange(into, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], starts + 1) - torch.maximum(edges[:-1, None], starts)
    return overlap.clamp(min=0) * (out / into)


class TokenMixer(nn.Module):
    """A mixer F: [x; u] -> `out` tokens by one dense map over the token axis."""

    def __init__(self, config: MelodiConfig, out: int, norm: tuple[int, float] | None) -> None:
        """norm: width and eps of the RMS norms of `released` mixing; None for `plain`."""
        super().__init__()
        self.window = config.window
        self.linear = nn.Linear(config.window + config.short, out)
        self.norm_x = RMSNorm(*norm) if norm else None
        self.norm_u = RMSNorm(*norm) if norm else None
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.weight[:, : config.window] = pooling(out, config.window)
            self.linear.bias.zero_()

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """x [B,T,D], u [B,S,D] -> [B,out,D] in x's dtype, computed in the wider of the two."""
        dtype = torch.promote_types(x.dtype, self.linear.weight.dtype)
        left = (x if self.norm_x is None else self.norm_x(x)).to(dtype)  # [B,T,D]
        right = (u if self.norm_u is None else self.norm_u(u)).to(dtype)  # [B,S,D]
        if x.shape[1] != self.window:
            left = pooling(self.window, x.shape[1]).to(left) @ left  # [B,W,D]
        tokens = torch.cat((left, right), dim=1).transpose(1, 2)  # [B,D,W+S]
        mixed = F.linear(tokens, self.linear.weight.to(dtype), self.linear.bias.to(dtype)).mT
        return (mixed if self.norm_u is None else mixed + u).to(x.dtype)


class ContentMixer(nn.Module):
    """A mixer F: [x; u] -> `out` tokens, means weighted by the tokens' content, not their places.

    F = softmax over tokens of (queries [out,M]) (norm([x; u]) keys [D,M])^T. Not in the paper.
    """

    def __init__(self, width: int, out: int, apart: int = 64, std: float = 0.4) -> None:
        """width: D; apart: M; std: of the initial queries (the scores' is sqrt(M) times that)."""
        super().__init__()
        self.keys = nn.Parameter(torch.randn(width, apart) / width**0.5)
        self.queries = nn.Parameter(torch.randn(out, apart) * std)

    def forward(self, x: Tensor, u: Tensor | None = None) -> Tensor:
        """x [B,T,D], u [B,S,D] -> [B,out,D] in x's dtype, computed in the wider of the two."""
        dtype = torch.promote_types(x.dtype, self.keys.dtype)
        tokens = (x if u is None else torch.cat((x, u), dim=1)).to(dtype)
        known = F.rms_norm(tokens, tokens.shape[-1:]) @ self.keys.to(dtype)  # [B,T+S,M]
        weights = (self.queries.to(dtype) @ known.mT).softmax(-1)  # [B,out,T+S]
        return (weights @ tokens).to(x.dtype)


class MelodiMixers(nn.Module):
    """The parameters that MELODI adds to a decoder: summary tokens, mixers and the gate."""

    def __init__(
        self, decoder: DecoderConfig, config: MelodiConfig, gate_start: float = -3.0
    ) -> None:
        super().__init__()
        norm = (decoder.hidden_size, decoder.norm_eps) if config.mixing == "released" else None
        layers, S = decoder.layers, config.short
        config.long_layer_of(layers)  # raises where there is no such layer
        self.summary_tokens = nn.Parameter(torch.empty(S, decoder.hidden_size))  # [S,D]
        nn.init.trunc_normal_(self.summary_tokens, std=0.25)
        self.summary = nn.ModuleList(TokenMixer(config, S, norm) for _ in range(layers - 1))
        self.short = nn.ModuleList(TokenMixer(config, S, norm) for _ in range(layers))
        self.long: nn.Module = TokenMixer(config, config.long, None)
        gate = torch.full((decoder.heads, decoder.head_size), gate_start)
        self.gate = nn.Parameter(gate)  # [H,d], before the sigmoid


class KeysValues(NamedTuple):
    """Keys and values that queries attend to, [B,G,*,d] each."""

    keys: Tensor
    values: Tensor


def short_slots(decoder: Decoder, layer: int, z: Tensor) -> KeysValues:
    """Keys and values of z [B,S,D] by the layer's norm and projections, at positions -S .. -1."""
    k, v = projected(decoder, layer, z)
    return KeysValues(decoder.rope(k, torch.arange(-z.shape[1], 0, device=z.device)), v)


def projected(decoder: Decoder, layer: int, m: Tensor) -> KeysValues:
    """Keys, before RoPE, and values of m [B,L,D] by the layer's norm and projections."""
    block = decoder.layer(layer)
    _, k, v = block.self_attn.project(block.input_layernorm(m))
    return KeysValues(k, v)


def self_attention(
    q: Tensor, own: KeysValues, past: KeysValues | None, short: KeysValues | None, written: Tensor
) -> Tensor:
    """Softmax attention of rotated q [B,H,T,d] over [short | past | own] -> [B,H,T,d].

    `own` (T slots) is causally masked. All queries see `past`; only rows where written [B] is true
    see `short`.
    """
    if past is None and short is None:
        return dot_attention(q, own.keys, own.values)
    keys, values = join_slots(short, past, own)
    T, S = q.shape[2], 0 if short is None else short.keys.shape[2]
    column = torch.arange(keys.shape[2], device=q.device)
    row = torch.arange(keys.shape[2] - T, keys.shape[2], device=q.device)
    visible = (column <= row[:, None]) & ((column >= S) | written[:, None, None])  # [B,T,*]
    return F.scaled_dot_product_attention(
        q, keys, values, attn_mask=visible.unsqueeze(1), enable_gqa=True
    )


def long_term_attention(q: Tensor, local: Tensor, state: MelodiState, gate: Tensor) -> Tensor:
    """A = a A_cross + (1 - a) A_self, or A_self in rows whose queue is still empty.

    q before RoPE and local (A_self) [B,H,T,d], gate [H,d] before the sigmoid -> A [B,H,T,d].
    """
    n, L = state.keys.shape[2:4]
    if n == 0:
        return local
    held = state.windows_written.clamp(max=n)  # [B]
    filled = held > 0  # [B]
    visible = torch.arange(n, device=q.device) >= (n - held)[:, None]  # [B,n]
    # A row of the mask without any slot would give NaN, so an empty row sees all its zeros.
    visible = (visible | ~filled[:, None]).repeat_interleave(L, dim=1)  # [B,n*L]
    cross = F.scaled_dot_product_attention(
        q,
        state.keys.flatten(2, 3),  # [B,G,n*L,d]
        state.values.flatten(2, 3),
        attn_mask=visible[:, None, None, :].expand(-1, 1, q.shape[2], -1),
        enable_gqa=True,
    )
    a = gate.sigmoid()[:, None, :]  # [H,1,d]
    mixed = (a * cross + (1 - a) * local).to(local.dtype)
    return torch.where(filled[:, None, None, None], mixed, local)


def melodi_segment(
    decoder: Decoder, mixers: MelodiMixers, tokens: Tensor, state: MelodiState, config: MelodiConfig
) -> tuple[Tensor, MelodiState]:
    """Read one window with the state that earlier windows left, then write its z and m.

    tokens [B,T] with 0 < T <= window -> hidden [B,T,D] for `decoder.logits`, and the next state.
    """
    check_window(tokens, state, config)
    long_layer = config.long_layer_of(decoder.config.layers)
    x = decoder.embed(tokens)
    u = mixers.summary_tokens.to(x.dtype).expand(x.shape[0], -1, -1)  # [B,S,D]
    started = bool((state.windows_written > 0).any())
    z: list[Tensor] = []
    queue = state
    for layer in range(decoder.config.layers):
        short = short_slots(decoder, layer, state.z[layer]) if started else None
        gate = mixers.gate if layer == long_layer else None
        x, u = _layer(decoder, layer, (x, u), short, state, gate)
        z.append(mixers.short[layer](x, u))
        if layer == long_layer:
            queue = _enqueue(decoder, layer, mixers.long(x, u), state, config.queue)
        if layer + 1 < decoder.config.layers:
            u = mixers.summary[layer](x, u)
    return x, queue._replace(z=torch.stack(z), windows_written=state.windows_written + 1)


def _layer(
    decoder: Decoder,
    layer: int,
    tokens: tuple[Tensor, Tensor],
    short: KeysValues | None,
    state: MelodiState,
    gate: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """One decoder layer over x [B,T,D], then over u [B,S,D], which sees x; x does not see u.

    short: slots of z, if there is one; gate: given at the long-term layer only.
    """
    written = state.windows_written > 0
    seen: list[KeysValues] = []  # the slots of x, once x has been read

    def attend(_: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        past = seen[0] if seen else None
        first = past.keys.shape[2] if past else 0
        positions = torch.arange(first, first + q.shape[2], device=q.device)
        cos, sin = decoder.rope.angles(positions)
        own = KeysValues(rotate(k, cos, sin), v)
        local = self_attention(rotate(q, cos, sin), own, past, short, written)
        seen.append(own)
        return local if gate is None else long_term_attention(q, local, state, gate)

    x, u = tokens
    block = decoder.layer(layer)
    return block(x, layer, attend), block(u, layer, attend)


def _enqueue(decoder: Decoder, layer: int, m: Tensor, state: MelodiState, Q: int) -> MelodiState:
    """Append keys and values of m [B,L,D] to the queue; above Q windows the oldest drops out."""
    k, v = projected(decoder, layer, m)  # [B,G,L,d]
    keys = torch.cat((state.keys, k.unsqueeze(2)), dim=2)[:, :, -Q:]
    values = torch.cat((state.values, v.unsqueeze(2)), dim=2)[:, :, -Q:]
    return state._replace(keys=keys, values=values)


def check_window(tokens: Tensor, state: MelodiState, config: MelodiConfig) -> None:
    """Raise InvalidRequest for a window that is empty or too long, and a state of another batch."""
    B, T = tokens.shape
    rows = state.windows_written.shape[0]
    if not 0 < T <= config.window:
        raise InvalidRequest(
            f"A window has {T} tokens and MELODI takes 1 to {config.window}; split the text."
        )
    if rows != B:
        raise InvalidRequest(
            f"There are {B} rows of tokens and {rows} rows in the state; give a state with one row "
            "for each."
        )


def join_slots(*parts: KeysValues | None) -> KeysValues:
    """One set of slots from several, in order; None is left out."""
    pairs = [part for part in parts if part is not None]
    return KeysValues(*(torch.cat(tensors, dim=2) for tensors in zip(*pairs, strict=True)))

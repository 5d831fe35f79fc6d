"""MELODI: short-term tokens at every layer, a long-term queue at one (arXiv 2410.03156).

Axis legend as in decoder.py: B batch, T tokens of a window (T <= W), H query heads, G key/value
heads, d head size, D model width; here also S short-term and summary tokens, L long-term tokens of
a window, Q windows that the queue holds at most, n that it holds now.

Window k at layer l, from the tokens x, the summary u (learned tokens at the first layer) and the
short-term memory z_{k-1} that this layer left one window ago:

  attention            queries [x | u], keys and values [z_{k-1} | x | u], causal: x never sees u
  summary branching    [x'; u'] after the feed-forward, then two linear maps over the token axis:
                         u <- F_summary [x'; u']   for the next layer of this window
                         z_k = F_short [x'; u']    for this layer of the next window
  long-term layer      (one, in the middle; it also does all of the above)
                         A = a A_cross + (1 - a) A_self,   a = sigmoid(gate)
                         A_cross: the same queries without position over the keys and values of
                         m_1 .. m_{k-1}, each m_j = F_long [x'; u'] (L tokens)
                         the projections of this layer turn m_k into keys and values, which join a
                         first-in-first-out queue of Q windows after window k has been read

A mixer F is one dense map over tokens with bias, shared by all channels. Nothing is detached.

Where paper and code of the authors (google-research/meliad, transformer/memory2) differ:
  * `mixing="plain"` is the linear map of the paper; `mixing="released"` normalises x and u first
    and adds u back in F_summary and F_short, as the code does (F_long is plain in both).
  * The gate is one number for each head and channel, as in the code, where a weighs A_self.

What differs from both:
  * It retrofits a pretrained decoder. Mixers start as strided mean pooling over x (weight 0 on u,
    so the learned summary tokens get their first gradient once those weights have moved), the gate
    at -3 instead of about one half, and queries and keys are the backbone's, with no norm added.
  * Empty slots are masked, for each batch row; the code attends to zeros.
  * Positions: RoPE, z at -S .. -1, x at 0 .. T-1, u at T .. T+S-1. RoPE sees only differences, so
    this equals z at 0 .. S-1 and so on, and leaves x at the backbone's own positions: with an empty
    state x runs through the very operations of `decoder(tokens)`.
  * A window shorter than W (a chapter's last) is stretched to W tokens for the mixers by area
    averaging (`pooling(W, T)`, the identity at T = W), so that every summary token covers its share
    of what there is. Attention sees the T real tokens only.
  * F_summary does not exist at the last layer, where nothing would read it.
  * A question reads z and the queue like a window, of any length, and has no u: it leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.decoder import Decoder, DecoderConfig, RMSNorm, dot_attention, rotate
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memory import Bundle, Written

MIXINGS = ("plain", "released")


@dataclass(frozen=True, slots=True)
class MelodiConfig:
    """Sizes in tokens, the queue's in windows; `long_layer` None is the middle layer."""

    window: int = 512
    short: int = 128
    long: int = 64
    queue: int = 128
    long_layer: int | None = None
    mixing: Literal["plain", "released"] = "plain"
    parallel: bool = False  # melodi_retrofit.py: no short-term memory, windows in any order
    maps: str = ""  # what was trained for it, by its hash

    def __post_init__(self) -> None:
        for name, limit in (("short", self.window), ("long", self.window), ("queue", None)):
            value = getattr(self, name)
            if value < 1 or (limit is not None and value > limit):
                allowed = "at least 1" if limit is None else f"1 to the window's {limit}"
                raise InvalidRequest(f"MELODI {name} is {value}; it must be {allowed}.")
        if self.mixing not in MIXINGS:
            raise InvalidRequest(f"MELODI mixing {self.mixing!r}; use one of {', '.join(MIXINGS)}.")

    def long_layer_of(self, layers: int) -> int:
        """Index of the long-term layer in a decoder of so many layers."""
        index = layers // 2 if self.long_layer is None else self.long_layer
        if not 0 <= index < layers:
            raise InvalidRequest(f"MELODI long_layer is {index}; take None or 0 to {layers - 1}.")
        return index


class MelodiState(NamedTuple):
    """What windows 1 .. k-1 left, in the decoder's dtype."""

    z: Tensor  # [layers,B,S,D], counts where windows_written > 0
    keys: Tensor  # [B,G,n,L,d] before RoPE, newest window last
    values: Tensor  # [B,G,n,L,d]; of row b the last min(windows_written, n) windows count
    windows_written: Tensor  # [B] int64

    @classmethod
    def empty(cls, decoder: Decoder, batch: int, config: MelodiConfig, n: int = 0) -> MelodiState:
        """The state before anything was read; n > 0 makes room for n windows in the queue."""
        c = decoder.config
        short = 0 if config.parallel else config.short
        z = decoder.lm_head.weight.new_zeros(c.layers, batch, short, c.hidden_size)
        slots = z.new_zeros(batch, c.kv_heads, n, config.long, c.head_size)
        return cls(z, slots, slots.clone(), z.new_zeros(batch, dtype=torch.int64))

    def detach(self) -> MelodiState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return MelodiState(*(tensor.detach() for tensor in self))


def pooling(out: int, into: int) -> Tensor:
    """Area averaging of `into` tokens to `out` tokens: [out,into], every row sums to 1.

    Row s averages the tokens in [s, s+1) * into / out, a token at an edge with its share; strided
    mean pooling where `out` divides `into`, the identity where they are equal.
    """
    edges = torch.arange(out + 1, dtype=torch.float64) * (into / out)
    starts = torch.arange(into, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], starts + 1) - torch.maximum(edges[:-1, None], starts)
    return overlap.clamp(min=0) * (out / into)


class TokenMixer(nn.Module):
    """[x; u] -> `out` tokens by one dense map over the token axis."""

    def __init__(self, config: MelodiConfig, out: int, norm: tuple[int, float] | None) -> None:
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
        left = (x if self.norm_x is None else self.norm_x(x)).to(dtype)
        right = (u if self.norm_u is None else self.norm_u(u)).to(dtype)
        if x.shape[1] != self.window:
            left = pooling(self.window, x.shape[1]).to(left) @ left  # [B,W,D]
        tokens = torch.cat((left, right), dim=1).transpose(1, 2)  # [B,D,W+S]
        mixed = F.linear(tokens, self.linear.weight.to(dtype), self.linear.bias.to(dtype)).mT
        return (mixed if self.norm_u is None else mixed + u).to(x.dtype)


class ContentMixer(nn.Module):
    """[x; u] -> `out` tokens, means weighted by what the tokens are and not by where they stand.

    F = softmax over tokens of (queries [out,M]) (norm([x; u]) keys [D,M])^T. Not in the paper.
    """

    def __init__(self, width: int, out: int, apart: int = 64, std: float = 0.4) -> None:
        """apart: M, in which tokens are told apart; std: of queries, 8 times as much of scores."""
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
    """All that MELODI adds to a decoder: summary tokens, mixers, cross-attention gates."""

    def __init__(
        self, decoder: DecoderConfig, config: MelodiConfig, gate_start: float = -3.0
    ) -> None:
        super().__init__()
        norm = (decoder.hidden_size, decoder.norm_eps) if config.mixing == "released" else None
        layers, S = decoder.layers, config.short
        config.long_layer_of(layers)
        self.summary_tokens = nn.Parameter(torch.empty(S, decoder.hidden_size))
        nn.init.trunc_normal_(self.summary_tokens, std=0.25)
        self.summary = nn.ModuleList(TokenMixer(config, S, norm) for _ in range(layers - 1))
        self.short = nn.ModuleList(TokenMixer(config, S, norm) for _ in range(layers))
        self.long: nn.Module = TokenMixer(config, config.long, None)
        self.gate = nn.Parameter(torch.full((decoder.heads, decoder.head_size), gate_start))


class Slots(NamedTuple):
    """Keys at their place and values that queries attend to, [B,G,*,d] each."""

    keys: Tensor
    values: Tensor


def short_slots(decoder: Decoder, layer: int, z: Tensor) -> Slots:
    """z [B,S,D] through the layer's own norm and projections, at positions -S .. -1."""
    k, v = projected(decoder, layer, z)
    return Slots(decoder.rope(k, torch.arange(-z.shape[1], 0, device=z.device)), v)


def projected(decoder: Decoder, layer: int, m: Tensor) -> Slots:
    """Keys, before RoPE, and values of m [B,L,D] by the layer's own norm and projections."""
    block = decoder.layer(layer)
    _, k, v = block.self_attn.project(block.input_layernorm(m))
    return Slots(k, v)


def self_attention(
    q: Tensor, own: Slots, past: Slots | None, short: Slots | None, written: Tensor
) -> Tensor:
    """Softmax attention of rotated q [B,H,T,d] over [short | past | own] -> [B,H,T,d].

    `own` (T slots) is causal; `past` is seen by all, `short` by the rows with written [B] true.
    """
    if past is None and short is None:
        return dot_attention(q, own.keys, own.values)
    keys, values = _join(short, past, own)
    T, S = q.shape[2], 0 if short is None else short.keys.shape[2]
    column = torch.arange(keys.shape[2], device=q.device)
    row = torch.arange(keys.shape[2] - T, keys.shape[2], device=q.device)
    visible = (column <= row[:, None]) & ((column >= S) | written[:, None, None])  # [B,T,*]
    return F.scaled_dot_product_attention(
        q, keys, values, attn_mask=visible.unsqueeze(1), enable_gqa=True
    )


def long_term_attention(q: Tensor, local: Tensor, state: MelodiState, gate: Tensor) -> Tensor:
    """A = a A_cross + (1 - a) A_self, or A_self in rows whose queue is still empty.

    q before RoPE and local [B,H,T,d], gate [H,d] before the sigmoid -> [B,H,T,d].
    """
    n, L = state.keys.shape[2:4]
    if n == 0:
        return local
    held = state.windows_written.clamp(max=n)  # [B]
    filled = held > 0
    visible = torch.arange(n, device=q.device) >= (n - held)[:, None]  # [B,n]
    visible = (visible | ~filled[:, None]).repeat_interleave(L, dim=1)  # no row without a slot
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
    """Read one window with what those before it left, then leave z and m of this one.

    tokens [B,T], 0 < T <= window -> hidden [B,T,D] for `decoder.logits`, and the next state.
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
    short: Slots | None,
    state: MelodiState,
    gate: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """One decoder layer over x [B,T,D], then over u [B,S,D], which sees x; x does not see u."""
    written = state.windows_written > 0
    seen: list[Slots] = []  # what stands before the tokens now attending

    def attend(_: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        past = seen[0] if seen else None
        first = past.keys.shape[2] if past else 0
        positions = torch.arange(first, first + q.shape[2], device=q.device)
        cos, sin = decoder.rope.angles(positions)
        own = Slots(rotate(k, cos, sin), v)
        local = self_attention(rotate(q, cos, sin), own, past, short, written)
        seen.append(own)
        return local if gate is None else long_term_attention(q, local, state, gate)

    x, u = tokens
    block = decoder.layer(layer)
    return block(x, layer, attend), block(u, layer, attend)


def _enqueue(decoder: Decoder, layer: int, m: Tensor, state: MelodiState, Q: int) -> MelodiState:
    """Project m [B,L,D] with the layer's own weights and append it; the oldest window drops out."""
    k, v = projected(decoder, layer, m)  # [B,G,L,d]
    keys = torch.cat((state.keys, k.unsqueeze(2)), dim=2)[:, :, -Q:]
    values = torch.cat((state.values, v.unsqueeze(2)), dim=2)[:, :, -Q:]
    return state._replace(keys=keys, values=values)


def check_window(tokens: Tensor, state: MelodiState, config: MelodiConfig) -> None:
    """Refuse a window that is too long, and a state of another batch."""
    B, T = tokens.shape
    rows = state.windows_written.shape[0]
    if not 0 < T <= config.window:
        raise InvalidRequest(f"A window of {T} tokens; split it to 1 to {config.window}.")
    if rows != B:
        raise InvalidRequest(f"{B} rows of tokens with a state of {rows}; give one state for each.")


class MelodiReading:
    """A state opened for one prompt: row 0 with the memory, row 1 without. Nothing is written."""

    @torch.inference_mode()
    def __init__(
        self,
        decoder: Decoder,
        state: MelodiState,
        long_layer: int,
        gate: Tensor,
        queries: Callable[[Tensor], Tensor] = lambda q: q,
    ) -> None:
        """queries: what meets the queue, of q [B,H,T,d]."""
        self.prior = torch.zeros(1, device=decoder.device)
        self._decoder, self._gate, self._queries = decoder, gate, queries
        self._long_layer = long_layer
        z = torch.cat((state.z, torch.zeros_like(state.z)), dim=1)
        rest = (torch.cat((tensor, torch.zeros_like(tensor))) for tensor in state[1:])
        self._state = MelodiState(z, *rest)
        self._short = [
            short_slots(decoder, layer, z[layer]) if z.shape[2] else None
            for layer in range(z.shape[0])
        ]
        self._past: dict[int, Slots] = {}
        self._length = 0
        self._attended: dict[int, float] = {}

    @torch.inference_mode()
    def step(self, tokens: Tensor, last: int) -> Tensor:
        """Feed tokens [T] behind those before; logits [2, last, vocabulary]."""
        T, tokens = tokens.shape[0], tokens.to(self._decoder.device)
        if not 0 < last <= T:
            raise InvalidRequest(f"The last {last} of {T} tokens are asked for; ask for 1 to {T}.")
        positions = torch.arange(self._length, self._length + T, device=tokens.device)
        cos, sin = self._decoder.rope.angles(positions)
        written = self._state.windows_written > 0

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            own, past = Slots(rotate(k, cos, sin), v), self._past.get(layer)
            local = self_attention(rotate(q, cos, sin), own, past, self._short[layer], written)
            self._past[layer] = _join(past, own)
            if layer != self._long_layer:
                return local
            asked = self._queries(q)
            self._attended = _mass(asked[0], self._state)
            return long_term_attention(asked, local, self._state, self._gate)

        hidden = self._decoder.hidden(tokens.expand(2, T), attend)
        self._length += T
        return self._decoder.logits(hidden[:, -last:])

    def attended(self, weights: Sequence[float]) -> dict[int, float]:
        """Window (0 is the first ever written) -> share of the cross-attention of the last step."""
        return dict(self._attended)


def _join(*parts: Slots | None) -> Slots:
    pairs = [part for part in parts if part is not None]
    return Slots(*(torch.cat(tensors, dim=2) for tensors in zip(*pairs, strict=True)))


def _mass(q: Tensor, state: MelodiState) -> dict[int, float]:
    """Cross-attention of q [H,T,d] for each window of row 0, mean over heads and tokens."""
    _, G, n, L, d = state.keys.shape
    if n == 0:
        return {}
    queries = q.reshape(G, -1, d) * d**-0.5  # [G,R*T,d]
    logits = queries @ state.keys[0].reshape(G, n * L, d).transpose(1, 2)  # [G,R*T,n*L]
    weights = logits.float().softmax(-1).mean(dim=(0, 1)).view(n, L).sum(-1)  # [n]
    first = int(state.windows_written[0]) - n
    return {first + index: share for index, share in enumerate(weights.tolist())}


class MelodiMemory:
    """MELODI as a `Memory`: the whole state is the carry, a `MelodiState` of one row by name."""

    kind = "melodi"
    opens: Literal["carry"] = "carry"
    subtracts = False
    has_answer_adapter = False

    def __init__(self, decoder: Decoder, mixers: MelodiMixers, config: MelodiConfig) -> None:
        self.window = config.window
        self._decoder, self._mixers, self.config = decoder, mixers, config

    def empty(self) -> Bundle:
        """z of zeros and a queue of no window."""
        return MelodiState.empty(self._decoder, 1, self.config)._asdict()

    @torch.inference_mode()
    def write(self, tokens: Tensor, carry: Bundle) -> Written:
        """Read one window, tokens [T] with 0 < T <= window."""
        state = open_carry(carry, self._decoder, self.config)
        row = tokens.to(self._decoder.device).unsqueeze(0)
        _, after = melodi_segment(self._decoder, self._mixers, row, state, self.config)
        return Written(carry=after._asdict(), left={})

    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle:
        """The carry after all segments."""
        for tokens in segments:
            carry = self.write(tokens, carry).carry
        return carry

    def recall(self, carry: Bundle) -> MelodiReading:
        """Open a state for one prompt, of any length; the state stays as it is."""
        state = open_carry(carry, self._decoder, self.config)
        long_layer = self.config.long_layer_of(self._decoder.config.layers)
        return MelodiReading(self._decoder, state, long_layer, self._mixers.gate)

    def subtract(self, end: Bundle, start: Bundle) -> Bundle:
        """A queue cannot be cut at a chapter's start: InvalidRequest."""
        raise not_subtractable()


def not_subtractable() -> InvalidRequest:
    """What every form of MELODI says when it is asked for a chapter by itself."""
    return InvalidRequest(
        "A MELODI state cannot be cut where a chapter starts; ask up to a chapter, or read the "
        "document with the adaptive memory."
    )


def open_carry(carry: Bundle, decoder: Decoder, config: MelodiConfig) -> MelodiState:
    """A carry as a state on the decoder's device, shapes checked."""
    missing = sorted(set(MelodiState._fields) - set(carry))
    if missing:
        raise BrokenState(f"A MELODI state lacks {missing}; read the document again.")
    n = min(max(0, int(carry["windows_written"].sum())), config.queue)
    fitting = MelodiState.empty(decoder, 1, config, n)._asdict()
    for name, like in fitting.items():
        if carry[name].shape != like.shape:
            raise BrokenState(
                f"A MELODI state has {name} of shape {tuple(carry[name].shape)}, this backbone "
                f"and its mixers need {tuple(like.shape)}; read the document again."
            )
    return MelodiState(*(carry[name].to(like) for name, like in fitting.items()))

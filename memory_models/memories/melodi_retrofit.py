"""MELODI's long-term memory beside a frozen backbone: what `bookstate train melodi` learns.

Axis legend as in melodi.py: B batch, T tokens of a window, S summary tokens, L long-term tokens of
a window, n windows in the queue, H query heads, G key/value heads, d head size, D model width.

The paper's model (melodi.py) changes every token it reads: x attends to z and, at one layer, to the
queue. A backbone that was trained without them would have to be trained again. So a retrofit reads
`parallel`: the text runs through the frozen backbone as ever, window by window, and what is learnt
stands beside it.

  write   u: S learned tokens behind the window, seeing x and themselves, x never sees u; low-rank
          weights act on u alone, up to the long-term layer.
          u <- F_summary [x'; u'] between layers, m = F_long [x'; u'] in front of the long-term
          layer, whose projections make m's keys and values: L of them join the queue.
  ask     at the long-term layer A = a A_cross + (1 - a) A_self as in the paper, with a [d,d] map
          of each head's queries before they meet the queue.

m is taken in front of the layer and not behind it, as in the paper: only there are x' and u' what
the frozen projections know. The layer is one at three fifths of the depth, where this kind of model
looks up what it copies (EXPERIMENTS.md), not the middle one.

Mixers start as u itself (weight 0 on x, L = S), maps as the identity, u as tokens of the
vocabulary. There is no short-term memory: z has no token. Windows can be read in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from memory_models.adapter import LoraConfig, with_lora
from memory_models.decoder import Decoder, causal_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.melodi import (
    MelodiConfig,
    MelodiReading,
    MelodiState,
    Slots,
    TokenMixer,
    check_window,
    open_carry,
    projected,
    self_attention,
)
from memory_models.memory import Bundle, Written

GATE_START = 0.4  # memory weighs 0.6
DEPTH = 0.6  # of the long-term layer
LORA = LoraConfig(rank=4)


class TextRead(NamedTuple):
    """What the backbone made of a window in front of the long-term layer."""

    keys: Tensor  # [layers,G,T,d], rotated
    values: Tensor  # [layers,G,T,d]
    outputs: Tensor  # [layers,T,D], of each layer


class MelodiRetrofit(nn.Module):
    """What is learnt, over a frozen decoder that it shares."""

    def __init__(self, decoder: Decoder, config: MelodiConfig, lora: LoraConfig = LORA) -> None:
        super().__init__()
        c = decoder.config
        if config.long != config.short:
            raise InvalidRequest(
                f"A retrofit starts with every summary token remembered: long is {config.long}, "
                f"short {config.short}; make them equal."
            )
        self.config, self.long_layer = config, config.long_layer_of(c.layers)
        if self.long_layer < 1:
            raise InvalidRequest("Summary tokens need a layer below the long-term one; take 1 up.")
        self.summariser = with_lora(decoder, lora)
        for index in range(self.long_layer, c.layers):  # never run, but for two projections
            self.summariser.layer(index).requires_grad_(False)
        projections = self.summariser.layer(self.long_layer).self_attn
        for part in (projections.k_proj, projections.v_proj):
            _trainable(part)
        some = torch.randint(c.vocab_size, (config.short,), device=decoder.device)
        with torch.no_grad():
            self.summary_tokens = nn.Parameter(decoder.embed(some[None])[0].float())  # [S,D]
        mixers = (TokenMixer(config, config.short, None) for _ in range(self.long_layer))
        *between, self.long = (_kept_as_is(mixer) for mixer in mixers)
        self.summary = nn.ModuleList(between)
        self.gate = nn.Parameter(torch.full((c.heads, c.head_size), GATE_START))
        self.q = nn.Parameter(torch.eye(c.head_size).repeat(c.heads, 1, 1))  # [H,d,d]

    def queries(self, q: Tensor) -> Tensor:
        """What meets the queue, of q [B,H,T,d]."""
        return q @ self.q.to(q.dtype)


def long_layer(layers: int) -> int:
    """The long-term layer of a decoder of so many layers."""
    return min(max(1, round(DEPTH * layers)), layers - 1)


def _trainable(part: nn.Module) -> None:
    for name, parameter in part.named_parameters():
        parameter.requires_grad_(name in ("up", "down"))


@torch.no_grad()
def _kept_as_is(mixer: TokenMixer) -> TokenMixer:
    weight = mixer.linear.weight
    weight.zero_()
    weight[:, mixer.window :].fill_diagonal_(1.0)
    return mixer


@torch.no_grad()
def read_text(decoder: Decoder, tokens: Tensor, layers: int) -> TextRead:
    """Plain causal pass over tokens [T] through the first `layers` layers."""
    cos, sin = decoder.rope.angles(torch.arange(tokens.shape[0], device=tokens.device))
    attention = causal_attention(decoder.rope)
    kept: list[tuple[Tensor, Tensor]] = []

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        kept.append((rotate(k, cos, sin)[0], v[0]))
        return attention(layer, q, k, v)

    x, outputs = decoder.embed(tokens[None]), []
    for index in range(layers):
        x = decoder.layer(index)(x, index, attend)
        outputs.append(x[0])
    keys, values = (torch.stack(parts) for parts in zip(*kept, strict=True))
    return TextRead(keys, values, torch.stack(outputs))


def summarise(learned: MelodiRetrofit, read: TextRead) -> Slots:
    """Long-term keys and values [1,G,L,d] of a window."""
    decoder = learned.summariser
    T, S = read.keys.shape[2], learned.config.short
    u = learned.summary_tokens.to(read.outputs.dtype)[None]  # [1,S,D]
    cos, sin = decoder.rope.angles(torch.arange(T, T + S, device=u.device))
    written = torch.zeros(1, dtype=torch.bool, device=u.device)

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        past = Slots(read.keys[layer][None], read.values[layer][None])
        own = Slots(rotate(k, cos, sin), v)
        return self_attention(rotate(q, cos, sin), own, past, None, written)

    for index, mixer in enumerate((*learned.summary, learned.long)):
        u = decoder.layer(index)(u, index, attend)
        u = mixer(read.outputs[index][None], u)
    return projected(decoder, learned.long_layer, u)


class RetrofitMemory:
    """The retrofit as a `Memory`: the carry is a `MelodiState` of one row whose z has no token."""

    kind = "melodi"

    def __init__(
        self, decoder: Decoder, learned: MelodiRetrofit, reader: Decoder | None = None
    ) -> None:
        """reader: answers in the decoder's place."""
        self.config, self.window = learned.config, learned.config.window
        self._decoder, self._learned = decoder, learned
        self._reader = reader or decoder
        self.has_reader = reader is not None

    def empty(self) -> Bundle:
        """A queue of no window."""
        return MelodiState.empty(self._decoder, 1, self.config)._asdict()

    @torch.inference_mode()
    def write(self, tokens: Tensor, carry: Bundle) -> Written:
        """Read one window, tokens [T] with 0 < T <= window."""
        return Written(carry=self.write_repeating([tokens], carry), left={})

    @torch.inference_mode()
    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle:
        """The carry after all segments; one that was read before is not read again."""
        state = open_carry(carry, self._decoder, self.config)
        known: dict[tuple[int, ...], Slots] = {}
        left = []
        for tokens in segments:
            key = tuple(tokens.tolist())
            if key not in known:
                check_window(tokens[None], state, self.config)
                read = read_text(self._decoder, tokens, self._learned.long_layer)
                known[key] = summarise(self._learned, read)
            left.append(known[key])
        keys, values = (torch.stack(parts, dim=2) for parts in zip(*left, strict=True))
        Q = self.config.queue
        return MelodiState(
            state.z,
            torch.cat((state.keys, keys.to(state.keys)), dim=2)[:, :, -Q:],
            torch.cat((state.values, values.to(state.values)), dim=2)[:, :, -Q:],
            state.windows_written + len(left),
        )._asdict()

    def recall(self, carry: Bundle) -> MelodiReading:
        """Open a state for one prompt, of any length; the state stays as it is."""
        state, learned = open_carry(carry, self._decoder, self.config), self._learned
        return MelodiReading(self._reader, state, learned.long_layer, learned.gate, learned.queries)

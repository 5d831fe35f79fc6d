"""MELODI's long-term memory beside a frozen backbone: what `bookstate train melodi` learns.

Axis legend as in melodi.py: B batch, T tokens of a window, L long-term tokens of a window, n
windows in the queue, H query heads, G key/value heads, d head size, D model width.

The paper's model (melodi.py) changes every token it reads: x attends to z and, at one layer, to the
queue. A backbone that was trained without them would have to be trained again. So a retrofit reads
`parallel`: the text runs through the frozen backbone as ever, window by window, and what is learnt
stands beside it.

  write   m = F_long(x) x in front of the long-term layer, F_long a `ContentMixer`; the layer's own
          projections make m's keys and values, which join the queue
  ask     at the long-term layer A = a A_cross + (1 - a) A_self as in the paper, with a [d,d] map
          of each head's queries before they meet the queue

What differs from the paper, each for a reason found by measuring
(docs/experiments/infini-and-melodi.md):
  * F_long depends on what the tokens are. The paper's mixers weigh places of the window, the same
    for every text; a backbone trained along learns to bring to a place what should be kept. In a
    frozen one what matters stands anywhere, and the mean of two neighbours is already lost on it.
  * m is taken in front of the layer and not behind it: only there is it what the frozen projections
    know. The layer is one at three fifths of the depth, where this kind of model looks up what it
    copies, not the middle one.
  * No summary tokens and no short-term memory: z has no token, F_long sees all of x. Windows can be
    read in any order.

Maps start as the identity, memory weighs 0.6, and F_long looks at some random tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from memory_models.decoder import Decoder, DecoderConfig, causal_attention
from memory_models.errors import InvalidRequest
from memory_models.memories.melodi import (
    ContentMixer,
    KeysValues,
    MelodiConfig,
    MelodiState,
    check_window,
    projected,
)
from memory_models.memories.melodi_memory import MelodiReading, not_subtractable, open_carry
from memory_models.memory import Bundle, Written

GATE_START = 0.4  # memory weighs 0.6
DEPTH = 0.6  # of the long-term layer


class MelodiRetrofit(nn.Module):
    """What is learnt beside a frozen decoder."""

    def __init__(self, shape: DecoderConfig, config: MelodiConfig) -> None:
        super().__init__()
        self.config, self.long_layer = config, config.long_layer_of(shape.layers)
        if self.long_layer < 1:
            raise InvalidRequest("Tokens of the first layer have no context; take layer 1 up.")
        self.mixer = ContentMixer(shape.hidden_size, config.long)
        self.gate = nn.Parameter(torch.full((shape.heads, shape.head_size), GATE_START))
        self.q = nn.Parameter(torch.eye(shape.head_size).repeat(shape.heads, 1, 1))  # [H,d,d]

    def queries(self, q: Tensor) -> Tensor:
        """What meets the queue, of q [B,H,T,d]."""
        return q @ self.q.to(q.dtype)


def long_layer(layers: int) -> int:
    """The long-term layer of a decoder of so many layers."""
    return min(max(1, round(DEPTH * layers)), layers - 1)


@torch.no_grad()
def read_text(decoder: Decoder, tokens: Tensor, layers: int) -> Tensor:
    """What the first `layers` layers make of tokens [T]: [T,D]."""
    attention = causal_attention(decoder.rope)
    x = decoder.embed(tokens[None])
    for index in range(layers):
        x = decoder.layer(index)(x, index, attention)
    return x[0]


def summarise(decoder: Decoder, learned: MelodiRetrofit, read: Tensor) -> KeysValues:
    """Long-term keys and values [1,G,L,d] of a window that was read, [T,D]."""
    return projected(decoder, learned.long_layer, learned.mixer(read[None]))


class RetrofitMemory:
    """The retrofit as a `Memory`: the carry is a `MelodiState` of one row whose z has no token."""

    kind = "melodi"
    opens: Literal["carry"] = "carry"
    subtracts = False

    def __init__(
        self, decoder: Decoder, learned: MelodiRetrofit, answers: Decoder | None = None
    ) -> None:
        """answers: the decoder with an answer adapter, which continues prompts in its place."""
        self.config, self.window = learned.config, learned.config.window
        self._decoder, self._learned = decoder, learned
        self._answers = answers or decoder
        self.has_answer_adapter = answers is not None

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
        known: dict[tuple[int, ...], KeysValues] = {}
        left = []
        for tokens in segments:
            key = tuple(tokens.tolist())
            if key not in known:
                check_window(tokens[None], state, self.config)
                moved = tokens.to(self._decoder.device)
                read = read_text(self._decoder, moved, self._learned.long_layer)
                known[key] = summarise(self._decoder, self._learned, read)
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
        return MelodiReading(
            self._answers, state, learned.long_layer, learned.gate, learned.queries
        )

    def subtract(self, end: Bundle, start: Bundle) -> Bundle:
        """A queue cannot be cut at a chapter's start: InvalidRequest."""
        raise not_subtractable()

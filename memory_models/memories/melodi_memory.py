"""MELODI in use: the memory that reads windows, and the reading that answers from its state.

The formulas and the axis legend are in melodi.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from memory_models.decoder import Decoder, rotate
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memories.melodi import (
    KeysValues,
    MelodiConfig,
    MelodiMixers,
    MelodiState,
    join_slots,
    long_term_attention,
    melodi_segment,
    self_attention,
    short_slots,
)
from memory_models.memory import Bundle, Span, Written


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
        """queries: makes the queries to the queue from q [B,H,T,d]; by default they are q."""
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
        self._past: dict[int, KeysValues] = {}
        self._length = 0
        self._attended: dict[int, float] = {}

    @torch.inference_mode()
    def step(self, tokens: Tensor, last: int) -> Tensor:
        """Feed tokens [T], which follow those of earlier calls -> logits [2,last,V]."""
        T, tokens = tokens.shape[0], tokens.to(self._decoder.device)
        if not 0 < last <= T:
            raise InvalidRequest(
                f"Logits of the last {last} of {T} tokens are asked for; ask for 1 to {T}."
            )
        positions = torch.arange(self._length, self._length + T, device=tokens.device)
        cos, sin = self._decoder.rope.angles(positions)
        written = self._state.windows_written > 0

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            own, past = KeysValues(rotate(k, cos, sin), v), self._past.get(layer)
            local = self_attention(rotate(q, cos, sin), own, past, self._short[layer], written)
            self._past[layer] = join_slots(past, own)
            if layer != self._long_layer:
                return local
            asked = self._queries(q)
            self._attended = _mass(asked[0], self._state)
            return long_term_attention(asked, local, self._state, self._gate)

        hidden = self._decoder.hidden(tokens.expand(2, T), attend)
        self._length += T
        return self._decoder.logits(hidden[:, -last:])

    def attended(self, weights: Sequence[float]) -> dict[int, float]:
        """Window (0 is the first that was written) -> its part of the last step's cross-attention.

        The parts add up to 1; it is empty while the queue is. weights plays no part.
        """
        return dict(self._attended)

    def pointed(self, weights: Sequence[float]) -> dict[int, Tensor]:
        """Empty: this memory does not keep single tokens."""
        return {}

    def focused(self, *spans: Span, prior: Tensor | None = None) -> None:
        """None: this state cannot be cut into spans."""
        return


def _mass(q: Tensor, state: MelodiState) -> dict[int, float]:
    """Cross-attention of q [H,T,d] to each window of row 0, averaged over heads and tokens."""
    _, G, n, L, d = state.keys.shape
    if n == 0:
        return {}
    queries = q.reshape(G, -1, d) * d**-0.5  # [G,R*T,d]
    logits = queries @ state.keys[0].reshape(G, n * L, d).transpose(1, 2)  # [G,R*T,n*L]
    weights = logits.float().softmax(-1).mean(dim=(0, 1)).view(n, L).sum(-1)  # [n]
    first = int(state.windows_written[0]) - n  # number of the oldest window in the queue
    return {first + index: mass for index, mass in enumerate(weights.tolist())}


class MelodiMemory:
    """MELODI as a `Memory`; the carry is the whole state, a `MelodiState` of one row."""

    kind = "melodi"
    opens: Literal["carry"] = "carry"
    subtracts = False
    has_answer_adapter = False

    def __init__(self, decoder: Decoder, mixers: MelodiMixers, config: MelodiConfig) -> None:
        self.window = config.window
        self._decoder, self._mixers, self.config = decoder, mixers, config

    def empty(self) -> Bundle:
        """z of zeros and an empty queue."""
        return MelodiState.empty(self._decoder, 1, self.config)._asdict()

    @torch.inference_mode()
    def write(self, tokens: Tensor, carry: Bundle) -> Written:
        """Read one window, tokens [T] with 0 < T <= window."""
        state = open_carry(carry, self._decoder, self.config)
        row = tokens.to(self._decoder.device).unsqueeze(0)
        _, after = melodi_segment(self._decoder, self._mixers, row, state, self.config)
        return Written(carry=after._asdict(), left={})

    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle:
        """The carry after reading all segments, which need not be distinct."""
        for tokens in segments:
            carry = self.write(tokens, carry).carry
        return carry

    def recall(self, carry: Bundle) -> MelodiReading:
        """Open a state for one prompt of any length; the state is not changed."""
        state = open_carry(carry, self._decoder, self.config)
        long_layer = self.config.long_layer_of(self._decoder.config.layers)
        return MelodiReading(self._decoder, state, long_layer, self._mixers.gate)

    def subtract(self, end: Bundle, start: Bundle) -> Bundle:
        """A queue cannot be cut where a chapter starts: InvalidRequest."""
        raise not_subtractable()


def not_subtractable() -> InvalidRequest:
    """What every form of MELODI says when it is asked for a chapter by itself."""
    return InvalidRequest(
        "A MELODI state cannot be cut where a chapter starts; ask up to a chapter, or read the "
        "document with the adaptive memory."
    )


def open_carry(carry: Bundle, decoder: Decoder, config: MelodiConfig) -> MelodiState:
    """A stored carry as a state on the decoder's device.

    Raises BrokenState where a tensor is missing or has a shape that does not fit this backbone.
    """
    missing = sorted(set(MelodiState._fields) - set(carry))
    if missing:
        raise BrokenState(f"A MELODI state lacks {', '.join(missing)}; read the document again.")
    n = min(max(0, int(carry["windows_written"].sum())), config.queue)
    fitting = MelodiState.empty(decoder, 1, config, n)._asdict()
    for name, like in fitting.items():
        if carry[name].shape != like.shape:
            raise BrokenState(
                f"A MELODI state has {name} of shape {tuple(carry[name].shape)}, but this backbone "
                f"and its mixers need {tuple(like.shape)}; read the document again."
            )
    return MelodiState(*(carry[name].to(like) for name, like in fitting.items()))

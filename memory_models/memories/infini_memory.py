"""Infini-attention as a `Memory`: segments in, one carry of constant size, questions out.

The formulas are in infini.py. The carry is {"M", "z"} with one row; a question reads it and writes
nothing. Many equal segments, as in the filler of a pass-key text, are read once and written often.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from memory_models.decoder import Decoder, rotate
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memories.adaptive import read_tokens
from memory_models.memories.infini import (
    Addition,
    InfiniConfig,
    InfiniGates,
    InfiniState,
    add,
    addition_of,
    check_length,
    gated,
    infini_segment,
    repeated,
    retrieve,
    subtract,
)
from memory_models.memory import Bundle, Span, Written


class InfiniReading:
    """A state opened for one prompt: row 0 with the memory, row 1 without. Nothing is written."""

    def __init__(
        self, decoder: Decoder, gates: InfiniGates, config: InfiniConfig, state: InfiniState
    ) -> None:
        off = InfiniState.empty(decoder, 1)
        self.prior = torch.zeros(1, device=decoder.device)
        self._decoder, self._gates, self.config = decoder, gates, config
        self._state = InfiniState(
            *(torch.cat(pair, dim=1) for pair in zip(state, off, strict=True))
        )
        self._past: dict[int, tuple[Tensor, Tensor]] = {}  # layer -> rotated keys, values
        self._length = 0

    @torch.inference_mode()
    def step(self, tokens: Tensor, last: int) -> Tensor:
        """Feed tokens [T] behind those before; logits [2, last, vocabulary]."""
        T, P = tokens.shape[0], self._length
        tokens = tokens.to(self._decoder.device)
        if not 0 < last <= T:
            raise InvalidRequest(f"The last {last} of {T} tokens are asked for; ask for 1 to {T}.")
        positions = torch.arange(P, P + T, device=tokens.device)
        cos, sin = self._decoder.rope.angles(positions)
        visible = torch.arange(P + T, device=tokens.device) <= positions[:, None]  # [T,P+T]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            M, z = self._state.M[layer], self._state.z[layer]
            keys, values = self._remember(layer, rotate(k, cos, sin), v)
            local = F.scaled_dot_product_attention(
                rotate(q, cos, sin), keys, values, attn_mask=visible, enable_gqa=True
            )
            memory = retrieve(self._gates.queries(layer, q), M, z, self.config.eps)
            return gated(memory, local, z, self._gates.beta[layer])

        hidden = self._decoder.hidden(tokens.expand(2, T), attend)
        self._length += T
        return self._decoder.logits(hidden[:, -last:])

    def attended(self, weights: Sequence[float]) -> dict[int, float]:
        """Empty: a compressive memory does not know which segment an answer came from."""
        return {}

    def pointed(self, weights: Sequence[float]) -> dict[int, Tensor]:
        """Empty: this memory does not keep single tokens."""
        return {}

    def focused(self, *spans: Span, prior: Tensor | None = None) -> None:
        """None: this state cannot be cut into spans."""
        return

    def _remember(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append to the prompt's own cache, [2,G,P+T,d] each."""
        if layer in self._past:
            past_keys, past_values = self._past[layer]
            keys = torch.cat((past_keys, keys), dim=2)
            values = torch.cat((past_values, values), dim=2)
        self._past[layer] = keys, values
        return keys, values


class InfiniMemory:
    """Infini-attention as a `Memory`: the whole state is the carry, {"M", "z"} with B = 1."""

    kind = "infini"
    opens: Literal["carry"] = "carry"

    def __init__(
        self,
        decoder: Decoder,
        gates: InfiniGates,
        config: InfiniConfig,
        answers: Decoder | None = None,
    ) -> None:
        """answers: the decoder with an answer adapter, which continues prompts in its place."""
        expected = (decoder.config.layers, decoder.config.heads)
        if tuple(gates.beta.shape) != expected:
            raise InvalidRequest(
                f"Gates of shape {tuple(gates.beta.shape)}, this decoder needs {expected} (layers, "
                "query heads); use the adapter trained for this backbone."
            )
        self.window = config.window
        self._decoder, self._gates, self.config = decoder, gates, config
        self._answers = answers or decoder
        self.has_answer_adapter = answers is not None

    def empty(self) -> Bundle:
        """M [layers,1,G,d,d] and z [layers,1,G,d], zero."""
        return InfiniState.empty(self._decoder, 1)._asdict()

    @torch.inference_mode()
    def write(self, tokens: Tensor, carry: Bundle) -> Written:
        """Read one segment, tokens [T] with 0 < T <= window."""
        state, row = self._open(carry), tokens.to(self._decoder.device).unsqueeze(0)
        _, after = infini_segment(self._decoder, self._gates, row, state, self.config)
        return Written(carry=after._asdict(), left={})

    @torch.inference_mode()
    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle:
        """The carry after all segments, where many are the same, as in the filler of a test.

        A parallel segment that was read before is only written again; others are read as ever.
        """
        if not self.config.parallel:
            for tokens in segments:
                carry = self.write(tokens, carry).carry
            return carry
        known: dict[tuple[int, ...], Addition] = {}
        state = self._open(carry)
        for key, run in itertools.groupby(tuple(tokens.tolist()) for tokens in segments):
            if key not in known:
                check_length(len(key), self.config)
                tokens = torch.tensor(key, device=self._decoder.device)
                read = read_tokens(self._decoder, tokens)
                known[key] = addition_of(self._gates, read, state.M.dtype)
            often = sum(1 for _ in run)
            at_once = often if self.config.update == "linear" else 1
            new = repeated(known[key], float(at_once), self.config)
            for _ in range(often // at_once):
                state = add(new, state, self.config)
        return state._asdict()

    def recall(self, carry: Bundle) -> InfiniReading:
        """Open a state for one prompt, of any length; the state stays as it is."""
        return InfiniReading(self._answers, self._gates, self.config, self._open(carry))

    @property
    def subtracts(self) -> bool:
        """True for the linear update, whose state is a sum."""
        return self.config.update == "linear"

    def subtract(self, end: Bundle, start: Bundle) -> Bundle:
        """The carry of the chapter between two carries of the same reading."""
        if not self.subtracts:
            raise InvalidRequest(
                f"A memory written by the {self.config.update!r} update cannot be subtracted; "
                "read with the 'linear' update, or read the chapter by itself."
            )
        difference = subtract(self._open(end), self._open(start))
        if bool((difference.z < 0).any()):
            raise InvalidRequest(
                "The start of a chapter holds more than its end; give two states of one reading, "
                "the earlier one as the start."
            )
        return difference._asdict()

    def _open(self, carry: Bundle) -> InfiniState:
        """The carry as a state on the decoder's device, shapes checked."""
        empty = InfiniState.empty(self._decoder, 1)
        for name, expected in empty._asdict().items():
            found = tuple(carry[name].shape) if name in carry else None
            if found != tuple(expected.shape):
                raise BrokenState(
                    f"An Infini state has {name} of shape {found}, this backbone needs "
                    f"{tuple(expected.shape)}; read the document again with it."
                )
        return InfiniState(carry["M"].to(empty.M), carry["z"].to(empty.z))

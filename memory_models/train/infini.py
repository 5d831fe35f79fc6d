"""Training Infini-attention's maps, write strengths and gates.

Under the linear update a text that repeats leaves a multiple of what it leaves once, so a window is
written `times` over by one product. The gradient flows from the answers through the reader to beta
and the query maps, and through M and z to the key maps and write strengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from memory_models.decoder import Decoder, dot_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import read_tokens
from memory_models.memories.infini import (
    InfiniConfig,
    InfiniGates,
    InfiniState,
    add,
    addition_of,
    gated,
    repeated,
    retrieve,
)
from memory_models.memories.slot_reading import KeyValues
from memory_models.train.retrofit import Repeated, Rows

DELTA_TIMES = 3  # the delta rule has learned a repeated text by then


class InfiniRetrofit:
    """Infini-attention as a `Retrofit`: the backbone writes, the reader answers."""

    def __init__(
        self, writer: Decoder, reader: Decoder, learned: InfiniGates, config: InfiniConfig
    ) -> None:
        if learned.maps is None:
            raise InvalidRequest("These gates have no maps; there is no strength to train.")
        self.learned, self.config = learned, config
        self._writer, self._reader = writer, reader

    @property
    def window(self) -> int:
        """The most tokens that are read at once."""
        return self.config.window

    def empty(self) -> InfiniState:
        """M and z of zeros."""
        return InfiniState.empty(self._writer, 1)

    @torch.no_grad()
    def read(self, tokens: Tensor) -> KeyValues:
        """Keys and values of every layer."""
        return read_tokens(self._writer, tokens)

    def write(self, windows: Sequence[Repeated[KeyValues]], state: InfiniState) -> InfiniState:
        """Write windows one after the other into every row of a state; nothing is detached."""
        for window in windows:
            new = addition_of(self.learned, window.read, state.M.dtype)
            if self.config.update == "linear":
                state = add(repeated(new, window.times, self.config), state, self.config)
                continue
            for _ in range(min(DELTA_TIMES, math.ceil(window.times))):
                state = add(new, state, self.config)
        return state

    def stacked(self, states: Sequence[InfiniState]) -> InfiniState:
        """States of one row each as the rows of one."""
        return InfiniState(*(torch.cat(parts, dim=1) for parts in zip(*states, strict=True)))

    def logits(self, rows: Rows, state: InfiniState) -> Tensor:
        """Logits [M,vocabulary] of the targets; a state of one row serves all rows."""
        reader, learned = self._reader, self.learned
        tokens = rows.tokens.to(reader.device)
        C, T = tokens.shape
        cos, sin = reader.rope.angles(torch.arange(T, device=reader.device))

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            M, z = state.M[layer], state.z[layer]
            M, z = M.expand(C, *M.shape[1:]), z.expand(C, *z.shape[1:])
            local = dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)
            memory = retrieve(learned.queries(layer, q), M, z, self.config.eps)
            return gated(memory, local, z, learned.beta[layer])

        hidden = reader.hidden(tokens, attend)
        return reader.logits(hidden[rows.row.to(reader.device), rows.column.to(reader.device)])

"""Training MELODI's mixer, gate and query maps.

A window that is written `times` times is in the queue once, with log(times) added to the scores of
its slots: the softmax is that of as many equal slots. The gradient flows from the answers through
the answering decoder above the long-term layer to the gate and the query maps, and through keys and
values to the mixer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.train.memories.retrofit import Repeated, Rows, answer_logits
from memory_models.decoder import Decoder
from memory_models.memories.melodi_retrofit import MelodiRetrofit, read_text, summarise


class Queue(NamedTuple):
    """Slots of C rows, N each."""

    keys: Tensor  # [C,G,N,d]
    values: Tensor  # [C,G,N,d]
    bias: Tensor  # [N] float32, log of how often a slot was written


class MelodiTraining:
    """MELODI as a `Retrofit`: the backbone reads, the mixer writes, `answering` answers."""

    def __init__(self, writer: Decoder, answering: Decoder, learned: MelodiRetrofit) -> None:
        self.learned = learned
        self._writer, self._answering = writer, answering

    @property
    def window(self) -> int:
        """The most tokens that are read at once."""
        return self.learned.config.window

    def empty(self) -> Queue:
        """No slot."""
        c = self._writer.config
        none = self._writer.lm_head.weight.new_zeros(1, c.kv_heads, 0, c.head_size)
        return Queue(none, none, none.new_zeros(0, dtype=torch.float32))

    def read(self, tokens: Tensor) -> Tensor:
        """The input of the long-term layer, [T,D]."""
        return read_text(self._writer, tokens, self.learned.long_layer)

    def write(self, windows: Sequence[Repeated[Tensor]], state: Queue) -> Queue:
        """Append windows to every row of a state; nothing is detached."""
        for window in windows:
            if window.times <= 0:
                continue
            k, v = summarise(self._writer, self.learned, window.read)
            rows = (state.keys.shape[0], -1, -1, -1)
            times = state.bias.new_full((k.shape[2],), math.log(window.times))
            state = Queue(
                torch.cat((state.keys, k.expand(rows)), dim=2),
                torch.cat((state.values, v.expand(rows)), dim=2),
                torch.cat((state.bias, times)),
            )
        return state

    def loudness(
        self, filler: Sequence[Tensor], texts: Sequence[Sequence[Tensor]], tokens: float
    ) -> Tensor:
        """Zero: MELODI writes every window alike."""
        return torch.zeros((), device=self._writer.device)

    @property
    def notes(self) -> dict[str, Any]:
        """The sizes of this memory."""
        return {"config": asdict(self.learned.config)}

    def stacked(self, states: Sequence[Queue]) -> Queue:
        """States of one row each, equally long, as the rows of one."""
        keys, values, _ = zip(*states, strict=True)
        return Queue(torch.cat(keys), torch.cat(values), states[0].bias)

    def logits(self, rows: Rows, state: Queue) -> Tensor:
        """Logits [M,vocabulary] of the targets; a state of one row serves all rows."""
        learned, (C, T) = self.learned, rows.tokens.shape
        keys, values = (part.expand(C, -1, -1, -1) for part in (state.keys, state.values))
        bias = state.bias.to(keys.dtype).expand(C, 1, T, -1)  # [C,1,T,N]

        def recalled(layer: int, q: Tensor, local: Tensor) -> Tensor:
            if layer != learned.long_layer or keys.shape[2] == 0:
                return local
            cross = F.scaled_dot_product_attention(
                learned.queries(q), keys, values, attn_mask=bias, enable_gqa=True
            )
            a = learned.gate.sigmoid()[:, None, :]  # [H,1,d]
            return (a * cross + (1 - a) * local).to(local.dtype)

        return answer_logits(self._answering, rows, recalled)

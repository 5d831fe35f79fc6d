"""Training Infini-attention's maps, write strengths and gates.

Under the linear update a repeated text leaves a multiple of what it leaves once, so one product
writes a window `times` times; under the delta rule it takes runs that grow (`add_often`). The
gradient flows from the answers through the answering decoder to beta and the query maps, and
through M and z to the key maps and write strengths.

Training on 16,000 tokens does not teach what a million tokens need: nothing in the loss of an
answer asks the memory not to write what nobody needs. `loudness` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lab.train.memories.retrofit import Repeated, Rows, answer_logits
from memory_models.decoder import Decoder
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import read_tokens
from memory_models.memories.infini import (
    Addition,
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

SINGLE = 3  # the first additions are made one by one
GROWTH = 3  # of the number of additions in a run
ORDER = 7  # of the series of a run, whose K is at most log(GROWTH)
STRONGEST = 16  # tokens of a text that count as its content
QUIET = -8.0  # loudness of a head that is quiet enough


class InfiniRetrofit:
    """Infini-attention as a `Retrofit`: the backbone writes, `answering` answers."""

    def __init__(
        self, writer: Decoder, answering: Decoder, learned: InfiniGates, config: InfiniConfig
    ) -> None:
        if learned.maps is None:
            raise InvalidRequest("These gates have no maps; there is no strength to train.")
        self.learned, self.config = learned, config
        self._writer, self._answering = writer, answering

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
            else:
                state = add_often(new, state, self.config, math.ceil(window.times))
        return state

    def loudness(
        self, filler: Sequence[KeyValues], texts: Sequence[Sequence[KeyValues]], tokens: float
    ) -> Tensor:
        """How strongly filler is written, compared with the strongest tokens of each text, [].

        tokens: of filler. Returns the log of the ratio, at least QUIET: its mean over texts,
        layers and heads.
        """
        noise = self._strength(filler).mean(-1).log() + math.log(tokens)  # [layers,G]
        strongest = (self._strength(text).topk(STRONGEST, -1).values for text in texts)
        signal = torch.stack([each.sum(-1).log() for each in strongest]).mean(0)
        return (noise - signal).clamp(min=QUIET).mean()

    @property
    def notes(self) -> dict[str, Any]:
        """Nothing: the update rule is the adapter's kind."""
        return {}

    def _strength(self, windows: Sequence[KeyValues]) -> Tensor:
        """Of every token of the windows, [layers,G,T], above zero."""
        every = slice(None)
        each = [self.learned.strength(every, window.keys) for window in windows]
        joined = torch.cat([one.squeeze(-1) for one in each if one is not None], -1)
        return joined.clamp(min=torch.finfo(joined.dtype).tiny)

    def stacked(self, states: Sequence[InfiniState]) -> InfiniState:
        """States of one row each as the rows of one."""
        return InfiniState(*(torch.cat(parts, dim=1) for parts in zip(*states, strict=True)))

    def logits(self, rows: Rows, state: InfiniState) -> Tensor:
        """Logits [M,vocabulary] of the targets; a state of one row serves all rows."""
        C = rows.tokens.shape[0]

        def recalled(layer: int, q: Tensor, local: Tensor) -> Tensor:
            M, z = state.M[layer], state.z[layer]
            M, z = M.expand(C, *M.shape[1:]), z.expand(C, *z.shape[1:])
            memory = retrieve(self.learned.queries(layer, q), M, z, self.config.eps)
            return gated(memory, local, z, self.learned.beta[layer])

        return answer_logits(self._answering, rows, recalled)


def scaled_strengths(weights: Mapping[str, Tensor], times: float) -> dict[str, Tensor]:
    """Weights of InfiniGates with the logits of every write strength multiplied by `times`.

    Weak writes become weaker, strong writes stay as they are.
    """
    return {n: w * times if n in ("maps.write", "maps.bias") else w for n, w in weights.items()}


def add_often(new: Addition, state: InfiniState, config: InfiniConfig, times: int) -> InfiniState:
    """The memory after `times` equal additions by the delta rule, within some percent.

    An addition is M <- M + P - K M with K = (diag(1 / n) W)^T F, n = F z + eps, and z grows by the
    same every time. Within a run of additions n is taken as constant, and the run as the solution
    of dM/dt = P - K M. Runs of one are exact.
    """
    M, z = state
    with torch.autocast(M.device.type, enabled=False):
        for first, count in runs(times):
            seen = z + _middle(first, count) * new.total
            norm = new.features @ seen.unsqueeze(-1) + config.eps  # [*,G,T,1]
            K = count * (new.written / norm).transpose(-1, -2) @ new.features  # [*,G,F,F]
            term = change = count * new.product - K @ M
            for order in range(2, ORDER + 1 if count > 1 else 0):
                term = K @ term / -order
                change = change + term
            M = M + change
        return InfiniState(M, z + times * new.total)


def runs(times: int) -> Iterator[tuple[int, int]]:
    """Runs (first, count) that cover 0 .. times - 1, each to `GROWTH` times where it began."""
    first = 0
    while first < times:
        count = min(times - first, (GROWTH - 1) * first) if first >= SINGLE else 1
        yield first, count
        first += count


def _middle(first: int, count: int) -> float:
    """Where 1 / n is the mean of a run, if z was nothing but these additions."""
    return count / sum(1 / n for n in range(first, first + count)) if first else 0.0

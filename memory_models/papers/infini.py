"""Infini-attention from scratch: the mathematics of memories/infini.py as a system (2404.07143).

`infini_linear` and `infini_delta`. Everything that differs from the paper is said there; beta
starts at -3 here too, with a learning rate of its own (train.py): a gate near one half at the start
hides the window from a decoder that has learnt nothing yet.
"""

from __future__ import annotations

from torch import Tensor

from memory_models.decoder import DecoderConfig
from memory_models.memories.infini import InfiniConfig, InfiniGates, InfiniState, infini_segment
from memory_models.papers.system import Read, System


class InfiniSystem(System[InfiniState]):
    """One compressive memory for each layer and key/value head."""

    state_type = InfiniState
    batch_axis = {"M": 1, "z": 1}  # noqa: RUF012

    def __init__(self, config: DecoderConfig, window: int, memory: InfiniConfig) -> None:
        super().__init__(config, window)
        self.memory = memory
        self.gate = InfiniGates(config.layers, config.heads)

    def empty(self, batch: int) -> InfiniState:
        """M and z of zeros."""
        return InfiniState.empty(self.decoder, batch)

    def gates(self) -> dict[str, Tensor]:
        """sigmoid(beta) [layers,H]."""
        return {"memory": self.gate.beta.detach().sigmoid()}

    def read(self, tokens: Tensor, state: InfiniState) -> Read:
        """Read one window with the memory of those before it, then write it."""
        self.check(tokens, state.z.shape[1])
        hidden, after = infini_segment(self.decoder, self.gate, tokens, state, self.memory)
        return self.done(hidden, after)

"""Recurrent Memory Transformer: memory tokens before and after the window (arXiv 2207.06881).

Axis legend as in decoder.py; here also M memory tokens. Window k is read as

  [m_{k-1} | x_k | m_{k-1}]  ->  [read | x' | write],   m_k = norm(write)

with plain causal attention. The window's tokens see the memory before them; the memory tokens after
them see everything and become the next memory. m_0 is learned. Gradients flow through m from window
to window.

What differs from the paper:
  * The memory passes through the final norm, as in the authors' code with GPT-2; without it the
    residual stream would grow from window to window.
  * RoPE: memory at -M .. -1, tokens at 0 .. T-1, memory again at T .. T+M-1.
  * A row's first window reads m_0, so with an empty state it is not read as a plain window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig, causal_attention
from memory_models.errors import InvalidRequest
from memory_models.papers.system import Read, System


class RmtState(NamedTuple):
    """The memory m of each row; it is valid where seen > 0."""

    memory: Tensor  # [B,M,D]
    seen: Tensor  # [B] int64, tokens read since the row was empty

    def detach(self) -> RmtState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return RmtState(self.memory.detach(), self.seen)


class RmtSystem(System[RmtState]):
    """Plain windows with memory tokens at both ends."""

    state_type = RmtState

    def __init__(self, config: DecoderConfig, window: int, memory: int) -> None:
        super().__init__(config, window)
        if memory < 1:
            raise InvalidRequest(f"There are {memory} memory tokens; use at least 1.")
        self.first = nn.Parameter(torch.empty(memory, config.hidden_size))  # m_0 [M,D]
        nn.init.normal_(self.first, std=0.02)

    def empty(self, batch: int) -> RmtState:
        """Zeros, in place of which m_0 is read."""
        memory = self.first.detach().new_zeros(batch, *self.first.shape)
        return RmtState(memory, memory.new_zeros(batch, dtype=torch.int64))

    def read(self, tokens: Tensor, state: RmtState) -> Read:
        """Read one window; the outputs of the memory tokens after it are the next memory."""
        self.check(tokens, state.seen.shape[0])
        M, T = self.first.shape[0], tokens.shape[1]
        written = (state.seen > 0)[:, None, None]  # [B,1,1]
        memory = torch.where(written, state.memory, self.first.to(state.memory.dtype))
        x = self.decoder.embed(tokens)
        x = torch.cat((memory.to(x.dtype), x, memory.to(x.dtype)), dim=1)  # [B,M+T+M,D]
        attend = causal_attention(self.decoder.rope, start=-M)
        for index in range(self.decoder.config.layers):
            x = self.decoder.layer(index)(x, index, attend)
        write = self.decoder.model.norm(x[:, M + T :]).to(state.memory.dtype)
        return self.done(x[:, M : M + T], RmtState(write, state.seen + T))

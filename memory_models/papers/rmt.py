"""Recurrent Memory Transformer: memory tokens in front of and behind the window (arXiv 2207.06881).

Axis legend as in decoder.py; M memory tokens. Window k is read as

  [m_{k-1} | x_k | m_{k-1}]  ->  [read | x' | write],   m_k = norm(write)

by plain causal attention: the tokens see the memory in front, the tokens behind see everything and
become the next memory. m_0 is learned. The gradient flows through m from window to window.

What differs from the paper:
  * The memory passes the final norm, as in the authors' code with GPT-2; without it the residual
    stream would grow from window to window.
  * RoPE: memory at -M .. -1, tokens at 0 .. T-1, memory again at T .. T+M-1.
  * A row's first window reads m_0, so an empty state is not the plain window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig, causal_attention
from memory_models.errors import InvalidRequest
from memory_models.papers.system import Read, System


class RmtState(NamedTuple):
    """m, counts where seen > 0."""

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
            raise InvalidRequest(f"{memory} memory tokens; use at least 1.")
        self.first = nn.Parameter(torch.empty(memory, config.hidden_size))
        nn.init.normal_(self.first, std=0.02)

    def empty(self, batch: int) -> RmtState:
        """Zeros, read as m_0."""
        memory = self.first.detach().new_zeros(batch, *self.first.shape)
        return RmtState(memory, memory.new_zeros(batch, dtype=torch.int64))

    def read(self, tokens: Tensor, state: RmtState) -> Read:
        """Read one window; the write tokens' output is the next memory."""
        self.check(tokens, state.seen.shape[0])
        M, T = self.first.shape[0], tokens.shape[1]
        written = (state.seen > 0)[:, None, None]
        memory = torch.where(written, state.memory, self.first.to(state.memory.dtype))
        x = self.decoder.embed(tokens)
        x = torch.cat((memory.to(x.dtype), x, memory.to(x.dtype)), dim=1)  # [B,M+T+M,D]
        attend = causal_attention(self.decoder.rope, start=-M)
        for index in range(self.decoder.config.layers):
            x = self.decoder.layer(index)(x, index, attend)
        write = self.decoder.model.norm(x[:, M + T :]).to(state.memory.dtype)
        return self.done(x[:, M : M + T], RmtState(write, state.seen + T))

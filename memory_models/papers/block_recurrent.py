"""Block-Recurrent Transformer, its best cell: fixed gate, skip (arXiv 2203.07852).

Axis legend as in local.py; here also R state vectors (R = W in the paper). Every layer has the
Transformer-XL cache; one layer, the third from the end, also carries states c [R,D] from window to
window. With K_c, V_c made once from norm(c) + ids (learned, one for each state):

  tokens   A = o [softmax(q K^T) V | softmax(q2 K_c^T) V_c],  x <- x + A,  then the feed-forward
  states   h = o_c [softmax(q_c K_c^T) V_c | softmax(q2_c K^T) V]
           c <- g c + (1 - g) h,   g = sigmoid(b), one b for each channel

K and V are the token keys and values that self-attention uses; only the self-attention of tokens is
causal and has positions. c_0 is learned. The gradient flows through c from window to window.

What differs from paper and code (google-research/meliad):
  * States read the tokens of this window, as in the paper; the code lets them see the cached window
    before it, too.
  * The token side's output projection over both attentions is a sum of two.
  * A row's first window reads c_0, so an empty state is not the plain window.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.decoder import Attention, DecoderConfig, RMSNorm
from memory_models.errors import InvalidRequest
from memory_models.papers.local import Cache, LocalAttention, LocalConfig
from memory_models.papers.system import Read, System, initialise


class RecurrentState(NamedTuple):
    """Cache of all layers, state vectors of one; they count where seen > 0."""

    keys: Tensor  # [B,layers,G,C,d] before RoPE
    values: Tensor
    states: Tensor  # [B,R,D]
    seen: Tensor  # [B] int64, tokens read since the row was empty

    def detach(self) -> RecurrentState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return RecurrentState(*(tensor.detach() for tensor in self))


class SecondQueries(nn.Module):
    """Queries of one stream for the other stream's keys, and the way back."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.shape = (config.heads, config.head_size)
        self.q_proj = nn.Linear(config.hidden_size, config.heads * config.head_size, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_size, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_size, config.norm_eps)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """x [B,T,D] over keys, values [B,G,n,d] without positions -> [B,T,D]."""
        B, T, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(B, T, *self.shape)).transpose(1, 2)
        out: Tensor = self.o_proj(_flat(_attention(q, keys, values)))
        return out


class RecurrentCell(nn.Module):
    """What one layer has beside its token side."""

    def __init__(self, config: DecoderConfig, states: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.first = nn.Parameter(torch.empty(states, width))
        self.ids = nn.Parameter(torch.empty(states, width))
        self.gate = nn.Parameter(torch.empty(width))
        self.norm = RMSNorm(width, config.norm_eps)
        self.attention = Attention(config)
        self.to_states = SecondQueries(config)  # of tokens
        self.to_tokens = SecondQueries(config)  # of states
        initialise(self, config.layers)
        for parameter, std in ((self.first, 0.1), (self.ids, 1.0), (self.gate, 0.1)):
            nn.init.normal_(parameter, std=std)

    def project(self, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """c [B,R,D] -> norm(c) + ids, and its q, k, v."""
        x = self.norm(c) + self.ids
        return x, *self.attention.project(x)

    def step(
        self, c: Tensor, own: tuple[Tensor, Tensor, Tensor, Tensor], k: Tensor, v: Tensor
    ) -> Tensor:
        """The next states, from `own` = project(c) and the tokens' k, v [B,G,T,d]."""
        x, q_c, k_c, v_c = own
        h = self.attention.o_proj(_flat(_attention(q_c, k_c, v_c))) + self.to_tokens(x, k, v)
        g = self.gate.sigmoid()
        after: Tensor = g * c + (1 - g) * h
        return after.to(c.dtype)


class BlockRecurrentSystem(System[RecurrentState]):
    """Transformer-XL with one recurrent layer."""

    state_type = RecurrentState

    def __init__(self, config: DecoderConfig, window: int, states: int, layer: int) -> None:
        super().__init__(config, window)
        if states < 1 or not 0 <= layer < config.layers:
            raise InvalidRequest(
                f"{states} state vectors at layer {layer}; use at least 1, at layer 0 to "
                f"{config.layers - 1}."
            )
        self.layer = layer
        self.local = LocalConfig(cache=window)
        self.cell = RecurrentCell(config, states)

    def empty(self, batch: int) -> RecurrentState:
        """Caches of zeros; states of zeros, read as c_0."""
        cache = Cache.empty(self.decoder, batch, self.window)
        states = cache.keys.new_zeros(batch, *self.cell.first.shape)
        return RecurrentState(cache.keys, cache.values, states, cache.seen)

    def gates(self) -> dict[str, Tensor]:
        """1 - g, what a window writes into each channel, [D]."""
        return {"write": 1 - self.cell.gate.detach().sigmoid()}

    def read(self, tokens: Tensor, state: RecurrentState) -> Read:
        """Read one window and step the recurrent layer once."""
        self.check(tokens, state.seen.shape[0])
        T = tokens.shape[1]
        cache = Cache(state.keys, state.values, state.seen)
        local = LocalAttention(self.decoder, self.local, cache, T)
        written = (state.seen > 0)[:, None, None]
        states = torch.where(written, state.states, self.cell.first.to(state.states.dtype))
        x = self.decoder.embed(tokens)
        for index in range(self.decoder.config.layers):
            if index == self.layer:
                x, states = self._recurrent(x, states, local)
            else:
                x = self.decoder.layer(index)(x, index, local)
        keys, values, seen = local.after(T)
        return self.done(x, RecurrentState(keys, values, states, seen))

    def _recurrent(self, x: Tensor, states: Tensor, local: LocalAttention) -> tuple[Tensor, Tensor]:
        """The recurrent layer over x [B,T,D] and states [B,R,D]."""
        block = self.decoder.layer(self.layer)
        own = self.cell.project(states)
        normed = block.input_layernorm(x)
        q, k, v = block.self_attn.project(normed)
        near = block.self_attn.o_proj(_flat(local(self.layer, q, k, v)))
        x = x + near + self.cell.to_states(normed, own[2], own[3])
        x = x + block.mlp(block.post_attention_layernorm(x))
        return x, self.cell.step(states, own, k, v)


def _attention(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, keys.to(q.dtype), values.to(q.dtype), enable_gqa=True)


def _flat(heads: Tensor) -> Tensor:
    """[B,H,T,d] -> [B,T,H*d]."""
    return heads.transpose(1, 2).flatten(2)

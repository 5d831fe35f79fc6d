"""Block-Recurrent Transformer with its best cell: fixed gate, skip (arXiv 2203.07852).

Axis legend as in local.py, but R is here the number of state vectors (R = W in the paper). Every
layer has the Transformer-XL cache. One layer, the third from the end, also carries states c [R,D]
from window to window. With K_c, V_c projected from norm(c) + ids (learned, one for each state):

  tokens   A = o [softmax(q K^T) V | softmax(q2 K_c^T) V_c],  x <- x + A,  then the feed-forward
  states   h = o_c [softmax(q_c K_c^T) V_c | softmax(q2_c K^T) V]
           c <- g c + (1 - g) h,   g = sigmoid(b), one b for each channel

K and V are the keys and values of the tokens, as in their self-attention; only that self-attention
is causal and has positions. c_0 is learned. Gradients flow through c from window to window.

What differs from the paper and its code (google-research/meliad):
  * States read the tokens of the current window, as in the paper; in the code they also see the
    cached window before it.
  * The output projection o of the concatenated attentions is written as a sum of two projections.
  * A row's first window reads c_0, so with an empty state it is not read as a plain window.
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
    """The cache of all layers and the state vectors of one, which are valid where seen > 0."""

    keys: Tensor  # [B,layers,G,C,d] before RoPE
    values: Tensor  # [B,layers,G,C,d]
    states: Tensor  # c [B,R,D]
    seen: Tensor  # [B] int64, tokens read since the row was empty

    def detach(self) -> RecurrentState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return RecurrentState(*(tensor.detach() for tensor in self))


class SecondQueries(nn.Module):
    """Cross-attention of one stream to the other: its query and output projections (q2, o)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.shape = (config.heads, config.head_size)
        self.q_proj = nn.Linear(config.hidden_size, config.heads * config.head_size, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_size, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_size, config.norm_eps)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """x [B,T,D] attends to keys, values [B,G,n,d] without positions -> [B,T,D]."""
        B, T, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(B, T, *self.shape)).transpose(1, 2)  # [B,H,T,d]
        out: Tensor = self.o_proj(_flat(_attention(q, keys, values)))
        return out


class RecurrentCell(nn.Module):
    """The parameters that the recurrent layer has in addition to a decoder layer's."""

    def __init__(self, config: DecoderConfig, states: int) -> None:
        """states: R."""
        super().__init__()
        width = config.hidden_size
        self.first = nn.Parameter(torch.empty(states, width))  # c_0 [R,D]
        self.ids = nn.Parameter(torch.empty(states, width))  # [R,D]
        self.gate = nn.Parameter(torch.empty(width))  # b [D]
        self.norm = RMSNorm(width, config.norm_eps)
        self.attention = Attention(config)  # of states to states
        self.to_states = SecondQueries(config)  # of tokens to states
        self.to_tokens = SecondQueries(config)  # of states to tokens
        initialise(self, config.layers)
        for parameter, std in ((self.first, 0.1), (self.ids, 1.0), (self.gate, 0.1)):
            nn.init.normal_(parameter, std=std)

    def project(self, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """c [B,R,D] -> norm(c) + ids [B,R,D], and its q [B,H,R,d], k and v [B,G,R,d]."""
        x = self.norm(c) + self.ids
        return x, *self.attention.project(x)

    def step(
        self, c: Tensor, own: tuple[Tensor, Tensor, Tensor, Tensor], k: Tensor, v: Tensor
    ) -> Tensor:
        """The next states [B,R,D], from `own` = project(c) and the tokens' k, v [B,G,T,d]."""
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
                f"There are {states} state vectors at layer {layer}; use at least 1, at a layer "
                f"from 0 to {config.layers - 1}."
            )
        self.layer = layer
        self.local = LocalConfig(cache=window)
        self.cell = RecurrentCell(config, states)

    def empty(self, batch: int) -> RecurrentState:
        """Caches of zeros, and states of zeros in place of which c_0 is read."""
        cache = Cache.empty(self.decoder, batch, self.window)
        states = cache.keys.new_zeros(batch, *self.cell.first.shape)
        return RecurrentState(cache.keys, cache.values, states, cache.seen)

    def gates(self) -> dict[str, Tensor]:
        """1 - g [D], the weight of a window's write in each channel."""
        return {"write": 1 - self.cell.gate.detach().sigmoid()}

    def read(self, tokens: Tensor, state: RecurrentState) -> Read:
        """Read one window and update the states once."""
        self.check(tokens, state.seen.shape[0])
        T = tokens.shape[1]
        cache = Cache(state.keys, state.values, state.seen)
        local = LocalAttention(self.decoder, self.local, cache, T)
        written = (state.seen > 0)[:, None, None]  # [B,1,1]
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
        """The recurrent layer: x [B,T,D] and states [B,R,D] -> their outputs, same shapes."""
        block = self.decoder.layer(self.layer)
        own = self.cell.project(states)
        normed = block.input_layernorm(x)
        q, k, v = block.self_attn.project(normed)
        near = block.self_attn.o_proj(_flat(local(self.layer, q, k, v)))
        x = x + near + self.cell.to_states(normed, own[2], own[3])
        x = x + block.mlp(block.post_attention_layernorm(x))
        return x, self.cell.step(states, own, k, v)


def _attention(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention without mask or positions: q [B,H,T,d], keys, values [B,G,n,d] -> [B,H,T,d]."""
    return F.scaled_dot_product_attention(q, keys.to(q.dtype), values.to(q.dtype), enable_gqa=True)


def _flat(heads: Tensor) -> Tensor:
    """[B,H,T,d] -> [B,T,H*d]."""
    return heads.transpose(1, 2).flatten(2)

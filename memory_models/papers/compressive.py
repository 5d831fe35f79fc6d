"""Compressive Transformer: Transformer-XL's memory, then a compressed one (arXiv 1911.05507).

Axis legend as in local.py; here also c the compression rate, N compressed slots. Every layer keeps
its own inputs (hidden states). Those of the last W tokens are kept exactly. Older ones are
compressed, c tokens to one slot, by a convolution f over tokens (kernel and stride c, one f for
each layer), and the last N slots are kept. Queries of the current window attend to
[compressed | exact | own], which the layer's own projections turn into keys and values.

f is trained by attention reconstruction alone. With the layer's projections held fixed,

  extra = mean over layers, heads and tokens of |att(h, old) - att(h, f(old))|^2

where att is attention without positions and h is the layer's input. The language model's loss sends
no gradient to f or the memories, and `extra` sends gradients to f only.

What differs from the paper:
  * RoPE runs over the concatenation; compressed slots are at -W-N .. -W-1, one position each.
  * The loss is a mean, not a sum, and has weight 1. f starts as the mean of c tokens.
  * Slots that nothing has filled are masked; the paper's memories start as zeros.
  * Every window must be full (T = W), so that the number of tokens to compress divides by c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from memory_models.decoder import DecoderConfig, DecoderLayer, rotate
from memory_models.errors import InvalidRequest
from memory_models.papers.local import filled
from memory_models.papers.system import Read, System


@dataclass(frozen=True, slots=True)
class CompressiveConfig:
    """Size of the compressed memory."""

    rate: int  # c
    slots: int  # N

    def __post_init__(self) -> None:
        if self.rate < 1 or self.slots < 1:
            raise InvalidRequest(
                f"The compression rate is {self.rate} and there are {self.slots} slots; both must "
                "be at least 1."
            )


class CompressiveState(NamedTuple):
    """The inputs of every layer, newest last."""

    exact: Tensor  # [B,layers,W,D]
    compressed: Tensor  # [B,layers,N,D]
    seen: Tensor  # [B] int64, tokens read since the row was empty

    def detach(self) -> CompressiveState:
        """The same values, cut from the graph."""
        return CompressiveState(*(tensor.detach() for tensor in self))


class Compression(nn.Module):
    """f: compresses c tokens to one; a convolution of kernel and stride c, as a linear map."""

    def __init__(self, width: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.linear = nn.Linear(rate * width, width)
        with torch.no_grad():  # starts as the mean of its tokens
            self.linear.weight.copy_(torch.eye(width).repeat(1, rate) / rate)
            self.linear.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """x [B,n,D], where c divides n -> [B,n/c,D]."""
        B, n, D = x.shape
        out: Tensor = self.linear(x.view(B, n // self.rate, self.rate * D))  # of [B,n/c,c*D]
        return out


class CompressiveSystem(System[CompressiveState]):
    """Transformer-XL that compresses the oldest memories instead of dropping them."""

    state_type = CompressiveState

    def __init__(self, config: DecoderConfig, window: int, memory: CompressiveConfig) -> None:
        super().__init__(config, window)
        if window % memory.rate:
            raise InvalidRequest(
                f"The compression rate {memory.rate} does not divide the window of {window} "
                "tokens; choose one that does."
            )
        self.memory = memory
        width, c = config.hidden_size, memory.rate
        self.compress = nn.ModuleList(Compression(width, c) for _ in range(config.layers))

    def empty(self, batch: int) -> CompressiveState:
        """Memories of zeros."""
        c = self.decoder.config
        exact = self.decoder.lm_head.weight.new_zeros(batch, c.layers, self.window, c.hidden_size)
        compressed = exact.new_zeros(batch, c.layers, self.memory.slots, c.hidden_size)
        return CompressiveState(exact, compressed, exact.new_zeros(batch, dtype=torch.int64))

    def read(self, tokens: Tensor, state: CompressiveState) -> Read:
        """Read one full window, then compress what leaves the exact memory."""
        self.check(tokens, state.seen.shape[0])
        if tokens.shape[1] != self.window:
            raise InvalidRequest(
                f"A window has {tokens.shape[1]} tokens; this memory takes exactly {self.window}."
            )
        attention = _Attention(self, state)
        x = self.decoder.embed(tokens)
        inputs = []
        for index in range(self.decoder.config.layers):
            inputs.append(x.detach())
            x = self.decoder.layer(index)(x, index, attention)
        exact = torch.stack(inputs, dim=1).to(state.exact.dtype)  # [B,layers,W,D]
        new = torch.stack(attention.compressed, dim=1).to(state.compressed.dtype)
        compressed = torch.cat((state.compressed, new), dim=2)[:, :, -self.memory.slots :]
        after = CompressiveState(exact, compressed, state.seen + self.window)
        return self.done(x, after, torch.stack(attention.losses).mean())


class _Attention:
    """The `Attend` of one window over [compressed | exact | own]; compresses the exact memory."""

    def __init__(self, system: CompressiveSystem, state: CompressiveState) -> None:
        self._system, self._state = system, state
        W, N = system.window, system.memory.slots
        positions = torch.arange(-N - W, W, device=state.seen.device)
        self._cos, self._sin = system.decoder.rope.angles(positions)  # [N+W+T,d]
        self._visible = _visible(state.seen, W, N, system.memory.rate)
        self.compressed: list[Tensor] = []  # [B,W/c,D] for each layer
        self.losses: list[Tensor] = []

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [B,H,T,d], k, v [B,G,T,d], before RoPE -> [B,H,T,d]; T = W."""
        T, block = q.shape[2], self._system.decoder.layer(layer)
        past = torch.cat((self._state.compressed[:, layer], self._state.exact[:, layer]), dim=1)
        _, past_k, past_v = block.self_attn.project(block.input_layernorm(past))
        self._compress(layer, q.detach(), past_k[:, :, -T:].detach(), past_v[:, :, -T:].detach())
        keys = torch.cat((past_k, k), dim=2)
        values = torch.cat((past_v, v), dim=2)
        return F.scaled_dot_product_attention(
            rotate(q, self._cos[-T:], self._sin[-T:]),
            rotate(keys, self._cos, self._sin),
            values,
            attn_mask=self._visible,
            enable_gqa=True,
        )

    def _compress(self, layer: int, q: Tensor, old_k: Tensor, old_v: Tensor) -> None:
        """Compress a layer's exact memory and record the reconstruction loss.

        q [B,H,T,d], old_k, old_v [B,G,W,d]: of the exact memory, all without gradients.
        """
        old = self._state.exact[:, layer]  # [B,W,D]
        new = self._system.compress[layer](old)  # [B,W/c,D]
        self.compressed.append(new.detach())
        new_k, new_v = _project_frozen(self._system.decoder.layer(layer), new)
        wanted = F.scaled_dot_product_attention(q, old_k, old_v, enable_gqa=True)
        got = F.scaled_dot_product_attention(q, new_k, new_v, enable_gqa=True)
        error = (got - wanted).float().pow(2).mean(dim=(1, 2, 3))  # [B]
        counts = (self._state.seen >= self._system.window).to(error.dtype)  # [B], 0: still empty
        self.losses.append((error * counts).sum() / counts.sum().clamp(min=1))


def _visible(seen: Tensor, W: int, N: int, rate: int) -> Tensor:
    """The attention mask [B,1,W,N+W+W]: filled slots of the memories, then a causal window."""
    held = torch.cat((filled((seen - W).clamp(min=0) // rate, N), filled(seen, W)), dim=1)
    causal = torch.ones(W, W, dtype=torch.bool, device=seen.device).tril()
    rows = seen.shape[0]
    visible = torch.cat((held[:, None].expand(-1, W, -1), causal.expand(rows, W, W)), dim=2)
    return visible.unsqueeze(1)


def _project_frozen(block: DecoderLayer, x: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values [B,G,n,d] of x [B,n,D]; gradients flow to x, not to the layer."""
    found: list[Tensor] = []

    def keep(_: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        found.extend((k, v))
        return q

    normed = functional_call(block.input_layernorm, _detached(block.input_layernorm), (x,))
    functional_call(block.self_attn, _detached(block.self_attn), (normed, 0, keep))
    return found[0], found[1]


def _detached(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in module.named_parameters()}

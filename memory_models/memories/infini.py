"""Infini-attention: one compressive memory for each layer and key/value head (arXiv 2404.07143).

Axis legend as in decoder.py: B batch, T tokens of a segment, H query heads, G key/value heads,
R = H / G, d head size, D model width. For every layer, batch row and key/value head the state is
M [d,d] and z [d], both zero at the start. With sigma(x) = ELU(x) + 1 and Q, K, V before RoPE:

  retrieval                      A_mem = sigma(Q) M / (sigma(Q) z + eps)
  update, `linear`               M <- M + sigma(K)^T V
  update, `delta`                M <- M + sigma(K)^T (V - sigma(K) M / (sigma(K) z + eps))
  both                           z <- z + sum over t of sigma(K_t)
  gate                           A = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot

A_dot is the backbone's causal attention inside the segment, RoPE from position 0. A segment reads
the memory of the segments before it, then writes. beta is one scalar for each layer and query head;
the gated A goes through the output projection. Query heads g R .. g R + R - 1 read the memory of
key/value head g, as they read its keys. Nothing is detached: the gradient reaches the writers of
all segments that the caller keeps in the graph.

What differs from the paper:
  * It retrofits a pretrained decoder: beta starts at -3 (memory weighs 0.05), so that the first
    steps stay near the backbone.
  * eps in both denominators (the paper has none), and a head whose memory is still empty (z all
    zero) gives exactly A_dot, not (1 - sigmoid(beta)) A_dot: an empty state *is* the backbone.
  * Grouped queries (the paper writes one memory for each query head, H = G).
  * M, z and everything read from them are computed in float32 or wider, under autocast too.
  * sigma is computed as exp(x) below zero, the same function without the cancellation in ELU + 1.
  * A question is a segment that reads and does not write.

What a retrofit may add (`InfiniMaps`, by `bookstate train infini`), beside the faithful form:
  * Every head has its own [d,d] map of the queries and keys that go to the memory; attention inside
    the segment keeps the backbone's. The feature map was never trained for these keys.
  * A write strength for each token and head, s = sigmoid(w K + b): M and z get s sigma(K). What is
    written without it fills 64 channels within a page.
  * `parallel` segments write and do not read: they can be read in any order, and what they leave
    under `linear` is a sum over segments.

What follows from the equations and surprises: under `delta` a known key/value pair leaves M as it
is but still enters z, so repeating it shrinks what is read back; and only `linear` states can be
subtracted, M_end - M_start being the memory of the chapter between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from memory_models.decoder import Decoder, dot_attention, padded, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.slot_reading import KeyValues

UPDATES = ("linear", "delta")
Feature = Callable[[Tensor], Tensor]
"""Keys and queries [*,d] -> what they are to the memory [*,F], at least zero; F is d for sigma."""


@dataclass(frozen=True, slots=True)
class InfiniConfig:
    """How a memory is written; 2,048 is the paper's segment."""

    window: int = 2048
    update: Literal["linear", "delta"] = "linear"
    eps: float = 1e-6
    parallel: bool = False  # segments do not read what those before them wrote
    maps: str = ""  # the trained maps by their hash, empty for the paper's form

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InvalidRequest(f"An Infini window of {self.window} tokens; use at least 1.")
        if self.update not in UPDATES:
            raise InvalidRequest(f"Infini update {self.update!r}; use one of {', '.join(UPDATES)}.")
        if not self.eps > 0:
            raise InvalidRequest(f"Infini eps is {self.eps}; it must be above 0, such as 1e-6.")


class InfiniState(NamedTuple):
    """The compressive memory of a batch, float32 or wider."""

    M: Tensor  # [layers,B,G,d,d], key channel by value channel
    z: Tensor  # [layers,B,G,d]

    @classmethod
    def empty(cls, decoder: Decoder, batch: int, features: int | None = None) -> InfiniState:
        """The state before anything was read; `features` is F, the head size without it."""
        c = decoder.config
        dtype = torch.promote_types(decoder.dtype, torch.float32)
        shape = (c.layers, batch, c.kv_heads, features or c.head_size)
        z = torch.zeros(shape, dtype=dtype, device=decoder.device)
        return cls(z.new_zeros(*shape, c.head_size), z)

    def detach(self) -> InfiniState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return InfiniState(self.M.detach(), self.z.detach())


class InfiniMaps(nn.Module):
    """What a retrofit learns beside beta; it starts as the paper's form with half the strength."""

    def __init__(self, layers: int, heads: int, kv_heads: int, size: int) -> None:
        super().__init__()
        self.q = nn.Parameter(torch.eye(size).repeat(layers, heads, 1, 1))  # [layers,H,d,d]
        self.k = nn.Parameter(torch.eye(size).repeat(layers, kv_heads, 1, 1))  # [layers,G,d,d]
        self.write = nn.Parameter(torch.zeros(layers, kv_heads, size))
        self.bias = nn.Parameter(torch.zeros(layers, kv_heads))


class InfiniGates(nn.Module):
    """beta [layers,H]: how much of each query head comes from memory, before the sigmoid."""

    def __init__(
        self, layers: int, heads: int, start: float = -3.0, maps: InfiniMaps | None = None
    ) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.full((layers, heads), start))
        self.maps = maps

    def queries(self, layer: int, q: Tensor) -> Tensor:
        """What reads the memory, of q [B,H,T,d]."""
        return q if self.maps is None else q @ self.maps.q[layer].to(q.dtype)

    def keys(self, layer: int | slice, k: Tensor) -> Tensor:
        """What is written, of k [B,G,T,d]; of all layers' k [layers,G,T,d] with a full slice."""
        return k if self.maps is None else k @ self.maps.k[layer].to(k.dtype)

    def strength(self, layer: int | slice, k: Tensor) -> Tensor | None:
        """How strongly it is written [*,G,T,1], in float32 or wider; None is 1."""
        if self.maps is None:
            return None
        wide = k.to(torch.promote_types(k.dtype, torch.float32))
        write, bias = self.maps.write[layer].to(wide), self.maps.bias[layer].to(wide)
        return (wide @ write.unsqueeze(-1) + bias[..., None, None]).sigmoid()


def sigma(x: Tensor) -> Tensor:
    """ELU(x) + 1: x + 1 above zero, exp(x) below."""
    return x.clamp(min=0) + x.clamp(max=0).exp()


def retrieve(q: Tensor, M: Tensor, z: Tensor, eps: float, feature: Feature = sigma) -> Tensor:
    """A_mem = sigma(Q) M / (sigma(Q) z + eps).

    q [B,H,T,d] before RoPE, M [B,G,F,d], z [B,G,F] -> [B,H,T,d] in M's dtype.
    """
    B, H, T, d = q.shape
    G, F_ = M.shape[1:3]
    with torch.autocast(q.device.type, enabled=False):
        features = feature(q.to(M.dtype)).reshape(B, G, (H // G) * T, F_)  # [B,G,R*T,F]
        norm = features @ z.unsqueeze(-1) + eps  # [B,G,R*T,1]
        return (features @ M / norm).view(B, H, T, d)


def update(
    k: Tensor,
    v: Tensor,
    M: Tensor,
    z: Tensor,
    config: InfiniConfig,
    strength: Tensor | None = None,
    feature: Feature = sigma,
) -> InfiniState:
    """Write k, v [*,G,T,d], before RoPE, into M [*,G,F,d] and z [*,G,F].

    Axes of size one before G are written into every row of M and z.
    strength [*,G,T,1]: of each key; 1 where there is none.
    """
    return add(addition(k, v, M.dtype, strength, feature), InfiniState(M, z), config)


class Addition(NamedTuple):
    """What a segment writes, as far as it does not depend on the memory."""

    features: Tensor  # sigma(K) [*,G,T,F]
    written: Tensor  # s sigma(K), as strongly as it is written, [*,G,T,F]
    product: Tensor  # (s sigma(K))^T V [*,G,F,d]
    total: Tensor  # of s sigma(K) over t [*,G,F]


def addition(
    k: Tensor,
    v: Tensor,
    dtype: torch.dtype,
    strength: Tensor | None = None,
    feature: Feature = sigma,
) -> Addition:
    """What k, v [*,G,T,d], before RoPE, write; strength [*,G,T,1] as in `update`."""
    with torch.autocast(k.device.type, enabled=False):
        features = feature(k.to(dtype))
        written = features if strength is None else features * strength.to(dtype)
        product = written.transpose(-1, -2) @ v.to(dtype)
        return Addition(features, written, product, written.sum(-2))


def add(new: Addition, state: InfiniState, config: InfiniConfig) -> InfiniState:
    """The memory after an addition.

    The delta rule is W^T (V - diag(1 / n) F M) = W^T V - (diag(1 / n) W)^T F M, with n = F z + eps:
    a product of [F,F] with M instead of T retrievals.
    """
    M, z = state
    with torch.autocast(M.device.type, enabled=False):
        after = M + new.product
        if config.update == "delta":
            norm = new.features @ z.unsqueeze(-1) + config.eps  # [*,G,T,1]
            known = (new.written / norm).transpose(-1, -2) @ new.features  # [*,G,F,F]
            after = after - known @ M
        return InfiniState(after, z + new.total)


def gated(
    memory: Tensor, local: Tensor, z: Tensor, beta: Tensor, lead: Tensor | None = None
) -> Tensor:
    """A = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot, or A_dot where nothing is written.

    memory, local [B,H,T,d], z [B,G,F] as it was read, beta [H] -> [B,H,T,d] in local's dtype.
    lead [B,H,T,1] is added to beta: what a query itself says for the memory.
    """
    logit = beta.to(memory.dtype)[:, None, None]  # [H,1,1]
    gate = (logit if lead is None else logit + lead).sigmoid()
    mixed = (gate * memory + (1 - gate) * local).to(local.dtype)
    written = (z > 0).any(-1)  # [B,G]
    written = written.repeat_interleave(local.shape[1] // z.shape[1], dim=1)  # [B,H]
    return torch.where(written[..., None, None], mixed, local)


def infini_segment(
    decoder: Decoder,
    gates: InfiniGates,
    tokens: Tensor,
    state: InfiniState,
    config: InfiniConfig,
) -> tuple[Tensor, InfiniState]:
    """Read one segment with the memory of those before it, then write it.

    tokens [B,T], 0 < T <= window -> hidden [B,T,D] for `decoder.logits`, and the next state.
    """
    B, T = tokens.shape
    check_length(T, config)
    if state.z.shape[1] != B:
        raise InvalidRequest(
            f"{B} rows of tokens with a state of {state.z.shape[1]} rows; give one state for each."
        )
    tokens = padded(tokens, config.window, octave=4)  # [B,P]; few, for constant memory
    places = torch.arange(tokens.shape[1], device=tokens.device)
    real = (places < T).to(state.z.dtype).unsqueeze(1)  # [P,1]
    cos, sin = decoder.rope.angles(places)
    after: list[InfiniState] = []

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        M, z = state.M[layer], state.z[layer]
        local = dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)
        after.append(write_layer(gates, layer, k, v, InfiniState(M, z), config, real))
        if config.parallel:
            return local
        memory = retrieve(gates.queries(layer, q), M, z, config.eps)
        return gated(memory, local, z, gates.beta[layer])

    hidden = decoder.hidden(tokens, attend)[:, :T]
    return hidden, InfiniState(torch.stack([s.M for s in after]), torch.stack([s.z for s in after]))


def write_layer(
    gates: InfiniGates,
    layer: int,
    k: Tensor,
    v: Tensor,
    state: InfiniState,
    config: InfiniConfig,
    real: Tensor,
) -> InfiniState:
    """Write k, v [B,G,P,d] of a layer into its state; real [P,1]: 1 where a token is, else 0."""
    strength = gates.strength(layer, k)
    strength = real if strength is None else strength * real
    return update(gates.keys(layer, k), v, state.M, state.z, config, strength)


def addition_of(gates: InfiniGates, read: KeyValues, dtype: torch.dtype) -> Addition:
    """What a segment that was read in parallel writes into every layer and row of a state."""
    every = slice(None)
    keys, values = gates.keys(every, read.keys), read.values  # [layers,G,T,d]
    strength = gates.strength(every, read.keys)
    row = None if strength is None else strength.unsqueeze(1)
    return addition(keys.unsqueeze(1), values.unsqueeze(1), dtype, row)


def repeated(new: Addition, times: float, config: InfiniConfig) -> Addition:
    """An addition to the linear memory as if it were made so often."""
    if times == 1.0:
        return new
    if config.update != "linear":
        raise InvalidRequest(
            f"Only the 'linear' update writes {times} times at once; write as often as that."
        )
    return new._replace(product=new.product * times, total=new.total * times)


def subtract(end: InfiniState, start: InfiniState) -> InfiniState:
    """The memory of what a `linear` state read between `start` and `end`: M_end - M_start."""
    return InfiniState(end.M - start.M, end.z - start.z)


def check_length(tokens: int, config: InfiniConfig) -> None:
    """Raise InvalidRequest for a segment that is empty or longer than the window."""
    if not 0 < tokens <= config.window:
        raise InvalidRequest(
            f"A segment of {tokens} tokens; an Infini window takes 1 to {config.window}, "
            "so split the text or read with a larger window."
        )

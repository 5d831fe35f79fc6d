"""Infini-attention: one compressive memory for each layer and key/value head (arXiv 2404.07143).

Axis legend as in decoder.py; here also F features of a key or query in the memory (F = d for sigma)
and P >= T tokens of a segment with its padding. For every layer, batch row and key/value head the
state is M [F,d] and z [F], both zero at the start. With sigma(x) = ELU(x) + 1 and Q, K, V before
RoPE:

  retrieval                      A_mem = sigma(Q) M / (sigma(Q) z + eps)
  update, `linear`               M <- M + sigma(K)^T V
  update, `delta`                M <- M + sigma(K)^T (V - sigma(K) M / (sigma(K) z + eps))
  both                           z <- z + sum over t of sigma(K_t)
  gate                           A = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot

A_dot is the backbone's causal attention inside the segment, RoPE from position 0. A segment reads
the memory of the segments before it, then writes. beta is one scalar for each layer and query head;
the gated A goes through the output projection. Query heads gR .. gR + R - 1 read the memory of
key/value head g, as they read its keys. Nothing is detached: gradients reach the writes of all
segments that the caller keeps in the graph.

What differs from the paper:
  * A pretrained decoder is retrofitted: beta starts at -3 (the memory's weight is 0.05), so that
    training starts near the backbone.
  * Both denominators have eps (the paper has none). A head whose memory is still empty (z all zero)
    gives exactly A_dot, not (1 - sigmoid(beta)) A_dot, so an empty state gives the backbone's
    logits.
  * Queries are grouped (the paper has one memory for each query head, H = G).
  * M, z and everything read from them are computed in float32 or wider, under autocast too.
  * sigma is computed as exp(x) below zero, which is the same function without ELU's cancellation.
  * A question is a segment that reads and does not write.

What a retrofit may add to the paper's form (`InfiniMaps`, trained by `bookstate train infini`):
  * Each head has its own [d,d] map of the queries and keys that go to the memory, because sigma was
    not trained for the backbone's keys. Attention inside the segment keeps the backbone's own.
  * Each token and key/value head has a write strength, s = sigmoid(w K + b), and M and z get
    s sigma(K). Without it, one page of text fills the 64 channels of a head.
  * `parallel` segments write and do not read. They can be read in any order, and under `linear` the
    state is a sum over segments.

Two consequences of the equations: under `delta`, writing a known key/value pair again leaves M as
it is but adds to z, so what is read back shrinks; and only `linear` states can be subtracted, where
M_end - M_start is the memory of what was read in between.
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
"""The memory's feature map: keys or queries [*,d] -> features [*,F], none of them negative."""


@dataclass(frozen=True, slots=True)
class InfiniConfig:
    """How a memory is written."""

    window: int = 2048  # tokens of a segment; the paper's value
    update: Literal["linear", "delta"] = "linear"
    eps: float = 1e-6
    parallel: bool = False  # True: segments do not read what earlier segments wrote
    maps: str = ""  # hash of the trained `InfiniMaps`; empty for the paper's form

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InvalidRequest(
                f"The Infini window is {self.window} tokens; it must be at least 1."
            )
        if self.update not in UPDATES:
            raise InvalidRequest(
                f"Infini update {self.update!r} is not known; use one of {', '.join(UPDATES)}."
            )
        if not self.eps > 0:
            raise InvalidRequest(f"Infini eps is {self.eps}; it must be above 0, such as 1e-6.")


class InfiniState(NamedTuple):
    """The compressive memory of a batch, float32 or wider."""

    M: Tensor  # [layers,B,G,F,d], features of keys by channels of values
    z: Tensor  # [layers,B,G,F]

    @classmethod
    def empty(cls, decoder: Decoder, batch: int, features: int | None = None) -> InfiniState:
        """The state before anything was read; `features` is F, by default the head size d."""
        c = decoder.config
        dtype = torch.promote_types(decoder.dtype, torch.float32)
        shape = (c.layers, batch, c.kv_heads, features or c.head_size)
        z = torch.zeros(shape, dtype=dtype, device=decoder.device)
        return cls(z.new_zeros(*shape, c.head_size), z)

    def detach(self) -> InfiniState:
        """The same values, cut from the graph: truncates back-propagation here."""
        return InfiniState(self.M.detach(), self.z.detach())


class InfiniMaps(nn.Module):
    """What a retrofit trains in addition to beta.

    At the start it is the paper's form with all write strengths at one half.
    """

    def __init__(self, layers: int, heads: int, kv_heads: int, size: int) -> None:
        """heads: H; kv_heads: G; size: d."""
        super().__init__()
        self.q = nn.Parameter(torch.eye(size).repeat(layers, heads, 1, 1))  # [layers,H,d,d]
        self.k = nn.Parameter(torch.eye(size).repeat(layers, kv_heads, 1, 1))  # [layers,G,d,d]
        self.write = nn.Parameter(torch.zeros(layers, kv_heads, size))  # w [layers,G,d]
        self.bias = nn.Parameter(torch.zeros(layers, kv_heads))  # b [layers,G]


class InfiniGates(nn.Module):
    """beta [layers,H]: each query head's weight of the memory, before the sigmoid; and the maps."""

    def __init__(
        self, layers: int, heads: int, start: float = -3.0, maps: InfiniMaps | None = None
    ) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.full((layers, heads), start))
        self.maps = maps

    def queries(self, layer: int, q: Tensor) -> Tensor:
        """Queries to the memory, made from the layer's q [B,H,T,d]; same shape."""
        return q if self.maps is None else q @ self.maps.q[layer].to(q.dtype)

    def keys(self, layer: int | slice, k: Tensor) -> Tensor:
        """Keys for the memory, made from k [B,G,T,d]; same shape.

        With a full slice as `layer`, from the k of all layers, [layers,G,T,d].
        """
        return k if self.maps is None else k @ self.maps.k[layer].to(k.dtype)

    def strength(self, layer: int | slice, k: Tensor) -> Tensor | None:
        """Write strengths [*,G,T,1] of k [*,G,T,d], in float32 or wider; None means 1 for all."""
        if self.maps is None:
            return None
        wide = k.to(torch.promote_types(k.dtype, torch.float32))
        write, bias = self.maps.write[layer].to(wide), self.maps.bias[layer].to(wide)
        return (wide @ write.unsqueeze(-1) + bias[..., None, None]).sigmoid()


def sigma(x: Tensor) -> Tensor:
    """ELU(x) + 1: x + 1 above zero, exp(x) below."""
    return x.clamp(min=0) + x.clamp(max=0).exp()


def retrieve(q: Tensor, M: Tensor, z: Tensor, eps: float, feature: Feature = sigma) -> Tensor:
    """Read the memory: A_mem = sigma(Q) M / (sigma(Q) z + eps).

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

    Axes before G are broadcast: with size one, k and v are written into every row of M and z.
    strength [*,G,T,1]: write strength of each key; None means 1.
    """
    return add(addition(k, v, M.dtype, strength, feature), InfiniState(M, z), config)


class Addition(NamedTuple):
    """The part of a segment's write that does not depend on the memory."""

    features: Tensor  # sigma(K) [*,G,T,F]
    written: Tensor  # s sigma(K) [*,G,T,F], with the write strength s
    product: Tensor  # (s sigma(K))^T V [*,G,F,d]
    total: Tensor  # sum over t of s sigma(K) [*,G,F]


def addition(
    k: Tensor,
    v: Tensor,
    dtype: torch.dtype,
    strength: Tensor | None = None,
    feature: Feature = sigma,
) -> Addition:
    """What k, v [*,G,T,d], before RoPE, add to a memory; strength [*,G,T,1] as in `update`.

    dtype: of the memory, in which everything is computed.
    """
    with torch.autocast(k.device.type, enabled=False):
        features = feature(k.to(dtype))
        written = features if strength is None else features * strength.to(dtype)
        product = written.transpose(-1, -2) @ v.to(dtype)
        return Addition(features, written, product, written.sum(-2))


def add(new: Addition, state: InfiniState, config: InfiniConfig) -> InfiniState:
    """The memory after an addition.

    With X = sigma(K), W = s sigma(K) and n = X z + eps, the delta rule's addition is
    W^T (V - diag(1 / n) X M) = W^T V - (diag(1 / n) W)^T X M: one product of a [F,F] matrix with M
    instead of T retrievals.
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
    """A = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot, or A_dot where the memory is empty.

    memory: A_mem, local: A_dot, both [B,H,T,d]; z [B,G,F] that was read; beta [H].
    lead [B,H,T,1]: a part of the gate that depends on the query, added to beta.
    Returns A [B,H,T,d] in local's dtype.
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
    """Read one segment with the memory of earlier ones, then write it into the memory.

    tokens [B,T] with 0 < T <= window -> hidden [B,T,D] for `decoder.logits`, and the next state.
    Raises InvalidRequest for another length and for a state of another batch.
    """
    B, T = tokens.shape
    check_length(T, config)
    if state.z.shape[1] != B:
        raise InvalidRequest(
            f"There are {B} rows of tokens and {state.z.shape[1]} rows in the state; "
            "give a state with one row for each."
        )
    tokens = padded(tokens, config.window, octave=4)  # [B,P]; few lengths, to keep memory constant
    places = torch.arange(tokens.shape[1], device=tokens.device)
    real = (places < T).to(state.z.dtype).unsqueeze(1)  # [P,1], 0 for padding
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
    """Write k, v [B,G,P,d] of one layer into its state.

    real [P,1]: 1 for a token and 0 for padding, which is then not written.
    """
    strength = gates.strength(layer, k)
    strength = real if strength is None else strength * real
    return update(gates.keys(layer, k), v, state.M, state.z, config, strength)


def addition_of(gates: InfiniGates, read: KeyValues, dtype: torch.dtype) -> Addition:
    """What a segment that was read in parallel writes, [layers,1,G,...]: the same for every row."""
    every = slice(None)
    keys, values = gates.keys(every, read.keys), read.values  # [layers,G,T,d]
    strength = gates.strength(every, read.keys)  # [layers,G,T,1]
    row = None if strength is None else strength.unsqueeze(1)
    return addition(keys.unsqueeze(1), values.unsqueeze(1), dtype, row)


def repeated(new: Addition, times: float, config: InfiniConfig) -> Addition:
    """The addition that has the same effect on a `linear` memory as `new` made `times` times.

    Raises InvalidRequest for `delta`, where a repetition adds something else.
    """
    if times == 1.0:
        return new
    if config.update != "linear":
        raise InvalidRequest(
            f"Only the 'linear' update can write a segment {times} times at once; "
            "write it that many times."
        )
    return new._replace(product=new.product * times, total=new.total * times)


def subtract(end: InfiniState, start: InfiniState) -> InfiniState:
    """The memory of what was read between two `linear` states, M_end - M_start."""
    return InfiniState(end.M - start.M, end.z - start.z)


def check_length(tokens: int, config: InfiniConfig) -> None:
    """Raise InvalidRequest for a segment that is empty or longer than the window."""
    if not 0 < tokens <= config.window:
        raise InvalidRequest(
            f"A segment has {tokens} tokens and an Infini window takes 1 to {config.window}; "
            "split the text or use a larger window."
        )

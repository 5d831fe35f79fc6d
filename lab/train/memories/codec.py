"""Measuring the slot codec: how slots vary, and which of their errors answers suffer from.

Windows are read and their best slots kept, as in use. The answer adapter is fed the right answers
to their questions, and the loss is traced back to the kept slots. For each key/value head this
gives the mean and the covariance of [key | value] and the second moment of the loss's gradient
there, which says what a small error costs (the head's block of the Fisher information). The codec's
basis makes both diagonal; there is no gradient descent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lab.train.answering.answer_adapter import gather_slots, unit_loss
from lab.train.examples import Unit
from lab.train.feature_cache import FeatureCache
from memory_models.address import key_heads, read_question
from memory_models.decoder import Decoder
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import (
    QUERY_DISTANCE,
    AdaptiveMemory,
    keep,
    read_scored,
)
from memory_models.memories.slot_reading import KeyValues
from memory_models.memories.write_gate import WriteGate
from memory_models.prompt import ABSTAINED, address_query

SUMS = "sums"  # name of the sums in the feature cache
PLACES = 32  # tokens between the places where address keys are assumed to be
FLOOR = 1e-5  # of the mean, added to the diagonal of singular matrices


@dataclass(frozen=True, slots=True)
class CodecPlan:
    """How the codec is measured."""

    keep_ratio: float = 0.4  # of slots that answers are traced back to
    usual_ratio: float = 0.2  # of slots that are kept in use, by which heads are weighted
    shrink: float = 0.3  # fraction of the metric that is its diagonal alone

    def __post_init__(self) -> None:
        ordered = 0 < self.usual_ratio <= self.keep_ratio <= 1
        if not ordered or not 0 <= self.shrink <= 1:
            raise InvalidRequest(
                f"{self}: 0 < usual_ratio <= keep_ratio <= 1 and 0 <= shrink <= 1 are needed."
            )


class Moments:
    """Sums over rows [N,n] of several heads, and of a metric on their errors."""

    def __init__(self, heads: int, n: int) -> None:
        self.count = torch.zeros(heads)
        self.total = torch.zeros(heads, n)
        self.square = torch.zeros(heads, n, n)
        self.metric = torch.zeros(heads, n, n)

    def sums(self) -> dict[str, Tensor]:
        """The sums themselves, by name."""
        return dict(vars(self))

    def add(self, head: int, rows: Tensor) -> None:
        """Rows of one head."""
        self.count[head] += len(rows)
        self.total[head] += rows.sum(0)
        self.square[head] += rows.T @ rows

    def bases(self, shrink: float) -> tuple[Tensor, Tensor, Tensor]:
        """mean [heads,n], basis [heads,n,n] with a component a row, cost [heads,n]."""
        found = [self._basis(head, shrink) for head in range(len(self.count))]
        mean, basis, cost = (torch.stack(part).float() for part in zip(*found, strict=True))
        return mean, basis, cost

    def _basis(self, head: int, shrink: float) -> tuple[Tensor, Tensor, Tensor]:
        count = self.count[head].double().clamp_min(1)
        mean = self.total[head].double() / count
        covariance = _regular(self.square[head].double() / count - mean[:, None] * mean)
        metric = self.metric[head].double() / count
        metric = _regular((1 - shrink) * metric + shrink * metric.diagonal().diag())
        values, vectors = torch.linalg.eigh(metric)
        root = vectors * values.sqrt() @ vectors.T
        inverse = vectors / values.sqrt() @ vectors.T
        cost, turn = torch.linalg.eigh(root @ covariance @ root)
        cost = cost.clamp_min(1e-12 * float(cost.max()))
        basis = (turn * cost.sqrt()).T @ inverse
        return mean, basis.flip(0), cost.flip(0)


def _regular(matrix: Tensor) -> Tensor:
    """Symmetric and safely positive."""
    symmetric = (matrix + matrix.T) / 2
    size = symmetric.diagonal().mean().clamp_min(1e-12)
    return symmetric + FLOOR * size * torch.eye(len(matrix), dtype=matrix.dtype)


class Traced(NamedTuple):
    """One window: its slots, which are kept, and the loss's gradient at them."""

    slots: KeyValues
    gradient: KeyValues  # zero where not kept
    kept: Tensor  # [layers,G,T]
    usual: Tensor  # [layers,G,T] True for slots that would be kept in use


def trace(
    memory: AdaptiveMemory, gate: WriteGate, adapted: Decoder, unit: Unit, plan: CodecPlan
) -> Traced:
    """Answer a unit's questions from the kept slots of its window; trace the loss back to them."""
    tokenizer, first = memory.backbone.tokenizer, len(memory.sink)
    ids = tokenizer.encode(unit.windows[0])[: memory.window]
    sequence = torch.tensor([*memory.sink, *ids], device=adapted.device)
    with torch.no_grad():
        read, importance = read_scored(memory.backbone.decoder, sequence, gate, first)
    kept = keep(importance, plan.keep_ratio)
    keys, values = read.keys.clone().requires_grad_(), read.values.clone().requires_grad_()
    whole = torch.ones(*kept.shape[:2], first, dtype=torch.bool, device=kept.device)
    places = torch.arange(len(sequence), device=adapted.device)
    rotated = memory.backbone.decoder.rope(keys, places)
    seen = torch.cat((whole, kept), dim=2)
    slate = [gather_slots(*layer) for layer in zip(rotated, values, seen, strict=True)]
    abstain_token = tokenizer.encode(ABSTAINED)[0]
    made = unit_loss(adapted, tokenizer, slate, unit, memory.prompt_place, abstain_token)
    made.loss.backward()
    assert keys.grad is not None and values.grad is not None
    own = [t[:, :, first:].float().cpu() for t in (read.keys, read.values, keys.grad, values.grad)]
    usual = keep(importance, plan.usual_ratio)
    return Traced(KeyValues(*own[:2]), KeyValues(*own[2:]), kept.cpu(), usual.cpu())


class CodecMeasurement:
    """Statistics of slots and address keys over the windows and questions so far."""

    def __init__(self, memory: AdaptiveMemory, plan: CodecPlan) -> None:
        c = memory.backbone.config
        self.pairs = key_heads(memory.config.address_heads, c.group)
        self._memory, self._plan = memory, plan
        self._slots = Moments(c.layers * c.kv_heads, 2 * c.head_size)
        self._address = Moments(len(self.pairs), c.head_size)
        self._usual = torch.zeros(c.layers * c.kv_heads)

    def add(self, traced: Traced) -> None:
        """Add the slots of one window."""
        rows = torch.cat(traced.slots, dim=-1).flatten(0, 1)  # [heads,T,2d]
        errors = torch.cat(traced.gradient, dim=-1).flatten(0, 1)
        for head, kept in enumerate(traced.kept.flatten(0, 1)):
            self._slots.add(head, rows[head, kept])
            self._slots.metric[head] += errors[head, kept].T @ errors[head, kept]
        self._usual += traced.usual.sum(-1).flatten()
        for number, (layer, head) in enumerate(self.pairs):
            self._address.add(number, traced.slots.keys[layer, head])

    @torch.no_grad()
    def ask(self, question: str) -> None:
        """Add the queries by which a question finds its windows.

        An addresser compares them with keys before RoPE; without one, with keys at their places.
        """
        memory = self._memory
        heads, decoder = memory.config.address_heads, memory.backbone.decoder
        query = address_query(memory.backbone.tokenizer, question)
        if memory.addresser is not None:
            asked = read_question(decoder, memory.sink, query, heads, None)
            weights = memory.addresser.token_weights(asked.seen).cpu()
            self._count(memory.addresser.turned(asked.queries.float()).cpu(), weights)
            return
        at = memory.prompt_place + QUERY_DISTANCE
        asked = read_question(decoder, memory.sink, query, heads, at)
        weights = torch.full(asked.queries.shape[:2], 1 / asked.queries.shape[1])
        for place in range(len(memory.sink), memory.prompt_place, PLACES):
            back = torch.tensor([-place], device=decoder.device)
            self._count(decoder.rope(asked.queries.float(), back).cpu(), weights)

    def _count(self, queries: Tensor, weights: Tensor) -> None:
        """queries [heads,T,d], weights [heads,T]."""
        for number, (layer, head) in enumerate(self._memory.config.address_heads):
            pair = self.pairs.index((layer, head // self._memory.backbone.config.group))
            weighted = queries[number] * weights[number, :, None].sqrt()
            self._address.metric[pair] += weighted.T @ weighted

    def sums(self) -> dict[str, Tensor]:
        """All sums so far, by name; these are the tensors themselves, which go on growing."""
        parts = {"slots": self._slots, "address": self._address}
        named = {f"{p}.{n}": t for p, moments in parts.items() for n, t in moments.sums().items()}
        return named | {"usual": self._usual}

    def restore(self, sums: Mapping[str, Tensor]) -> None:
        """Continue from the values of `sums`."""
        for name, tensor in self.sums().items():
            tensor.copy_(sums[name])

    def weights(self) -> dict[str, Tensor]:
        """Tensors for `SlotCodec`."""
        mean, basis, cost = self._slots.bases(self._plan.shrink)
        address_mean, address_basis, address_cost = self._address.bases(self._plan.shrink)
        return {
            "mean": mean.half(),
            "basis": basis.half(),
            "cost": cost,
            "weight": self._usual.clamp_min(1.0),
            "address_mean": address_mean.half(),
            "address_basis": address_basis.half(),
            "address_cost": address_cost,
        }


def measure_codec(
    memory: AdaptiveMemory,
    gate: WriteGate,
    units: Iterable[Unit],
    plan: CodecPlan,
    kept: FeatureCache,
    on_unit: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Tensor], Sequence[tuple[int, int]]]:
    """Weights of a codec from all units, and the (layer, key/value head) pairs of its addresses.

    kept: holds the sums after every unit; units that they cover are not traced again.
    """
    measurement = CodecMeasurement(memory, plan)
    before = kept.last(SUMS)
    done = 0
    if before is not None:
        done = int(before["done"])
        measurement.restore(before)
    for unit in itertools.islice(units, done, None):
        measurement.add(trace(memory, gate, memory.answers, unit, plan))
        for asked in unit.asked:
            measurement.ask(asked.question)
        done += 1
        kept.keep(SUMS, measurement.sums() | {"done": torch.tensor(done)})
        on_unit(done)
    if not done:
        raise InvalidRequest("No window with questions to measure a codec on; give more data.")
    return measurement.weights(), measurement.pairs

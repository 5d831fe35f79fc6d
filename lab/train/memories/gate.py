"""Training the write gate: from windows scored in two passes to a prediction made in one.

Every example is a window with its unrotated queries, keys and values and the reconstruction
importance that the second pass gave its slots. All layers are fitted together, on standardized
inputs; the standardization is folded into the stored weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig, dot_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import (
    AdaptiveMemory,
    keep,
    reconstruction_importance,
)
from memory_models.memories.slot_reading import KeyValues
from memory_models.memories.write_gate import WriteGate, features, target

KEEP_RATIO = 0.16  # at which agreement with the second pass is measured
HOLD_OUT = 8  # every eighth example is kept to judge


class Example(NamedTuple):
    """One window: the gate's input and the right output."""

    seen: Tensor  # [layers,T,width]
    importance: Tensor  # [layers,G,T]


@dataclass(frozen=True, slots=True)
class GatePlan:
    """How the gate is fitted."""

    hidden: int = 64
    epochs: int = 6
    batch: int = 1024  # tokens
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.hidden, self.epochs, self.batch) < 1 or self.learning_rate <= 0:
            raise InvalidRequest(f"{self}: every value must be positive.")


@dataclass(frozen=True, slots=True)
class GateScores:
    """Agreement with the second pass on windows that were kept out of the fit."""

    windows: int
    overlap: float  # fraction of the slots kept by importance that the gate keeps too
    importance_kept: float  # importance of what the gate keeps, against the best that could be kept


@torch.inference_mode()
def observe(memory: AdaptiveMemory, tokens: Tensor) -> Example:
    """Read a window twice, as untrained adaptive MELODI does, and keep what the gate would see."""
    decoder, first = memory.backbone.decoder, len(memory.sink)
    tokens = tokens.to(decoder.device)
    sequence = torch.cat((tokens.new_tensor(memory.sink), tokens))
    cos, sin = decoder.rope.angles(torch.arange(len(sequence), device=decoder.device))
    seen: list[Tensor] = []
    keys: list[Tensor] = []
    values: list[Tensor] = []

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        seen.append(features(q[0], k[0], v[0])[first:])
        keys.append(k[0])
        values.append(v[0])
        return dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)

    decoder.hidden(sequence.unsqueeze(0), attend)
    context = KeyValues(torch.stack(keys), torch.stack(values))
    probe = torch.cat((tokens.new_tensor(memory.request), tokens))
    importance = reconstruction_importance(decoder, context, probe, first)
    return Example(torch.stack(seen).cpu(), importance.cpu())


def fit_gate(
    config: DecoderConfig,
    examples: Iterable[Example],
    plan: GatePlan,
    on_step: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> tuple[dict[str, Tensor], GateScores]:
    """Weights for `WriteGate`, and how well they agree on every eighth example, kept out.

    Holds all examples in memory: about 30 MB a window of 512 tokens for the default backbone.
    """
    every = list(examples)
    judged, fitted = every[HOLD_OUT - 1 :: HOLD_OUT], list(every)
    del fitted[HOLD_OUT - 1 :: HOLD_OUT]
    if not judged:
        raise InvalidRequest(f"{len(every)} windows are too few; {HOLD_OUT} or more are needed.")
    seen = torch.cat([e.seen for e in fitted], dim=1)  # [layers,N,width]
    wanted = torch.cat([target(e.importance).transpose(1, 2) for e in fitted], dim=1)
    weights = _fold(*_fit(config, seen, wanted, plan, on_step))
    return weights, judge(WriteGate.from_weights(config, weights), judged)


def _fit(
    config: DecoderConfig,
    seen: Tensor,
    wanted: Tensor,
    plan: GatePlan,
    on_step: Callable[[int, int, float], None],
) -> tuple[WriteGate, Tensor, Tensor]:
    torch.manual_seed(plan.seed)
    N = seen.shape[1]
    gate = WriteGate(config, plan.hidden)
    some = seen[:, :: max(1, N // 8192)].float()
    mean, deviation = some.mean(1, keepdim=True), some.std(1, keepdim=True) + 1e-3
    with torch.no_grad():
        gate.bias.copy_(wanted.mean(1))
    optimizer = torch.optim.AdamW(gate.parameters(), plan.learning_rate, (0.9, 0.98))
    batch = min(plan.batch, N)
    steps = plan.epochs * (N // batch)
    for step in range(steps):
        at = step % (N // batch)
        if at == 0:
            order = torch.randperm(N)
        rows = order[at * batch : (at + 1) * batch]
        x = ((seen[:, rows].float() - mean) / deviation).to(seen.dtype)
        loss = (_all_layers(gate, x) - wanted[:, rows]).square().mean()
        rate = plan.learning_rate * min(1.0, step / 50)
        optimizer.param_groups[0]["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        on_step(step + 1, steps, float(loss.detach()))
    return gate, mean, deviation


def _all_layers(gate: WriteGate, x: Tensor) -> Tensor:
    """x [layers,N,width] -> log importance [layers,N,G]; `WriteGate.forward` for all layers."""
    inner = torch.bmm(x, gate.inner.transpose(1, 2).to(x.dtype)).float()
    inner = F.silu(inner + gate.inner_bias[:, None])
    straight = torch.bmm(x, gate.linear.transpose(1, 2).to(x.dtype)).float()
    return straight + torch.bmm(inner, gate.outer.transpose(1, 2)) + gate.bias[:, None]


@torch.no_grad()
def _fold(gate: nn.Module, mean: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    """Weights that take raw inputs: W (x - mean) / deviation + b."""
    assert isinstance(gate, WriteGate)
    shift = (mean / deviation).transpose(1, 2)  # [layers,width,1]
    return {
        "linear": (gate.linear / deviation).to(torch.bfloat16),
        "inner": (gate.inner / deviation).to(torch.bfloat16),
        "inner_bias": gate.inner_bias - (gate.inner @ shift)[..., 0],
        "outer": gate.outer.clone(),
        "bias": gate.bias - (gate.linear @ shift)[..., 0],
    }


@torch.no_grad()
def judge(gate: WriteGate, examples: Sequence[Example]) -> GateScores:
    """Agreement of the gate's choice with that of reconstruction importance."""
    overlaps, kept = [], []
    for seen, importance in examples:
        guessed = _all_layers(gate, seen).transpose(1, 2)  # [layers,G,T]
        ours, best = keep(guessed, KEEP_RATIO), keep(importance, KEEP_RATIO)
        overlaps.append(float((ours & best).sum() / best.sum()))
        kept.append(float(importance[ours].sum() / importance[best].sum()))
    return GateScores(len(examples), sum(overlaps) / len(overlaps), sum(kept) / len(kept))

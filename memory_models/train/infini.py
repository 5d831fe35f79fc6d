"""Training Infini-attention's maps, write strengths and gates between a frozen writer and reader.

Segments are read in parallel: what the frozen backbone makes of one does not depend on the memory,
so its keys and values are computed once and written anew in every step, a few matrix products.
Around the segment that answers stand others, each written `times` times over: under the linear
update a text that repeats leaves a multiple of what it leaves once, so the noise of a million
tokens is met while no more than a few hundred are read.

The gradient flows from the answers through the reader to beta and the query maps, and through M and
z to the key maps and write strengths.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from memory_models.decoder import Decoder, dot_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.evaluate.tasks import FILLER, PASSKEY_QUESTION, passkey_fact
from memory_models.memories.infini import (
    InfiniConfig,
    InfiniGates,
    InfiniState,
    absorb,
    gated,
    retrieve,
)
from memory_models.memories.slot_reading import KeyValues
from memory_models.prompt import build_prompt
from memory_models.tokenizer import Tokenizer
from memory_models.train.reader import PAD_TO, answer_weights
from memory_models.train.units import Asked

DELTA_TIMES = 3  # the delta rule has learned a repeated text by then


class Repeated(NamedTuple):
    """A segment as the backbone read it, and how many times it is written."""

    read: KeyValues
    times: float = 1.0


def write_segments(
    gates: InfiniGates, segments: Sequence[Repeated], config: InfiniConfig, state: InfiniState
) -> InfiniState:
    """Write segments one after the other into every row of a state; nothing is detached."""
    if gates.maps is None:
        raise InvalidRequest("These gates have no maps; there is no strength to train.")
    for read, times in segments:
        if config.update == "linear":
            state = absorb(gates, read, state, config, times)
        else:
            for _ in range(min(DELTA_TIMES, math.ceil(times))):
                state = absorb(gates, read, state, config)
    return state


class Rows(NamedTuple):
    """Prompts with their answers, one a row, padded behind; M targets in all."""

    tokens: Tensor  # [C,T]
    row: Tensor  # [M] row of the logits that predict a target
    column: Tensor  # [M]
    targets: Tensor  # [M]
    weights: Tensor  # [M], a row's sum to one
    first: Tensor  # [C] index into M of each row's first target


def pack_rows(tokenizer: Tokenizer, asked: Sequence[Asked], even: bool = False) -> Rows:
    """The product's prompt and the answer for every question; even: all its tokens count alike."""
    stop = sorted(tokenizer.chat.stops)[-1:]
    lines, row, column, targets, weights, first = [], [], [], [], [], []  # type: ignore[var-annotated]
    for number, each in enumerate(asked):
        prompt = build_prompt(tokenizer, each.question).tokens
        answer = [*tokenizer.encode(each.answer), *stop]
        lines.append([*prompt, *answer[:-1]])
        first.append(len(targets))
        row += [number] * len(answer)
        column += range(len(prompt) - 1, len(prompt) - 1 + len(answer))
        targets += answer
        weights += [1 / len(answer)] * len(answer) if even else answer_weights(len(answer))
    longest = max(map(len, lines))
    longest += -longest % PAD_TO
    tokens = torch.tensor([line + [0] * (longest - len(line)) for line in lines])
    return Rows(tokens, *map(torch.tensor, (row, column, targets, weights, first)))


def answer_logits(
    reader: Decoder, gates: InfiniGates, config: InfiniConfig, rows: Rows, state: InfiniState
) -> Tensor:
    """Logits [M,vocabulary] of the targets; a state of one row serves all rows."""
    device = reader.device
    tokens = rows.tokens.to(device)
    C, T = tokens.shape
    cos, sin = reader.rope.angles(torch.arange(T, device=device))

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        M, z = state.M[layer], state.z[layer]
        M, z = M.expand(C, *M.shape[1:]), z.expand(C, *z.shape[1:])
        local = dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)
        memory = retrieve(gates.queries(layer, q), M, z, config.eps)
        return gated(memory, local, z, gates.beta[layer])

    hidden = reader.hidden(tokens, attend)
    return reader.logits(hidden[rows.row.to(device), rows.column.to(device)])


class Judged(NamedTuple):
    """Loss summed over rows, and how many rows have every token right."""

    loss: Tensor
    rows: int
    tokens: int
    first_nats: float
    right: int


def judge_rows(rows: Rows, logits: Tensor) -> Judged:
    """Weighted cross-entropy of the answers."""
    targets = rows.targets.to(logits.device)
    nats = F.cross_entropy(logits.float(), targets, reduction="none")
    loss = (nats * rows.weights.to(logits.device)).sum()
    wrong = torch.zeros(rows.tokens.shape[0], device=logits.device)
    wrong.index_add_(0, rows.row.to(logits.device), (logits.argmax(-1) != targets).float())
    first = float(nats.detach()[rows.first.to(logits.device)].sum())
    return Judged(loss, len(wrong), rows.tokens.numel(), first, int((wrong == 0).sum()))


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Episodes with a pass key: how many rows, and how far the filler reaches."""

    rows: int = 8
    most_times: float = 2500.0  # of a window of 512 tokens: 1.3M tokens

    def draw(self, rng: random.Random) -> tuple[list[str], list[Asked], float]:
        """Texts with a key each, their questions, and how often the filler stands around."""
        texts, asked = [], []
        for _ in range(self.rows):
            key = str(rng.randrange(10_000, 100_000))
            before, behind = rng.randint(0, 2), rng.randint(0, 2)
            texts.append(f"{FILLER * before}{passkey_fact(key)} {FILLER * behind}")
            asked.append(Asked(PASSKEY_QUESTION, key))
        return texts, asked, self.most_times ** rng.random()


def stacked(states: Sequence[InfiniState]) -> InfiniState:
    """States of one row each as the rows of one."""
    return InfiniState(*(torch.cat(parts, dim=1) for parts in zip(*states, strict=True)))

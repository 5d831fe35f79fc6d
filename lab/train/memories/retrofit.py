"""Training a memory between two frozen decoders, one that writes and one that answers.

This is what all retrofits have in common. What the frozen backbone makes of a window does not
depend on the memory, so it is computed once and written again in every step. Other windows surround
the one that answers. Each of them is written `times` times without being read again: so the memory
meets the noise of a million tokens, while only a few hundred are read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.evaluate.cases.background import plant_in
from lab.evaluate.cases.tasks import FILLER, PASSKEY_QUESTION, passkey_fact
from lab.train.answering.answer_adapter import PAD_TO, answer_weights
from lab.train.examples import Asked
from memory_models.decoder import Decoder, dot_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.prompt import build_prompt
from memory_models.tokenizer import Tokenizer

R = TypeVar("R")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Repeated(Generic[R]):
    """A window as the backbone read it, and how many times it is written."""

    read: R
    times: float = 1.0


class Retrofit(Protocol[R, S]):
    """A memory that learns: R is a window as the backbone read it, S the state of some rows."""

    @property
    def learned(self) -> nn.Module:
        """What is trained."""
        ...

    @property
    def window(self) -> int:
        """The most tokens that are read at once."""
        ...

    def empty(self) -> S:
        """The state of one row before anything was written."""
        ...

    def read(self, tokens: Tensor) -> R:
        """One window, tokens [T]; no gradient."""
        ...

    def write(self, windows: Sequence[Repeated[R]], state: S) -> S:
        """Write windows one after the other into every row of a state; nothing is detached."""
        ...

    def loudness(self, filler: Sequence[R], texts: Sequence[Sequence[R]], tokens: float) -> Tensor:
        """How strongly filler is written, compared with texts, []; 0 if all is written alike."""
        ...

    @property
    def notes(self) -> dict[str, Any]:
        """What the adapter's notes say about this memory alone."""
        ...

    def stacked(self, states: Sequence[S]) -> S:
        """States of one row each as the rows of one."""
        ...

    def logits(self, rows: Rows, state: S) -> Tensor:
        """Logits [M,vocabulary] of the targets; a state of one row serves all rows."""
        ...


class Rows(NamedTuple):
    """Prompts with their answers, one a row, padded at the end; M targets in all."""

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


Recalled = Callable[[int, Tensor, Tensor], Tensor]
"""(layer, q [C,H,T,d] before RoPE, what T tokens see of themselves [C,H,T,d]) -> with memory."""


def answer_logits(answering: Decoder, rows: Rows, recalled: Recalled) -> Tensor:
    """Logits [M,vocabulary] of the targets."""
    tokens = rows.tokens.to(answering.device)
    cos, sin = answering.rope.angles(torch.arange(tokens.shape[1], device=answering.device))

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return recalled(layer, q, dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v))

    hidden = answering.hidden(tokens, attend)
    return answering.logits(hidden[rows.row.to(answering.device), rows.column.to(answering.device)])


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
    """Episodes with a pass key: how many rows, and how many tokens of filler, log-uniform."""

    rows: int = 8
    fewest: float = 512.0
    most: float = 1.28e6
    around: int = 5  # fillers around a key at least, and twice as many at most

    def __post_init__(self) -> None:
        if not 0 < self.fewest <= self.most:
            raise InvalidRequest(
                f"Pass keys among {self.fewest:,.0f} to {self.most:,.0f} tokens of filler; the "
                f"longest text needs {self.fewest:,.0f} or more."
            )

    def draw(self, rng: random.Random) -> tuple[list[str], list[Asked], float]:
        """Texts with a key each, their questions, and the tokens of filler around them."""
        texts, asked = [], []
        for _ in range(self.rows):
            key = str(rng.randrange(10_000, 100_000))
            around = FILLER * rng.randint(self.around, 2 * self.around)
            texts.append(plant_in(around, [(passkey_fact(key), rng.random())], bool)[0])
            asked.append(Asked(PASSKEY_QUESTION, key))
        return texts, asked, self.fewest * (self.most / self.fewest) ** rng.random()

"""The addresser: how windows are found for a question, learned from questions and their windows.

Untrained addressing takes the mean over the question's tokens of what each finds in a window. Most
tokens ("what", "did", "the") find something everywhere, and heads look for what comes next, not for
what answers. The addresser acts on the question and on matches alone, so states stay what they are:

  queries   q <- q + q A, A [d,d] of each head, before RoPE as the keys are
  weights   u [h,t]: a softmax over the question of a linear map of what the head's layer reads
  surprise  z [h,w,t]: a token's best match in a window, standardised over the book's windows
  apart     sum over heads of m_h standardised(sum over t of u softplus(a_h (z - b_h)))
  joined    y [w,t]: sum over heads of m_h z, standardised; standardised(sum u softplus(a (y - b)))
  score     (apart + l * heads * joined) / (mean of |m| + |l|), as wide as untrained ones

So a match counts by how exceptional it is in this book: what BM25's inverse document frequency does
for words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.address import Head, standardize
from memory_models.errors import BrokenCheckpoint
from memory_models.memory import to_bytes

LEAST = 1e-4  # deviation of matches that are all alike


class Addresser(nn.Module):
    """Scores windows for a question; `name` is a hash of the weights, `heads` whom they fit."""

    def __init__(self, heads: Sequence[Head], width: int, size: int) -> None:
        """width: D; size: d."""
        super().__init__()
        self.heads = tuple(heads)
        self.queries = nn.Parameter(torch.zeros(len(self.heads), size, size))  # A
        self.tokens = nn.Parameter(torch.zeros(len(self.heads), width))
        self.mix = nn.Parameter(torch.ones(len(self.heads)))  # m
        self.sharpness = nn.Parameter(torch.full((len(self.heads) + 1,), 2.0))  # a, joined last
        self.threshold = nn.Parameter(torch.full((len(self.heads) + 1,), 1.0))  # b, joined last
        self.joined = nn.Parameter(torch.ones(()))  # l
        self.name = ""

    @classmethod
    def from_weights(
        cls, heads: Sequence[Head], width: int, size: int, weights: Mapping[str, Tensor]
    ) -> Addresser:
        """An addresser with stored weights; refuses those of another backbone."""
        addresser = cls(heads, width, size)
        try:
            addresser.load_state_dict({name: value.float() for name, value in weights.items()})
        except RuntimeError as error:
            raise BrokenCheckpoint(
                f"The addresser does not fit the backbone ({error}); train it again."
            ) from error
        addresser.name = hashlib.sha256(to_bytes(weights)).hexdigest()[:16]
        return addresser.requires_grad_(False)

    def turned(self, queries: Tensor) -> Tensor:
        """queries [heads,T,d], before RoPE -> what is compared with keys."""
        wide = queries.to(self.queries.dtype)
        return (wide + wide @ self.queries).to(queries.dtype)

    def token_weights(self, seen: Tensor) -> Tensor:
        """seen [heads,T,D] -> u [heads,T], one in sum over the question."""
        return self._logits(seen).softmax(1)

    def forward(self, matches: Tensor, seen: Tensor) -> Tensor:
        """matches [heads,W,T], seen [heads,T,D] -> score [W]."""
        logits, z = self._logits(seen), standardize(matches, 1, LEAST)
        a, b = self.sharpness[:, None, None], self.threshold[:, None, None]
        apart = F.softplus(a[:-1] * (z - b[:-1]))  # [heads,W,T]
        per_head = torch.einsum("ht,hwt->hw", logits.softmax(1), apart)
        y = standardize(torch.einsum("h,hwt->wt", self.mix, z), 0, LEAST)
        joined = F.softplus(a[-1] * (y - b[-1])) @ logits.mean(0).softmax(0)  # [W]
        score = self.mix @ standardize(per_head, 1, LEAST)
        score = score + self.joined * len(self.heads) * standardize(joined, 0, LEAST)
        return score / (self.mix.abs().mean() + self.joined.abs())

    def _logits(self, seen: Tensor) -> Tensor:
        return torch.einsum("htd,hd->ht", seen.to(self.tokens.dtype), self.tokens)

"""The addresser: a trained scorer that finds the windows that answer a question.

Axis legend as in decoder.py; here also W windows of the book, T tokens of the question, and indices
h for an addressing head, w for a window, t for a token of the question.

Untrained addressing (`memory_models/address.py`) takes the mean over the question's tokens of each
token's best match in a window. But most tokens ("what", "did", "the") match something in every
window, and the heads were trained to predict the next token, not to find answers. The addresser
changes only the question's queries and what is made of their matches, so stored states stay valid:

  queries   q <- q + q A, with A [d,d] of each head; before RoPE, as the stored keys are
  weights   u [h,t]: softmax over t of a linear map of the normalised input of the head's layer
  surprise  z [h,w,t]: a token's best match in a window, standardised over the book's windows
  apart     sum over h of m_h standardised(sum over t of u softplus(a_h (z - b_h)))
  joined    y [w,t]: sum over h of m_h z, standardised; then
            standardised(sum over t of u softplus(a (y - b))), u here the softmax of the mean over h
  score     (apart + l * heads * joined) / (mean over h of |m_h| + |l|), which keeps the scale of
            untrained scores

A, u's map, m, a, b and l are trained. A match counts by how exceptional it is in this book, as
BM25's inverse document frequency makes rare words count more.
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

LEAST = 1e-4  # lower limit of the standard deviation by which matches are divided


class Addresser(nn.Module):
    """Scores windows for a question.

    `name` is a hash of the weights; `heads` are the addressing heads they were trained for.
    """

    def __init__(self, heads: Sequence[Head], width: int, size: int) -> None:
        """width: D; size: d."""
        super().__init__()
        self.heads = tuple(heads)
        self.queries = nn.Parameter(torch.zeros(len(self.heads), size, size))  # A [heads,d,d]
        self.tokens = nn.Parameter(torch.zeros(len(self.heads), width))  # [heads,D], makes u
        self.mix = nn.Parameter(torch.ones(len(self.heads)))  # m [heads]
        self.sharpness = nn.Parameter(torch.full((len(self.heads) + 1,), 2.0))  # a; joined's last
        self.threshold = nn.Parameter(torch.full((len(self.heads) + 1,), 1.0))  # b; joined's last
        self.joined = nn.Parameter(torch.ones(()))  # l
        self.name = ""

    @classmethod
    def from_weights(
        cls, heads: Sequence[Head], width: int, size: int, weights: Mapping[str, Tensor]
    ) -> Addresser:
        """An addresser with stored weights, frozen.

        Raises BrokenCheckpoint for weights of another backbone.
        """
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
        """Queries [heads,T,d], before RoPE -> those that are compared with keys, same shape."""
        wide = queries.to(self.queries.dtype)
        return (wide + wide @ self.queries).to(queries.dtype)

    def token_weights(self, seen: Tensor) -> Tensor:
        """seen [heads,T,D], each layer's normalised input -> u [heads,T], which sums to 1."""
        return self._logits(seen).softmax(1)

    def forward(self, matches: Tensor, seen: Tensor) -> Tensor:
        """matches [heads,W,T], seen [heads,T,D] -> score [W] of each window."""
        logits, z = self._logits(seen), standardize(matches, 1, LEAST)
        a, b = self.sharpness[:, None, None], self.threshold[:, None, None]
        apart = F.softplus(a[:-1] * (z - b[:-1]))  # [heads,W,T]
        per_head = torch.einsum("ht,hwt->hw", logits.softmax(1), apart)  # [heads,W]
        y = standardize(torch.einsum("h,hwt->wt", self.mix, z), 0, LEAST)  # [W,T]
        joined = F.softplus(a[-1] * (y - b[-1])) @ logits.mean(0).softmax(0)  # [W]
        score = self.mix @ standardize(per_head, 1, LEAST)
        score = score + self.joined * len(self.heads) * standardize(joined, 0, LEAST)
        return score / (self.mix.abs().mean() + self.joined.abs())

    def _logits(self, seen: Tensor) -> Tensor:
        """[heads,T], before the softmax over T."""
        return torch.einsum("htd,hd->ht", seen.to(self.tokens.dtype), self.tokens)

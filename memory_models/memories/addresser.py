"""The addresser: how much each token of a question counts when its windows are looked for.

Untrained addressing takes the mean over the question's tokens of what each finds in a window; most
tokens ("what", "did", "the") find something everywhere. The addresser gives every token a weight
per addressing head, a softmax over the question of a linear map of what the head's layer reads, and
every head a weight. It acts on the question alone: states are what they were without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from memory_models.address import Head, standardize
from memory_models.errors import BrokenCheckpoint
from memory_models.memory import to_bytes


class Addresser(nn.Module):
    """Scores windows for a question; `name` is a hash of the weights, `heads` whom they fit."""

    def __init__(self, heads: Sequence[Head], width: int) -> None:
        super().__init__()
        self.heads = tuple(heads)
        self.tokens = nn.Parameter(torch.zeros(len(self.heads), width))
        self.mix = nn.Parameter(torch.ones(len(self.heads)))
        self.name = ""

    @classmethod
    def from_weights(
        cls, heads: Sequence[Head], width: int, weights: Mapping[str, Tensor]
    ) -> Addresser:
        """An addresser with stored weights; refuses those of another backbone."""
        addresser = cls(heads, width)
        try:
            addresser.load_state_dict({name: value.float() for name, value in weights.items()})
        except RuntimeError as error:
            raise BrokenCheckpoint(
                f"The addresser does not fit the backbone ({error}); train it again."
            ) from error
        addresser.name = hashlib.sha256(to_bytes(weights)).hexdigest()[:16]
        return addresser.requires_grad_(False)

    def token_weights(self, seen: Tensor) -> Tensor:
        """seen [heads,T,D] -> [heads,T], one in sum over the question."""
        tokens = self.tokens.to(seen.device)
        return torch.einsum("htd,hd->ht", seen.to(tokens.dtype), tokens).softmax(1)

    def forward(self, matches: Tensor, seen: Tensor) -> Tensor:
        """matches [heads,W,T], seen [heads,T,D] -> score [W], on the scale of untrained ones."""
        per_head = torch.einsum("ht,hwt->hw", self.token_weights(seen), matches)
        mix = self.mix.to(seen.device)
        mix = mix * len(self.heads) / mix.abs().sum()
        return mix @ standardize(per_head)

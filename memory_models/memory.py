"""The one interface of all memories: a state is a value that goes in and comes out.

Writing: `write(tokens, carry)` reads one segment. It returns what the next segment needs (`carry`,
replaced each time) and what this segment leaves behind for good (`left`, one bundle of tensors for
each named part). The caller stores both; a memory object holds parameters, never a state.

Asking: a memory's `recall` opens a state for one prompt as a `Reading`. Some rows of a reading each
condition on part of the state, and the last row conditions on nothing (memory off). The two kinds
of memory open their states differently: see `memory_models/recall.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from memory_models.errors import BrokenState

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Bundle = Mapping[str, Tensor]
"""Named tensors that are stored together."""

FORMAT_VERSION = 1


class Written(NamedTuple):
    """Result of reading one segment."""

    carry: Bundle
    left: Mapping[str, Bundle]  # part name ("slots", "address") -> tensors


class Memory(Protocol):
    """A way to keep what was read."""

    kind: str
    window: int  # the most tokens one segment may have

    @property
    def config(self) -> DataclassInstance:
        """What the state is made with; stored with it."""
        ...

    @property
    def has_answer_adapter(self) -> bool:
        """True if a trained answer adapter continues the prompt instead of the plain backbone."""
        ...

    def empty(self) -> Bundle:
        """The carry before anything was read."""
        ...

    def write(self, tokens: Tensor, carry: Bundle) -> Written:
        """Read one segment, tokens [T] with 0 < T <= window."""
        ...


class Span(NamedTuple):
    """Tokens first <= t < last of one segment."""

    segment: int
    first: int
    last: int


class Reading(Protocol):
    """A state opened for one prompt and its continuation."""

    prior: Tensor  # [C] log-probability of each row with memory, before the prompt

    def step(self, tokens: Tensor, last: int) -> Tensor:
        """Feed tokens [T] to all rows, or [C + 1, T] with a row each.

        Returns logits [C + 1, last, vocabulary] of the last positions. Rows 0 .. C-1 condition on
        the state, row C on nothing. Keys and values are kept: the next call continues behind.
        """
        ...

    def attended(self, weights: Sequence[float]) -> dict[int, float]:
        """Segment -> attention mass that the latest step gave to its slots; weights: of the rows.

        Empty where a memory does not know.
        """
        ...

    def pointed(self, weights: Sequence[float]) -> Mapping[int, Tensor]:
        """Segment -> attention [window] on each of its tokens, of the latest token fed.

        Taken from the layers that point at what answers. Empty where a memory does not know.
        """
        ...

    def focused(self, *spans: Span, prior: Tensor | None = None) -> Reading | None:
        """A new reading of the same state, each row of which sees only one span.

        prior [spans]: log-probability of each row, even without it. None where a state cannot be
        cut.
        """
        ...


def to_bytes(bundle: Bundle) -> bytes:
    """Safetensors with the format version; equal bundles give equal bytes."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in sorted(bundle.items())}
    return save_tensors(tensors, metadata={"bookstate": str(FORMAT_VERSION)})


def from_bytes(blob: bytes, device: torch.device | None = None) -> dict[str, Tensor]:
    """Inverse of `to_bytes`; refuses another version and damaged data."""
    try:
        header_size = int.from_bytes(blob[:8], "little")
        header = json.loads(blob[8 : 8 + header_size])
        version = header.get("__metadata__", {}).get("bookstate")
        tensors = load_tensors(blob)
    except (SafetensorError, ValueError) as error:
        raise BrokenState(
            f"A saved state is damaged ({error}); read the document again."
        ) from error
    if version != str(FORMAT_VERSION):
        raise BrokenState(
            f"A saved state has format version {version}, this program reads {FORMAT_VERSION}; "
            "read the document again."
        )
    return {name: t.to(device) if device else t for name, t in tensors.items()}


def detach(bundle: Bundle) -> dict[str, Tensor]:
    """The same values, cut from the graph that made them."""
    return {name: tensor.detach() for name, tensor in bundle.items()}

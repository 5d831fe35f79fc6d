"""How a question opens a stored state: two kinds of memory, each with its own small protocol.

A *window memory* leaves something behind for each segment. A question ranks the segments, chooses
the best and reads those. A *recurrent memory* leaves one carry of constant size, which a question
reads whole; some can subtract the carry at a chapter's start from the carry at its end.

`opens` tells the two apart: `if memory.opens == "windows"` narrows the type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from memory_models.address import AddressBook
from memory_models.decoder import Decoder
from memory_models.memory import Bundle, Memory, Reading


class Ranked(NamedTuple):
    """Segments in the order in which a question addresses them, best first."""

    segments: tuple[int, ...]
    scores: Tensor  # [len(segments)]


def combined(ranked: Ranked, other: Ranked, weight: float) -> Ranked:
    """The same segments ranked by their score plus `weight` times their score in `other`."""
    more = dict(zip(other.segments, other.scores.tolist(), strict=True))
    added = ranked.scores + weight * torch.tensor([more[s] for s in ranked.segments])
    best = added.sort(descending=True, stable=True)
    return Ranked(tuple(ranked.segments[n] for n in best.indices.tolist()), best.values)


class Chosen(NamedTuple):
    """The segments that are read for a question; each row reads its own."""

    rows: tuple[tuple[int, ...], ...]
    prior: Tensor  # [rows] log-weight of each row, before the prompt

    @property
    def segments(self) -> tuple[int, ...]:
        """All segments, row by row."""
        return tuple(segment for row in self.rows for segment in row)


class WindowMemory(Memory, Protocol):
    """A memory that keeps something of each segment."""

    @property
    def opens(self) -> Literal["windows"]:
        """What a question opens."""
        ...

    def address_book(self, bundles: Sequence[tuple[int, Bundle]]) -> AddressBook:
        """The address parts of (segment, bundle), ready for questions."""
        ...

    def check_address(self, book: AddressBook) -> None:
        """Raise BrokenState if the keys are not of this backbone's shape."""
        ...

    def check_slots(self, windows: Mapping[int, Bundle]) -> None:
        """Raise BrokenState if stored slots (by segment) are not of this backbone's shape."""
        ...

    def rank(self, question: str, book: AddressBook, rows: Tensor) -> Ranked:
        """Rank the given rows of the book for a question."""
        ...

    @property
    def scale(self) -> tuple[object, ...]:
        """What two memories must have in common for their books to be ranked together."""
        ...

    def rank_together(
        self, question: str, books: Iterable[tuple[AddressBook, Tensor]]
    ) -> list[Ranked]:
        """Rank rows of several books, each by itself, with scores on one scale."""
        ...

    def choose(self, ranked: Ranked, count: int, *, together: bool = False) -> Chosen:
        """Choose the `count` best segments, each as a row of its own or together as one row."""
        ...

    def recall(
        self,
        windows: Mapping[int, Bundle],
        prior: Tensor,
        *,
        rows: Sequence[Sequence[int]] | None = None,
        decoder: Decoder | None = None,
    ) -> Reading:
        """Open stored slots (by segment) for one prompt.

        prior [rows]: log-weight of each row; rows: the segments that each row reads, one each
        without it; decoder: answers in place of the memory's own.
        """
        ...


class RecurrentMemory(Memory, Protocol):
    """A memory whose state is one carry."""

    @property
    def opens(self) -> Literal["carry"]:
        """What a question opens."""
        ...

    @property
    def subtracts(self) -> bool:
        """True if `subtract` works, so that a chapter can be opened by itself."""
        ...

    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle:
        """The carry after all segments; equal segments are read once where that changes nothing."""
        ...

    def recall(self, carry: Bundle) -> Reading:
        """Open a carry for one prompt; the carry stays as it is."""
        ...

    def subtract(self, end: Bundle, start: Bundle) -> Bundle:
        """The carry of what lies between two carries of one reading.

        Raises InvalidRequest for a memory that cannot subtract.
        """
        ...


AnyMemory = WindowMemory | RecurrentMemory

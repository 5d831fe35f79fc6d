"""Streaming: segments go through a memory once, in order, one at a time.

One segment at a time also where several would fit a batch: the bits of a matrix product depend on
its shape, and a resumed reading must end in the same state as an undisturbed one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import torch

from memory_models.memory import Bundle, Memory, detach, to_bytes


class Readable(Protocol):
    """What is needed of a segment."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One segment read: what it left behind as bytes, and what the next one needs."""

    number: int
    tokens: int
    left: dict[tuple[str, int], bytes]  # (part, segment) -> blob
    carry: Bundle


def stream(
    memory: Memory,
    encode: Callable[[str], list[int]],
    segments: Iterable[Readable],
    carry: Bundle,
) -> Iterator[Step]:
    """Read `segments` in order, beginning with `carry`; yields after each one."""
    for segment in segments:
        tokens = torch.tensor(encode(segment.text), dtype=torch.long)
        written = memory.write(tokens, carry)
        carry = detach(written.carry)
        yield Step(
            number=segment.number,
            tokens=len(tokens),
            left={
                (part, segment.number): to_bytes(bundle) for part, bundle in written.left.items()
            },
            carry=carry,
        )


@dataclass(slots=True)
class Pace:
    """How fast a reading goes, and how long it will take.

    tokens, total: over the whole document; before: those that an earlier run had read.
    """

    total: int
    before: int = 0
    tokens: int = field(init=False)
    started: float = field(default_factory=perf_counter)

    def __post_init__(self) -> None:
        self.tokens = self.before

    @property
    def seconds(self) -> float:
        """Seconds since this run began."""
        return perf_counter() - self.started

    @property
    def tokens_per_second(self) -> float:
        """Mean speed of this run; 0 before the first segment."""
        return (self.tokens - self.before) / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimate of what remains, None before there is a speed."""
        speed = self.tokens_per_second
        return (self.total - self.tokens) / speed if speed else None

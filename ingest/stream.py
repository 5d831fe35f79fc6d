"""Streaming: a memory reads each segment once, in order, one at a time.

Segments are not batched, even where several would fit. The bits of a matrix product depend on its
shape, and a reading that was stopped and resumed must end in exactly the same state as one that ran
through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import torch

from memory_models.memory import Bundle, Memory, detach, to_bytes


class Readable(Protocol):
    """What streaming needs to know about a segment."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Step:
    """The result of reading one segment: what it adds to the state, and what the next one needs."""

    number: int
    tokens: int
    left: dict[tuple[str, int], bytes]  # (part name, segment number) -> safetensors
    carry: Bundle
    was_known: bool = False


def _nothing(_: Readable) -> None:
    """No segment is known."""


def stream(
    memory: Memory,
    encode: Callable[[str], list[int]],
    segments: Iterable[Readable],
    carry: Bundle,
    known: Callable[[Readable], Mapping[str, bytes] | None] = _nothing,
) -> Iterator[Step]:
    """Read ``segments`` in order, starting from ``carry``; yields a `Step` after each one.

    ``known`` gives what reading a segment would leave, by part, where that is known already. Only
    a memory that carries nothing from one segment to the next can do without reading it.
    """
    for segment in segments:
        tokens = torch.tensor(encode(segment.text), dtype=torch.long)
        if (found := known(segment)) is not None:
            left = {(part, segment.number): blob for part, blob in found.items()}
            yield Step(segment.number, len(tokens), left, carry, was_known=True)
            continue
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
    """The speed of a reading and an estimate of the time left; the caller counts up ``tokens``."""

    total: int  # tokens of the whole document
    before: int = 0  # tokens that earlier runs have read
    tokens: int = field(init=False)  # tokens read so far, by all runs
    started: float = field(default_factory=perf_counter)  # of this run

    def __post_init__(self) -> None:
        self.tokens = self.before

    @property
    def seconds(self) -> float:
        """Seconds since this run began."""
        return perf_counter() - self.started

    @property
    def tokens_per_second(self) -> float:
        """Mean speed of this run; 0 before its first segment."""
        return (self.tokens - self.before) / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end; None before this run's first segment."""
        speed = self.tokens_per_second
        return (self.total - self.tokens) / speed if speed else None

"""Handlers that are coroutines, driven step by step, and a model that is busy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

from app.line.line import Line
from app.line.work import Work

T = TypeVar("T")
PATIENCE = 60


def played(made: AsyncIterator[T]) -> Iterator[T]:
    """What an asynchronous iterator yields, one after the other."""
    with asyncio.Runner() as runner:

        async def following() -> T:
            return await anext(made)

        while True:
            try:
                yield runner.run(following())
            except StopAsyncIteration:
                return


class Holding(Work):
    """Work that takes as long as it is told."""

    def __init__(self) -> None:
        super().__init__("")
        self.started = Event()
        self.let_go = Event()

    def make(self) -> None:
        """Wait."""
        self.begin()
        self.started.set()
        self.let_go.wait(PATIENCE)


@contextmanager
def busy(line: Line) -> Iterator[Holding]:
    """The model is busy meanwhile; what joins the line waits."""
    holding = Holding()
    line.join(holding)
    assert holding.started.wait(PATIENCE)
    try:
        yield holding
    finally:
        holding.let_go.set()

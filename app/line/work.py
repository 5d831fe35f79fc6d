"""Work for the model: what one visitor wants, how far it is, and whether anybody still waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from math import inf
from threading import Event, Lock
from time import monotonic

Away = Callable[[], float]
"""Seconds since the client of a request was last connected; 0 while it is."""

_numbers = count()


def always_here() -> float:
    """For what this process itself asks: it does not go away."""
    return 0.0


def never_here() -> float:
    """For a request that came without anything by which its client could be known."""
    return inf


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. Turns go round the accounts, and round the sessions of each account."""

    account: str = ""
    session: str = ""


HERE = Visitor()


class Bell:
    """Wakes one coroutine; any thread may ring it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the coroutine, now or when it waits next."""
        with suppress(RuntimeError):  # the server has stopped, and its loop is closed
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """Return when it has rung since the last time."""
        await self._rung.wait()
        self._rung.clear()


class Work:
    """Something that the model is to do. It waits in line, then is made or dropped.

    away: of the client that asked. patience: seconds for which work is kept although no client of
    it is connected. Work in the background is done while nobody waits for anything else.
    """

    background = False

    def __init__(
        self,
        document_id: str,
        visitor: Visitor = HERE,
        away: Away = always_here,
        patience: float = 0.0,
    ) -> None:
        self.document_id = document_id
        self.visitor = visitor
        self.number = next(_numbers)  # in the order of arrival
        self.begun = False  # its turn has come
        self.text = ""  # what those who watch are shown
        self._patience = patience
        self._away = {away}
        self._since = monotonic()
        self._bells: set[Bell] = set()
        self._lock = Lock()
        self._over = Event()
        self._stop = False

    def make(self) -> None:
        """Begin and do the work; called in the line's thread."""
        raise NotImplementedError

    @property
    def heard(self) -> bool:
        """True while a client that waits for this is connected."""
        return self._seconds_away() == 0

    @property
    def lost(self) -> bool:
        """True once nobody has waited for this for too long."""
        return min(self._seconds_away(), monotonic() - self._since) > self._patience

    @property
    def stopped(self) -> bool:
        """True once it should end: somebody asked for that, or nobody waits for it any more."""
        return self._stop or self.lost

    @property
    def over(self) -> bool:
        """True once nothing more comes."""
        return self._over.is_set()

    def _seconds_away(self) -> float:
        with self._lock:
            return min(away() for away in self._away)

    def stop(self) -> None:
        """End after the present token, or before it has begun."""
        self._stop = True

    def changed(self) -> None:
        """Wake those who watch."""
        with self._lock:
            for bell in self._bells:
                bell.ring()

    def begin(self) -> None:
        """Say that its turn has come."""
        self.begun = True
        self.changed()

    def finish(self) -> None:
        """Say that nothing more comes."""
        self._over.set()
        self.changed()

    def wait(self, seconds: float | None = None) -> bool:
        """Return when it is over, True, or after some seconds, False."""
        return self._over.wait(seconds)

    @contextmanager
    def watched(self, bell: Bell, away: Away | None = None) -> Iterator[None]:
        """Ring a bell at each change. away: of another client, which now waits for this, too."""
        with self._lock:
            self._bells.add(bell)
            if away is not None:
                self._away.add(away)
        try:
            yield
        finally:
            with self._lock:
                self._bells.discard(bell)

    async def watch(self) -> AsyncGenerator[str]:
        """The text so far, now and whenever it changes or the turn comes, until the end."""
        bell = Bell()
        seen: tuple[bool, str] | None = None
        with self.watched(bell):
            while True:
                is_over, now = self.over, (self.begun, self.text)
                if now != seen:
                    seen = now
                    yield now[1]
                    continue  # much may have happened before the next value was asked for
                if is_over:
                    return
                await bell.wait()

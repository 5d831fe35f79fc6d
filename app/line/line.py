"""The line in front of the model: one thread does the work of all visitors, one piece at a time.

It is fair (`turns.py`), of limited length, and keeps nothing that nobody waits for: work whose
client has gone is dropped, and what is being made for it ends at the next token. Work in the
background, such as the summaries of a book, gives way to all other between two tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic

from app.errors import Busy
from app.line.turns import Turns
from app.line.work import Work

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0  # until the thread of an empty line ends
_LOOK_SECONDS = 0.25  # between looks at work whose client is away for a moment


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait, besides what is being made."""

    in_all: int = 200
    of_an_account: int = 50
    of_a_session: int = 20


class Line:
    """What the visitors of one server want of the model."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._turns = Turns()
        self._making: list[Work] = []  # work in the background, then what it gave way to
        self._moved = Condition()
        self._has_thread = False

    def join(self, work: Work) -> None:
        """Put work in line. Raises Busy where too much waits already."""
        self.sweep()
        with self._moved:
            if not work.background and (why := self._why_refused(work)):
                raise Busy(why)
            self._turns.add(work)
            self._moved.notify_all()
            if not self._has_thread:
                self._has_thread = True
                Thread(target=self._run, name="bookstate-model", daemon=True).start()

    def _why_refused(self, work: Work) -> str:
        limits, visitor = self._limits, work.visitor
        waiting = list(self._turns)
        if len(waiting) >= limits.in_all:
            return (
                f"{len(waiting)} requests wait already, and no more than {limits.in_all} may; try "
                "again in a minute."
            )
        of_account = [w for w in waiting if w.visitor.account == visitor.account]
        if visitor.account and len(of_account) >= limits.of_an_account:
            return (
                f"{len(of_account)} requests of this account wait already, and no more than "
                f"{limits.of_an_account} may; wait for an answer, or stop one."
            )
        of_session = [w for w in of_account if w.visitor.session == visitor.session]
        if visitor.session and len(of_session) >= limits.of_a_session:
            return (
                f"{len(of_session)} requests of this session wait already, and no more than "
                f"{limits.of_a_session} may; wait for an answer, or stop one."
            )
        return ""

    def works(self) -> list[Work]:
        """What is being made, then what waits, in the order of arrival."""
        with self._moved:
            return [*self._making, *sorted(self._turns, key=lambda work: work.number)]

    def sweep(self) -> None:
        """Drop what was stopped before its turn, and what nobody waits for."""
        with self._moved:
            for work in [work for work in self._turns if work.stopped]:
                self._turns.remove(work)
                work.finish()
            self._moved.notify_all()

    def stop(self, chosen: Callable[[Work], bool]) -> None:
        """Stop some of the work, and wait until what is being made has ended."""
        works = [work for work in self.works() if chosen(work)]
        for work in works:
            work.stop()
        self.sweep()
        for work in works:
            work.wait()

    def give_way(self) -> None:
        """Do first what somebody waits for. Work in the background calls this while it is made."""
        while (work := self._take(lambda work: work.heard and not work.background)) is not None:
            self._do(work)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            self._do(work)

    def _do(self, work: Work) -> None:
        try:
            work.make()
        except Exception:  # concerns only this work: the next can still be done
            log.exception("What the model was asked about %s failed", work.document_id)
        finally:
            with self._moved:
                self._making.remove(work)
            work.finish()

    def _take(self, ready: Callable[[Work], bool]) -> Work | None:
        """Work whose turn it is; it counts as being made."""
        self.sweep()
        with self._moved:
            if (work := self._turns.take(ready)) is not None:
                self._making.append(work)
            return work

    def _next(self) -> Work | None:
        """The work whose turn it is, once there is one; None after a long time without any."""
        until = monotonic() + IDLE_SECONDS
        while True:
            with self._moved:  # no work joins between the look and the wait
                if (work := self._take(lambda work: work.heard)) is not None:
                    return work
                waits = len(self._turns) > 0
                if not waits and monotonic() >= until:
                    self._has_thread = False
                    return None
                self._moved.wait(_LOOK_SECONDS if waits else until - monotonic())

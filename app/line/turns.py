"""Whose turn it is: round the accounts, and round the sessions of each account.

Somebody with twenty questions gets one answered, then everybody else gets one, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.line.work import Work


class Turns:
    """Work that waits, by account and session; both stand in the order of their next turns."""

    def __init__(self) -> None:
        self._ring: dict[str, dict[str, list[Work]]] = {}

    def __iter__(self) -> Iterator[Work]:
        for sessions in self._ring.values():
            for waiting in sessions.values():
                yield from waiting

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, work: Work) -> None:
        """Put work behind what its session wants already; a new session comes last."""
        sessions = self._ring.setdefault(work.visitor.account, {})
        sessions.setdefault(work.visitor.session, []).append(work)

    def remove(self, work: Work) -> None:
        """Take work out; who wants nothing more has no place."""
        account, session = work.visitor.account, work.visitor.session
        sessions = self._ring[account]
        sessions[session].remove(work)
        if not sessions[session]:
            del sessions[session]
        if not sessions:
            del self._ring[account]

    def take(self, ready: Callable[[Work], bool]) -> Work | None:
        """The next that is ready, taken out; its session and its account go to the end.

        Work in the background comes after all other.
        """
        found = [work for work in self if ready(work)]
        work = min(found, key=lambda work: work.background, default=None)
        if work is None:
            return None
        self.remove(work)
        account, session = work.visitor.account, work.visitor.session
        if account in self._ring:
            sessions = self._ring[account] = self._ring.pop(account)
            if session in sessions:
                sessions[session] = sessions.pop(session)
        return work

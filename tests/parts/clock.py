"""A clock that stops what takes too long, such as a pattern that backtracks without end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager


class TooSlow(Exception):
    """Raised in the middle of a pattern by the clock."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer; where there is a clock that can, stop it then."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = time.process_time()
    if hasattr(signal, "setitimer"):
        old = signal.signal(signal.SIGVTALRM, stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, old)
    assert time.process_time() - before <= seconds

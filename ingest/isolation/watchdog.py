"""Ends a child that takes too long or, where the system does not limit it, too much memory."""

from __future__ import annotations

import contextlib
import sys
from subprocess import Popen
from threading import Event, Thread
from time import monotonic

_STEP = 0.1  # seconds between two looks at the memory


class Watchdog(Thread):
    """Watches one child from a thread; ``barked`` says afterwards why it was ended, if it was."""

    def __init__(self, child: Popen[bytes], seconds: float, memory_bytes: int) -> None:
        super().__init__(name="reader-watchdog", daemon=True)
        self._child = child
        self._end = monotonic() + seconds
        self._memory_bytes = memory_bytes
        self._done = Event()
        self.barked: str = ""  # "time" or "memory"

    def run(self) -> None:
        """Look until the child is done."""
        look = sys.platform != "linux"  # Linux limits the address space itself
        while not self._done.wait(_STEP if look else max(0.0, self._end - monotonic())):
            if monotonic() >= self._end:
                self.barked = "time"
            elif look and resident_bytes(self._child.pid) > self._memory_bytes:
                self.barked = "memory"
            if self.barked:
                self._child.kill()
                return

    def stop(self) -> None:
        """The child is done; returns when this thread will not touch it any more."""
        self._done.set()
        self.join()


def resident_bytes(process: int) -> int:
    """The memory that a process uses; 0 where that cannot be told."""
    with contextlib.suppress(ImportError):
        import psutil  # type: ignore[import-untyped]

        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(process).memory_info().rss)
    return 0

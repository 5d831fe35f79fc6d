"""What the child that reads a file takes away from itself before it looks at the file.

Linux enforces the limits of memory and processor time; other systems enforce fewer of them, and the
program's watchdog does the rest. The hook stops Python code, such as a reader's library that a file
has led astray, from opening sockets, starting programs and writing files. It is no prison: machine
code that a damaged file takes over is outside of its reach.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from math import ceil
from typing import Any

_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "pty.",
    "sqlite3.",
    "urllib.Request",
    "webbrowser.",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MOST_FILES = 64
_PR_SET_PDEATHSIG = 1


class Forbidden(PermissionError):
    """Reading a document never needs this: a socket, a program, or a file to write."""


def die_with_the_parent() -> None:
    """On Linux, have this process killed when the thread that started it ends."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def limit(memory_bytes: int, seconds: float) -> None:
    """Limit address space and processor time, and what can be written and opened."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {
        resource.RLIMIT_CPU: ceil(seconds),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _MOST_FILES,
        resource.RLIMIT_AS: memory_bytes,
    }
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        free = hard == resource.RLIM_INFINITY or hard > most
        allowed = most if free else hard
        # Linux sends SIGXCPU, which says what it was, only below the hard limit.
        last = allowed + 1 if free and kind == resource.RLIMIT_CPU else allowed
        with contextlib.suppress(OSError, ValueError):  # a system that does not limit this
            resource.setrlimit(kind, (allowed, last))


def forbid(*, foreign_memory: bool = True) -> None:
    """From now on, Python code that opens a socket or writes a file raises Forbidden.

    foreign_memory: whether access to the memory of libraries is forbidden, too.
    """
    sys.addaudithook(_refuse)
    if foreign_memory:
        sys.addaudithook(_refuse_memory)


def _refuse_memory(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith("ctypes."):
        raise Forbidden(f"{event} while a document is read")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise Forbidden(f"{event} while a document is read")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise Forbidden("a file opened to write while a document is read")

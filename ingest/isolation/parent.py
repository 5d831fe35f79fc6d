"""``read_apart``: a stranger's file is read in a process of its own, which it cannot leave.

Whatever happens in there (a crash, no more memory, no end, nonsense instead of a book), the program
gets a Book or one UnreadableDocument. Segmenting stays in the program: it needs the backbone's
tokenizer, and with it torch. It is safe by construction instead: it sees a text of limited length,
and its patterns take time in proportion to it.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import IO

from ingest.book import Book, DamagedDocument, TooLarge, UnreadableDocument
from ingest.child import NO_MEMORY
from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.watchdog import Watchdog
from ingest.isolation.wire import (
    GREETING,
    BrokenWire,
    Refusal,
    Request,
    WireEnded,
    pack_request,
    receive,
    receive_reply,
    send,
)

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_CHILD = ("-m", "ingest.child")
_TURNS = BoundedSemaphore(2)  # children at once, so that many uploads do not fill the memory
# What Python and the system's libraries need; nothing else is told to the child, least of all
# secrets.
_ENVIRONMENT = (
    "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONHOME",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
)  # fmt: skip


def read_apart(
    data: bytes, name: str, *, password: str | None = None, limits: Limits = LIMITS
) -> Book:
    """Read a document as `ingest.readers.read_book` does, in a process with limits.

    Raises a subclass of UnreadableDocument, whose message is one sentence: TooLarge where a limit
    is reached, DamagedDocument where the reader breaks, or what the reader refuses with.
    """
    if len(data) > limits.most_file:
        raise TooLarge(
            f"The file has {len(data)} bytes and the limit is {limits.most_file};"
            " split it into smaller documents."
        )
    with _TURNS:
        reply = _ask_child(data, name, password, limits)
    if isinstance(reply, Refusal):
        if reply.cause:
            log.info("A reader failed: %s", reply.cause)
        raise reply.error
    return reply


def _ask_child(data: bytes, name: str, password: str | None, limits: Limits) -> Book | Refusal:
    seconds = limits.seconds_for(len(data))
    request = Request(name, password, len(data), limits.memory_bytes, seconds, limits.most_text)
    child = _start()
    assert child.stdin and child.stdout
    watchdog = Watchdog(child, seconds, limits.memory_bytes)
    watchdog.start()
    greeted = False
    try:
        with suppress(OSError):  # a child that is gone; how it ended is read below
            send(child.stdin, pack_request(request))
            send(child.stdin, data)
        greeted = receive(child.stdout, len(GREETING)) == GREETING
        return receive_reply(child.stdout, limits.most_text)
    except BrokenWire as error:
        if isinstance(error, WireEnded):
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=5)
        return Refusal(_why(child.poll(), watchdog, limits, seconds, greeted=greeted))
    finally:
        watchdog.stop()
        child.kill()
        _close(child.stdin, child.stdout)
        child.wait()


def _start() -> subprocess.Popen[bytes]:
    """Start a child that finds the same packages and inherits nothing else.

    -P keeps files of the current folder from being imported as modules.
    """
    places = [str(Path(place).absolute()) for place in sys.path if place]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*places, str(_ROOT)]))
    environment["MALLOC_ARENA_MAX"] = "1"  # a second one would take 64 MiB of the address space
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", *_CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _why(
    status: int | None, watchdog: Watchdog, limits: Limits, seconds: float, *, greeted: bool
) -> UnreadableDocument:
    """The refusal that explains how a child ended without an answer."""
    out_of_time = hasattr(signal, "SIGXCPU") and status == -signal.SIGXCPU
    killed = hasattr(signal, "SIGKILL") and status == -signal.SIGKILL
    if watchdog.barked == "time" or out_of_time:
        return TooLarge(
            f"Reading the document took more than {seconds:.0f} seconds, which is the limit;"
            " split it into smaller documents or save it in another format."
        )
    if watchdog.barked == "memory" or status == NO_MEMORY or killed:
        return TooLarge(
            f"Reading the document takes more than {limits.memory_bytes >> 20} MiB of memory,"
            " which is the limit; split it into smaller documents."
        )
    if not greeted:
        return UnreadableDocument(
            f"The program that reads documents did not start (it ended with {status}); check the"
            " installation with `bookstate doctor`."
        )
    log.info("A reader ended with %s", status)
    return DamagedDocument(
        "The file breaks the program that reads it, so it is damaged or made to do harm; download"
        " or save it again."
    )


def _close(*pipes: IO[bytes]) -> None:
    for pipe in pipes:
        with suppress(OSError):
            pipe.close()

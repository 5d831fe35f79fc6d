"""``read_apart``: a stranger's file is read in a process of its own, which it cannot leave.

``checked_apart`` does the same for GGUF files, ``opened.py`` for archives and ``cutting.py`` for
segmenting a long text. Whatever happens in there (a crash, no more memory, no end, nonsense instead
of a book), the program gets a Book or one UnreadableDocument.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import IO, Any, TypeVar

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
    receive_head,
    receive_reply,
    send,
)

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_CHILD = ("-m", "ingest.child")
T = TypeVar("T")
# How a kind of file is called, and what to do about one that is too large.
_KINDS = {
    "book": ("document", "split it into smaller documents"),
    "ocr": ("scan", "split it into smaller documents"),
    "segments": ("document's text", "split it into smaller documents"),
    "page": ("page", "look at its text instead"),
    "archive": ("archive", "add the document itself with `bookstate ingest`"),
    "gguf": ("model file", "choose another file of this model"),
}
# The system limits the processor's time; on the clock, a busy machine takes a few times as long.
CLOCK = 3
_TURNS = BoundedSemaphore(2)  # children at once, so that many uploads do not fill the memory
# What Python and the system's libraries need; nothing else is told to the child, least of all
# secrets.
_ENVIRONMENT = (
    "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONHOME",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
)  # fmt: skip


@contextmanager
def turn() -> Iterator[None]:
    """Wait until another child may run."""
    with _TURNS:
        yield


def read_apart(
    data: bytes,
    name: str,
    *,
    password: str | None = None,
    limits: Limits = LIMITS,
    recognised: Mapping[int, str] | None = None,
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
    seconds = limits.seconds_for(len(data))
    request = Request(
        name,
        password,
        len(data),
        limits.memory_bytes,
        seconds,
        limits.most_text,
        recognised={str(page): text for page, text in (recognised or {}).items()},
    )
    with turn(), Child(request) as child:
        child.tell(data)
        reply = child.hear(lambda stream: receive_reply(stream, limits.most_text))
    if isinstance(reply, Refusal):
        if reply.cause:
            log.info("A reader failed: %s", reply.cause)
        raise reply.error
    return reply


def checked_apart(path: Path, limits: Limits = LIMITS) -> dict[str, Any]:
    """What `ingest.structures.gguf.read_gguf` finds in a GGUF file, read in such a process.

    The values are JSON and still to be checked. Raises a subclass of UnreadableDocument.
    """
    request = Request(
        name=path.name,
        password=None,
        size=0,
        memory_bytes=limits.memory_bytes,
        seconds=limits.seconds,  # only the beginning of the file is read, however long it is
        most_text=0,
        kind="gguf",
        path=str(path.absolute()),
    )
    with turn(), Child(request) as child:
        reply = child.hear(receive_head)
    if isinstance(reply, Refusal):
        if reply.cause:
            log.info("A reader failed: %s", reply.cause)
        raise reply.error
    return reply


class Child:
    """A child that was asked to take one file apart; it ends with the block."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._greeted = False
        self._process = _start()
        patience = request.seconds * (CLOCK if hasattr(signal, "SIGXCPU") else 1)
        self._watchdog = Watchdog(self._process, patience, request.memory_bytes)

    def __enter__(self) -> Child:
        self._watchdog.start()
        self.tell(pack_request(self._request))
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.stop()
        self._process.kill()
        assert self._process.stdin and self._process.stdout
        _close(self._process.stdin, self._process.stdout)
        self._process.wait()

    def tell(self, frame: bytes) -> None:
        """Send a frame."""
        assert self._process.stdin
        with suppress(OSError):  # a child that is gone; how it ended shows when it should answer
            send(self._process.stdin, frame)

    def hear(self, receive_one: Callable[[IO[bytes]], T]) -> T:
        """Receive something. Raises an UnreadableDocument that says how the child has ended."""
        assert self._process.stdout
        try:
            if not self._greeted:
                self._greeted = receive(self._process.stdout, len(GREETING)) == GREETING
            return receive_one(self._process.stdout)
        except BrokenWire as error:
            if isinstance(error, WireEnded):
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=5)
            raise self.broken() from error

    def broken(self) -> UnreadableDocument:
        """The refusal that explains how the child ended, or that it does not keep to the form."""
        return _why(
            self._process.poll(), self._watchdog.barked, self._request, greeted=self._greeted
        )


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


def _why(status: int | None, barked: str, request: Request, *, greeted: bool) -> UnreadableDocument:
    """The refusal that explains how a child ended without an answer."""
    out_of_time = hasattr(signal, "SIGXCPU") and status == -signal.SIGXCPU
    killed = hasattr(signal, "SIGKILL") and status == -signal.SIGKILL
    what, advice = _KINDS[request.kind]
    if barked == "time" or out_of_time:
        also = " or save it in another format" if request.kind == "book" else ""
        return TooLarge(
            f"Reading the {what} took more than {request.seconds:.0f} seconds, which is the limit;"
            f" {advice}{also}."
        )
    if barked == "memory" or status == NO_MEMORY or killed:
        return TooLarge(
            f"Reading the {what} takes more than {request.memory_bytes >> 20} MiB of memory,"
            f" which is the limit; {advice}."
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

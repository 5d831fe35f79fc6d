"""`python -m ingest.child` reads one file for the program that started it.

The file comes in through standard input and the book goes out through standard output
(`ingest/isolation/wire.py`). The process ends when its input is closed, so it does not outlive the
program. It imports neither torch nor the product.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import Thread
from typing import IO

from ingest.book import Book, DamagedDocument, UnreadableDocument
from ingest.isolation import confine
from ingest.isolation.wire import (
    GREETING,
    MOST_HEAD,
    Refusal,
    Request,
    pack_book,
    pack_refusal,
    receive,
    send,
    unpack_request,
)

NO_MEMORY = 70
"""The exit status for a file that needs more memory than is allowed."""


def main() -> None:
    """Read one request, answer it and exit."""
    confine.die_with_the_parent()
    requests, replies = sys.stdin.buffer, _own_output()
    from ingest.readers import read_book  # the limits are for the file, not for the libraries

    send(replies, GREETING)
    request = unpack_request(receive(requests, MOST_HEAD))
    data = receive(requests, request.size)
    Thread(target=_end_with, args=(requests,), daemon=True).start()
    confine.limit(request.memory_bytes, request.seconds)
    confine.forbid()
    try:
        frames = _answer(lambda: read_book(data, request.name, password=request.password), request)
        for frame in frames:
            send(replies, frame)
    except MemoryError:
        os._exit(NO_MEMORY)
    os._exit(0)


def _answer(read: Callable[[], Book], request: Request) -> tuple[bytes, ...]:
    """The frames of the book, or of the refusal, that ``read`` ends with."""
    try:
        return pack_book(read(), request.most_text)
    except UnreadableDocument as error:
        return (pack_refusal(Refusal(error)),)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library raises for a hostile file
        refusal = DamagedDocument(
            "The file is damaged in a way that its reader does not expect; download or save it "
            "again."
        )
        return (pack_refusal(Refusal(refusal, _cause(error))),)


def _cause(error: Exception) -> str:
    """The kind of an error and its place; never its message, which may quote the document."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


def _own_output() -> IO[bytes]:
    """Standard output for this file alone: what a library prints goes nowhere."""
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return replies


def _end_with(requests: IO[bytes]) -> None:
    """End this process when the program closes its side."""
    requests.read(1)
    os._exit(1)


if __name__ == "__main__":
    main()

"""`python -m ingest.child` takes one file apart for the program that started it.

A file comes in through standard input, and a book goes out through standard output
(`ingest/isolation/wire.py`); or a book comes in, and its segments go out. Archives and GGUF files
are opened where they are, and what is asked of them goes out. The process ends when its input is
closed, so it does not outlive the program. It imports neither torch nor the product.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import IO

from ingest.book import DamagedDocument, UnreadableDocument, Window, WindowTooSmallError
from ingest.isolation import confine
from ingest.isolation.wire import (
    GREETING,
    MOST_HEAD,
    Refusal,
    Request,
    pack_book,
    pack_refusal,
    packed,
    receive,
    receive_reply,
    send,
    unpack_request,
    unpacked,
)

NO_MEMORY = 70
"""The exit status for a file that needs more memory than is allowed."""

Frames = Callable[[], Iterator[bytes]]
"""What is done once the limits hold; its frames are the answer."""


def main() -> None:
    """Read one request, answer it and exit."""
    confine.die_with_the_parent()
    requests, replies = sys.stdin.buffer, _own_output()
    request = unpack_request(receive(requests, MOST_HEAD))
    kinds = {
        "book": _book, "segments": _segments, "ocr": _ocr, "archive": _archive, "gguf": _gguf,
        "page": _page,
    }  # fmt: skip
    prepare = kinds[request.kind]
    frames = prepare(request, requests)  # the limits are for the file, not for the libraries
    send(replies, GREETING)
    confine.limit(request.memory_bytes, request.seconds)
    confine.forbid(foreign_memory=request.kind != "ocr")  # pictures come as memory of PDFium
    try:
        for frame in _refusing(frames):
            send(replies, frame)
    except MemoryError:
        os._exit(NO_MEMORY)
    os._exit(0)


def _book(request: Request, requests: IO[bytes]) -> Frames:
    import ingest.readers.pdf.drawn.layout  # noqa: F401 - it loads a library, which is forbidden later
    from ingest.readers import read_book

    data = receive(requests, request.size)
    _end_with(requests)

    def frames() -> Iterator[bytes]:
        recognised = {int(page): text for page, text in request.recognised.items()}
        book = read_book(data, request.name, password=request.password, recognised=recognised)
        yield from pack_book(book, request.most_text)

    return frames


def _segments(request: Request, requests: IO[bytes]) -> Frames:
    from ingest.kept import split_keeping
    from memory_models.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_file(Path(request.path))
    book = receive_reply(requests, request.most_text)
    assert not isinstance(book, Refusal)
    told = unpacked(receive(requests, request.size)) if request.size else {"windows": []}
    windows = [Window(text, tokens) for text, tokens in told["windows"]]
    _end_with(requests)

    def frames() -> Iterator[bytes]:
        try:
            segments = split_keeping(book, tokenizer.count, request.window, windows)
        except WindowTooSmallError as error:
            yield packed({"window": str(error)})
            return
        values = [
            (s.chapter, s.start, s.end, s.page_first, s.page_last, s.tokens) for s in segments
        ]
        yield packed({"segments": values})

    return frames


def _ocr(request: Request, requests: IO[bytes]) -> Frames:
    from ingest.ocr.page_text import page_text
    from ingest.ocr.recogniser import Recogniser
    from ingest.ocr.rendered import rendered

    recogniser = Recogniser()
    data = receive(requests, request.size)
    _end_with(requests)

    def frames() -> Iterator[bytes]:
        for page in request.pages:
            picture = rendered(data, request.password, page)
            text = page_text(recogniser.lines(picture)) if picture is not None else ""
            yield packed({"text": text[: request.most_text]})

    return frames


def _page(request: Request, requests: IO[bytes]) -> Frames:
    from ingest.pictures.drawn import PdfFile

    data = receive(requests, request.size)
    _end_with(requests)

    def frames() -> Iterator[bytes]:
        file = PdfFile(data)
        for number in request.pages:
            drawn = file.draw(number)
            if drawn is None:
                yield packed({"missing": True})
                continue
            head = {name: getattr(drawn, name) for name in ("width", "height", "letters", "boxes")}
            yield packed({"pages": file.pages, **head})
            yield drawn.picture

    return frames


def _archive(request: Request, requests: IO[bytes]) -> Frames:
    from ingest.structures.exported import open_exported
    from ingest.structures.served import serve

    def frames() -> Iterator[bytes]:
        with open_exported(Path(request.path), request.most_members) as archive:
            yield from serve(archive, requests)

    return frames


def _gguf(request: Request, requests: IO[bytes]) -> Frames:
    from ingest.structures.gguf import read_gguf

    _end_with(requests)

    def frames() -> Iterator[bytes]:
        yield packed(asdict(read_gguf(Path(request.path))))

    return frames


def _refusing(frames: Frames) -> Iterator[bytes]:
    """The frames, then a refusal if they end with one."""
    try:
        yield from frames()
    except UnreadableDocument as error:
        yield pack_refusal(Refusal(error))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library raises for a hostile file
        refusal = DamagedDocument(
            "The file is damaged in a way that its reader does not expect; download or save it "
            "again."
        )
        yield pack_refusal(Refusal(refusal, _cause(error)))


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
    """From now on, end this process when the program closes its side."""

    def wait() -> None:
        requests.read(1)
        os._exit(1)

    Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main()

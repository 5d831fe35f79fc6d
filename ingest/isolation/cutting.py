"""``split_apart``: a long text is cut into segments in a process of its own.

Cutting takes seconds for each million characters, and for a text without words a minute. In the
server's own process everybody else would wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from ingest.book import Book, Segment, Window, WindowTooSmallError, check_partition
from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.parent import Child, turn
from ingest.isolation.wire import (
    BrokenWire,
    Refusal,
    Request,
    number_in,
    pack_book,
    packed,
    receive_head,
    text_in,
)

SECONDS_PER_MB = 20.0  # of text; a book takes 5, a text of ideographs 17
_MOST_REPLY = 256 << 20


def split_apart(
    book: Book,
    tokenizer: Path,
    window: int,
    limits: Limits = LIMITS,
    windows: Sequence[Window] = (),
) -> tuple[Segment, ...]:
    """Cut a book as `ingest.kept.split_keeping` does, in a process with limits.

    ``tokenizer`` is the file `tokenizer.json` or `tokenizer.model` that counts the tokens;
    ``windows`` are those of an old version. Raises WindowTooSmallError, or a subclass of
    UnreadableDocument where a limit is reached.
    """
    head, text = pack_book(book, limits.most_text)
    old = packed({"windows": [(w.text, w.tokens) for w in windows]}) if windows else b""
    request = Request(
        name=book.title,
        password=None,
        size=len(old),
        memory_bytes=limits.memory_bytes,
        seconds=limits.seconds + SECONDS_PER_MB * (len(text) + len(old)) / 1e6,
        most_text=limits.most_text,
        kind="segments",
        path=str(tokenizer.absolute()),
        window=window,
    )
    with turn(), Child(request) as child:
        child.tell(head)
        child.tell(text)
        if old:
            child.tell(old)
        reply = child.hear(lambda stream: _segments(stream, book))
    if isinstance(reply, Refusal):
        raise reply.error
    return reply


def _segments(stream: IO[bytes], book: Book) -> tuple[Segment, ...] | Refusal:
    """Read the segments that the child has found. Raises BrokenWire if they are not the book's."""
    reply = receive_head(stream, _MOST_REPLY)
    if isinstance(reply, Refusal):
        return reply
    if "window" in reply:
        raise WindowTooSmallError(text_in(reply["window"]))
    try:
        segments = tuple(_segment(n, values) for n, values in enumerate(reply["segments"]))
        check_partition("segment", segments, 0, len(book.text))
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenWire("no segments") from error
    if any(segment.chapter >= len(book.chapters) for segment in segments):
        raise BrokenWire("a segment of a chapter that is not there")
    return segments


def _segment(index: int, values: list[Any]) -> Segment:
    chapter, start, end, first, last, tokens = map(number_in, values)
    return Segment(index, chapter, start, end, first, last, tokens)

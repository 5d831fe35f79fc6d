"""What goes between a program and the child that reads a file for it: frames of known length.

A request is a JSON object and the file; a reply is a greeting, then a refusal, or a book's outline
and its text. Files that are not books stay where they are: the child opens them by their path. It
answers with a JSON object, or, for an archive, one after the other what the program asks of it
(`opened.py`). The program does not trust the child: each frame has a limit, JSON can hold nothing
but data, and every value is checked.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from ingest import book as books
from ingest.book import (
    Book,
    Chapter,
    InvalidBookError,
    NoTextLayer,
    Page,
    TooLarge,
    UnreadableDocument,
)

GREETING = b"ready"
MOST_HEAD = 16 << 20  # bytes of a frame of JSON
_LENGTH = struct.Struct(">Q")
_LONGEST_SENTENCE = 2_000
_MOST_WARNINGS = 100
_REFUSALS: dict[str, type[UnreadableDocument]] = {
    kind.__name__: kind
    for kind in vars(books).values()
    if isinstance(kind, type) and issubclass(kind, UnreadableDocument)
}


class BrokenWire(Exception):
    """What arrived is no message."""


class WireEnded(BrokenWire):
    """The other side ended before its message did."""


@dataclass(frozen=True, slots=True)
class Request:
    """A file to read. ``kind`` is "book", whose bytes follow, or "archive" or "gguf" at ``path``.

    For "segments" a book follows that is already read, and ``path`` is the tokenizer's file, which
    counts the tokens of a ``window``; behind it come ``size`` bytes of windows to keep, if any. For
    "ocr" a PDF follows, of which ``pages`` are recognised; ``recognised`` is what came out of that,
    by page. For "page" a PDF follows, of which ``pages`` are drawn. ``most_text`` limits the reply.
    """

    name: str
    password: str | None
    size: int
    memory_bytes: int
    seconds: float
    most_text: int
    kind: str = "book"
    path: str = ""
    most_members: int = 0
    window: int = 0
    pages: tuple[int, ...] = ()
    recognised: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no book comes back. ``cause`` names an error that no reader foresaw, for the log."""

    error: UnreadableDocument
    cause: str = ""


def send(stream: IO[bytes], frame: bytes) -> None:
    """Write one frame."""
    stream.write(_LENGTH.pack(len(frame)))
    stream.write(frame)
    stream.flush()


def receive(stream: IO[bytes], most: int) -> bytes:
    """Read one frame. Raises BrokenWire for one of more than ``most`` bytes."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if length > most:
        raise BrokenWire(f"a frame of {length} bytes, of which {most} are allowed")
    return _exactly(stream, length)


def pack_request(request: Request) -> bytes:
    """A request as a frame."""
    return packed(asdict(request))


def unpack_request(frame: bytes) -> Request:
    """The request in a frame; the child trusts the program."""
    given = unpacked(frame)
    return Request(**{**given, "pages": tuple(given["pages"])})


def pack_refusal(refusal: Refusal) -> bytes:
    """A refusal as a frame."""
    kind = type(refusal.error).__name__
    sentence = str(refusal.error)[:_LONGEST_SENTENCE]
    pages = getattr(refusal.error, "pages", ())
    cause = refusal.cause[:200]
    return packed({"refused": kind, "sentence": sentence, "cause": cause, "pages": pages})


def pack_book(book: Book, most_text: int) -> tuple[bytes, bytes]:
    """A book as two frames: its outline and its text. Raises TooLarge."""
    text = book.text.encode()
    head = packed(
        {
            "title": book.title,
            "author": book.author,
            "format": book.format,
            "paged": book.paged,
            "chapters": [(c.title, c.start, c.end, c.made_up, c.matter) for c in book.chapters],
            "warnings": book.warnings[:_MOST_WARNINGS],
            "bare": book.bare,
            "pages": [(p.number, p.label, p.start, p.end) for p in book.pages],
        }
    )
    if len(text) > most_text or len(head) > MOST_HEAD:
        raise TooLarge(
            f"The document has {len(text):,} bytes of text in {len(book.chapters):,} chapters, "
            "which is more than can be kept; split it into smaller documents."
        )
    return head, text


def receive_reply(stream: IO[bytes], most_text: int) -> Book | Refusal:
    """Read what follows the greeting. Raises BrokenWire, whatever the child has written."""
    head = receive_head(stream)
    if isinstance(head, Refusal):
        return head
    try:
        return _book(head, receive(stream, most_text).decode())
    except (KeyError, TypeError, ValueError, InvalidBookError) as error:
        raise BrokenWire("no book and no refusal") from error


def receive_head(stream: IO[bytes], most: int = MOST_HEAD) -> dict[str, Any] | Refusal:
    """Read one JSON object, whose values are still to be checked, or a refusal."""
    head = unpacked(receive(stream, most))
    if "refused" not in head:
        return head
    try:
        kind = _REFUSALS[text_in(head["refused"])]
        sentence = " ".join(text_in(head["sentence"])[:_LONGEST_SENTENCE].split())
        error = kind(sentence)
        if isinstance(error, NoTextLayer):
            error.pages = tuple(number_in(page) for page in head["pages"])
        return Refusal(error, text_in(head["cause"])[:200])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenWire("no refusal") from error


def _book(head: dict[str, Any], text: str) -> Book:
    chapters = tuple(
        Chapter(text_in(title), number_in(start), number_in(end), made_up is True, text_in(matter))
        for title, start, end, made_up, matter in head["chapters"]
    )
    pages = tuple(
        Page(number_in(number), text_in(label), number_in(start), number_in(end))
        for number, label, start, end in head["pages"]
    )
    return Book(
        title=text_in(head["title"]),
        text=text,
        chapters=chapters,
        pages=pages,
        format=text_in(head["format"]),
        author=text_in(head["author"]),
        paged=head["paged"] is True,
        warnings=tuple(text_in(line)[:_LONGEST_SENTENCE] for line in head["warnings"]),
        bare=tuple(number_in(page) for page in head["bare"]),
    )


def text_in(value: object) -> str:
    """A value that must be text. Raises BrokenWire."""
    if not isinstance(value, str):
        raise BrokenWire("a value that is no text")
    value.encode()  # lone surrogates are no text either
    return value


def number_in(value: object) -> int:
    """A value that must be a whole number from 0 on. Raises BrokenWire."""
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise BrokenWire("a value that is no number")
    return value


def packed(value: dict[str, Any]) -> bytes:
    """A JSON object as a frame."""
    # Names of files may hold lone surrogates, for bytes that are not UTF-8.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def unpacked(frame: bytes) -> dict[str, Any]:
    """The JSON object in a frame. Raises BrokenWire."""
    try:
        value = json.loads(frame.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise BrokenWire("a frame that is not JSON") from error
    if not isinstance(value, dict):
        raise BrokenWire("a frame that is no object")
    return value


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise WireEnded(f"{len(found)} of {length} bytes")
    return found

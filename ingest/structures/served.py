"""The child's side of an open archive: it answers what the program asks of it, until that ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import IO

from ingest.isolation.wire import MOST_HEAD, WireEnded, packed, receive, unpacked
from ingest.structures.exported import ExportedFile


def serve(archive: ExportedFile, requests: IO[bytes]) -> Iterator[bytes]:
    """Frames: the names of all members, then what each request asks for."""
    yield packed({"names": archive.names})
    while True:
        try:
            asked = unpacked(receive(requests, MOST_HEAD))
        except WireEnded:
            return
        yield from _answer(archive, **asked)


def _answer(
    archive: ExportedFile, act: str, name: str, most: int, size: int | None, where: str
) -> Iterator[bytes]:
    """A head, the pieces of what is asked for, and an end, which a damaged member never reaches."""
    if act == "manifest":
        pieces = iter([archive.manifest(name, most)])
        head = {}
    elif act == "tensors" and size is not None:
        table, pieces = archive.open_tensors(name, most, size, where)
        head = asdict(table)
    else:
        pieces, head = archive.pieces(name, most, size), {}
        archive.size(name, most, size)  # refuses before the head, not in the middle
    yield packed(head)
    yield from pieces
    yield b""
    yield packed({"whole": True})

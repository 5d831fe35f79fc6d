"""`opened_apart`: an exported document is taken apart in a child, and only its parts come back.

Its zip directory is read, its members are unpacked, the JSON of its manifest and the tables of its
tensors are parsed over there. Here arrive names, bytes of limited number, JSON that was written
again, and tables of which each value is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.book import DamagedDocument
from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.parent import Child, turn
from ingest.isolation.wire import BrokenWire, Refusal, Request, packed, receive, receive_head
from ingest.structures.tensors import SIZES, Stored, Table

_MOST_NAMES = 64 << 20  # bytes of the frame of names
_MOST_TABLE = 1 << 20


class OpenedArchive:
    """An archive in a child: the interface of `ingest.structures.exported.ExportedFile`.

    Its methods raise subclasses of UnreadableDocument.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        names = self._head(_MOST_NAMES).get("names")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise child.broken()
        self.names: list[str] = names

    def manifest(self, name: str, most: int) -> bytes:
        """A member that is JSON, written again in one way."""
        _, data = self._ask("manifest", name, most, 6 * most)  # escapes make it longer
        return data

    def read(self, name: str, most: int, size: int | None = None) -> bytes:
        """A member's bytes: at most `most`, and exactly `size` if that is given."""
        _, data = self._ask("read", name, most, most if size is None else size, size)
        if size is not None and len(data) != size:
            raise self._child.broken()
        return data

    def tensors(self, name: str, most: int, size: int, where: str) -> tuple[Table, bytes]:
        """A member that is a safetensors file, with its table; `where` names it in messages."""
        head, data = self._ask("tensors", name, most, size, size, where)
        try:
            table = _table(head, len(data))
        except BrokenWire as error:
            raise self._child.broken() from error
        return table, data

    def _ask(
        self,
        act: str,
        name: str,
        most: int,
        most_back: int,
        size: int | None = None,
        where: str = "",
    ) -> tuple[dict[str, Any], bytes]:
        asked = {"act": act, "name": name, "most": most, "size": size, "where": where}
        self._child.tell(packed(asked))
        head = self._head(_MOST_TABLE)
        data = bytearray()
        while piece := self._piece(most_back - len(data)):
            data += piece
        if self._head().get("whole") is not True:
            raise self._child.broken()
        return head, bytes(data)

    def _piece(self, most: int) -> bytes:
        return self._child.hear(lambda stream: receive(stream, most))

    def _head(self, most: int = _MOST_TABLE) -> dict[str, Any]:
        head = self._child.hear(lambda stream: receive_head(stream, most))
        if isinstance(head, Refusal):
            raise head.error
        return head


@contextmanager
def opened_apart(path: Path, most_members: int, limits: Limits = LIMITS) -> Iterator[OpenedArchive]:
    """The archive at this place, opened in a child that ends with the block.

    Raises subclasses of UnreadableDocument, whose messages are one sentence.
    """
    if path.exists() and not path.is_file():
        raise DamagedDocument(
            f"{path.name} is not a file; choose one that `bookstate export` wrote."
        )
    size = path.stat().st_size if path.exists() else 0
    request = Request(
        name=path.name,
        password=None,
        size=size,
        memory_bytes=limits.memory_bytes,
        seconds=limits.seconds_for(size),
        most_text=0,
        kind="archive",
        path=str(path.absolute()),
        most_members=most_members,
    )
    with turn(), Child(request) as child:
        yield OpenedArchive(child)


def _table(head: Mapping[str, Any], size: int) -> Table:
    """The table in a head: every tensor lies inside the `size` bytes of its file."""
    about, tensors = head.get("about"), head.get("tensors")
    if not isinstance(about, dict) or not isinstance(tensors, dict):
        raise BrokenWire("no table")
    return Table(about, {name: _stored(entry, size) for name, entry in tensors.items()})


def _stored(entry: object, size: int) -> Stored:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "start"}:
        raise BrokenWire("no tensor")
    dtype, shape, start = entry["dtype"], _list(entry["shape"]), entry["start"]
    numbers = [*shape, start]
    if dtype not in SIZES or any(type(n) is not int or not 0 <= n <= size for n in numbers):
        raise BrokenWire("no tensor")
    count = SIZES[dtype]
    for number in shape:
        count *= number
        if count > size:
            raise BrokenWire("a tensor outside of its file")
    if start + count > size:
        raise BrokenWire("a tensor outside of its file")
    return Stored(dtype, tuple(shape), start)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise BrokenWire("a value that is no list")
    return value

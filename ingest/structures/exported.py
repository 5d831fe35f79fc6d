"""The zip file of an exported document, taken apart.

Nothing in it is trusted: sizes and counts are limited before anything is read, and members are only
found by the names that are expected of them, which are never used as paths.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from ingest.book import DamagedDocument, TooLarge
from ingest.structures.tensors import Table, read_table

HIGHEST_RATIO = 100  # of a member's unpacked size to its size in the archive
PIECE = 1 << 20  # bytes of a member that are in memory at once
_FREE_BYTES = 1 << 16  # a member may unpack to so many bytes at any ratio
_DIRECTORY_ENTRY = 128  # bytes of the table per member; ours need fewer
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    EOFError,
    OSError,
    ValueError,
)
_OURS = "choose a file that `bookstate export` wrote."


@contextmanager
def open_exported(path: Path, most_members: int) -> Iterator[ExportedFile]:
    """The archive at this place. Raises DamagedDocument or TooLarge."""
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise _incomplete(path.name, error) from error
        yield ExportedFile(stream, path.name, most_members)


class ExportedFile:
    """An open archive. Its methods raise DamagedDocument or TooLarge."""

    def __init__(self, stream: BinaryIO, name: str, most_members: int) -> None:
        """`name` is the file's name in messages."""
        self._name = name
        try:
            _check_directory(stream, name, most_members)
            self._zip = zipfile.ZipFile(stream)
        except _FAILURES as error:
            raise _incomplete(self._name, error) from error
        self.names = [member.filename for member in self._zip.infolist()]
        if len(self.names) > most_members:
            raise TooLarge(
                f"The archive has {len(self.names):,} members and the limit is {most_members:,}; "
                f"{_OURS}"
            )

    def manifest(self, name: str, most: int) -> bytes:
        """A member that is JSON, written again in one way."""
        data = self.read(name, most)
        try:
            return json.dumps(json.loads(data)).encode()
        except (ValueError, RecursionError) as error:
            why = error if isinstance(error, ValueError) else "it is nested too deeply"
            raise DamagedDocument(
                f"The archive's manifest is invalid: it is not JSON ({why!s:.200}); export the "
                "document again."
            ) from error

    def read(self, name: str, most: int, size: int | None = None) -> bytes:
        """A member's bytes: at most `most`, and exactly `size` if that is given."""
        return b"".join(self.pieces(name, most, size))

    def tensors(self, name: str, most: int, size: int, where: str) -> tuple[Table, bytes]:
        """A member that is a safetensors file, with its table; `where` names it in messages."""
        table, pieces = self.open_tensors(name, most, size, where)
        return table, b"".join(pieces)

    def open_tensors(
        self, name: str, most: int, size: int, where: str
    ) -> tuple[Table, Iterator[bytes]]:
        """The same, before all of it is read."""
        pieces = self.pieces(name, most, size)
        head = next(pieces, b"")
        return read_table(head, size, where), _chained(head, pieces)

    def size(self, name: str, most: int, size: int | None = None) -> int:
        """How many bytes a member says it has; it may have them, and can be read."""
        return self._checked(name, most, size).file_size

    def pieces(self, name: str, most: int, size: int | None = None) -> Iterator[bytes]:
        """A member's bytes, one piece after the other."""
        info = self._checked(name, most, size)
        try:
            with self._zip.open(info) as member:
                left = info.file_size
                while left and (piece := member.read(min(left, PIECE))):
                    left -= len(piece)
                    yield piece
                if left or member.read(1):
                    raise DamagedDocument(
                        f"The archive's member {name} does not have the size that the archive "
                        "states; copy the file again."
                    )
        except _FAILURES as error:
            raise _incomplete(self._name, error) from error

    def _checked(self, name: str, most: int, size: int | None) -> zipfile.ZipInfo:
        if name not in self._zip.NameToInfo:
            raise DamagedDocument(f"The archive has no {name}; {_OURS}")
        info = self._zip.getinfo(name)
        if info.flag_bits & 1 or info.compress_type not in _METHODS:
            raise DamagedDocument(
                f"The archive's member {name} is encrypted or compressed with an unknown method; "
                "export the document again."
            )
        if info.file_size > most or (size is not None and info.file_size != size):
            raise DamagedDocument(
                f"The archive's member {name} has {info.file_size:,} bytes, "
                f"{f'at most {most:,}' if size is None else f'{size:,}'} are expected; "
                "export the document again."
            )
        if info.file_size > max(_FREE_BYTES, HIGHEST_RATIO * info.compress_size):
            raise TooLarge(
                f"The archive's member {name} unpacks to more than {HIGHEST_RATIO} times its "
                "size, which is the limit; export the document again."
            )
        return info


def _incomplete(name: str, error: Exception) -> DamagedDocument:
    return DamagedDocument(
        f"{name} is not a complete archive ({error!s:.200}); copy the file again or export the "
        "document again."
    )


def _chained(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from pieces


def _check_directory(stream: BinaryIO, name: str, most_members: int) -> None:
    """Check the size of the table of members before zipfile reads it.

    The size is in the records at the end of the file.
    """
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - (1 << 16) - 128))
    tail = stream.read()
    stream.seek(0)
    sizes = [0]
    for at in (len(tail) - 22, tail.rfind(b"PK\5\6")):
        if at >= 0 and tail[at : at + 4] == b"PK\5\6" and at + 22 <= len(tail):
            # All ones: the size is in the record below.
            sizes.append(struct.unpack_from("<I", tail, at + 12)[0] % 0xFFFFFFFF)
    at = tail.rfind(b"PK\6\6")
    if 0 <= at <= len(tail) - 56:
        sizes.append(struct.unpack_from("<Q", tail, at + 40)[0])
    if max(sizes) > most_members * _DIRECTORY_ENTRY:
        raise TooLarge(
            f"The table of members of {name} has {max(sizes):,} bytes and the limit is "
            f"{most_members * _DIRECTORY_ENTRY:,}; {_OURS}"
        )

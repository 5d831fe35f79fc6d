"""Untrusted zip files: their sizes are limited, and nothing is written to disk."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from ingest.book import DamagedDocument, ProtectedDocument, TooLarge

MOST_ENTRIES = 20_000
MOST_BYTES = 256 << 20  # of all members that are read, uncompressed
DEEPEST = 100  # levels of XML elements
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the two that EPUB and DOCX allow
# What zipfile raises for a damaged file.
FAILURES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@contextmanager
def shared_limit(outer: Archive) -> Iterator[None]:
    """Archives that are opened inside take what they unpack from what ``outer`` may unpack."""
    before = Archive.within
    Archive.within = outer
    try:
        yield
    finally:
        Archive.within = before


class Archive:
    """A zip file in memory; at most 256 MiB of uncompressed data are read from it in total."""

    within: Archive | None = None  # an archive that the next ones are in

    def __init__(self, data: bytes, what: str) -> None:
        """Open ``data``; ``what`` ("EPUB", "DOCX") is the format's name in messages.

        Raises DamagedDocument for an incomplete zip file, TooLarge for more than 20,000 entries.
        """
        self.what = what
        self._left = MOST_BYTES
        self._outer = Archive.within
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except FAILURES as error:
            raise self.damaged("its zip directory cannot be read") from error
        self.names = frozenset(self._zip.namelist())
        if len(self._zip.infolist()) > MOST_ENTRIES:
            raise TooLarge(
                f"The {what} file contains {len(self._zip.infolist())} entries and the limit is"
                f" {MOST_ENTRIES}; save it in another format."
            )

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises DamagedDocument, TooLarge or ProtectedDocument."""
        try:
            member = self._zip.getinfo(name)
            if member.compress_type not in _METHODS:
                raise self.damaged(f"its part {name} is packed in an unknown way")
            if member.flag_bits & 1:
                raise ProtectedDocument(
                    f"The {self.what} file's content is encrypted; save a copy without protection."
                )
            with self._zip.open(member) as stream:
                data = stream.read(self.left + 1)
        except KeyError as error:
            raise self.damaged(f"its part {name} is missing") from error
        except FAILURES as error:
            raise self.damaged(f"its part {name} cannot be unpacked") from error
        self._take(len(data))
        if self.left < 0:
            raise TooLarge(
                f"The {self.what} file unpacks to more than {MOST_BYTES >> 20} MiB, which is the"
                " limit; split it into smaller documents."
            )
        return data

    @property
    def left(self) -> int:
        """Bytes that may still be unpacked; below 0 it was too much."""
        return self._left if self._outer is None else min(self._left, self._outer.left)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._outer is not None:
            self._outer._take(size)

    def xml(self, name: str) -> Element:
        """A member parsed as XML without entities.

        Raises DamagedDocument, TooLarge or ProtectedDocument.
        """
        return self.parsed(self.read(name), name)

    def parsed(self, data: bytes, name: str) -> Element:
        """A member's bytes parsed as XML without entities. Raises what ``xml`` does."""
        try:
            root: Element = fromstring(data)
        except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
            raise self.damaged(f"its part {name} is not well-formed XML") from error
        _check_depth(root, name)
        return root

    def damaged(self, why: str) -> DamagedDocument:
        """The error to raise for this file; ``why`` completes its message."""
        return DamagedDocument(
            f"The {self.what} file is damaged or incomplete: {why}; download or save it again."
        )


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _check_depth(root: Element, name: str) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise TooLarge(
                f"The document's part {name} is nested more than {DEEPEST} levels deep;"
                " save the document as plain text."
            )
        level = [child for element in level for child in element]

"""Rows of the database as the rest of the program uses them: documents, readings, segments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST_TITLE = 4096  # characters
MOST_SAME_READINGS = 100  # of one file with one memory configuration and backbone


@dataclass(frozen=True, slots=True)
class Reading:
    """A row of `readings`: one memory's state of a document, and how it was made."""

    id: str
    document_id: str
    text_id: int = field(compare=False)  # of the text that is read, in this database only
    memory: str
    memory_config: str
    backbone: str
    backbone_sha256: str
    tokenizer_sha256: str
    adapter: str | None
    segments: int
    segments_done: int
    tokens: int
    kv_cache_bytes: int
    state_bytes: int
    state_sha256: str | None
    seconds: float
    created_at: str
    updated_at: str

    @property
    def ready(self) -> bool:
        """True once every segment has been read and the state is sealed."""
        return self.segments_done == self.segments and self.state_sha256 is not None


@dataclass(frozen=True, slots=True)
class Document:
    """A row of `documents` with the reading in use, or with another reading if that was named."""

    id: str
    source_sha256: str  # of the first file
    title: str
    author: str
    file_name: str
    format: str
    paged: bool
    created_at: str
    updated_at: str
    reading: Reading

    @property
    def ready(self) -> bool:
        """True if this reading is finished, so that questions can be asked."""
        return self.reading.ready

    @property
    def how_far(self) -> str:
        """How far this reading has come, as the beginning of a sentence."""
        reading = self.reading
        return (
            f"{self.title!r} has been read to segment {reading.segments_done} of {reading.segments}"
        )


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment of a reading with its text."""

    number: int
    chapter: int
    start: int
    end: int
    page_first: int
    page_last: int
    tokens: int
    text: str


def reading_ids(
    source_sha256: str, memory: str, memory_config: str, backbone_sha256: str
) -> Iterator[str]:
    """The ids that such a reading may have; a new reading gets the first that is free.

    A file can have several readings that were made in the same way: by two versions of the
    parsers, or in two documents that begin with the file.
    """
    identity = "\n".join((source_sha256, memory, memory_config, backbone_sha256))
    for number in range(1, MOST_SAME_READINGS + 1):
        numbered = identity if number == 1 else f"{identity}\n{number}"
        yield hashlib.sha256(numbered.encode()).hexdigest()[:12]

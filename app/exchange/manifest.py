"""The manifest of an exported document: its format, and checks that its parts are consistent.

`Manifest` checks types, patterns and ranges. `unpack` builds what the store keeps, and checks that
the parts do not contradict each other. Nothing here trusts the file. A manifest of version 0.3
(`manifest_1.py`) is first converted to the present format, and then checked in the same way.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from app.errors import InvalidArchive
from app.exchange.entries import (
    BlobEntry,
    ChatEntry,
    FileName,
    NoteEntry,
    PageEntry,
    Positive,
    Sha256,
    Short,
    Strict,
    SummaryEntry,
    Time,
    Whole,
    refused,
)
from app.exchange.manifest_1 import Manifest1
from app.exchange.state_checks import MemoryConfig, expected_blobs
from app.memory_config import parse_config
from app.storage.configs import read_config
from app.storage.records import reading_ids
from app.storage.store import DocumentText
from app.storage.texts import snapshot_ends
from ingest.book import Book, Chapter, InvalidBookError, Page, Segment, check_partition
from memory_models.errors import ModelError

MANIFEST = "manifest.json"  # its name in the archive
FORMAT = 2
WIDEST_WINDOW = 8192  # tokens, the limit of the setting
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


class DocumentEntry(Strict):
    """The row of `documents`."""

    id: Id
    source_sha256: Sha256
    title: Short
    author: Short
    file_name: FileName
    format: Short
    created_at: Time
    updated_at: Time


class ReadingEntry(Strict):
    """The row of `readings` without the ids of its document and text."""

    id: Id
    memory: Literal["adaptive", "infini", "melodi"]
    memory_config: Short
    backbone: Short
    backbone_sha256: Sha256
    tokenizer_sha256: Sha256
    adapter: Short | None
    segments: Positive
    segments_done: Positive
    tokens: Positive
    kv_cache_bytes: Positive
    state_bytes: Positive
    state_sha256: Sha256
    seconds: Annotated[float, Field(ge=0)]
    created_at: Time
    updated_at: Time


class TextEntry(Strict):
    """The text that was read; `parser` is the version of the parsers that extracted it."""

    parser: Whole
    paged: bool
    text: str
    warnings: tuple[Short, ...] = ()


class SourceEntry(Strict):
    """A file that the text is from; `original` is its size if it is in the archive."""

    sha256: Sha256
    file_name: FileName
    created_at: Time
    original: Positive | None


class ChapterEntry(Strict):
    """A chapter; offsets are into the whole text, `source` counts the files from 0."""

    title: Short
    start: Whole
    end: Whole
    source: Whole
    made_up: bool
    matter: Short = "main"


class SegmentEntry(Strict):
    """A segment of the text; `chapter` counts from 1."""

    number: Whole
    chapter: Positive
    start: Whole
    end: Whole
    page_first: Whole
    page_last: Whole
    tokens: Positive


class Manifest(Strict):
    """Everything but the blobs."""

    format: Literal[2]
    document: DocumentEntry
    reading: ReadingEntry
    text: TextEntry
    sources: tuple[SourceEntry, ...]
    chapters: tuple[ChapterEntry, ...]
    pages: tuple[PageEntry, ...]
    segments: tuple[SegmentEntry, ...]
    summaries: tuple[SummaryEntry, ...]
    chats: tuple[ChatEntry, ...]
    state: tuple[BlobEntry, ...]
    notes: tuple[NoteEntry, ...] = ()  # exports of before the notebook have none

    @property
    def originals(self) -> list[tuple[str, SourceEntry]]:
        """(name in the archive, source) of the original files that the archive contains."""
        named = ((original_member(n), source) for n, source in enumerate(self.sources))
        return [(member, source) for member, source in named if source.original is not None]


_Manifests: TypeAdapter[Manifest | Manifest1] = TypeAdapter(
    Annotated[Manifest | Manifest1, Field(discriminator="format")]
)


def original_member(number: int) -> str:
    """The name that the original file of this number must have in the archive."""
    return f"originals/{number:06d}"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The content of a checked manifest, as the store keeps it."""

    config: MemoryConfig
    text: DocumentText
    segments: list[Segment]


def parse(data: bytes) -> Manifest:
    """Read a manifest from JSON. Raises InvalidArchive for the first error in it."""
    try:
        found = _Manifests.validate_json(data)
        return Manifest.model_validate(found.renewed()) if isinstance(found, Manifest1) else found
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        given: Any = problem["input"]
        if problem["type"].startswith("union_tag"):
            raise InvalidArchive(
                f"The archive has format {given.get('format')!r:.40}, but this version reads only "
                f"1 and {FORMAT}; use the version of bookstate that wrote the archive."
            ) from error
        loc = problem["loc"][1:] if problem["loc"][:1] in ((1,), (FORMAT,)) else problem["loc"]
        place, why = ".".join(str(step) for step in loc), f"{problem['msg']:.200}"
        raise refused(f"{place} is not valid ({why})" if place else why) from error


def unpack(manifest: Manifest) -> Unpacked:
    """What the manifest describes. Raises InvalidArchive if its parts contradict each other."""
    row, text = manifest.document, manifest.text
    _check_identity(manifest)
    config = _config(manifest.reading)
    try:
        book = Book(
            title=row.title,
            text=text.text,
            chapters=tuple(
                Chapter(c.title, c.start, c.end, c.made_up, c.matter) for c in manifest.chapters
            ),
            pages=tuple(Page(p.number, p.label, p.start, p.end) for p in manifest.pages),
            format=row.format,
            author=row.author,
            paged=text.paged,
            warnings=text.warnings,
        )
        segments = [
            Segment(s.number, s.chapter - 1, s.start, s.end, s.page_first, s.page_last, s.tokens)
            for s in manifest.segments
        ]
        check_partition("segment", segments, 0, len(book.text))
    except InvalidBookError as error:
        raise refused(str(error)) from error
    _check_segments(segments, book, config.window)
    _check_counts(manifest)
    _check_sources(manifest)
    blobs: list[tuple[str, int]] = [(entry.part, entry.segment) for entry in manifest.state]
    inside = [s.chapter for s in manifest.segments]
    sources = tuple(chapter.source for chapter in manifest.chapters)
    ends = snapshot_ends(inside, book.chapters, sources)
    every = [n for n in range(len(inside) - 1) if inside[n] != inside[n + 1]]  # as in version 0.3
    expected = [expected_blobs(config, len(inside), kept) for kept in (ends, every)]
    if blobs not in expected:
        raise refused(
            f"its list of {len(blobs)} parts is not what a memory {manifest.reading.memory} writes"
        )
    made = DocumentText(
        text.parser, text.paged, text.text, book.chapters, book.pages, sources, book.warnings
    )
    return Unpacked(config, made, segments)


def _check_identity(manifest: Manifest) -> None:
    row = manifest.reading
    expected = list(
        reading_ids(
            manifest.document.source_sha256, row.memory, row.memory_config, row.backbone_sha256
        )
    )
    if row.id not in expected:
        raise refused(f"its id is {row.id}, but its source file and its memory give {expected[0]}")


def _config(row: ReadingEntry) -> MemoryConfig:
    """The memory's configuration, which must be written exactly as this program writes it."""
    try:
        config = parse_config(row.memory, row.memory_config)
        named = read_config(row.memory, row.memory_config)
    except (ValueError, ModelError) as error:
        raise refused(
            f"its memory configuration {row.memory_config:.200} cannot be read"
        ) from error
    # Older states have fewer fields, some of which had other names.
    own = {name: value for name, value in asdict(config).items() if name in named}
    written = json.dumps(json.loads(row.memory_config), sort_keys=True)
    canonical = json.dumps(own, sort_keys=True) == json.dumps(named, sort_keys=True)
    if not canonical or written != row.memory_config:
        raise refused(
            f"its memory configuration {row.memory_config:.200} is not written as bookstate does"
        )
    if config.window > WIDEST_WINDOW:
        raise refused(f"its window is {config.window} tokens and the limit is {WIDEST_WINDOW}")
    return config


def _check_segments(segments: Sequence[Segment], book: Book, window: int) -> None:
    starts = [page.start for page in book.pages]
    for number, segment in enumerate(segments):
        first = book.pages[bisect_right(starts, segment.start) - 1].number
        last = book.pages[bisect_right(starts, segment.end - 1) - 1].number
        inside = segment.chapter < len(book.chapters)
        chapter = book.chapters[segment.chapter] if inside else book.chapters[-1]
        holds = (
            inside
            and segment.index == number
            and chapter.start <= segment.start
            and segment.end <= chapter.end
            and (segment.page_first, segment.page_last) == (first, last)
            and segment.tokens <= window
        )
        if not holds:
            raise refused(f"segment {number} does not fit its chapter, its pages or the window")


def _check_counts(manifest: Manifest) -> None:
    row = manifest.reading
    for name, stated, found in (
        ("segments", row.segments, len(manifest.segments)),
        ("segments_done", row.segments_done, len(manifest.segments)),
        ("tokens", row.tokens, sum(s.tokens for s in manifest.segments)),
        ("state_bytes", row.state_bytes, sum(entry.size for entry in manifest.state)),
        ("kv_cache_bytes", row.kv_cache_bytes % row.tokens, 0),
    ):
        if stated != found:
            raise refused(f"{name} is {stated}, but the rest of the manifest gives {found}")
    numbers = [s.chapter for s in manifest.summaries]
    if len(set(numbers)) < len(numbers) or max(numbers, default=0) > len(manifest.chapters):
        raise refused(
            f"it has summaries of chapters {numbers}, but one for each of "
            f"{len(manifest.chapters)} chapters is the most"
        )


def _check_sources(manifest: Manifest) -> None:
    sources, numbers = manifest.sources, [chapter.source for chapter in manifest.chapters]
    hashes = {source.sha256 for source in sources}
    holds = bool(sources) and numbers[0] == 0 and numbers[-1] == len(sources) - 1
    holds = holds and all(after - before in (0, 1) for before, after in pairwise(numbers))
    holds = holds and len(hashes) == len(sources)
    if not holds or sources[0].sha256 != manifest.document.source_sha256:
        raise refused(f"its {len(sources)} source files do not fit its document and chapters")

"""The manifest of an exported document: its form, and what must hold between its parts.

`Manifest` checks types, patterns and ranges; `unpack` builds the document as the store keeps it
and checks everything that one part says about another. Nothing here trusts the file.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from app.errors import InvalidArchive
from app.exchange.state_checks import MemoryConfig, expected_blobs
from app.storage.store import LONGEST_TITLE, Document
from ingest.book import Book, Chapter, InvalidBookError, Page, Segment, check_partition
from memory_models.errors import ModelError
from memory_models.memories.adaptive import AdaptiveConfig
from memory_models.memories.infini import InfiniConfig
from memory_models.memories.melodi import MelodiConfig

FORMAT = 1
WIDEST_WINDOW = 8192  # tokens, the limit of the setting
_CONFIGS = {"adaptive": AdaptiveConfig, "infini": InfiniConfig, "melodi": MelodiConfig}

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, le=2**53)]
Positive = Annotated[int, Field(ge=1, le=2**53)]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]
Short = Annotated[str, StringConstraints(max_length=LONGEST_TITLE)]
FileName = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^/\\\x00-\x1f]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class DocumentEntry(_Strict):
    """The row of `documents`."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    source_sha256: Sha256
    title: Short
    author: Short
    file_name: FileName
    format: Short
    paged: bool
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


class SourceEntry(_Strict):
    """A file that the document is made of."""

    sha256: Sha256
    file_name: FileName
    first_segment: Whole
    created_at: Time


class ChapterEntry(_Strict):
    """A chapter; offsets are those of the whole text."""

    title: Short
    start: Whole
    end: Whole


class PageEntry(_Strict):
    """A page; `number` counts from 1, `label` is as printed."""

    number: Whole
    label: Short
    start: Whole
    end: Whole


class SegmentEntry(_Strict):
    """A segment with its text; `chapter` counts from 1."""

    number: Whole
    chapter: Positive
    start: Whole
    end: Whole
    page_first: Whole
    page_last: Whole
    tokens: Positive
    text: str


class BlobEntry(_Strict):
    """One member of the archive: a part of the state, by what it is."""

    part: Literal["address", "carry", "slots", "snapshot"]
    segment: Whole
    size: Positive
    sha256: Sha256

    @property
    def member(self) -> str:
        """The only name that this part may have in the archive."""
        return f"state/{self.part}-{self.segment:06d}.safetensors"


class SummaryEntry(_Strict):
    """A stored summary; chapter 0 is the whole book."""

    chapter: Whole
    title: Short
    summary: str


class MessageEntry(_Strict):
    """One turn of a chat, with what the answer's sources said."""

    role: Literal["user", "assistant"]
    text: str
    confidence: float | None
    sources: tuple[dict[str, str | int | float | bool | None], ...]
    created_at: Time


class ChatEntry(_Strict):
    """A stored conversation."""

    title: Short
    created_at: Time
    messages: tuple[MessageEntry, ...]


class Manifest(_Strict):
    """Everything but the blobs."""

    format: Literal[1]
    document: DocumentEntry
    sources: tuple[SourceEntry, ...]
    chapters: tuple[ChapterEntry, ...]
    pages: tuple[PageEntry, ...]
    segments: tuple[SegmentEntry, ...]
    summaries: tuple[SummaryEntry, ...]
    chats: tuple[ChatEntry, ...]
    state: tuple[BlobEntry, ...]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A manifest that holds together, in the store's own terms."""

    document: Document
    config: MemoryConfig
    book: Book
    segments: list[Segment]


def parse(data: bytes) -> Manifest:
    """Read a manifest from JSON. Raises InvalidArchive with the first thing that is wrong."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        for problem in problems:
            if problem["loc"] == ("format",):
                raise InvalidArchive(
                    f"The archive has format {problem['input']!r:.40}, this program reads "
                    f"{FORMAT}; use the version of bookstate that wrote it."
                ) from error
        place = ".".join(str(step) for step in problems[0]["loc"]) or "the whole"
        raise _refused(f"{place} is not in order ({problems[0]['msg']:.200})") from error


def unpack(manifest: Manifest) -> Unpacked:
    """What the manifest describes. Raises InvalidArchive where its parts contradict one another."""
    row = manifest.document
    _check_identity(row)
    config = _config(row)
    try:
        book = Book(
            title=row.title,
            text="".join(s.text for s in manifest.segments),
            chapters=tuple(Chapter(c.title, c.start, c.end) for c in manifest.chapters),
            pages=tuple(Page(p.number, p.label, p.start, p.end) for p in manifest.pages),
            format=row.format,
            author=row.author,
            paged=row.paged,
        )
        segments = [
            Segment(s.number, s.chapter - 1, s.start, s.end, s.page_first, s.page_last, s.tokens)
            for s in manifest.segments
        ]
        check_partition("segment", segments, 0, len(book.text))
    except InvalidBookError as error:
        raise _refused(str(error)) from error
    _check_segments(manifest.segments, segments, book, config.window)
    _check_counts(manifest)
    _check_sources(manifest)
    blobs = [(entry.part, entry.segment) for entry in manifest.state]
    if blobs != expected_blobs(config, [s.chapter for s in manifest.segments]):
        raise _refused(f"the list of {len(blobs)} parts is not what {row.memory} leaves behind")
    return Unpacked(Document(**row.model_dump()), config, book, segments)


def _check_identity(row: DocumentEntry) -> None:
    names = (row.source_sha256, row.memory, row.memory_config, row.backbone_sha256)
    expected = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    if row.id != expected:
        raise _refused(f"the id {row.id} is not {expected}, which its source and memory give")


def _config(row: DocumentEntry) -> MemoryConfig:
    try:
        adapter: TypeAdapter[MemoryConfig] = TypeAdapter(_CONFIGS[row.memory])
        config = adapter.validate_json(row.memory_config, strict=True)
    except (ValidationError, ModelError) as error:
        raise _refused(f"its memory configuration {row.memory_config:.200} is not one") from error
    named = json.loads(row.memory_config)  # older states name fewer settings
    own = {name: value for name, value in asdict(config).items() if name in named}
    if json.dumps(own, sort_keys=True) != row.memory_config:
        raise _refused(f"its memory configuration {row.memory_config:.200} is not canonical")
    if config.window > WIDEST_WINDOW:
        raise _refused(f"its window is {config.window} tokens, at most {WIDEST_WINDOW} are read")
    return config


def _check_segments(
    entries: Sequence[SegmentEntry], segments: Sequence[Segment], book: Book, window: int
) -> None:
    starts = [page.start for page in book.pages]
    for number, (entry, segment) in enumerate(zip(entries, segments, strict=True)):
        first = book.pages[bisect_right(starts, segment.start) - 1].number
        last = book.pages[bisect_right(starts, segment.end - 1) - 1].number
        inside = segment.chapter < len(book.chapters)
        chapter = book.chapters[segment.chapter] if inside else book.chapters[-1]
        holds = (
            inside
            and segment.index == number
            and segment.end - segment.start == len(entry.text)
            and chapter.start <= segment.start
            and segment.end <= chapter.end
            and (segment.page_first, segment.page_last) == (first, last)
            and segment.tokens <= window
        )
        if not holds:
            raise _refused(f"segment {number} contradicts its chapter, its pages or its window")


def _check_counts(manifest: Manifest) -> None:
    row = manifest.document
    for name, stated, found in (
        ("segments", row.segments, len(manifest.segments)),
        ("segments_done", row.segments_done, len(manifest.segments)),
        ("tokens", row.tokens, sum(s.tokens for s in manifest.segments)),
        ("state_bytes", row.state_bytes, sum(entry.size for entry in manifest.state)),
        ("kv_cache_bytes", row.kv_cache_bytes % row.tokens, 0),
    ):
        if stated != found:
            raise _refused(f"{name} is {stated}, but what is there gives {found}")
    numbers = [s.chapter for s in manifest.summaries]
    if len(set(numbers)) < len(numbers) or max(numbers, default=0) > len(manifest.chapters):
        raise _refused(f"its summaries are of the chapters {numbers}")


def _check_sources(manifest: Manifest) -> None:
    row, sources = manifest.document, manifest.sources
    firsts = [source.first_segment for source in sources]
    hashes = {source.sha256 for source in sources}
    holds = bool(sources) and firsts[0] == 0 and firsts == sorted(set(firsts))
    holds = holds and firsts[-1] < row.segments and len(hashes) == len(sources)
    if not holds or sources[0].sha256 != row.source_sha256:
        raise _refused(f"its {len(sources)} source files contradict the document")


def _refused(why: str) -> InvalidArchive:
    return InvalidArchive(f"The archive's manifest is refused: {why}; export the document again.")

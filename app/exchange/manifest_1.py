"""Format 1 of the manifest, written up to version 0.3, when a document had only one reading.

This file only converts it to the present format; `manifest.py` then checks the result.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, Any, Literal

from pydantic import Field

from app.exchange.entries import (
    BlobEntry,
    ChatEntry,
    FileName,
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


class DocumentEntry1(Strict):
    """The document and its only reading."""

    id: str
    source_sha256: Sha256
    title: Short
    author: Short
    file_name: FileName
    format: Short
    paged: bool
    memory: str
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


class SourceEntry1(Strict):
    """A file that the document is made of."""

    sha256: Sha256
    file_name: FileName
    first_segment: Whole
    created_at: Time


class ChapterEntry1(Strict):
    """A chapter; offsets are those of the whole text."""

    title: Short
    start: Whole
    end: Whole


class SegmentEntry1(Strict):
    """A segment with its text; `chapter` counts from 1."""

    number: Whole
    chapter: Positive
    start: Whole
    end: Whole
    page_first: Whole
    page_last: Whole
    tokens: Positive
    text: str


class Manifest1(Strict):
    """Everything but the blobs."""

    format: Literal[1]
    document: DocumentEntry1
    sources: tuple[SourceEntry1, ...]
    chapters: tuple[ChapterEntry1, ...]
    pages: tuple[PageEntry, ...]
    segments: tuple[SegmentEntry1, ...]
    summaries: tuple[SummaryEntry, ...]
    chats: tuple[ChatEntry, ...]
    state: tuple[BlobEntry, ...]

    def renewed(self) -> dict[str, Any]:
        """This manifest in the present format, not checked yet. Raises InvalidArchive."""
        for number, segment in enumerate(self.segments):
            if segment.end - segment.start != len(segment.text):
                raise refused(f"segment {number} does not have the length of its text")
        row = self.document.model_dump()
        of_both = ("id", "created_at", "updated_at")
        of_document = ("source_sha256", "title", "author", "file_name", "format")
        of_reading = [n for n in row if n not in (*of_both, *of_document, "paged")]
        text = "".join(segment.text for segment in self.segments)
        return {
            "format": 2,
            "document": {name: row[name] for name in (*of_both, *of_document)},
            "reading": {name: row[name] for name in (*of_both, *of_reading)},
            "text": {"parser": 0, "paged": row["paged"], "text": text},
            "sources": tuple(
                {
                    "sha256": source.sha256,
                    "file_name": source.file_name,
                    "created_at": source.created_at,
                    "original": None,
                }
                for source in self.sources
            ),
            "chapters": self._chapters(),
            "pages": self.pages,
            "segments": tuple(s.model_dump(exclude={"text"}) for s in self.segments),
            "summaries": self.summaries,
            "chats": self.chats,
            "state": self.state,
        }

    def _chapters(self) -> tuple[dict[str, Any], ...]:
        """Chapters with their sources: the last source that begins at or before the chapter."""
        starts = [source.first_segment for source in self.sources]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise refused(f"its {len(starts)} source files do not fit the document")
        firsts: dict[int, int] = {}
        for segment in self.segments:
            firsts.setdefault(segment.chapter, segment.number)
        return tuple(
            {
                **chapter.model_dump(),
                "source": bisect_right(starts, firsts.get(number, 0)) - 1,
                "made_up": False,  # format 1 does not have this field
            }
            for number, chapter in enumerate(self.chapters, start=1)
        )

"""Documents with their text, and the states that were read from them.

A document is known by the SHA-256 of its bytes together with the memory and backbone that read it.
`states` holds blobs apart from everything a person would browse: per segment `slots` and `address`
(what the segment left behind), one `carry` (what the next segment needs) and `snapshot`s of the
carry at chapter ends. `checkpoint` writes new blobs and the number of segments done in one
transaction, so a killed process leaves a whole prefix of the document and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import UnknownDocument
from app.storage.activity import BOOK
from app.storage.database import DatabaseFile, now
from ingest.book import Book, Chapter, Page, Segment

LONGEST_TITLE = 4096  # characters


@dataclass(frozen=True, slots=True)
class Document:
    """One row of `documents`."""

    id: str
    source_sha256: str
    title: str
    author: str
    file_name: str
    format: str
    paged: bool
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
class StoredSegment:
    """A segment with its text, as the sources of an answer show it."""

    number: int
    chapter: int
    start: int
    end: int
    page_first: int
    page_last: int
    tokens: int
    text: str


class DocumentStore(DatabaseFile):
    """Documents, their text, their states."""

    def add_document(self, document: Document, book: Book, segments: Iterable[Segment]) -> None:
        """Store a book that is about to be read, with all its text, in one transaction."""
        with self.writing():
            row = {name: getattr(document, name) for name in Document.__slots__}
            self._table("documents").insert({**row, "paged": int(document.paged)})
            self.add_source(
                document.id, document.source_sha256, document.file_name, 0, document.created_at
            )
            self._add_text(document.id, book, segments, 0, 0, 0, 0)

    def extend_document(
        self, document: Document, book: Book, segments: list[Segment], sha256: str, file_name: str
    ) -> None:
        """Put another text behind a document; the whole-book summary is made anew afterwards."""
        with self.writing():
            pages = self._last_page(document.id)
            chapters = self._count("chapters", document.id)
            length = self.db.execute(
                "SELECT coalesce(max(end), 0) FROM chapters WHERE document_id = ?", [document.id]
            ).fetchone()[0]
            self.add_source(document.id, sha256, file_name, document.segments)
            if document.segments_done == document.segments:
                self._snapshot_carry(document.id)
            self._add_text(document.id, book, segments, document.segments, chapters, pages, length)
            per_token = document.kv_cache_bytes // max(1, document.tokens)
            tokens = document.tokens + sum(s.tokens for s in segments)
            self.update(
                document.id,
                segments=document.segments + len(segments),
                tokens=tokens,
                kv_cache_bytes=per_token * tokens,
                state_sha256=None,
            )
            self._table("summaries").delete_where(
                "document_id = ? AND chapter = ?", [document.id, BOOK]
            )

    def _last_page(self, document_id: str) -> int:
        row = self.db.execute(
            "SELECT coalesce(max(number), 0) FROM pages WHERE document_id = ?", [document_id]
        ).fetchone()
        return int(row[0])

    def _snapshot_carry(self, document_id: str) -> None:
        """What was the end of the document becomes the end of a chapter inside it."""
        self.db.execute(
            "INSERT OR IGNORE INTO states (document_id, part, segment, blob) "
            "SELECT document_id, 'snapshot', segment, blob FROM states "
            "WHERE document_id = ? AND part = 'carry'",
            [document_id],
        )

    def add_source(
        self,
        document_id: str,
        sha256: str,
        file_name: str,
        first_segment: int,
        created_at: str | None = None,
    ) -> None:
        """Note a file that the document is made of, behind those there are."""
        self._table("sources").insert(
            {
                "document_id": document_id,
                "number": self._count("sources", document_id),
                "sha256": sha256,
                "file_name": file_name,
                "first_segment": first_segment,
                "created_at": created_at or now(),
            }
        )

    def _add_text(
        self,
        document_id: str,
        book: Book,
        segments: Iterable[Segment],
        segment0: int,
        chapter0: int,
        page0: int,
        offset: int,
    ) -> None:
        self._table("chapters").insert_all(
            {
                "document_id": document_id,
                "number": chapter0 + i,
                "title": c.title,
                "start": offset + c.start,
                "end": offset + c.end,
            }
            for i, c in enumerate(book.chapters, start=1)
        )
        self._table("pages").insert_all(
            {
                "document_id": document_id,
                "number": page0 + p.number,
                "label": p.label,
                "start": offset + p.start,
                "end": offset + p.end,
            }
            for p in book.pages
        )
        self._table("segments").insert_all(
            {
                "document_id": document_id,
                "number": segment0 + s.index,
                "chapter": chapter0 + s.chapter + 1,
                "start": offset + s.start,
                "end": offset + s.end,
                "page_first": page0 + s.page_first,
                "page_last": page0 + s.page_last,
                "tokens": s.tokens,
                "text": book.text[s.start : s.end],
            }
            for s in segments
        )

    def _documents(self, where: str, parameters: list[Any] | dict[str, Any]) -> list[Document]:
        rows = self.db.query(f"SELECT * FROM documents WHERE {where}", parameters)
        return [
            Document(
                **{
                    **row,
                    "paged": bool(row["paged"]),
                    "adapter": written_with(row["memory_config"]),  # older rows name none
                }
            )
            for row in rows
        ]

    def documents(self, search: str = "") -> list[Document]:
        """All documents, newest first; `search` matches title, author or file name."""
        wanted = search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        matches = (f"{column} LIKE ? ESCAPE '\\'" for column in ("title", "author", "file_name"))
        return self._documents(
            f"{' OR '.join(matches)} ORDER BY created_at DESC, id", [f"%{wanted}%"] * 3
        )

    def document(self, document_id: str) -> Document:
        """The document with this id; else the only one whose id begins so, or whose title it is.

        Titles are compared without regard to the case of A to Z.
        """
        wanted = document_id.strip()
        found = self._documents("id = ?", [wanted]) or self._documents(
            "substr(id, 1, length(:wanted)) = :wanted OR lower(title) = lower(:wanted)",
            {"wanted": wanted},
        )
        if not wanted or not found:
            raise UnknownDocument(
                f"No document has the id {document_id!r}; `bookstate list` shows those there are."
            )
        if len(found) > 1:
            raise UnknownDocument(
                f"{len(found)} documents have an id that begins with {document_id!r}, or this "
                "title; give more of the id."
            )
        return found[0]

    def known(
        self, sha256: str, memory: str, memory_config: str, backbone_sha256: str
    ) -> Document | None:
        """The document that the same bytes gave before under the same memory and backbone.

        A newer calibration does not make the book another one: addressing heads do not count.
        """
        found = self._documents(
            "source_sha256 = ? AND memory = ? AND backbone_sha256 = ? AND "
            "json_remove(memory_config, '$.address_heads') = json_remove(?, '$.address_heads')",
            [sha256, memory, backbone_sha256, memory_config],
        )
        return found[0] if found else None

    def has_source(self, document_id: str, sha256: str) -> bool:
        """True when these bytes are already part of the document."""
        where = "document_id = ? AND sha256 = ?"
        return bool(self._table("sources").count_where(where, [document_id, sha256]))

    def sources(self, document_id: str) -> list[dict[str, Any]]:
        """The files that a document is made of, in order."""
        return list(
            self.db.query(
                "SELECT number, sha256, file_name, first_segment, created_at FROM sources "
                "WHERE document_id = ? ORDER BY number",
                [document_id],
            )
        )

    def update(self, document_id: str, **values: Any) -> None:
        """Set columns of one document. Raises UnknownDocument once it was deleted."""
        if not self._set("documents", document_id, values):
            raise UnknownDocument(f"The document {document_id!r} has been deleted.")

    def remove(self, document_id: str) -> None:
        """Delete a document with everything that hangs on it."""
        with self.writing() as db:
            db.execute("DELETE FROM documents WHERE id = ?", [document_id])

    # Text

    def chapters(self, document_id: str) -> list[Chapter]:
        """Chapters in order; chapter number n is at index n - 1."""
        rows = self.db.query(
            "SELECT title, start, end FROM chapters WHERE document_id = ? ORDER BY number",
            [document_id],
        )
        return [Chapter(**row) for row in rows]

    def pages(self, document_id: str) -> list[Page]:
        """Pages in order; page number n is at index n - 1."""
        rows = self.db.query(
            "SELECT number, label, start, end FROM pages WHERE document_id = ? ORDER BY number",
            [document_id],
        )
        return [Page(**row) for row in rows]

    def page_count(self, document_id: str) -> int:
        """How many pages the document has."""
        return self._count("pages", document_id)

    def segments(
        self, document_id: str, first: int = 0, last: int | None = None
    ) -> list[StoredSegment]:
        """Segments first <= number < last, in order; a whole book's text is a few megabytes."""
        rows = self.db.query(
            "SELECT number, chapter, start, end, page_first, page_last, tokens, text "
            "FROM segments WHERE document_id = ? AND number >= ? AND number < ? ORDER BY number",
            [document_id, first, 2**62 if last is None else last],
        )
        return [StoredSegment(**row) for row in rows]

    def segment_chapters(self, document_id: str) -> list[int]:
        """The chapter number of every segment, in order."""
        rows = self.db.execute(
            "SELECT chapter FROM segments WHERE document_id = ? ORDER BY number", [document_id]
        )
        return [row[0] for row in rows]

    def page_labels(self, document_id: str, numbers: Iterable[int]) -> dict[int, str]:
        """Printed labels of the given page numbers."""
        wanted = sorted(set(numbers))
        marks = ",".join("?" * len(wanted))
        rows = self.db.execute(
            f"SELECT number, label FROM pages WHERE document_id = ? AND number IN ({marks})",
            [document_id, *wanted],
        )
        return dict(rows.fetchall())

    # States

    def checkpoint(
        self,
        document_id: str,
        *,
        segments_done: int,
        seconds: float,
        left: Mapping[tuple[str, int], bytes],
        carry: bytes | None,
    ) -> None:
        """Store what the latest segments left behind, atomically with how far the reading is.

        left: blobs by (part, segment); carry: what the next segment needs, replacing the last one.
        Raises UnknownDocument once the document was deleted.
        """
        with self.writing():
            self.update(document_id, segments_done=segments_done, seconds=seconds)
            blobs = [(part, segment, blob) for (part, segment), blob in left.items()]
            if carry is not None:
                self._table("states").delete_where(
                    "document_id = ? AND part = 'carry'", [document_id]
                )
                blobs.append(("carry", segments_done - 1, carry))
            self._table("states").upsert_all(
                (
                    {"document_id": document_id, "part": part, "segment": segment, "blob": blob}
                    for part, segment, blob in blobs
                ),
                pk=("document_id", "part", "segment"),
            )

    def add_blob(self, document_id: str, part: str, segment: int, blob: bytes) -> None:
        """Store one part of a state that was read elsewhere."""
        self._table("states").insert(
            {"document_id": document_id, "part": part, "segment": segment, "blob": blob}
        )

    def seal(self, document_id: str) -> None:
        """Record size and SHA-256 of the finished state."""
        total, size = hashlib.sha256(), 0
        rows = self.db.execute(
            "SELECT part, segment, blob FROM states WHERE document_id = ? ORDER BY part, segment",
            [document_id],
        )
        for part, segment, blob in rows:
            total.update(state_heading(part, segment, len(blob)))
            total.update(blob)
            size += len(blob)
        self.update(document_id, state_sha256=total.hexdigest(), state_bytes=size)

    def blobs(
        self, document_id: str, part: str, segments: Iterable[int] | None = None
    ) -> list[tuple[int, bytes]]:
        """(segment, blob) of one part in order, all of them or those of the given segments."""
        where, parameters = "document_id = ? AND part = ?", [document_id, part]
        if segments is not None:
            wanted = [str(s) for s in segments]
            where += " AND segment IN (SELECT value FROM json_each(?))"
            parameters.append(f"[{','.join(wanted)}]")
        rows = self.db.execute(
            f"SELECT segment, blob FROM states WHERE {where} ORDER BY segment", parameters
        )
        found: list[tuple[int, bytes]] = rows.fetchall()
        return found

    def state_index(self, document_id: str) -> list[tuple[str, int]]:
        """(part, segment) of every blob of the state, in the order in which `seal` hashes them."""
        rows = self.db.execute(
            "SELECT part, segment FROM states WHERE document_id = ? ORDER BY part, segment",
            [document_id],
        )
        found: list[tuple[str, int]] = rows.fetchall()
        return found

    def latest_blob(
        self, document_id: str, part: str, before: int | None = None
    ) -> tuple[int, bytes] | None:
        """The last (segment, blob) of a part, at most at segment `before`."""
        row: tuple[int, bytes] | None = self.db.execute(
            "SELECT segment, blob FROM states WHERE document_id = ? AND part = ? AND segment <= ? "
            "ORDER BY segment DESC LIMIT 1",
            [document_id, part, 2**62 if before is None else before],
        ).fetchone()
        return row

    def state_parts(self, document_id: str) -> dict[str, int]:
        """Bytes of the state by part."""
        rows = self.db.execute(
            "SELECT part, sum(length(blob)) FROM states WHERE document_id = ? GROUP BY part",
            [document_id],
        )
        return dict(rows.fetchall())


def written_with(memory_config: str) -> str | None:
    """The adapters that write states of this configuration, each by its hash; None for none."""
    config = json.loads(memory_config)
    named = [f"{kind} {config[kind]}" for kind in ("gate", "codec", "maps") if config.get(kind)]
    return ", ".join(named) or None


def state_heading(part: str, segment: int, size: int) -> bytes:
    """What is hashed before each blob, in the order of part and segment."""
    return f"{part}:{segment}:{size}\n".encode()

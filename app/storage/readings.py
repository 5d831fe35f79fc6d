"""Readings of documents: their segments, and how far each has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from app.errors import UnknownDocument
from app.storage.activity import BOOK
from app.storage.records import Reading, StoredSegment
from app.storage.states import StateStore
from app.storage.texts import TextStore, snapshot_ends
from ingest.book import Book, Segment


class ReadingStore(TextStore, StateStore):
    """Readings with their segments."""

    def add_reading(self, reading: Reading, segments: Iterable[Segment]) -> None:
        """Store a reading that is still to be made."""
        with self.writing():
            self._table("readings").insert(asdict(reading))
            self._add_segments(reading.id, segments)

    def _add_segments(
        self,
        reading_id: str,
        segments: Iterable[Segment],
        segment0: int = 0,
        chapter0: int = 0,
        page0: int = 0,
        offset: int = 0,
    ) -> None:
        self._table("segments").insert_all(
            {
                "reading_id": reading_id,
                "number": segment0 + s.index,
                "chapter": chapter0 + s.chapter + 1,
                "start": offset + s.start,
                "end": offset + s.end,
                "page_first": page0 + s.page_first,
                "page_last": page0 + s.page_last,
                "tokens": s.tokens,
            }
            for s in segments
        )

    def extend_reading(
        self, reading: Reading, book: Book, segments: Sequence[Segment], source: int, parser: int
    ) -> None:
        """Add another file to the end of a reading, and delete the book's summary.

        Other readings of the same text keep the old text.
        """
        with self.writing() as db:
            text = self.text(reading.text_id)
            longer = text.followed_by(book, source, parser)
            text_id = reading.text_id
            if self._table("readings").count_where("text_id = ?", [text_id]) > 1:
                text_id = self.add_text(reading.document_id, longer)
            else:
                self._replace_text(text_id, longer)
            if reading.segments_done == reading.segments:
                self._snapshot_carry(reading)
            places = len(text.chapters), text.pages[-1].number, len(text.text)
            self._add_segments(reading.id, segments, reading.segments, *places)
            per_token = reading.kv_cache_bytes // max(1, reading.tokens)
            tokens = reading.tokens + sum(s.tokens for s in segments)
            self.update_reading(
                reading.id,
                text_id=text_id,
                segments=reading.segments + len(segments),
                tokens=tokens,
                kv_cache_bytes=per_token * tokens,
                state_sha256=None,
            )
            db.execute(
                "DELETE FROM summaries WHERE document_id = ? AND chapter = ?",
                [reading.document_id, BOOK],
            )

    def readings(self, document_id: str) -> list[Reading]:
        """All readings of a document, oldest first."""
        rows = self.db.query(
            f"SELECT * FROM readings WHERE document_id = ? AND {self._seen('document_id')} "
            "ORDER BY rowid",
            [document_id],
        )
        return [Reading(**row) for row in rows]

    def reading_in_use(self, document_id: str) -> str | None:
        """Id of the reading that a document uses, or None if the document was deleted."""
        row = self.db.execute(
            f"SELECT reading_id FROM documents WHERE id = ? AND {self._seen('id')}", [document_id]
        ).fetchone()
        return row[0] if row else None

    def is_reading(self, reading_id: str) -> bool:
        """True if a reading has this id."""
        return bool(self._table("readings").count_where("id = ?", [reading_id]))

    def check_reading(self, reading: Reading) -> None:
        """Raise UnknownDocument if the reading or its document was deleted."""
        if not self.is_reading(reading.id):
            raise UnknownDocument(f"The document {reading.document_id!r} has been deleted.")

    def remove_reading(self, reading: Reading) -> None:
        """Delete one of several readings, and its text and its files if no other needs them.

        If this reading was in use, the document then uses its latest finished reading.
        """
        with self.deleting() as db:
            db.execute("DELETE FROM readings WHERE id = ?", [reading.id])
            db.execute(
                "DELETE FROM texts WHERE id = ? AND id NOT IN (SELECT text_id FROM readings)",
                [reading.text_id],
            )
            db.execute(
                "DELETE FROM sources WHERE document_id = :document AND number NOT IN (SELECT "
                "source FROM chapters c JOIN texts t ON t.id = c.text_id "
                "WHERE t.document_id = :document)",
                {"document": reading.document_id},
            )
            db.execute(
                "UPDATE documents SET reading_id = (SELECT id FROM readings "
                "WHERE document_id = documents.id "
                "ORDER BY state_sha256 IS NULL, rowid DESC LIMIT 1) "
                "WHERE id = ? AND reading_id IS NULL",
                [reading.document_id],
            )

    # Segments

    def segments(
        self, reading: Reading, first: int = 0, last: int | None = None
    ) -> list[StoredSegment]:
        """Segments first <= number < last, in order; a whole book's text is a few megabytes."""
        return self._segments(
            reading, "number >= ? AND number < ?", [first, 2**62 if last is None else last]
        )

    def some_segments(self, reading: Reading, numbers: Iterable[int]) -> dict[int, StoredSegment]:
        """The segments with the given numbers. Raises UnknownDocument if they were deleted."""
        wanted = sorted(set(numbers))
        marks = ",".join("?" * len(wanted))
        found = {s.number: s for s in self._segments(reading, f"number IN ({marks})", wanted)}
        if len(found) < len(wanted):
            raise UnknownDocument(f"The document {reading.document_id!r} has been deleted.")
        return found

    def _segments(self, reading: Reading, where: str, parameters: list[int]) -> list[StoredSegment]:
        rows = self.db.execute(
            "SELECT number, chapter, start, end, page_first, page_last, tokens FROM segments "
            f"WHERE reading_id = ? AND {where} ORDER BY number",
            [reading.id, *parameters],
        ).fetchall()
        if not rows:
            return []
        # Cut in Python, because SQL's substr counts from the text's beginning for every segment.
        (text,) = self.db.execute(
            "SELECT t.text FROM texts t JOIN readings r ON r.text_id = t.id WHERE r.id = ?",
            [reading.id],
        ).fetchone()
        return [
            StoredSegment(n, chapter, start, end, first, last, tokens, text[start:end])
            for n, chapter, start, end, first, last, tokens in rows
        ]

    def snapshot_ends(self, reading: Reading) -> list[int]:
        """The segments after which a recurrent memory stores a snapshot of its state."""
        text = self.text(reading.text_id)
        return snapshot_ends(self.segment_chapters(reading), text.chapters, text.sources)

    def segment_chapters(self, reading: Reading) -> list[int]:
        """The chapter number of every segment, in order."""
        rows = self.db.execute(
            "SELECT chapter FROM segments WHERE reading_id = ? ORDER BY number", [reading.id]
        )
        return [row[0] for row in rows]

    def segment_ends(self, reading: Reading) -> list[int]:
        """Where every segment ends in the text, in order."""
        rows = self.db.execute(
            "SELECT end FROM segments WHERE reading_id = ? ORDER BY number", [reading.id]
        )
        return [row[0] for row in rows]

    def tokens_done(self, reading: Reading) -> int:
        """Tokens of the segments that have been read."""
        row = self.db.execute(
            "SELECT coalesce(sum(tokens), 0) FROM segments WHERE reading_id = ? AND number < ?",
            [reading.id, reading.segments_done],
        ).fetchone()
        return int(row[0])

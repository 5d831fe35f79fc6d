"""States of readings, stored as blobs.

For each segment there are the parts `slots` and `address` (what the memory keeps of the segment).
There is one `carry` (what the next segment needs), and a `snapshot` of the carry at the end of each
chapter. `checkpoint` writes new blobs and the number of segments read in one transaction, so that
after a killed process the state is complete up to the last checkpoint and holds nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import UnknownDocument
from app.storage.database import DatabaseFile
from app.storage.records import Reading


class StateStore(DatabaseFile):
    """The blobs of states: one for each part and segment."""

    def update_reading(self, reading_id: str, **values: Any) -> None:
        """Set columns of a reading. Raises UnknownDocument if it was deleted."""
        if not self._set("readings", reading_id, values):
            raise UnknownDocument(f"The reading {reading_id!r} has been deleted.")

    def checkpoint(
        self,
        reading: Reading,
        *,
        segments_done: int,
        seconds: float,
        left: Mapping[tuple[str, int], bytes],
        carry: bytes | None,
    ) -> None:
        """Store the blobs of the latest segments and how far the reading is, in one transaction.

        left: blobs by (part, segment). carry: what the next segment needs; it replaces the last
        carry. Raises UnknownDocument if the reading was deleted.
        """
        with self.writing():
            self.update_reading(reading.id, segments_done=segments_done, seconds=seconds)
            blobs = [(part, segment, blob) for (part, segment), blob in left.items()]
            if carry is not None:
                self._table("states").delete_where(
                    "reading_id = ? AND part = 'carry'", [reading.id]
                )
                blobs.append(("carry", segments_done - 1, carry))
            self._table("states").upsert_all(
                (
                    {"reading_id": reading.id, "part": part, "segment": segment, "blob": blob}
                    for part, segment, blob in blobs
                ),
                pk=("reading_id", "part", "segment"),
            )

    def add_blob(self, reading: Reading, part: str, segment: int, blob: bytes) -> None:
        """Store one blob of an imported state."""
        self._table("states").insert(
            {"reading_id": reading.id, "part": part, "segment": segment, "blob": blob}
        )

    def seal(self, reading: Reading) -> None:
        """Store the size and SHA-256 of a finished state, and make its reading the one in use."""
        total, size = hashlib.sha256(), 0
        rows = self.db.execute(
            "SELECT part, segment, blob FROM states WHERE reading_id = ? ORDER BY part, segment",
            [reading.id],
        )
        for part, segment, blob in rows:
            total.update(state_heading(part, segment, len(blob)))
            total.update(blob)
            size += len(blob)
        with self.writing():
            self.update_reading(reading.id, state_sha256=total.hexdigest(), state_bytes=size)
            self.use(reading)

    def use(self, reading: Reading) -> None:
        """Make a reading the one that its document uses. Raises UnknownDocument."""
        with self.writing() as db:
            used = db.execute(
                "UPDATE documents SET reading_id = ? WHERE id = ? "
                "AND EXISTS (SELECT 1 FROM readings WHERE id = ?)",
                [reading.id, reading.document_id, reading.id],
            )
            if not used.rowcount:
                raise UnknownDocument(f"The document {reading.document_id!r} has been deleted.")

    def _snapshot_carry(self, reading: Reading) -> None:
        """Copy the carry at the end of the document to a snapshot, before the document grows."""
        self.db.execute(
            "INSERT OR IGNORE INTO states (reading_id, part, segment, blob) "
            "SELECT reading_id, 'snapshot', segment, blob FROM states "
            "WHERE reading_id = ? AND part = 'carry'",
            [reading.id],
        )

    def blobs(
        self, reading: Reading, part: str, segments: Iterable[int] | None = None
    ) -> list[tuple[int, bytes]]:
        """(segment, blob) of one part, in order, of the given segments or of all."""
        where, parameters = "reading_id = ? AND part = ?", [reading.id, part]
        if segments is not None:
            wanted = [str(s) for s in segments]
            where += " AND segment IN (SELECT value FROM json_each(?))"
            parameters.append(f"[{','.join(wanted)}]")
        rows = self.db.execute(
            f"SELECT segment, blob FROM states WHERE {where} ORDER BY segment", parameters
        )
        found: list[tuple[int, bytes]] = rows.fetchall()
        return found

    def state_index(self, reading: Reading) -> list[tuple[str, int]]:
        """(part, segment) of every blob of the state, in the order in which `seal` hashes them."""
        rows = self.db.execute(
            "SELECT part, segment FROM states WHERE reading_id = ? ORDER BY part, segment",
            [reading.id],
        )
        found: list[tuple[str, int]] = rows.fetchall()
        return found

    def latest_blob(
        self, reading: Reading, part: str, before: int | None = None
    ) -> tuple[int, bytes] | None:
        """The last (segment, blob) of a part; with `before`, the last up to that segment."""
        row: tuple[int, bytes] | None = self.db.execute(
            "SELECT segment, blob FROM states WHERE reading_id = ? AND part = ? AND segment <= ? "
            "ORDER BY segment DESC LIMIT 1",
            [reading.id, part, 2**62 if before is None else before],
        ).fetchone()
        return row

    def carry_ends(self, reading: Reading) -> list[int]:
        """The segments after which the state of a recurrent memory is stored, in order."""
        rows = self.db.execute(
            "SELECT segment FROM states WHERE reading_id = ? AND part IN ('carry', 'snapshot') "
            "ORDER BY segment",
            [reading.id],
        )
        return [row[0] for row in rows]

    def state_parts(self, reading: Reading) -> dict[str, int]:
        """The size of each part of the state, in bytes."""
        rows = self.db.execute(
            "SELECT part, sum(length(blob)) FROM states WHERE reading_id = ? GROUP BY part",
            [reading.id],
        )
        return dict(rows.fetchall())


def state_heading(part: str, segment: int, size: int) -> bytes:
    """What is hashed before each blob, in the order of part and segment."""
    return f"{part}:{segment}:{size}\n".encode()

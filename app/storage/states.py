"""States of readings, stored as blobs.

For each segment there are the parts `slots` and `address` (what the memory keeps of the segment).
There is one `carry` (what the next segment needs), and a `snapshot` of the carry at the end of each
chapter. `checkpoint` writes new blobs and the number of segments read in one transaction, so that
after a killed process the state is complete up to the last checkpoint and holds nothing else.
Every blob has a checksum beside it (`checksums.py`), which is checked whenever the blob is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.errors import UnknownDocument
from app.storage.checksums import checksum
from app.storage.database import DatabaseFile
from app.storage.records import Reading
from memory_models.errors import BrokenState

_BLOBS = (
    "SELECT part, segment, blob, crc32 FROM states "
    "LEFT JOIN checksums USING (reading_id, part, segment) WHERE reading_id = ?"
)


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
            self._keep(reading, blobs)

    def add_blob(self, reading: Reading, part: str, segment: int, blob: bytes) -> None:
        """Store one blob of an imported state."""
        with self.writing():
            self._keep(reading, [(part, segment, blob)])

    def _keep(self, reading: Reading, blobs: Iterable[tuple[str, int, bytes]]) -> None:
        """Store (part, segment, blob) with checksums, in the place of what was there."""
        for part, segment, blob in blobs:
            place = {"reading_id": reading.id, "part": part, "segment": segment}
            self._table("states").upsert({**place, "blob": blob}, pk=tuple(place))
            value = {"crc32": checksum(part, segment, blob)}
            self._table("checksums").upsert({**place, **value}, pk=tuple(place))

    def _sound(
        self, reading: Reading, more: str, *parameters: str | int
    ) -> Iterator[tuple[str, int, bytes]]:
        """(part, segment, blob) of a state. Raises BrokenState for a blob that has changed."""
        rows = self.db.execute(f"{_BLOBS} {more}", [reading.id, *parameters])
        for part, segment, blob, recorded in rows:
            if checksum(part, segment, blob) != recorded:
                (title,) = self.db.execute(
                    "SELECT title FROM documents WHERE id = ?", [reading.document_id]
                ).fetchone() or (reading.document_id,)
                raise BrokenState(
                    f"The stored state of {title!r} is damaged at segment {segment} ({part}), "
                    "probably by the disk; remove the document and read it again."
                )
            yield part, segment, blob

    def seal(self, reading: Reading) -> None:
        """Store the size and SHA-256 of a finished state, and make its reading the one in use.

        Raises BrokenState for a state that was damaged while it was made.
        """
        total, size = hashlib.sha256(), 0
        for part, segment, blob in self._sound(reading, "ORDER BY part, segment"):
            total.update(state_heading(part, segment, len(blob)))
            total.update(blob)
            size += len(blob)
        with self.writing():
            self.update_reading(reading.id, state_sha256=total.hexdigest(), state_bytes=size)
            self.use(reading)
        self.reserve.keep()  # the database has grown

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
        carry = self.latest_blob(reading, "carry")
        if carry is not None:
            self._keep(reading, [("snapshot", *carry)])

    def blobs(
        self, reading: Reading, part: str, segments: Iterable[int] | None = None
    ) -> list[tuple[int, bytes]]:
        """(segment, blob) of one part, in order, of the given segments or of all.

        Raises BrokenState for one that was damaged, as all that read blobs do.
        """
        more, parameters = "AND part = ? ORDER BY segment", [part]
        if segments is not None:
            wanted = ",".join(str(s) for s in segments)
            more = "AND part = ? AND segment IN (SELECT value FROM json_each(?)) ORDER BY segment"
            parameters.append(f"[{wanted}]")
        found = self._sound(reading, more, *parameters)
        return [(segment, blob) for _, segment, blob in found]

    def left_of(self, reading: Reading, segment: int) -> dict[str, bytes]:
        """What a window memory keeps of one segment, by part; empty if it was deleted."""
        more = "AND part IN ('address', 'slots') AND segment = ?"
        return {part: blob for part, _, blob in self._sound(reading, more, segment)}

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
        last = 2**62 if before is None else before
        more = "AND part = ? AND segment <= ? ORDER BY segment DESC LIMIT 1"
        found = self._sound(reading, more, part, last)
        return next(((segment, blob) for _, segment, blob in found), None)

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

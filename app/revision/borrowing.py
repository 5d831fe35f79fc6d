"""Borrowing: what a window memory has left of a window is copied where the same text is read again.

Windows are read by themselves, so the same text read in the same way leaves the same bits. Another
reading of the document that has read it may be unfinished; what is copied is all that is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.storage.store import Reading, Store, StoredSegment
from ingest.stream import Readable
from memory_models.recall import AnyMemory


class Borrowed:
    """The unread segments of a reading whose text another reading of its document has read."""

    def __init__(self, store: Store, reading: Reading, unread: Sequence[StoredSegment]) -> None:
        self._store = store
        self._lenders: dict[int, tuple[Reading, int]] = {}
        wanted: dict[str, list[StoredSegment]] = {}
        for segment in unread:
            wanted.setdefault(segment.text, []).append(segment)
        for lender in store.readings(reading.document_id):
            if lender.id == reading.id or not same_way(lender, reading):
                continue
            for read in store.segments(lender, 0, lender.segments_done):
                for segment in wanted.pop(read.text, ()):
                    self._lenders[segment.number] = lender, read.number
        self.tokens = sum(s.tokens for s in unread if s.number in self._lenders)

    def __call__(self, segment: Readable) -> dict[str, bytes] | None:
        """What is left of a segment's text, by part; None where it must be read.

        Raises BrokenState for a copy that the disk has damaged.
        """
        if segment.number not in self._lenders:
            return None
        lender, number = self._lenders[segment.number]
        return self._store.left_of(lender, number) or None  # empty: the lender was deleted


def borrowed_for(
    store: Store, reading: Reading, memory: AnyMemory, unread: Sequence[StoredSegment]
) -> Borrowed:
    """What a reading need not read; nothing for a memory whose state depends on all before."""
    return Borrowed(store, reading, unread if memory.opens == "windows" else ())


def same_way(one: Reading, other: Reading) -> bool:
    """True if both readings leave the same bits of the same text."""
    return (one.memory, one.memory_config, one.backbone_sha256, one.tokenizer_sha256) == (
        other.memory,
        other.memory_config,
        other.backbone_sha256,
        other.tokenizer_sha256,
    )

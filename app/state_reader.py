"""Opening a stored state for one question: which windows, or which carry, the answer reads."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from torch import Tensor

from app.errors import InvalidQuestion, NotReady
from app.models import AnyMemory
from app.storage.store import Document, Store
from memory_models.address import AddressBook, key_heads
from memory_models.errors import BrokenState
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memories.infini_memory import InfiniMemory
from memory_models.memories.slots import slot_shape
from memory_models.memory import Bundle, Reading, from_bytes

OPEN_BOOKS = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of a document a question is about; chapters count from 1."""

    chapter: int | None = None  # this chapter alone
    as_of_chapter: int | None = None  # the book up to the end of this chapter

    def check(self, chapters: int) -> None:
        """Raise InvalidQuestion for a chapter that is not there or not read yet by then."""
        for number in (self.chapter, self.as_of_chapter):
            if number is not None and not 1 <= number <= chapters:
                raise InvalidQuestion(
                    f"Chapter {number} is not there; this document has chapters 1 to {chapters}."
                )
        if self.chapter and self.as_of_chapter and self.chapter > self.as_of_chapter:
            raise InvalidQuestion(
                f"Chapter {self.chapter} lies behind chapter {self.as_of_chapter}, where the "
                "reading is to stop; ask about an earlier chapter or leave one of the two out."
            )

    def holds(self, chapter: int) -> bool:
        """True for a chapter inside the scope."""
        if self.chapter is not None and chapter != self.chapter:
            return False
        return self.as_of_chapter is None or chapter <= self.as_of_chapter


def scope_note(document: Document, scope: Scope) -> str:
    """What a person must know where a chapter cannot be had alone, else empty."""
    if scope.chapter in (None, 1) or document.reading.memory == "adaptive" or _subtracts(document):
        return ""
    return (
        f"The state of this memory ({document.reading.memory}) cannot be cut where a chapter "
        f"begins: what it says is from chapters 1 to {scope.chapter} together."
    )


def _subtracts(document: Document) -> bool:
    """True for linear Infini-attention, where a chapter is its end's state minus its start's."""
    config = json.loads(document.reading.memory_config)
    return document.reading.memory == "infini" and config["update"] == "linear"


class StateReader:
    """Opens states of one store; keeps the address books of the last few documents."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._books: OrderedDict[tuple[str, str | None], AddressBook] = OrderedDict()
        self._lock = Lock()

    def open(
        self,
        document: Document,
        memory: AnyMemory,
        question: str,
        scope: Scope,
        windows: int,
    ) -> Reading:
        """A reading of the state for the question, `windows` of it where it has windows.

        Raises NotReady until the whole document is read, whatever the scope, and UnknownDocument
        once it was deleted.
        """
        with self._store.reading():
            self._store.check_reading(document.reading)
            chapters = self._store.segment_chapters(document.reading)
            scope.check(max(chapters))
            inside = [n for n, chapter in enumerate(chapters) if scope.holds(chapter)]
            if not document.ready:
                raise NotReady(
                    f"{document.how_far}; run `bookstate ingest` on the file again to finish."
                )
            if isinstance(memory, AdaptiveMemory):
                return self._addressed(document, memory, question, inside, windows)
            return self._carried(document, memory, inside)

    def slots(
        self, document: Document, memory: AdaptiveMemory, segments: list[int]
    ) -> dict[int, Bundle]:
        """What is stored of the given segments' windows. Raises UnknownDocument, BrokenState."""
        blobs = dict(self._store.blobs(document.reading, "slots", segments))
        if missing := sorted(set(segments) - blobs.keys()):
            self._store.check_reading(document.reading)
            raise BrokenState(
                f"The state of {document.title!r} has no slots of segment {missing[0]}; remove the "
                "document and read it again."
            )
        slots: dict[int, Bundle] = {s: from_bytes(blobs[s]) for s in segments}
        _check_slots(slots, memory)
        return slots

    def _addressed(
        self,
        document: Document,
        memory: AdaptiveMemory,
        question: str,
        inside: list[int],
        windows: int,
    ) -> Reading:
        book = self._address_book(document, memory)
        _check_address(book, memory)
        ranked = memory.rank(question, book, book.rows(frozenset(inside)))
        chosen = memory.choose(ranked, windows)
        slots = self.slots(document, memory, list(chosen.segments))
        return memory.recall(slots, chosen.prior, rows=chosen.rows)

    def _address_book(self, document: Document, memory: AdaptiveMemory) -> AddressBook:
        key = (document.reading.id, document.reading.state_sha256)
        with self._lock:
            if key not in self._books:
                blobs = self._store.blobs(document.reading, "address")
                self._books[key] = memory.address_book(
                    [(segment, from_bytes(blob)) for segment, blob in blobs]
                )
            self._books.move_to_end(key)
            while len(self._books) > OPEN_BOOKS:
                self._books.popitem(last=False)
            return self._books[key]

    def _carried(self, document: Document, memory: AnyMemory, inside: list[int]) -> Reading:
        assert not isinstance(memory, AdaptiveMemory)
        end: Bundle = self._carry_at(document, inside[-1])
        if inside[0] > 0 and isinstance(memory, InfiniMemory) and _subtracts(document):
            end = memory.subtract(end, self._carry_at(document, inside[0] - 1))
        return memory.recall(end)

    def _carry_at(self, document: Document, segment: int) -> dict[str, Tensor]:
        part = "carry" if segment == document.reading.segments - 1 else "snapshot"
        found = self._store.latest_blob(document.reading, part, before=segment)
        if found is None or found[0] != segment:
            raise NotReady(
                f"The state of {document.title!r} has no snapshot at segment {segment}; "
                "remove the document and read it again."
            )
        return from_bytes(found[1])


def _check_address(book: AddressBook, memory: AdaptiveMemory) -> None:
    """An imported state may claim this backbone and have another's shapes."""
    shape, heads = memory.backbone.config, memory.config.address_heads
    inside = all(0 <= layer < shape.layers and 0 <= head < shape.heads for layer, head in heads)
    expected = (len(key_heads(heads, shape.group)), shape.head_size)
    if not inside or (book.keys.shape[1], book.keys.shape[3]) != expected:
        raise BrokenState(
            f"The state's address keys are {tuple(book.keys.shape)[1::2]}, this backbone needs "
            f"{expected}; remove the document and read it again."
        )


def _check_slots(windows: Mapping[int, Bundle], memory: AdaptiveMemory) -> None:
    shape = memory.backbone.config
    expected = (shape.layers, shape.kv_heads, shape.head_size)
    for segment, slots in windows.items():
        found = slot_shape(slots)
        if found not in (None, expected):
            raise BrokenState(
                f"The state's segment {segment} has slots of (layers, heads, size) {found}, this "
                f"backbone needs {expected}; remove the document and read it again."
            )

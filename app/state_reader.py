"""Opening a stored state for one question: which windows, or which carry, the answer reads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from torch import Tensor

from app.answering.conversation import EARLIER_WEIGHT
from app.errors import InvalidQuestion, NotReady
from app.storage.store import Document, Store
from memory_models.address import AddressBook
from memory_models.errors import BrokenState
from memory_models.memory import Bundle, Reading, from_bytes
from memory_models.recall import AnyMemory, RecurrentMemory, WindowMemory, combined

OPEN_BOOKS = 4


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of a document a question is about; chapters count from 1."""

    chapter: int | None = None  # this chapter alone
    as_of_chapter: int | None = None  # the book up to the end of this chapter
    read_to: int | None = None  # what ends within so many characters: how far its reader is

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

    def holds(self, chapter: int, end: int) -> bool:
        """True for a segment of a chapter that ends at a place of the text, if it is inside."""
        if self.chapter is not None and chapter != self.chapter:
            return False
        if self.read_to is not None and end > self.read_to:
            return False
        return self.as_of_chapter is None or chapter <= self.as_of_chapter


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
        earlier: str = "",
    ) -> Reading:
        """A reading of the state for the question, `windows` of it where it has windows.

        earlier: the turn that the question follows, which counts less. Raises NotReady until the
        whole document is read, for every scope, and UnknownDocument once it was deleted.
        """
        with self._store.reading():
            inside = self.inside(document, scope)
            if memory.opens == "windows":
                return self._addressed(document, memory, question, earlier, inside, windows)
            return self._carried(document, memory, scope, inside)

    def inside(self, document: Document, scope: Scope) -> list[int]:
        """The segments inside a scope, in order; raises as `open` does."""
        self._store.check_reading(document.reading)
        chapters = self._store.segment_chapters(document.reading)
        scope.check(max(chapters))
        if not document.ready:
            raise NotReady(
                f"{document.how_far}; run `bookstate ingest` on the file again to finish."
            )
        return self._holding(document, scope, chapters)

    def _holding(self, document: Document, scope: Scope, chapters: Sequence[int]) -> list[int]:
        ends = self._store.segment_ends(document.reading)
        places = enumerate(zip(chapters, ends, strict=True))
        found = [n for n, (chapter, end) in places if scope.holds(chapter, end)]
        if not found:
            raise InvalidQuestion(
                "This lies behind the place up to which you have read; set that place further on "
                "(`bookstate position`), or lift it (--whole-book, or the switch in the page)."
            )
        return found

    def slots(
        self, document: Document, memory: WindowMemory, segments: list[int]
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
        memory.check_slots(slots)
        return slots

    def _addressed(
        self,
        document: Document,
        memory: WindowMemory,
        question: str,
        earlier: str,
        inside: list[int],
        windows: int,
    ) -> Reading:
        book, rows = self._rows(document, memory, inside)
        ranked = memory.rank(question, book, rows)
        if earlier:
            ranked = combined(ranked, memory.rank(earlier, book, rows), EARLIER_WEIGHT)
        chosen = memory.choose(ranked, windows)
        slots = self.slots(document, memory, list(chosen.segments))
        return memory.recall(slots, chosen.prior, rows=chosen.rows)

    def addressed(
        self, document: Document, memory: WindowMemory, scope: Scope
    ) -> tuple[AddressBook, Tensor]:
        """What a question is compared with, and the rows of it inside a scope.

        Raises as `open` does.
        """
        with self._store.reading():
            return self._rows(document, memory, self.inside(document, scope))

    def _rows(
        self, document: Document, memory: WindowMemory, inside: list[int]
    ) -> tuple[AddressBook, Tensor]:
        book = self._address_book(document, memory)
        memory.check_address(book)
        return book, book.rows(frozenset(inside))

    def _address_book(self, document: Document, memory: WindowMemory) -> AddressBook:
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

    def scope_note(self, document: Document, memory: AnyMemory, scope: Scope) -> str:
        """What a person must know where more than the asked chapter is opened, else empty."""
        chapters = self._store.segment_chapters(document.reading)
        scope.check(max(chapters))
        if memory.opens == "windows" or not document.ready:
            return ""
        if scope.chapter is None and scope.read_to is None:
            return ""
        inside = self._holding(document, scope, chapters)
        start, end = self._kept_around(document, memory, inside, scope)
        first, last = chapters[0 if start is None else start + 1], chapters[end]
        if scope.chapter is None:
            return "" if end == inside[-1] else self._only_up_to(memory, last)
        if first == last == scope.chapter:
            return ""
        return (
            f"The state of this memory ({memory.kind}) cannot be cut where this chapter begins or "
            f"ends: the answer is from chapters {first} to {last} together."
        )

    def _only_up_to(self, memory: RecurrentMemory, chapter: int) -> str:
        return (
            f"This memory ({memory.kind}) keeps its state at the ends of chapters only: the answer "
            f"is from what you have read up to the end of chapter {chapter}."
        )

    def _carried(
        self, document: Document, memory: RecurrentMemory, scope: Scope, inside: list[int]
    ) -> Reading:
        start, end = self._kept_around(document, memory, inside, scope)
        if scope.as_of_chapter is not None and end > inside[-1]:
            raise InvalidQuestion(
                f"This memory ({memory.kind}) keeps no state at the end of part "
                f"{scope.as_of_chapter}, because the document has no chapters itself; ask about "
                "the whole document, or read it with the adaptive memory."
            )
        opened: Bundle = self._carry_at(document, end)
        if start is not None:
            opened = memory.subtract(opened, self._carry_at(document, start))
        return memory.recall(opened)

    def _kept_around(
        self, document: Document, memory: RecurrentMemory, inside: list[int], scope: Scope
    ) -> tuple[int | None, int]:
        """The kept states nearest around some segments: the one to subtract, and the end.

        Where the reader has not read the whole book, the end is never behind the last segment.
        """
        kept = self._store.carry_ends(document.reading)
        if scope.read_to is not None:
            read = [segment for segment in kept if inside[0] <= segment <= inside[-1]]
            if not read:
                raise InvalidQuestion(
                    f"This memory ({memory.kind}) keeps its state at the ends of chapters only, "
                    "and you have not finished one of these yet; ask again at the chapter's end, "
                    "or read the document with the adaptive memory."
                )
            before = [segment for segment in kept if segment < inside[0]]
            return (before[-1] if before and memory.subtracts else None), read[-1]
        behind = [segment for segment in kept if segment >= inside[-1]]
        if not behind:
            raise NotReady(
                f"The state of {document.title!r} has no snapshot at segment {inside[-1]} or "
                "behind it; remove the document and read it again."
            )
        before = [segment for segment in kept if segment < inside[0]]
        return (before[-1] if before and memory.subtracts else None), behind[0]

    def _carry_at(self, document: Document, segment: int) -> dict[str, Tensor]:
        part = "carry" if segment == document.reading.segments - 1 else "snapshot"
        found = self._store.latest_blob(document.reading, part, before=segment)
        if found is None or found[0] != segment:
            raise NotReady(
                f"The state of {document.title!r} has no snapshot at segment {segment}; "
                "remove the document and read it again."
            )
        return from_bytes(found[1])

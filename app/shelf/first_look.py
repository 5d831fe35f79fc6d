"""The first look at a shelf: which documents a question is most likely about.

Answering takes a second or more for each document; comparing a question with what is kept for
addressing takes far less. So all documents are looked at first, and the likeliest are asked. Their
parts are ranked together (`memory_models/memories/ranking.py`), each document up to where its
reader is: nothing behind that place changes what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from app.errors import InvalidQuestion, InvalidSetting, NotReady, UnknownDocument
from app.library import Library, quiet
from app.state_reader import Scope
from app.storage.store import Document
from memory_models.address import AddressBook
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.prompt import build_prompt
from memory_models.recall import WindowMemory

Watch = Callable[[], object]
"""Called between documents; it may raise to stop."""
# What concerns one document alone: the others are still asked.
OWN_REFUSALS = (
    InvalidQuestion,
    InvalidRequest,
    InvalidSetting,  # it was read with another model
    NotReady,
    UnknownDocument,
    BrokenState,
)


DELETED = "It was deleted while this was asked."
UNREAD = "It has not been read to its end yet; ask again when it has."


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A document that was not asked, and why, as a sentence."""

    id: str
    title: str
    why: str

    @classmethod
    def because(cls, document: Document, error: Exception) -> LeftOut:
        """A document that cannot be asked for one of OWN_REFUSALS."""
        why = " ".join(str(error).split())
        if isinstance(error, UnknownDocument):
            why = DELETED
        elif isinstance(error, NotReady):
            why = UNREAD
        return cls(document.id, document.title, why)


@dataclass(frozen=True, slots=True)
class Place:
    """A document in the order of the first look.

    score: of its best part; None for a memory that can only be asked.
    """

    document: Document
    scope: Scope
    score: float | None


@dataclass(frozen=True, slots=True)
class FirstLook:
    """The documents that can be asked, the likeliest first, and those that cannot."""

    order: tuple[Place, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Opened:
    document: Document
    scope: Scope
    memory: WindowMemory


def look_at(
    library: Library,
    documents: Sequence[Document],
    question: str,
    *,
    whole_book: bool = False,
    watch: Watch = quiet,
) -> FirstLook:
    """Look at each document for a question, as far as its reader is unless `whole_book`.

    Raises InvalidRequest for a question that cannot be asked, and what `watch` raises.
    """
    build_prompt(library.backbone.tokenizer, question)
    return _Looking(library, question, watch).all(documents, whole_book=whole_book)


class _Looking:
    def __init__(self, library: Library, question: str, watch: Watch) -> None:
        self._library = library
        self._question = question
        self._watch = watch
        self._left_out: list[LeftOut] = []

    def all(self, documents: Sequence[Document], *, whole_book: bool) -> FirstLook:
        scales: dict[tuple[object, ...], list[_Opened]] = {}
        found: list[Place] = []
        for document in documents:
            self._watch()
            try:
                memory = self._library.memory_of(document)
                scope = Scope() if whole_book else self._library.reader_scope(document)
                self._library.states.inside(document, scope)
            except OWN_REFUSALS as error:
                self._left_out.append(LeftOut.because(document, error))
                continue
            if memory.opens == "windows":
                scales.setdefault(memory.scale, []).append(_Opened(document, scope, memory))
            else:
                found.append(Place(document, scope, None))
        for opened in scales.values():
            found += self._ranked(opened)
        scored = [place for place in found if place.score is not None]
        # Equal scores keep the order in which the documents were given.
        scored.sort(key=lambda place: -(place.score or 0.0))
        unscored = [place for place in found if place.score is None]
        return FirstLook((*scored, *unscored), tuple(self._left_out))

    def _ranked(self, opened: list[_Opened]) -> list[Place]:
        """The documents with the scores of their best parts; one that is gone is left out."""
        seen: list[_Opened] = []

        def books() -> Iterator[tuple[AddressBook, Tensor]]:
            for each in opened:
                self._watch()
                try:
                    book = self._library.states.addressed(each.document, each.memory, each.scope)
                except OWN_REFUSALS as error:
                    self._left_out.append(LeftOut.because(each.document, error))
                    continue
                seen.append(each)
                yield book

        first = next(looked_at := books(), None)
        if first is None:
            return []
        ranked = opened[0].memory.rank_together(self._question, _behind(first, looked_at))
        return [
            Place(each.document, each.scope, float(parts.scores[0]))
            for each, parts in zip(seen, ranked, strict=True)
        ]


def _behind(
    first: tuple[AddressBook, Tensor], others: Iterator[tuple[AddressBook, Tensor]]
) -> Iterator[tuple[AddressBook, Tensor]]:
    yield first
    yield from others

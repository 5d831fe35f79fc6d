"""A question to a shelf in the model's line: others have their turns between two documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from anyio.to_thread import run_sync

from app.errors import REFUSALS, UnknownDocument
from app.library import Library, Stopped
from app.line.line import Line
from app.line.work import HERE, Away, Visitor, Work, always_here
from app.shelf.asking import MOST_ASKED, BookAnswer, ShelfAnswer, ask_book, gathered
from app.shelf.first_look import DELETED, FirstLook, LeftOut, Place, look_at
from app.storage.store import Document


class ShelfFailed(Exception):
    """A step ended with an unexpected error, which is in the log."""


_NOTHING = FirstLook((), ())


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a question to a shelf is.

    waits: it is not its turn; asking: the title of the document that is asked, empty for the first
    look; number, of: which of the documents that is.
    """

    so_far: ShelfAnswer
    waits: bool
    asking: str = ""
    number: int = 0
    of: int = 0


class _Step(Work):
    """The first look, or the question to one document."""

    failed: Exception | None = None
    done = False

    def __init__(self, do: Callable[[Callable[[], None]], None], *about: Any) -> None:
        super().__init__(*about)
        self._do = do

    def make(self) -> None:
        """Do it, in the line's thread."""
        self.begin()
        try:
            self._do(self._watch)
            self.done = True
        except (Stopped, *REFUSALS) as error:
            self.failed = error

    def _watch(self) -> None:
        if self.stopped:
            raise Stopped


class Shelving:
    """One question of one visitor to a shelf: a turn for the first look, and one a document.

    most: documents that are asked at most; None for all. whole_book: also what their readers have
    not reached.
    """

    def __init__(
        self,
        library: Library,
        line: Line,
        documents: Sequence[Document],
        question: str,
        visitor: Visitor = HERE,
        away: Away = always_here,
        *,
        most: int | None = MOST_ASKED,
        whole_book: bool = False,
    ) -> None:
        self._library = library
        self._line = line
        self._documents = list(documents)
        self._question = question
        self._who = visitor, away
        self._most = most
        self._whole_book = whole_book
        self._look = _NOTHING
        self._answers: list[BookAnswer] = []
        self._left_out: list[LeftOut] = []
        self._started = perf_counter()
        self._step: _Step | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """Ask no further document, and end the present answer."""
        self._is_stopped = True
        if self._step is not None:
            self._step.stop()
        self._line.sweep()

    @property
    def so_far(self) -> ShelfAnswer:
        """What is answered by now, best first."""
        seconds = perf_counter() - self._started
        return gathered(self._look, self._answers, self._left_out, self._most, seconds)

    async def answers(self) -> AsyncGenerator[Progress]:
        """How far it is, at each change; the end is in `so_far`.

        Raises Stopped, REFUSALS and ShelfFailed.
        """
        try:
            async for waits in self._turn(self._first_look, ""):
                yield Progress(self.so_far, waits)
            places = self._look.order[: self._most]
            for number, place in enumerate(places, start=1):
                title = place.document.title
                try:
                    async for waits in self._turn(partial(self._ask, place), place.document.id):
                        yield Progress(self.so_far, waits, title, number, len(places))
                except Stopped:
                    if self._is_stopped or not await run_sync(self._is_gone, place):
                        raise
                    gone = LeftOut(place.document.id, title, DELETED)
                    self._left_out.append(gone)
        finally:
            self.stop()  # it is made, or its client is gone

    async def all(self) -> ShelfAnswer:
        """The whole answer. Raises Stopped, REFUSALS, ShelfFailed."""
        async with aclosing(self.answers()) as watching:
            async for _ in watching:
                pass
        return self.so_far

    async def _turn(
        self, do: Callable[[Callable[[], None]], None], document_id: str
    ) -> AsyncGenerator[bool]:
        """Wait for a turn and do something in it; yields whether it still waits."""
        if self._is_stopped:
            raise Stopped
        step = self._step = _Step(do, document_id, *self._who)
        await run_sync(self._line.join, step)
        async with aclosing(step.watch()) as watching:
            async for _ in watching:
                yield not step.begun
        if step.failed is not None:
            raise step.failed
        if not step.done:
            raise Stopped if step.stopped else ShelfFailed

    def _first_look(self, watch: Callable[[], None]) -> None:
        look = look_at(
            self._library,
            self._documents,
            self._question,
            whole_book=self._whole_book,
            watch=watch,
        )
        self._look = look
        self._left_out += look.left_out

    def _ask(self, place: Place, watch: Callable[[], None]) -> None:
        made = ask_book(self._library, place, self._question, watch)
        if isinstance(made, LeftOut):
            self._left_out.append(made)
        else:
            self._answers.append(made)

    def _is_gone(self, place: Place) -> bool:
        try:
            self._library.store.check_there(place.document.id)
        except UnknownDocument:
            return True
        return False

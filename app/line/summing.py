"""Summaries in the model's line: each takes a turn, so that a book does not hold up others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

from anyio.to_thread import run_sync

from app.errors import REFUSALS
from app.library import Library, Stopped
from app.line.line import Line
from app.line.work import HERE, Away, Visitor, Work, always_here
from app.storage.store import BOOK, Document, Summary
from app.summaries.summarizer import Summarizer
from app.summaries.wanted import every_summary


class _Summary(Work):
    """One summary in the model's line."""

    made: Summary | None = None
    failed: Exception | None = None

    def __init__(self, make: Callable[[], Summary], *about: Any) -> None:
        super().__init__(*about)
        self._make = make

    def make(self) -> None:
        """Make it, in the line's thread."""
        self.begin()
        try:
            self.made = self._make()
        except (Stopped, *REFUSALS) as error:
            self.failed = error


class Summing:
    """Summaries of one document for one visitor.

    should_end: raises Stopped once no more should be made. again: stored ones are replaced.
    whole_book: what the document's reader has not reached is summarised, too.
    """

    def __init__(
        self,
        library: Library,
        line: Line,
        document: Document,
        should_end: Callable[[], None],
        visitor: Visitor = HERE,
        away: Away = always_here,
        *,
        again: bool = False,
        whole_book: bool = False,
    ) -> None:
        self._whole_book = whole_book
        self._library = library
        self._line = line
        self._document = document
        self._who = visitor, away
        self._should_end = should_end
        self._summarizer = Summarizer(library, self._watch, again=again, whole_book=whole_book)
        self._work: _Summary | None = None

    async def make(self, number: int) -> AsyncGenerator[bool]:
        """Make a chapter's summary, or the book's for number 0; a stored one is used.

        Yields whether its turn has come, until it is made. Raises Stopped and REFUSALS.
        """
        self._should_end()
        work = self._work = _Summary(partial(self._made, number), self._document.id, *self._who)
        await run_sync(self._line.join, work)
        try:
            async with aclosing(work.watch()) as watching:
                async for _ in watching:
                    yield work.begun
        finally:
            work.stop()  # it is made, or its client is gone
        if work.failed is not None:
            raise work.failed
        if work.made is None:
            raise Stopped

    async def all_for(self, number: int) -> Summary:
        """The summary of a chapter or of the book; others have their turns between its chapters."""
        wanted = [number]
        if number == BOOK:
            wanted = await run_sync(
                partial(every_summary, whole_book=self._whole_book), self._library, self._document
            )
        for part in wanted:
            async with aclosing(self.make(part)) as making:
                async for _ in making:
                    pass
        assert self._work is not None and self._work.made is not None  # of the last part
        return self._work.made

    def _watch(self) -> None:
        self._should_end()
        if self._work is not None and self._work.stopped:
            raise Stopped

    def _made(self, number: int) -> Summary:
        self._watch()
        if number == BOOK:
            return self._summarizer.book(self._document)
        return self._summarizer.chapter(self._document, number)

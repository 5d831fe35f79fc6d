"""Who asks through a program: their documents, and their place in the model's line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from anyio.to_thread import run_sync

from app.answering.conversation import Turn
from app.errors import NotReady, UnknownDocument
from app.library import Library
from app.line.line import Line
from app.line.summing import Summing
from app.line.work import HERE, Visitor
from app.position import scope_for
from app.programs.questions import Question
from app.state_reader import Scope
from app.storage.store import Document
from memory_models.generate import Decoding


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of one request.

    library: as their account sees it.
    """

    library: Library
    line: Line
    visitor: Visitor = HERE

    def documents(self) -> list[Document]:
        """The documents that can be asked, newest first."""
        return [document for document in self.library.list() if document.ready]

    def document(self, named: str) -> Document:
        """A document by its id or its title. Raises UnknownDocument and NotReady."""
        if not named.strip():
            raise UnknownDocument("No document is named; give its id or its title.")
        document = self.library.store.document(named)
        if not document.ready:
            raise NotReady(f"{document.how_far}; wait until the reading is done.")
        return document

    async def ask(
        self,
        document: Document,
        question: str,
        asked: Scope,
        after: Turn | None = None,
        most_tokens: int | None = None,
        *,
        whole_book: bool = False,
    ) -> Question:
        """Put a question in line. The caller must call `leave` in the end, also after an error.

        most_tokens: of the answer, if fewer than usual. whole_book: what the document's reader has
        not reached counts, too. Raises what `Library.ask` raises, and Busy.
        """
        find = partial(scope_for, whole_book=whole_book)
        scope = await run_sync(find, self.library, document, asked)
        return await run_sync(self._ask, document, question, scope, after, most_tokens)

    def _ask(
        self,
        document: Document,
        question: str,
        scope: Scope,
        after: Turn | None,
        most_tokens: int | None,
    ) -> Question:
        usual = self.library.settings.answer_tokens
        decoding = Decoding(max_tokens=min(usual, most_tokens or usual))
        work = Question(self.library, document, question, scope, decoding, after, self.visitor)
        work.check()
        self.line.join(work)
        return work

    def leave(self, work: Question) -> None:
        """The client has its answer, or is gone: stop the work, and give up its place."""
        work.stop()
        self.line.sweep()

    @asynccontextmanager
    async def asking(
        self, document: Document, question: str, asked: Scope
    ) -> AsyncIterator[Question]:
        """A question in line, which leaves it at the end."""
        work = await self.ask(document, question, asked)
        try:
            yield work
        finally:
            self.leave(work)

    def summing(self, document: Document) -> Summing:
        """What makes summaries of a document in this caller's turns."""
        return Summing(self.library, self.line, document, _never, self.visitor)


def _never() -> None:
    """Summaries are stopped through their work in line."""

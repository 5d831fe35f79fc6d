"""A question of a program, as work in the model's line."""

from __future__ import annotations

from app.answering.answers import Answer, AnswerStream
from app.answering.conversation import Turn
from app.errors import REFUSALS, BookstateError
from app.library import Library
from app.line.work import Visitor, Work
from app.state_reader import Scope
from app.storage.store import Document
from memory_models.generate import Decoding


class StoppedEarly(BookstateError):
    """An answer was stopped by somebody else: the server ends, or the document is deleted."""


class AnswerFailed(Exception):
    """An answer ended with an unexpected error, which is in the log."""


class Question(Work):
    """A question about a document; its text grows while the answer is made."""

    def __init__(
        self,
        library: Library,
        document: Document,
        question: str,
        scope: Scope,
        decoding: Decoding,
        after: Turn | None,
        visitor: Visitor,
    ) -> None:
        super().__init__(document.id, visitor)
        self.library = library
        self.question = question
        self.scope = scope
        self.decoding = decoding
        self.after = after
        self.tokens = 0  # of the answer
        self.note = ""  # what a person must know about the part of the book that was asked
        self._answer: Answer | None = None
        self._refused: Exception | None = None

    def check(self) -> None:
        """Raise InvalidRequest or InvalidQuestion for a question that cannot be asked."""
        self.note = self._stream().note

    def _stream(self) -> AnswerStream:
        return self.library.ask(
            self.document_id, self.question, self.scope, self.decoding, self.after
        )

    def make(self) -> None:
        """Answer, in the line's thread."""
        self.begin()
        try:
            stream = self._stream()
            for piece in stream:
                if self.stopped:
                    return
                self.text += piece
                self.changed()
            self.tokens = len(stream.trace.tokens)
            self._answer = self.library.answer(self.document_id, stream)
        except REFUSALS as error:
            self._refused = error

    @property
    def answer(self) -> Answer:
        """The answer, once the work is over. Raises REFUSALS and AnswerFailed."""
        if self._refused is not None:
            raise self._refused
        if self._answer is not None:
            return self._answer
        if self.stopped:
            raise StoppedEarly("The answer was stopped on the server; ask again.")
        raise AnswerFailed

    @property
    def cut(self) -> bool:
        """True if the answer was as long as it may be, so that its end may be missing."""
        return self.tokens >= self.decoding.max_tokens

    def asked_tokens(self) -> int:
        """How many tokens were asked: of the question, and of the turn that it follows."""
        earlier = f"{self.after.text} " if self.after else ""
        return self.library.question_tokens(earlier + self.question)

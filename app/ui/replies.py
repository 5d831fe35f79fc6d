"""What a chat replies: an answer, a list from every page, a summary, passages, or how to ask.

A question that comes from a program is answered as a question. In a chat, the words of what was
typed decide (`app/answering/intents.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.answering.answers import NOT_FOUND, AnswerStream
from app.answering.conversation import Turn
from app.answering.intents import Intent, intent_of
from app.answering.language import not_taught
from app.library import Library, Stopped
from app.state_reader import Scope
from app.storage.store import Document, Message
from app.summaries.summarizer import Summarizer
from app.ui.texts import PASSAGES

if TYPE_CHECKING:
    from app.ui.generations import Generation

NOTHING_SAID = "(Stopped before the first word.)"
NOT_TAUGHT = "This model was not taught {}; ask in English for an answer."
GREETING = (
    "Hello. Ask something that “{title}” says, for example who somebody is, when something "
    "happens, or why. You can also say “Summarise the book”, “What happens in chapter 2?” or "
    "“Where does it say …?”."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed, about which part of the document, and how it is to be answered."""

    question: str
    scope: Scope
    follows: bool = True
    every_page: bool = False
    replaces: str = ""  # the chat's last question, whose place this one takes
    windows: int | None = None  # of the state to open; as many as usual where it is not given


class Replies:
    """Makes the reply to one thing that was typed."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def reply(self, document: Document, generation: Generation, after: Turn | None) -> Message:
        """The reply, which grows in `generation` while it is made."""
        wish, is_chat = generation.wish, generation.chat_id is not None
        if wish.every_page:
            return self._every_page(document, generation)
        intent = self._intent(document, wish) if is_chat else Intent("question")
        if intent.kind == "greeting":
            text = GREETING.format(title=document.title)
            generation.show(text)
            return Message("assistant", text)
        if intent.kind == "summary":
            return self._summary(document, generation, intent.chapter or wish.scope.chapter)
        stream = self._library.ask(
            document.id, wish.question, wish.scope, after=after, windows=wish.windows
        )
        generation.note = stream.note
        language = not_taught(wish.question, self._library.backbone.name) if is_chat else None
        if language is not None:
            generation.note = f"{NOT_TAUGHT.format(language)} {stream.note}".strip()
        if intent.kind == "passages" or language is not None:
            return self._passages(document, generation, stream)
        return self._answer(document, generation, stream)

    def _intent(self, document: Document, wish: Wish) -> Intent:
        chapters = self._library.store.chapters(document.reading)
        return intent_of(wish.question, len(chapters))

    def _answer(self, document: Document, generation: Generation, stream: AnswerStream) -> Message:
        for piece in _until_stopped(stream, generation):
            generation.say(piece)
        made = self._library.answer(document.id, stream)
        if generation.stopped:  # half an answer is shown as it is, without a verdict on it
            made = replace(made, answer=generation.text.strip() or NOTHING_SAID, notice="")
        generation.answer = made
        shown = made.to_dict()
        return Message(
            "assistant",
            made.answer or made.notice,
            made.confidence,
            shown["sources"],
            shown["evidence"],
            word=made.confidence_word,
            reading_id=stream.reading_id,
            looked=generation.wish.windows or 0,
        )

    def _passages(
        self, document: Document, generation: Generation, stream: AnswerStream
    ) -> Message:
        """Only the sentences that the memory points at."""
        generation.show(PASSAGES)
        next(_until_stopped(stream, generation), None)
        found = self._library.answer(document.id, stream).to_dict()
        text = PASSAGES if found["evidence"] else NOT_FOUND
        return Message(
            "assistant",
            text,
            sources=found["sources"],
            evidence=found["evidence"],
            reading_id=stream.reading_id,
        )

    def _every_page(self, document: Document, generation: Generation) -> Message:
        """The answers of all pages as a list, in the order of the book."""
        wish = generation.wish

        def show(done: int, total: int) -> None:
            if generation.stopped:
                raise Stopped
            generation.show(f"Asking every page: {100 * done // max(1, total)} % …")

        try:
            found = self._library.ask_thoroughly(document.id, wish.question, wish.scope, show)
        except Stopped:
            return Message("assistant", "Asking every page was stopped.")
        generation.answer = found.answer
        shown = found.to_dict()
        return Message(
            "assistant",
            found.answer.answer,
            found.answer.confidence,
            evidence=shown["evidence"],
            word=found.answer.confidence_word,
            reading_id=document.reading.id,
            items=shown["items"],
        )

    def _summary(self, document: Document, generation: Generation, chapter: int | None) -> Message:
        """A chapter's summary, or the book's; what is stored is not made again."""
        what = f"chapter {chapter}" if chapter else "the book"
        generation.show(f"Summarising {what} …")

        def watch() -> None:
            if generation.stopped:
                raise Stopped

        lifted = generation.wish.scope.read_to is None
        summarizer = Summarizer(self._library, watch, whole_book=lifted)
        try:
            made = summarizer.chapter(document, chapter) if chapter else summarizer.book(document)
        except Stopped:
            return Message("assistant", "The summary was stopped.")
        generation.show(made.summary)
        return Message("assistant", made.summary, reading_id=document.reading.id)


def _until_stopped(stream: AnswerStream, generation: Generation) -> Iterator[str]:
    for piece in () if generation.stopped else stream:
        yield piece
        if generation.stopped:
            return

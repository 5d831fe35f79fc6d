"""One answer at a time: each is made in a thread of its own, and any visitor can watch it.

The thread, not the visitor's connection, owns the answer: closing the page loses nothing, and the
stop button ends the generation after the present token and keeps what was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Condition, Lock, Thread

from app.answering.answers import Answer, AnswerStream
from app.errors import REFUSALS
from app.library import Library
from app.state_reader import Scope
from app.storage.store import Message

NOTHING_SAID = "(Stopped before the first word.)"
TITLE_LENGTH = 60


class Generation:
    """An answer that is being made."""

    def __init__(self, document_id: str, chat_id: int | None) -> None:
        self.document_id = document_id
        self.chat_id = chat_id
        self.text = ""
        self.answer: Answer | None = None
        self.error = ""
        self.note = ""  # what must be said with the answer
        self.reading_id = ""  # of the state that answers
        self._changed = Condition()
        self._done = False
        self._stop = False

    @property
    def stopped(self) -> bool:
        """True once a visitor asked to stop."""
        return self._stop

    def stop(self) -> None:
        """End after the present token."""
        self._stop = True

    def say(self, piece: str) -> None:
        """Append to the text and wake those who watch."""
        with self._changed:
            self.text += piece
            self._changed.notify_all()

    def finish(self) -> None:
        """Wake those who watch: nothing more comes."""
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when the generation is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)

    def watch(self) -> Iterator[str]:
        """The text so far, again whenever it has grown, until the generation is over."""
        seen = ""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._done or self.text != seen)  # noqa: B023
                text, done = self.text, self._done
            if text != seen:
                seen = text
                yield text
            if done:
                return


class Generations:
    """Makes answers one after the other, and stores those that belong to a chat."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = Lock()
        self._running: list[Generation] = []
        self.model = Lock()
        """Held while the model generates; summaries take it too."""

    def check(self, document_id: str, question: str, scope: Scope) -> None:
        """Raise InvalidQuestion for a question that would be refused, before anything is stored."""
        self._library.ask(document_id, question, scope)

    def start(
        self, document_id: str, question: str, scope: Scope, chat_id: int | None = None
    ) -> Generation:
        """Begin an answer; a chat gets the question now and the answer when it is made."""
        document = self._library.store.document(document_id)
        stream = self._library.ask(document_id, question, scope)
        if chat_id is not None:
            self._library.store.say(chat_id, Message("user", question.strip()))
        generation = Generation(document.id, chat_id)
        generation.note = stream.note
        generation.reading_id = stream.reading_id
        with self._lock:
            self._running.append(generation)
        Thread(
            target=self._make, args=(generation, stream), name="bookstate-answer", daemon=True
        ).start()
        return generation

    def start_chat(self, document_id: str, question: str) -> int:
        """A new chat, named after its first question."""
        title = " ".join(question.split())
        if len(title) > TITLE_LENGTH:
            title = title[: TITLE_LENGTH - 1].rstrip() + "…"
        return self._library.store.start_chat(document_id, title)

    def running(self, chat_id: int | None) -> Generation | None:
        """The generation that is being made for a chat."""
        with self._lock:
            found = [t for t in self._running if t.chat_id == chat_id and chat_id is not None]
        return found[0] if found else None

    def stop_document(self, document_id: str) -> None:
        """Stop every generation about a document and wait until each has stored what it said."""
        self._stop([t for t in self._snapshot() if t.document_id == document_id])

    def stop_chat(self, chat_id: int | None) -> None:
        """Stop a chat's generation and wait until it has stored what it said."""
        if chat_id is not None:
            self._stop([t for t in self._snapshot() if t.chat_id == chat_id])

    def stop_all(self) -> None:
        """Stop everything that is being generated."""
        self._stop(self._snapshot())

    def _snapshot(self) -> list[Generation]:
        with self._lock:
            return list(self._running)

    def _stop(self, generations: list[Generation]) -> None:
        for generation in generations:
            generation.stop()
        for generation in generations:
            generation.wait()

    def _make(self, generation: Generation, stream: AnswerStream) -> None:
        try:
            self._answer(generation, stream)
        except REFUSALS as error:
            generation.error = str(error)
        finally:  # after any error: keep what was said, and let nobody wait for ever
            try:
                self._keep(generation)
            except REFUSALS as error:
                generation.error = generation.error or str(error)
            finally:
                with self._lock:
                    self._running.remove(generation)
                generation.finish()

    def _speak(self, generation: Generation, stream: AnswerStream) -> None:
        if generation.stopped:
            return
        for piece in stream:
            generation.say(piece)
            if generation.stopped:
                return

    def _answer(self, generation: Generation, stream: AnswerStream) -> None:
        with self.model:
            self._speak(generation, stream)
        answer = self._library.answer(generation.document_id, stream)
        if generation.stopped:  # half an answer is shown as it is, without a verdict on it
            answer = replace(answer, answer=generation.text.strip() or NOTHING_SAID, notice="")
        generation.answer = answer

    def _keep(self, generation: Generation) -> None:
        if generation.chat_id is None:
            return
        made = generation.answer
        message = Message("assistant", generation.error or generation.text)
        if made is not None:
            shown = made.to_dict()
            message = Message(
                "assistant",
                made.answer,
                made.confidence,
                shown["sources"],
                shown["evidence"],
                word=made.confidence_word,
                reading_id=generation.reading_id,
            )
        if message.text:
            self._library.store.say(generation.chat_id, message)

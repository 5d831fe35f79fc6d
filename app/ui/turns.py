"""One answer at a time: a turn is made in its own thread and watched by whoever is there.

The thread, not the visitor's connection, owns the answer: closing the page loses nothing, and the
stop button ends the generation after the present token and keeps what was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Condition, Lock, Thread
from typing import Any

from app.answers import Answer, AnswerStream
from app.errors import REFUSALS
from app.library import Library
from app.state_reader import Scope

NOTHING_SAID = "(Stopped before the first word.)"
TITLE_LENGTH = 60


class Turn:
    """An answer that is being made."""

    def __init__(self, document_id: str, chat_id: int | None) -> None:
        self.document_id = document_id
        self.chat_id = chat_id
        self.text = ""
        self.answer: Answer | None = None
        self.error = ""
        self.note = ""  # what must be said beside the answer
        self._changed = Condition()
        self._done = False
        self._stop = False

    @property
    def stopped(self) -> bool:
        """True once somebody asked to stop."""
        return self._stop

    def stop(self) -> None:
        """End after the present token."""
        self._stop = True

    def say(self, piece: str) -> None:
        """Append to the text and tell the watchers."""
        with self._changed:
            self.text += piece
            self._changed.notify_all()

    def finish(self) -> None:
        """Tell the watchers that nothing more comes."""
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when the turn is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)

    def watch(self) -> Iterator[str]:
        """The text so far, again whenever it has grown, until the turn is over."""
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


class Turns:
    """Makes answers one after the other, and stores those that belong to a chat."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = Lock()
        self._running: list[Turn] = []
        self.model = Lock()
        """Held while the model speaks; summaries take it too."""

    def check(self, document_id: str, question: str, scope: Scope) -> None:
        """Raise InvalidQuestion for a question that would be refused, before anything is stored."""
        self._library.ask(document_id, question, scope)
        reading = self._library.store.document(document_id).reading
        scope.check(len(self._library.store.chapters(reading)))

    def start(
        self, document_id: str, question: str, scope: Scope, chat_id: int | None = None
    ) -> Turn:
        """Begin an answer; a chat gets the question now and the answer when it is made."""
        document = self._library.store.document(document_id)
        stream = self._library.ask(document_id, question, scope)
        if chat_id is not None:
            self._library.store.say(chat_id, "user", question.strip())
        turn = Turn(document.id, chat_id)
        turn.note = stream.note
        with self._lock:
            self._running.append(turn)
        Thread(target=self._make, args=(turn, stream), name="bookstate-answer", daemon=True).start()
        return turn

    def start_chat(self, document_id: str, question: str) -> int:
        """A new chat that is called by its first question."""
        title = " ".join(question.split())
        if len(title) > TITLE_LENGTH:
            title = title[: TITLE_LENGTH - 1].rstrip() + "…"
        return self._library.store.start_chat(document_id, title)

    def running(self, chat_id: int | None) -> Turn | None:
        """The turn that is being made for a chat."""
        with self._lock:
            found = [t for t in self._running if t.chat_id == chat_id and chat_id is not None]
        return found[0] if found else None

    def stop_document(self, document_id: str) -> None:
        """Stop every turn about a document and wait until each has stored what it said."""
        self._stop([t for t in self._snapshot() if t.document_id == document_id])

    def stop_chat(self, chat_id: int | None) -> None:
        """Stop a chat's turn and wait until it has stored what it said."""
        if chat_id is not None:
            self._stop([t for t in self._snapshot() if t.chat_id == chat_id])

    def stop_all(self) -> None:
        """Stop whatever is being said."""
        self._stop(self._snapshot())

    def _snapshot(self) -> list[Turn]:
        with self._lock:
            return list(self._running)

    def _stop(self, turns: list[Turn]) -> None:
        for turn in turns:
            turn.stop()
        for turn in turns:
            turn.wait()

    def _make(self, turn: Turn, stream: AnswerStream) -> None:
        try:
            self._answer(turn, stream)
        except REFUSALS as error:
            turn.error = str(error)
        finally:  # whatever went wrong, what was said is kept and nobody waits for ever
            try:
                self._keep(turn)
            except REFUSALS as error:
                turn.error = turn.error or str(error)
            finally:
                with self._lock:
                    self._running.remove(turn)
                turn.finish()

    def _speak(self, turn: Turn, stream: AnswerStream) -> None:
        if turn.stopped:
            return
        for piece in stream:
            turn.say(piece)
            if turn.stopped:
                return

    def _answer(self, turn: Turn, stream: AnswerStream) -> None:
        with self.model:
            self._speak(turn, stream)
        answer = self._library.answer(turn.document_id, stream)
        if turn.stopped:  # half an answer is shown as it is, without a verdict on it
            answer = replace(answer, answer=turn.text.strip() or NOTHING_SAID, notice="")
        turn.answer = answer

    def _keep(self, turn: Turn) -> None:
        if turn.chat_id is None:
            return
        said: dict[str, Any] = {"text": turn.error or turn.text}
        if turn.answer is not None:
            sources = turn.answer.to_dict()["sources"]
            said = {
                "text": turn.answer.answer,
                "confidence": turn.answer.confidence,
                "sources": sources,
            }
        if said["text"]:
            self._library.store.say(turn.chat_id, "assistant", **said)

"""One answer at a time: each is made in a thread of its own, and any visitor can watch it.

The thread, not the visitor's connection, owns the answer: closing the page loses nothing, and the
stop button ends the generation after the present token and keeps what was said. Questions that
are asked while another one is answered wait in line; a chat gets a question when its turn comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Lock, Thread

from app.answering.answers import Answer
from app.answering.conversation import Turn, is_follow_up
from app.errors import REFUSALS, Busy
from app.library import Library
from app.state_reader import Scope
from app.storage.store import Message
from app.ui.replies import NOTHING_SAID, Replies, Wish
from app.ui.texts import shortened
from app.ui.visitors import Visiting

TITLE_LENGTH = 60
MOST_WAITING = 3  # questions of one chat behind the one that is being answered


class Generation:
    """An answer that is being made, or that waits to be."""

    def __init__(self, library: Library, document_id: str, chat_id: int | None, wish: Wish) -> None:
        self.library = library  # as the visitor sees it
        self.document_id = document_id
        self.chat_id = chat_id
        self.wish = wish
        self.text = ""
        self.said = False  # the text is (part of) an answer, and not how far something is
        self.answer: Answer | None = None
        self.error = ""
        self.note = ""  # what must be said with the answer
        self.replied = False  # a reply was made, be it a refusal
        self.begun = False  # its question is in the chat, and its turn has come
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

    def begin(self) -> None:
        """Wake those who watch: the question's turn has come."""
        with self._changed:
            self.begun = True
            self._changed.notify_all()

    def say(self, piece: str) -> None:
        """Append to the text and wake those who watch."""
        with self._changed:
            self.text += piece
            self.said = True
            self._changed.notify_all()

    def show(self, text: str) -> None:
        """Put a text in place of what was said so far, such as how far something is."""
        with self._changed:
            self.text = text
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

    def watch(self, *, turn: bool = False) -> Iterator[str]:
        """The text so far, again whenever it has changed, until the generation is over.

        turn: yield once more when the question's turn comes.
        """
        seen = (False, "")

        def now() -> tuple[bool, str]:
            return (turn and self.begun, self.text)

        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._done or now() != seen)  # noqa: B023
                found, done = now(), self._done
            if found != seen:
                seen = found
                yield found[1]
            if done:
                return


class Generations:
    """Makes answers one after the other, and stores those that belong to a chat."""

    def __init__(self, visiting: Visiting) -> None:
        self._visiting = visiting
        self._line: deque[Generation] = deque()
        self._moved = Condition(Lock())  # the line has changed
        self.model = Lock()
        """Held while the model generates; summaries take it too."""

    def check(self, document_id: str, question: str, scope: Scope) -> None:
        """Raise InvalidQuestion for a question that would be refused, before anything is stored."""
        self._visiting.library.ask(document_id, question, scope)

    def start(
        self,
        document_id: str,
        question: str,
        scope: Scope,
        chat_id: int | None = None,
        *,
        follows: bool = True,
        every_page: bool = False,
    ) -> Generation:
        """Ask a question as soon as its turn comes. In a chat, its words decide what is made.

        follows: it may follow the turn before it in the chat; every_page: all pages are asked.
        Raises Busy where too many questions of the chat wait already.
        """
        library = self._visiting.library
        document = library.store.document(document_id)
        self.check(document_id, question, scope)
        if chat_id is not None:
            library.store.check_chat(chat_id)
        wish = Wish(question.strip(), scope, follows=follows, every_page=every_page)
        generation = Generation(library, document.id, chat_id, wish)
        with self._moved:
            waiting = [g for g in self._line if chat_id is not None and g.chat_id == chat_id]
            if len(waiting) > MOST_WAITING:
                raise Busy(f"{MOST_WAITING} questions wait already; wait for an answer, or stop.")
            self._line.append(generation)
        Thread(target=self._make, args=(generation,), name="bookstate-answer", daemon=True).start()
        return generation

    def start_chat(self, document_id: str, question: str) -> int:
        """A new chat, named after its first question."""
        title = shortened(question, TITLE_LENGTH)
        return self._visiting.library.store.start_chat(document_id, title)

    def in_line(self, chat_id: int | None) -> list[Generation]:
        """The generations of a chat: the one that is being made, then those that wait."""
        return [g for g in self._snapshot() if g.chat_id == chat_id and chat_id is not None]

    def running(self, chat_id: int | None) -> Generation | None:
        """The generation of a chat that is being made, or is the next to be."""
        return next(iter(self.in_line(chat_id)), None)

    def stop_document(self, document_id: str) -> None:
        """Stop every generation about a document and wait until each has stored what it said."""
        self._stop(lambda g: g.document_id == document_id)

    def stop_chat(self, chat_id: int | None) -> None:
        """Stop a chat's generations and wait until each has stored what it said."""
        if chat_id is not None:
            self._stop(lambda g: g.chat_id == chat_id)

    def stop_all(self) -> None:
        """Stop everything that is being generated."""
        self._stop(lambda g: True)

    def _snapshot(self) -> list[Generation]:
        with self._moved:
            return list(self._line)

    def _stop(self, of: Callable[[Generation], bool]) -> None:
        chosen = [generation for generation in self._snapshot() if of(generation)]
        for generation in chosen:
            generation.stop()
        for generation in chosen:
            generation.wait()

    def _make(self, generation: Generation) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._line[0] is generation)
        try:
            with self.model:
                self._reply(generation)
        except REFUSALS as error:
            generation.error = str(error)
            generation.replied = True
            self._keep(generation, Message("assistant", generation.error))
        finally:  # after any error: let nobody wait for ever
            with self._moved:
                self._line.remove(generation)
                self._moved.notify_all()
            generation.finish()

    def _reply(self, generation: Generation) -> None:
        if generation.stopped and generation.chat_id is not None:
            return  # a question that was stopped before its turn leaves nothing
        document = generation.library.store.document(generation.document_id)
        after = self._turn_before(generation)
        asked = Message("user", generation.wish.question, about=after.question if after else "")
        self._keep(generation, asked)
        generation.begin()
        reply = Message("assistant", "")
        try:
            reply = Replies(generation.library).reply(document, generation, after)
            generation.replied = True
        finally:  # after any error: keep what was said
            if not reply.text and generation.said:
                reply = Message("assistant", generation.text.strip())
            if generation.stopped and not reply.text:
                reply = Message("assistant", NOTHING_SAID)
            self._keep(generation, reply)

    def _turn_before(self, generation: Generation) -> Turn | None:
        """The chat's last answered question, where the question follows it."""
        wish = generation.wish
        if generation.chat_id is None or not wish.follows or not is_follow_up(wish.question):
            return None
        return last_turn(generation.library.store.messages(generation.chat_id))

    def _keep(self, generation: Generation, message: Message) -> None:
        if generation.chat_id is None or not message.text:
            return
        try:
            generation.library.store.say(generation.chat_id, message)
        except REFUSALS as error:
            generation.error = generation.error or str(error)


def last_turn(messages: list[Message]) -> Turn | None:
    """The last question of a chat that was answered from the document."""
    for asked, answer in zip(reversed(messages[:-1]), reversed(messages[1:]), strict=True):
        if asked.role == "user" and answer.role == "assistant" and answer.word:
            return Turn(asked.text, answer.text)
    return None

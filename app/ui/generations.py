"""Answers that the model makes one at a time; any visitor can watch those of a chat.

The line's thread, not the visitor's request, makes an answer: it may be watched from several pages,
and the stop button ends it after the present token and keeps what was said. A chat gets a question
when its turn comes. A page that was closed has some seconds to come back, as it does when it is
loaded again; then its questions leave the line, and what was said so far is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from app.answering.answers import Answer
from app.answering.conversation import Turn, is_follow_up
from app.errors import REFUSALS, Busy
from app.library import Library
from app.line.line import Line
from app.line.work import HERE, Away, Visitor, Work, always_here
from app.state_reader import Scope
from app.storage.store import Message
from app.ui.replies import NOTHING_SAID, Replies, Wish
from app.ui.texts import shortened
from app.ui.visitors import Visiting

TITLE_LENGTH = 60
MOST_WAITING = 3  # questions of one chat behind the one that is being answered
PAGE_SECONDS = 5.0  # in which a page that is loaded again, or whose network failed, comes back


class Generation(Work):
    """An answer that is being made, or that waits to be."""

    def __init__(
        self,
        library: Library,
        document_id: str,
        chat_id: int | None,
        wish: Wish,
        make: Callable[[Generation], None],
        visitor: Visitor = HERE,
        away: Away = always_here,
    ) -> None:
        super().__init__(document_id, visitor, away, 0.0 if chat_id is None else PAGE_SECONDS)
        self.library = library  # as the visitor sees it
        self.chat_id = chat_id
        self.wish = wish
        self.is_answer = False  # the text is (part of) an answer, and not how far something is
        self.answer: Answer | None = None
        self.error = ""
        self.note = ""  # what must be said with the answer
        self.replied = False  # a reply was made, be it a refusal
        self._make = make

    def make(self) -> None:
        """Answer, in the line's thread."""
        self._make(self)

    def say(self, piece: str) -> None:
        """Append to the text and wake those who watch."""
        self.is_answer = True
        self.show(self.text + piece)

    def show(self, text: str) -> None:
        """Put a text in place of what was said so far, such as how far something is."""
        self.text = text
        self.changed()


class Generations:
    """Answers questions as their turns come, and stores the answers that belong to a chat."""

    def __init__(self, visiting: Visiting) -> None:
        self._visiting = visiting
        self._joining = Lock()
        self.line = Line()

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
        replaces: str = "",
        windows: int | None = None,
        visitor: Visitor = HERE,
        away: Away = always_here,
    ) -> Generation:
        """Ask a question as soon as its turn comes. In a chat, its words decide what is made.

        follows: it may follow the turn before it in the chat; every_page: all pages are asked.
        replaces: the chat's last question, whose place it takes; windows: of the state, to open.
        visitor, away: who asks, and for how long no client of theirs has been connected. Raises
        Busy where too many questions wait already.
        """
        library = self._visiting.library
        document = library.store.document(document_id)
        self.check(document_id, question, scope)
        if chat_id is not None:
            library.store.check_chat(chat_id)
        wish = Wish(question.strip(), scope, follows, every_page, replaces, windows)
        generation = Generation(library, document.id, chat_id, wish, self._answer, visitor, away)
        with self._joining:
            if len(self.in_line(chat_id)) > MOST_WAITING:
                raise Busy(
                    f"{MOST_WAITING} questions of this chat wait already, as many as may; wait for "
                    "an answer, or stop."
                )
            self.line.join(generation)
        return generation

    def start_chat(self, document_id: str, question: str) -> int:
        """A new chat, named after its first question."""
        title = shortened(question, TITLE_LENGTH)
        return self._visiting.library.store.start_chat(document_id, title)

    def in_line(self, chat_id: int | None) -> list[Generation]:
        """The generations of a chat: the one that is being made, then those that wait."""
        found = (work for work in self.line.works() if isinstance(work, Generation))
        return [g for g in found if g.chat_id == chat_id and chat_id is not None]

    def running(self, chat_id: int | None) -> Generation | None:
        """The generation of a chat that is being made, or is the next to be."""
        return next(iter(self.in_line(chat_id)), None)

    def stop_document(self, document_id: str) -> None:
        """Stop all work on a document and wait until each answer has stored what it said."""
        self.line.stop(lambda work: work.document_id == document_id)

    def stop_chat(self, chat_id: int | None) -> None:
        """Stop a chat's generations and wait until each has stored what it said."""
        if chat_id is not None:
            self.line.stop(lambda work: isinstance(work, Generation) and work.chat_id == chat_id)

    def stop_all(self) -> None:
        """Stop everything that the model does or is to do."""
        self.line.stop(lambda work: True)

    def _answer(self, generation: Generation) -> None:
        try:
            self._reply(generation)
        except REFUSALS as error:
            generation.error = str(error)
            generation.replied = True
            self._keep(generation, Message("assistant", generation.error))

    def _reply(self, generation: Generation) -> None:
        if generation.stopped:
            return  # a question that was stopped before its turn leaves nothing
        document = generation.library.store.document(generation.document_id)
        if generation.chat_id is not None and generation.wish.replaces:
            generation.library.store.forget_turn(generation.chat_id, generation.wish.replaces)
        after = self._turn_before(generation)
        asked = Message("user", generation.wish.question, about=after.question if after else "")
        self._keep(generation, asked)
        generation.begin()  # its question is in the chat
        reply = Message("assistant", "")
        try:
            reply = Replies(generation.library).reply(document, generation, after)
            generation.replied = True
        finally:  # after any error: keep what was said
            if not reply.text and generation.is_answer:
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

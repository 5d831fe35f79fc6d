"""The chat's last question once more: the same, edited, of more of the book, or of every page."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.errors import REFUSALS, InvalidQuestion
from app.position import scope_for
from app.state_reader import Scope
from app.storage.store import Document, Message
from app.ui.generations import last_turn
from app.ui.session import Session, private
from app.ui.texts import note

WHOLE, ONLY, UP_TO = "the whole book", "one chapter", "the book up to a chapter"
MOST_PARTS = 64  # of a book, looked in for one answer; the limit of the setting
ASK_FIRST = "Ask a question first."
EDITING = "Change the question and ask; the new answer takes the place of the last one."


def asked_scope(
    session: Session, document: Document, part: str, chapter: int | None, lifted: bool
) -> Scope:
    """The part of the book that was chosen, as far as its reader is."""
    asked = Scope(
        chapter=chapter if part == ONLY else None,
        as_of_chapter=chapter if part == UP_TO else None,
    )
    return scope_for(session.library, document, asked, whole_book=lifted)


def who(session: Session, request: gr.Request | None) -> dict[str, Any]:
    """Who asks, as the line wants to know."""
    return {"visitor": session.visitor(request), "away": session.page(request)}


class ChatAgain:
    """The buttons, and what they do."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.replaced = gr.State("")  # the question whose place the next one takes
        self._again = gr.Button("Ask again", size="sm", min_width=100)
        self._edit = gr.Button("Edit question", size="sm", min_width=120)
        self._further = gr.Button("Look further", size="sm", min_width=110)
        self.every = gr.Button("Ask every page", size="sm", min_width=130)

    def wire(
        self, asking: list[Any], chat: gr.State, question: gr.Textbox, said: gr.HTML
    ) -> list[Any]:
        """The events that ask. asking: the document, the chat, then what the scope is made of."""
        asked = [
            button.click(act, asking, [chat, said], **private(queue=False))
            for button, act in (
                (self._again, self.ask_again),
                (self._further, self.look_further),
                (self.every, self.ask_every_page),
            )
        ]
        self._edit.click(
            self.edit, asking[:2], [question, self.replaced, said], **private(queue=False)
        ).then(None, js="() => document.querySelector('#question textarea')?.focus()")
        return asked

    def edit(self, document_id: str | None, chat_id: int | None) -> list[Any]:
        """Put the last question where questions are written."""
        turn = last_turn(self._messages(document_id, chat_id))
        if turn is None:
            return ["", "", note(ASK_FIRST, "warning")]
        return [turn.question, turn.question, note(EDITING)]

    def ask_again(
        self,
        document_id: str | None,
        chat_id: int | None,
        part: str,
        chapter: int | None,
        lifted: bool = False,
        request: gr.Request | None = None,
    ) -> list[Any]:
        """Ask the last question again, such as of another part; the answer is replaced."""
        return self._ask(document_id, chat_id, (part, chapter, lifted), request)

    def look_further(
        self,
        document_id: str | None,
        chat_id: int | None,
        part: str,
        chapter: int | None,
        lifted: bool = False,
        request: gr.Request | None = None,
    ) -> list[Any]:
        """Ask again, and look in twice as many parts of the book."""
        scope = (part, chapter, lifted)
        return self._ask(document_id, chat_id, scope, request, further=True)

    def ask_every_page(
        self,
        document_id: str | None,
        chat_id: int | None,
        part: str,
        chapter: int | None,
        lifted: bool = False,
        request: gr.Request | None = None,
    ) -> list[Any]:
        """Ask the chat's last question of every page."""
        scope = (part, chapter, lifted)
        return self._ask(document_id, chat_id, scope, request, every_page=True)

    def _ask(
        self,
        document_id: str | None,
        chat_id: int | None,
        part: tuple[str, int | None, bool],
        request: gr.Request | None,
        *,
        further: bool = False,
        every_page: bool = False,
    ) -> list[Any]:
        session = self._session
        try:
            document = session.ready(document_id)
            messages = self._messages(document.id, chat_id)
            turn = last_turn(messages)
            if turn is None:
                return [gr.skip(), note(ASK_FIRST, "warning")]
            session.generations.start(
                document.id,
                turn.question,
                asked_scope(session, document, *part),
                chat_id,
                every_page=every_page,
                replaces="" if every_page else turn.question,
                windows=self._more(document, messages) if further else None,
                **who(session, request),
            )
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning")]
        return [chat_id, ""]

    def _more(self, document: Document, messages: list[Message]) -> int:
        """Twice as many parts as the last answer looked in. Raises InvalidQuestion."""
        library, parts = self._session.library, document.reading.segments
        if library.memory_of(document).opens != "windows":
            raise InvalidQuestion(
                "This memory keeps the book as a whole, and all of it was looked at; read the book "
                "with the adaptive memory to look in single parts."
            )
        answers = [m.looked for m in messages if m.role == "assistant"]
        before = (answers[-1] if answers else 0) or library.settings.windows
        if before >= min(parts, MOST_PARTS):
            raise InvalidQuestion(
                f"The answer was looked for in {min(before, parts)} of {parts} parts, as many as "
                "can be opened at once; “Ask every page” asks each of them."
            )
        return min(2 * before, MOST_PARTS)

    def _messages(self, document_id: str | None, chat_id: int | None) -> list[Message]:
        store = self._session.library.store
        chats = store.chats(document_id) if document_id else []
        return store.messages(chat_id) if any(c.id == chat_id for c in chats) and chat_id else []

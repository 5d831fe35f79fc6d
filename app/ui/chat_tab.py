"""The chat tab: questions about the open document, and where in it the answers come from."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from app.errors import REFUSALS
from app.state_reader import Scope
from app.storage.store import Message
from app.ui.generations import Generation
from app.ui.inputs import choice_list
from app.ui.session import MODEL, Session, private
from app.ui.texts import NOT_OPEN, bubble, chapter_choices, evidence_html, note

WHOLE, ONLY, UP_TO = "the whole book", "one chapter", "the book up to a chapter"
FAILED = "The answer failed because of an internal error; ask again. The server's log has details."
PLACEHOLDER = "Ask a question about this book."


class ChatTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        self.chat = gr.State(None)  # id of the chat that is open
        with gr.Row():
            with gr.Column(scale=3, min_width=340):
                self._build_talk()
                self._build_asking()
                self._said = gr.HTML()
            with gr.Column(scale=2, min_width=320):
                self._build_chats()
                with gr.Accordion("Where the memory looked", visible=False) as self._looked:
                    self._evidence = gr.HTML()
        self._view = [self.chat, self._chats, self._talk, self._looked, self._evidence]
        self._wire()

    def _build_chats(self) -> None:
        self._chats = choice_list("Chats about this document", filterable=False)
        with gr.Row():
            self._new = gr.Button("New chat", size="sm", min_width=90)
            self._delete = gr.Button("Delete chat", size="sm", min_width=90)

    def _build_talk(self) -> None:
        self._talk = gr.Chatbot(
            show_label=False,
            height=430,
            placeholder=NOT_OPEN,
            render_markdown=False,  # HTML is still rendered: `bubble` escapes
            sanitize_html=True,
            allow_tags=False,
            latex_delimiters=[],
            buttons=[],
            layout="bubble",
            elem_id="talk",
        )

    def _build_asking(self) -> None:
        with gr.Row(equal_height=True):
            self._question = gr.Textbox(
                placeholder="Your question", show_label=False, container=False, scale=8, max_lines=4
            )
            self._ask = gr.Button("Ask", variant="primary", scale=1, min_width=80)
            self._stop = gr.Button("Stop", scale=1, min_width=80, interactive=False)
        with gr.Row(equal_height=True):
            self._part = gr.Radio(
                [WHOLE, ONLY, UP_TO], value=WHOLE, label="Ask about", scale=3, min_width=280
            )
            self._chapter = choice_list("Chapter", visible=False, scale=3, min_width=220)

    def _wire(self) -> None:
        asked = gr.on(
            [self._ask.click, self._question.submit],
            self.ask,
            [self._picker, self.chat, self._question, self._part, self._chapter],
            [*self._view, self._question, self._stop, self._said],
            concurrency_limit=1,
            concurrency_id=MODEL,
            trigger_mode="once",
            **private(),
        )
        self._stop.click(self.stop, self.chat, None, **private(queue=False))
        leaving = private(cancels=[asked])  # the answer itself goes on and is stored
        opened = gr.on(
            [self._chats.input], self.open_chat, [self._picker, self._chats], self._view, **leaving
        )
        opened.then(self.follow, self.chat, [*self._view[2:], self._stop, self._said], **private())
        self._new.click(self.new_chat, self._picker, self._view, **leaving)
        self._delete.click(self.delete, [self._picker, self.chat], self._view, **leaving)
        self._part.change(
            lambda part: gr.update(visible=part != WHOLE), self._part, self._chapter, **private()
        )
        self._talk.select(
            self.point,
            [self._picker, self.chat],
            [self._looked, self._evidence],
            **private(queue=False),
        )
        self._picker.change(
            self.open_document, self._picker, [*self._view, self._chapter, self._part], **leaving
        ).then(self.follow, self.chat, [*self._view[2:], self._stop, self._said], **private())

    # Looking

    def open_document(self, document_id: str | None) -> list[Any]:
        """The document's latest chat, and its chapters to choose from."""
        document = self._session.find(document_id)
        chapters = (
            chapter_choices(self._session.library.store.chapters(document.reading))
            if document
            else []
        )
        chats = self._session.library.store.chats(document.id) if document else []
        view = self._show(document_id, chats[0].id if chats else None)
        chapter = gr.update(choices=chapters, value=1 if chapters else None, visible=False)
        return [*view, chapter, WHOLE]

    def open_chat(self, document_id: str | None, chat_id: int | None) -> list[Any]:
        """Show a stored chat."""
        return self._show(document_id, chat_id)

    def new_chat(self, document_id: str | None) -> list[Any]:
        """Show an empty chat; it is stored when its first question is asked."""
        return self._show(document_id, None)

    def delete(self, document_id: str | None, chat_id: int | None) -> list[Any]:
        """Delete the open chat."""
        if chat_id is not None:
            self._session.generations.stop_chat(chat_id)
            self._session.library.store.remove_chat(chat_id)
        return self._show(document_id, None)

    def _show(self, document_id: str | None, chat_id: int | None) -> list[Any]:
        store = self._session.library.store
        document = self._session.find(document_id)
        chats = store.chats(document.id) if document else []
        chat_id = chat_id if any(chat.id == chat_id for chat in chats) else None
        messages = store.messages(chat_id) if chat_id is not None else []
        choices = [(f"{c.title}  ({c.created_at[:10]})", c.id) for c in chats]
        placeholder = PLACEHOLDER if document else NOT_OPEN
        return [
            chat_id,
            gr.update(choices=choices, value=chat_id),
            gr.update(value=self._bubbles(messages), placeholder=placeholder),
            *self._evidence_of(document_id, self._last_answer(messages)),
        ]

    def _bubbles(self, messages: list[Message], growing: str | None = None) -> list[dict[str, str]]:
        shown = [{"role": m.role, "content": bubble(m)} for m in messages]
        if growing is not None:
            shown.append({"role": "assistant", "content": escape(growing or "…")})
        return shown

    def _last_answer(self, messages: list[Message]) -> Message | None:
        answers = [m for m in messages if m.role == "assistant"]
        return answers[-1] if answers else None

    def _evidence_of(self, document_id: str | None, message: Message | None) -> list[Any]:
        document = self._session.find(document_id)
        if message is None or document is None:
            return [gr.update(visible=False), ""]
        chapters = self._session.library.store.chapters(document.reading)
        shown = evidence_html(message, chapters)
        return [gr.update(visible=bool(shown)), shown]

    def point(
        self, document_id: str | None, chat_id: int | None, event: gr.SelectData
    ) -> list[Any]:
        """Show the evidence of the answer that was clicked."""
        messages = self._session.library.store.messages(chat_id) if chat_id is not None else []
        index = event.index[0] if isinstance(event.index, list | tuple) else event.index
        if not 0 <= index < len(messages) or messages[index].role != "assistant":
            return [gr.skip(), gr.skip()]
        return self._evidence_of(document_id, messages[index])

    # Asking

    def ask(
        self,
        document_id: str | None,
        chat_id: int | None,
        question: str,
        part: str,
        chapter: int | None,
    ) -> Iterator[list[Any]]:
        """Stream an answer into the chat; a new chat begins with its first question."""
        scope = Scope(
            chapter=chapter if part == ONLY else None,
            as_of_chapter=chapter if part == UP_TO else None,
        )
        generations = self._session.generations
        try:
            document = self._session.ready(document_id)
            generations.check(document.id, question, scope)
            chat_id = chat_id or generations.start_chat(document.id, question)
            generation = generations.start(document.id, question, scope, chat_id)
        except REFUSALS as error:
            yield [*[gr.skip()] * 7, note(str(error), "warning")]
            return
        chat, chats, *_ = self._show(document.id, chat_id)
        first = True
        for talk, looked, evidence, stop, said in self._watch(generation, chat_id):
            head = [chat, chats if first else gr.skip(), talk, looked, evidence]
            yield [*head, "" if first else gr.skip(), stop, said]
            first = False

    def follow(self, chat_id: int | None) -> Iterator[list[Any]]:
        """Show the answer that is being generated for a chat, if there is one."""
        generation = self._session.generations.running(chat_id)
        if generation is None or chat_id is None:
            yield [*[gr.skip()] * 3, gr.update(interactive=False), ""]
        else:
            yield from self._watch(generation, chat_id)

    def _watch(self, generation: Generation, chat_id: int) -> Iterator[list[Any]]:
        store = self._session.library.store
        asked = store.messages(chat_id)
        while asked and asked[-1].role != "user":  # a quick answer may be there already
            asked.pop()
        hidden, stoppable = gr.update(visible=False), gr.update(interactive=True)
        yield [self._bubbles(asked, ""), hidden, "", stoppable, ""]
        for text in generation.watch():
            yield [self._bubbles(asked, text), *[gr.skip()] * 4]
        messages = store.messages(chat_id)
        evidence = self._evidence_of(generation.document_id, self._last_answer(messages))
        failed = not (generation.answer or generation.error)
        said = note(FAILED if failed else generation.note, "warning")
        yield [self._bubbles(messages), *evidence, gr.update(interactive=False), said]

    def stop(self, chat_id: int | None) -> None:
        """Stop generating; the text so far is kept."""
        self._session.generations.stop_chat(chat_id)

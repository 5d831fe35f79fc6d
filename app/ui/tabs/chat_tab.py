"""The chat tab: questions about the open document, and where in it the answers come from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from html import escape
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from app.answering.lists import asks_for_all
from app.errors import REFUSALS
from app.line.work import Bell
from app.storage.store import Message
from app.taking.contents import chat_taken
from app.taking.taken import Taken
from app.ui.acts import acts
from app.ui.generations import Generation, last_turn
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.tabs.chat_again import ONLY, UP_TO, WHOLE, ChatAgain, asked_scope, who
from app.ui.tabs.confirm import confirmed
from app.ui.taking import offer
from app.ui.texts import (
    NOT_OPEN,
    about_html,
    bubble,
    chapter_choices,
    evidence_html,
    note,
    waiting_html,
)
from memory_models.prompt import LONGEST_QUESTION

FAILED = "The answer failed because of an internal error; ask again. The server's log has details."
WATCHERS = 150  # pages that watch answers at the same time
WORDS_A_TOKEN = 0.75
PLACEHOLDER = "Ask a question about this book."


class ChatTab:
    """Components of the tab and what they do."""

    def __init__(
        self, session: Session, picker: gr.Dropdown, lifted: gr.Checkbox | None = None
    ) -> None:
        self._session = session
        self._picker = picker
        self._lifted = lifted or gr.Checkbox(visible=False)  # whether to ignore the reader's place
        self.chat = gr.State(None)  # id of the chat that is open
        self._fresh = gr.State(False)  # the next question begins a new topic
        with gr.Row():
            with gr.Column(scale=3, min_width=340):
                self._build_talk()
                self._build_asking()
                self._said = gr.HTML()
            with gr.Column(scale=2, min_width=320):
                self._build_chats()
                with gr.Accordion("Where the answer comes from", visible=False) as self._looked:
                    self._evidence = gr.HTML()
        self._view = [
            self.chat,
            self._chats,
            self._talk,
            self._looked,
            self._evidence,
            *self._topic,
        ]
        self._growing = [*self._view[2:], self._stop, self._said]
        self._wire()

    def _build_chats(self) -> None:
        self._chats = choice_list("Chats about this document", filterable=False)
        with gr.Row():
            self._new = gr.Button("New chat", size="sm", min_width=90)
            self._delete = gr.Button("Delete chat", size="sm", min_width=90)
        self._sure = confirmed(self._delete, "Delete this chat? This cannot be undone.")
        with gr.Row():
            offer("chat", self.taken, [self._picker, self.chat])

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
                placeholder="Your question",
                show_label=False,
                container=False,
                scale=8,
                max_lines=4,
                elem_id="question",
            )
            self._ask = gr.Button("Ask", variant="primary", scale=1, min_width=80)
            self._stop = gr.Button("Stop", scale=1, min_width=80, interactive=False)
        self._limit = gr.HTML()
        with gr.Column(visible=False) as last:
            with gr.Row(equal_height=True, elem_classes="bs-topic"):
                about = gr.HTML(scale=6)
                self._new_topic = gr.Button("New topic", size="sm", scale=1, min_width=100)
            with gr.Row(equal_height=True):
                self.again = ChatAgain(self._session)
        self._topic = [last, about, self.again.every]
        with gr.Row(equal_height=True):
            self._part = gr.Radio(
                [WHOLE, ONLY, UP_TO], value=WHOLE, label="Ask about", scale=3, min_width=280
            )
            self._chapter = choice_list("Chapter", visible=False, scale=3, min_width=220)

    def _wire(self) -> None:
        scope = [self._part, self._chapter, self._lifted]
        asking = [self._picker, self.chat, self._question, *scope[:2], self._fresh, self._lifted]
        asking.append(self.again.replaced)
        follow: dict[str, Any] = {
            "fn": self.follow,
            "inputs": [self._picker, self.chat],
            "outputs": self._growing,
            "concurrency_limit": WATCHERS,
            **private(),
        }
        asked = gr.on(
            [self._ask.click, self._question.submit],
            self.ask,
            asking,
            [self.chat, self._chats, self._question, self._fresh, self.again.replaced, self._said],
            trigger_mode="multiple",  # a second question waits for the first one's answer
            **private(queue=False),
        )
        following = [asked.then(**follow)]
        same_question = [self._picker, self.chat, *scope]
        for event in self.again.wire(same_question, self.chat, self._question, self._said):
            following.append(event.then(**follow))
        self._question.change(
            self.check_length, self._question, self._limit, **private(queue=False)
        )
        self._new_topic.click(
            lambda: [True, gr.update(visible=False)],
            None,
            [self._fresh, self._topic[0]],
            **private(queue=False),
        )
        self._stop.click(self.stop, self.chat, None, **private(queue=False))
        leaving = private(cancels=following)  # the answer itself goes on and is stored
        opened = gr.on(
            [self._chats.input], self.open_chat, [self._picker, self._chats], self._view, **leaving
        )
        opened.then(**follow)
        self._new.click(self.new_chat, self._picker, self._view, **leaving)
        self._sure.click(self.delete, [self._picker, self.chat], self._view, **leaving)
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
        ).then(**follow)

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
        if (own := self._session.own_chat(chat_id)) is not None:
            self._session.generations.stop_chat(own)
            self._session.library.store.remove_chat(own)
        return self._show(document_id, None)

    def taken(self, document_id: str | None, chat_id: int | None) -> Taken | None:
        """The open chat with its citations, to take along."""
        document = self._session.find(document_id)
        own = self._session.own_chat(chat_id)
        if document is None or own is None:
            return None
        return chat_taken(document, self._messages(own))

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
            gr.update(value=bubbles(messages, chat_id), placeholder=placeholder),
            *self._evidence_of(document_id, self._last_answer(messages)),
            *self._topic_of(messages),
        ]

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

    def _topic_of(self, messages: list[Message]) -> list[Any]:
        """What the next question may follow, and whether to offer to ask every page."""
        turn = last_turn(messages)
        if turn is None:
            return [gr.update(visible=False), "", gr.update(visible=False)]
        last = self._last_answer(messages)
        offered = asks_for_all(turn.question) or (last is not None and last.word == "guess")
        return [gr.update(visible=True), about_html(turn.question), gr.update(visible=offered)]

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
        fresh: bool = False,
        lifted: bool = False,
        replaced: str = "",
        request: gr.Request | None = None,
    ) -> list[Any]:
        """Put a question in line; a new chat begins with its first question."""
        generations = self._session.generations
        begun = None
        try:
            document = self._session.ready(document_id)
            scope = asked_scope(self._session, document, part, chapter, lifted)
            if chat_id is None:
                generations.check(document.id, question, scope)  # before a chat is stored
                chat_id = begun = generations.start_chat(document.id, question)
            how = {"follows": not fresh, "replaces": replaced, **who(self._session, request)}
            generations.start(document.id, question, scope, chat_id, **how)
        except REFUSALS as error:
            if begun is not None:
                self._session.library.store.remove_chat(begun)
            return [*[gr.skip()] * 5, note(str(error), "warning")]
        chat, chats, *_ = self._show(document.id, chat_id)
        return [chat, chats, "", False, "", ""]

    async def follow(
        self,
        document_id: str | None,
        chat_id: int | None,
        request: gr.Request | None = None,
    ) -> AsyncIterator[list[Any]]:
        """Watch the answers that are being made for a chat until there is none."""
        chat_id = await run_sync(self._session.own_chat, chat_id)
        in_line, away = self._session.generations.in_line, self._session.page(request)
        bell, last = Bell(), None
        watched: set[Generation] = set()
        begun, said, stored = None, None, []
        with ExitStack() as watching:
            while waiting := in_line(chat_id):
                last = waiting[0]
                for generation in set(waiting) - watched:
                    watching.enter_context(generation.watched(bell, away))
                    watched.add(generation)
                now = [(g.number, g.begun) for g in waiting]
                if now != begun:  # a question is stored when its turn comes, and then its answer
                    begun, stored = now, await run_sync(self._stored, chat_id)
                if said != (now, texts := [g.text for g in waiting]):
                    said = (now, texts)
                    yield self._now(waiting, stored)
                await bell.wait()
        yield await run_sync(self._in_the_end, document_id, chat_id, last)

    def _in_the_end(
        self, document_id: str | None, chat_id: int | None, last: Generation | None
    ) -> list[Any]:
        messages = self._messages(chat_id)
        said = note(last.note if last.replied else FAILED, "warning") if last else ""
        return [
            bubbles(messages, chat_id),
            *self._evidence_of(document_id, self._last_answer(messages)),
            *self._topic_of(messages),
            gr.update(interactive=False),
            said,
        ]

    def _stored(self, chat_id: int | None) -> list[dict[str, str]]:
        return bubbles(self._messages(chat_id), chat_id)

    def _messages(self, chat_id: int | None) -> list[Message]:
        return self._session.library.store.messages(chat_id) if chat_id is not None else []

    def _now(self, waiting: list[Generation], stored: list[dict[str, str]]) -> list[Any]:
        """The chat while something is being made for it; stored: its bubbles so far."""
        bubbles = list(stored)
        for generation in waiting:
            if generation.begun:
                said = {"role": "assistant", "content": escape(generation.text or "…")}
            else:
                said = {"role": "user", "content": waiting_html(generation.wish.question)}
            bubbles.append(said)
        same, stoppable = gr.skip(), gr.update(interactive=True)
        return [bubbles, same, same, gr.update(visible=False), same, same, stoppable, ""]

    def check_length(self, question: str) -> str:
        """A line about a question that is too long to be asked."""
        over = self._session.library.question_tokens(question) - LONGEST_QUESTION
        if over <= 0:
            return ""
        words = max(1, round(over * WORDS_A_TOKEN))
        return note(f"This question is too long; leave out about {words} words.", "warning")

    def stop(self, chat_id: int | None) -> None:
        """Stop generating; the text so far is kept."""
        self._session.generations.stop_chat(self._session.own_chat(chat_id))


def bubbles(messages: list[Message], chat_id: int | None) -> list[dict[str, str]]:
    """A chat's messages as they are shown; answers can be copied and kept."""
    shown = []
    for index, message in enumerate(messages):
        content = bubble(message)
        if message.role == "assistant":
            links = acts(f"answer:{chat_id}:{index}")
            content = f'<div class="bs-answer">{content}{links}</div>'
        shown.append({"role": message.role, "content": content})
    return shown

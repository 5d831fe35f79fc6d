"""The chat's last question once more: the same, edited, and of more parts of the book."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from novels import QUESTION, novel

from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.storage.store import Document, Message, Store
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.chat_again import ASK_FIRST, WHOLE
from app.ui.tabs.chat_tab import ChatTab
from app.ui.texts import bubble
from app.ui.visitors import Visiting
from app.worker import Worker

gr = pytest.importorskip("gradio")


@pytest.fixture
def session(library: Library) -> Iterator[Session]:
    few = Library(library.settings.model_copy(update={"windows": 2}))
    visiting = Visiting(few)
    yield Session(visiting, Worker(few), Generations(visiting))
    few.close()


@pytest.fixture
def document(session: Session) -> Document:
    return session.library.add(novel(chapters=4, sentences=12), "novel.md").document


@pytest.fixture
def tab(session: Session) -> ChatTab:
    with gr.Blocks():
        return ChatTab(session, gr.Dropdown([]))


def asked(tab: ChatTab, document: Document, chat: int | None, question: str, **more: Any) -> int:
    chat, *_, said = tab.ask(document.id, chat, question, WHOLE, None, **more)
    assert said == ""
    done(tab, chat)
    return chat


def done(tab: ChatTab, chat: int) -> None:
    for generation in tab._session.generations.in_line(chat):
        assert generation.wait(60)


def answered(session: Session, chat: int) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in session.library.store.messages(chat)]


def test_a_question_is_asked_again_and_its_answer_replaced(
    session: Session, tab: ChatTab, document: Document
) -> None:
    chat = asked(tab, document, None, QUESTION)
    first = answered(session, chat)
    assert tab.again.ask_again(document.id, chat, WHOLE, None) == [chat, ""]
    done(tab, chat)
    assert answered(session, chat) == first
    (_, question), _ = first
    assert question == QUESTION


def test_an_edited_question_takes_the_place_of_the_last_one(
    session: Session, tab: ChatTab, document: Document
) -> None:
    chat = asked(tab, document, None, QUESTION)
    asked(tab, document, chat, "Who sold the boat?")
    question, replaced, _ = tab.again.edit(document.id, chat)
    assert question == replaced == "Who sold the boat?"
    asked(tab, document, chat, "Who painted the boat?", replaced=replaced)
    told = answered(session, chat)
    assert [text for role, text in told if role == "user"] == [QUESTION, "Who painted the boat?"]
    asked(tab, document, chat, "Who hid the map?", replaced="Who sold the boat?")  # it has gone
    assert len(answered(session, chat)) == 6


def test_looking_further_opens_more_parts_and_says_so(
    session: Session, tab: ChatTab, document: Document
) -> None:
    store = session.library.store
    chat = asked(tab, document, None, QUESTION)
    few = len(store.messages(chat)[-1].sources)
    assert document.reading.segments > 4 and few <= 2
    assert tab.again.look_further(document.id, chat, WHOLE, None) == [chat, ""]
    done(tab, chat)
    asked_, answer = store.messages(chat)
    assert (asked_.text, answer.looked) == (QUESTION, 4)
    assert 2 < len(answer.sources) <= 4
    assert "looked for in 4 parts" in bubble(answer).lower()
    while "warning" not in (said := tab.again.look_further(document.id, chat, WHOLE, None)[-1]):
        done(tab, chat)
    assert "as many as can be opened" in said
    assert store.messages(chat)[-1].looked >= min(document.reading.segments, 64)


def test_nothing_is_asked_again_where_nothing_was_asked(
    session: Session, tab: ChatTab, document: Document
) -> None:
    for act in (tab.again.ask_again, tab.again.look_further, tab.again.ask_every_page):
        assert ASK_FIRST in act(document.id, None, WHOLE, None)[-1]
        assert "No document is open" in act(None, None, WHOLE, None)[-1]
    assert tab.again.edit(document.id, 99)[:2] == ["", ""]
    other = session.library.add(novel(seed=5), "other.md").document
    chat = session.library.store.start_chat(document.id, "Talk")
    session.library.store.say(chat, Message("user", QUESTION))
    session.library.store.say(chat, Message("assistant", "Wim", word="sure"))
    assert ASK_FIRST in tab.again.ask_again(other.id, chat, WHOLE, None)[-1]


def test_a_refused_question_keeps_the_last_answer(
    session: Session, tab: ChatTab, document: Document
) -> None:
    chat = asked(tab, document, None, QUESTION)
    before = answered(session, chat)
    assert "bs-warning" in tab.ask(document.id, chat, " ", WHOLE, None, replaced=QUESTION)[-1]
    assert answered(session, chat) == before


def test_how_far_an_answer_looked_travels_with_its_document(
    session: Session, document: Document, tmp_path: Any
) -> None:
    store = session.library.store
    chat = store.start_chat(document.id, "Talk")
    store.say(chat, Message("assistant", "Wim", looked=16))
    export_document(store, document.id, tmp_path / "novel")
    other = Store(tmp_path / "other" / "bookstate.db")
    import_document(other, tmp_path / "novel")
    (there,) = other.chats(document.id)
    assert other.messages(there.id)[0].looked == 16
    other.close()

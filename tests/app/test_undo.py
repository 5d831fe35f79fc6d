"""What is deleted in the page can be brought back for a minute; meanwhile nobody sees it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from novels import QUESTION, novel, read_novel

from app.errors import UnknownDocument
from app.library import Library
from app.storage.store import Message
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.documents.library_tab import LibraryTab
from app.ui.visitors import Visiting
from app.worker import Worker


@pytest.fixture
def tab(library: Library) -> LibraryTab:
    with gr.Blocks():
        picker = gr.Dropdown()
        return LibraryTab(
            Session(Visiting(library), Worker(library), Generations(Visiting(library))), picker
        )


def rows(library: Library) -> dict[str, list[Any]]:
    db = library.store.db
    names = [n for n in db.table_names() if not n.startswith(("sqlite_", "_", "removed"))]
    return {name: list(db.execute(f"SELECT * FROM {name} ORDER BY 1, 2")) for name in names}


def test_a_document_comes_back_as_it_was(library: Library, tab: LibraryTab) -> None:
    document = read_novel(library)
    chat = library.store.start_chat(document.id, "A talk")
    library.store.say(chat, Message("user", "A question"))
    before = rows(library)
    picked, _, _, removed, undoing, words, timer = tab.delete(document.id)
    assert picked is None and removed == document.id
    assert undoing["visible"] and "deleted" in words and timer.active
    assert library.list() == [] and library.store.chats(document.id) == []
    assert not library.store.is_chat(chat) and library.store.messages(chat) == []
    for asked in (library.store.document, library.store.document_of):
        with pytest.raises(UnknownDocument):
            asked(document.id)
    with pytest.raises(UnknownDocument):
        library.ask(document.id, QUESTION)
    choice, said, *_ = tab.undo(removed)
    assert choice["value"] == document.id and "is back" in said
    assert rows(library) == before
    assert library.answer(document.id, library.ask(document.id, QUESTION)).sources is not None


def test_after_a_minute_it_is_gone(library: Library, tab: LibraryTab) -> None:
    document = read_novel(library)
    tab.delete(document.id)
    assert library.store.delete_removed() == 0
    assert library.store.delete_removed(seconds=0) == 1
    assert not library.store.is_document(document.id)
    assert "more than a minute ago" in tab.undo(document.id)[1]


def test_the_worker_deletes_for_good(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    document = read_novel(library)
    library.remove(document.id, undoable=True)
    library.store.db.execute("UPDATE removed_documents SET removed_at = '2020-01-01T00:00:00'")
    library.store.db.conn.commit()
    worker = Worker(library, poll_seconds=0.01)
    worker.start()
    until = time.monotonic() + 20
    while library.store.is_document(document.id) and time.monotonic() < until:
        time.sleep(0.01)
    worker.stop()
    assert not library.store.is_document(document.id)


def test_the_same_file_can_be_added_meanwhile(library: Library, tab: LibraryTab) -> None:
    first = read_novel(library)
    tab.delete(first.id)
    added, known = library.register(novel(), "novel.md")
    assert not known and added.id != first.id
    tab.undo(first.id)
    assert {d.id for d in library.list()} == {first.id, added.id}


def test_a_full_disk_is_emptied_at_once(
    library: Library, tab: LibraryTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)
    monkeypatch.setattr(type(library.store), "can_set_aside", lambda _self: False)
    _, _, said, removed, *_ = tab.delete(document.id)
    assert "was deleted" in said and removed == ""
    assert not library.store.is_document(document.id)


def test_a_chat_comes_back_too(library: Library) -> None:
    document, store = read_novel(library), library.store
    chat = store.start_chat(document.id, "A talk")
    store.say(chat, Message("user", "A question"))
    store.set_chat_aside(chat)
    store.set_chat_aside(chat)
    assert store.chats(document.id) == []
    with pytest.raises(UnknownDocument, match="start a new chat"):
        store.say(chat, Message("user", "Another"))
    store.bring_chat_back(chat)
    assert [m.text for m in store.messages(chat)] == ["A question"]
    with pytest.raises(UnknownDocument, match="more than a minute"):
        store.bring_chat_back(chat)
    store.set_chat_aside(chat)
    assert store.delete_removed(seconds=0) == 1
    assert store.db.table("chats").count == store.db.table("messages").count == 0


def test_nobody_brings_back_what_is_anothers(library: Library, tmp_path: Path) -> None:
    document, store = read_novel(library), library.store
    chat = store.start_chat(document.id, "A talk")
    for name in ("ada", "bob"):
        store.add_account(name, "a long secret")
    ada, bob = (store.seen_by(store.account(name).id) for name in ("ada", "bob"))
    bob.set_chat_aside(chat)
    assert ada.is_chat(chat)
    ada.set_chat_aside(chat)
    with pytest.raises(UnknownDocument):
        bob.bring_chat_back(chat)
    ada.bring_chat_back(chat)
    ada.set_aside(document.id)
    assert not bob.can_bring_back(document.id) and ada.can_bring_back(document.id)
    with pytest.raises(UnknownDocument):
        bob.bring_back(document.id)
    ada.bring_back(document.id)
    assert [d.id for d in ada.documents()] == [document.id]

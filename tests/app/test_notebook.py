"""The notebook: what is kept, where it stands, and what becomes of it with its document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from archives import edit_manifest, members, write
from novels import QUESTION, bare_document, read_novel, shelve
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidArchive, InvalidSetting, UnknownDocument
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.settings import Settings
from app.storage.store import Document, Message, Note, Store, Summary
from app.taking.keeping import answer_note, own_note, passage_note, summary_note
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.notebook_tab import NotebookTab
from app.ui.tabs.reading.book_views import Spot
from app.ui.tabs.reading.keeping import KEPT, Keeping
from app.ui.visitors import Visiting
from app.worker import Worker

gr = pytest.importorskip("gradio")

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def shelved(store: Store) -> Document:
    return shelve(store, bare_document())


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


def chatted(library: Library, document: Document) -> int:
    """A chat with one answered question, as the page stores it."""
    chat = library.store.start_chat(document.id, QUESTION)
    stream = library.ask(document.id, QUESTION)
    list(stream)
    made = library.answer(document.id, stream).to_dict()
    library.store.say(chat, Message("user", QUESTION))
    answer = Message("assistant", "Wim", 0.5, made["sources"], made["evidence"], word="sure")
    library.store.say(chat, replace(answer, reading_id=document.reading.id))
    return chat


class TestStore:
    def test_notes_are_kept_in_order_and_go_with_their_document(
        self, store: Store, shelved: Document
    ) -> None:
        first = store.keep_note(shelved.id, Note("note", "One"))
        store.keep_note(shelved.id, Note("passage", "Two", citations=({"text": "Two"},)))
        assert [(n.kind, n.text) for n in store.notes(shelved.id)] == [
            ("note", "One"),
            ("passage", "Two"),
        ]
        assert store.notes(shelved.id)[1].citations == ({"text": "Two"},)
        store.set_remark(first, "mine")
        assert store.notes(shelved.id)[0].remark == "mine"
        store.remove_note(first)
        with pytest.raises(UnknownDocument, match="has been deleted"):
            store.set_remark(first, "too late")
        store.remove(shelved.id)
        assert store.db.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        with pytest.raises(UnknownDocument):
            store.keep_note(shelved.id, Note("note", "gone"))

    def test_a_chats_last_turn_is_forgotten_only_where_it_is_that_question(
        self, store: Store, shelved: Document
    ) -> None:
        chat = store.start_chat(shelved.id, "Talk")
        for role, text in (("user", "A?"), ("assistant", "a"), ("user", "B?"), ("assistant", "b")):
            store.say(chat, Message(role, text))
        store.forget_turn(chat, "A?")
        assert len(store.messages(chat)) == 4
        store.forget_turn(chat, "B?")
        assert [m.text for m in store.messages(chat)] == ["A?", "a"]


class TestKeeping:
    def test_a_passage_is_kept_with_its_page(self, store: Store, shelved: Document) -> None:
        kept = passage_note(store, shelved, 4, 14)  # "day.\nTwo d"
        assert kept.text == "day. Two d"
        (place,) = kept.citations
        assert (place["start"], place["end"], place["label_first"], place["label_last"]) == (
            4,
            14,
            "i",
            "1",
        )
        for start, end in ((3, 3), (-1, 4), (5, 100), (9, 4)):
            with pytest.raises(InvalidSetting, match="Choose a passage"):
                passage_note(store, shelved, start, end)

    def test_a_summary_is_kept_with_the_pages_of_its_sentences(
        self, store: Store, shelved: Document
    ) -> None:
        told = ({"text": "It ends.", "page_first": 1, "page_last": 2},)
        kept = summary_note(store, shelved, Summary(1, "First", "It ends.", told))
        assert (kept.kind, kept.question) == ("summary", "First")
        assert [(c["label_first"], c["label_last"]) for c in kept.citations] == [("i", "1")]

    def test_an_own_note_names_a_page_as_printed(self, store: Store, shelved: Document) -> None:
        assert own_note(store, shelved, " Mine ").citations == ()
        assert own_note(store, shelved, "Mine", "i").citations[0]["page_first"] == 1
        for text, page in (("Mine", "7"), ("  ", None), ("x" * 20_001, None)):
            with pytest.raises(InvalidSetting):
                own_note(store, shelved, text, page)

    def test_an_answer_is_kept_with_its_sentences(self, library: Library) -> None:
        document = read_novel(library)
        chat = chatted(library, document)
        messages = library.store.messages(chat)
        kept = answer_note(messages, 1)
        assert (kept.question, kept.text) == (QUESTION, "Wim")
        place = kept.citations[0]
        text = library.store.text_part(document.reading, place["start"], place["end"])
        assert text == place["text"] and place["reading_id"] == document.reading.id
        for index in (0, 2, -1):
            with pytest.raises(InvalidSetting, match="not in the chat"):
                answer_note(messages, index)


class TestPage:
    def test_links_keep_and_the_tab_shows_edits_and_deletes(
        self, session: Session, library: Library
    ) -> None:
        document = library.rename(read_novel(library).id, "A *starred* title")
        chat, reading = chatted(library, document), document.reading.id
        start = library.store.text_part(document.reading, 0, 100).index(".") - 9
        span = f"{reading}:{start}-{start + 10}"
        told = ({"text": EVIL, "page_first": 1, "page_last": 1},)
        library.store.save_summary(document, Summary(1, "Chapter 1", EVIL, told))
        with gr.Blocks():
            picker = gr.Dropdown([])
            keeping, tab = Keeping(session, picker), NotebookTab(session, picker)
        for what in (f"answer:{chat}:1", f"passage:{span}", f"summary:{document.id}:1"):
            assert keeping.keep(what, document.id) == KEPT
        for what in (
            "",
            "answer:999:1",
            f"answer:{chat}:0",
            f"passage:{reading}:9-1",
            "passage:ffffffffffff:1-2",
            f"summary:{document.id}:3",
            "summary:",
        ):
            assert keeping.keep(what, document.id) != KEPT, what
        assert "good" in keeping.keep_selection(document.id, Spot(document.id), "Chapter 1")
        assert "warning" in keeping.keep_selection(
            document.id, Spot(document.id), "not in the text"
        )
        assert "warning" in keeping.keep_selection(document.id, Spot(document.id), " ")
        notes = library.store.notes(document.id)
        assert [n.kind for n in notes] == ["answer", "passage", "summary", "passage"]
        shown = tab.view(document.id)
        assert f'href="#read={span}"' in shown and EVIL not in shown
        assert f'href="#note={notes[0].id}"' in shown
        assert tab.edit(str(notes[0].id), document.id)[1] == notes[0].id
        assert "deleted" in tab.edit("12345", document.id)[-2]
        *_, shown = tab.save(document.id, notes[0].id, EVIL)
        assert "bs-remark" in shown and EVIL not in shown
        *_, shown = tab.save(document.id, 0, "A note of my own")
        assert "A note of my own" in shown
        assert "warning" in tab.save(document.id, 0, " ")[1]
        *_, shown = tab.delete(document.id, notes[0].id)
        assert "bs-remark" not in shown
        taken = tab.taken(document.id)
        assert taken is not None and len(taken.sections) == 4
        assert tab.taken(None) is None

    def test_another_account_keeps_and_sees_nothing(
        self, session: Session, library: Library
    ) -> None:
        document = read_novel(library)
        chat = chatted(library, document)
        number = library.store.keep_note(document.id, Note("note", "Secret"))
        for name in ("ada", "bob"):
            library.store.add_account(name, "a long secret")
        with gr.Blocks():
            picker = gr.Dropdown([])
            keeping, tab = Keeping(session, picker), NotebookTab(session, picker)
        with session.visiting.acting("bob", None):
            for what in (f"answer:{chat}:1", f"passage:{document.reading.id}:1-9"):
                assert keeping.keep(what, document.id) != KEPT
            assert "Secret" not in tab.view(document.id)
            assert "Secret" not in str(tab.edit(str(number), document.id))
            tab.save(document.id, number, "changed")
            tab.delete(document.id, number)
        assert [(n.text, n.remark) for n in library.store.notes(document.id)] == [("Secret", "")]


class TestExchange:
    def exported(self, library: Library, file: Path) -> Document:
        document = read_novel(library)
        store = library.store
        store.keep_note(document.id, passage_note(store, document, 12, 40))
        store.keep_note(document.id, own_note(store, document, "Mine", "1"))
        return export_document(store, document.id, file)

    def test_notes_travel_and_are_not_doubled(
        self, library: Library, other_library: Library, tmp_path: Path
    ) -> None:
        file = tmp_path / "novel.bookstate"
        document = self.exported(library, file)
        import_document(other_library.store, file)
        import_document(other_library.store, file)
        there = [replace(n, id=0) for n in other_library.store.notes(document.id)]
        assert there == [replace(n, id=0) for n in library.store.notes(document.id)] != []

    def test_an_archive_of_before_has_none_and_a_wrong_one_is_refused(
        self, library: Library, other_library: Library, tmp_path: Path
    ) -> None:
        file = tmp_path / "novel.bookstate"
        document = self.exported(library, file)
        content = members(file)

        def without(manifest: dict[str, Any]) -> None:
            del manifest["notes"]
            del manifest["reading"]["adapter"]
            manifest["reading"]["adapter"] = None

        for change in ({"kind": "poem"}, {"created_at": "today"}, {"more": 1}, {"citations": [1]}):
            wrong = edit_manifest(dict(content), lambda m: m["notes"][0].update(change))  # noqa: B023
            with pytest.raises(InvalidArchive, match="notes"):
                import_document(other_library.store, write(tmp_path / "wrong", wrong))
        older = write(tmp_path / "older", edit_manifest(dict(content), without))
        import_document(other_library.store, older)
        assert other_library.store.notes(document.id) == []


@pytest.fixture
def other_library(tmp_path: Path, library_settings: Settings) -> Any:
    other = Library(library_settings.model_copy(update={"home": tmp_path / "other"}))
    yield other
    other.close()


@pytest.fixture
def library_settings(library: Library) -> Settings:
    return library.settings


def test_the_command_line_writes_and_lists_notes(home: Path) -> None:
    store = Store(home / "bookstate.db")
    shelve(store, bare_document())
    store.close()

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["notes", "Bare", *words])

    assert run("--add", "Look here", "--page", "i").exit_code == 0
    (kept,) = json.loads(run("--json").stdout)["notes"]
    assert (kept["text"], kept["citations"][0]["label_first"]) == ("Look here", "i")
    assert "Look here (p. i)" in run().stdout
    assert run("--add", "x", "--page", "99").exit_code == 1
    assert run("--page", "i").exit_code == 2

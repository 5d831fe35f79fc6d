"""The web UI through the real Gradio server, and its tabs through their handlers."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from novels import QUESTION, novel, read_novel
from played import busy, played

from app.answering.answers import Answer
from app.errors import AlreadyServed, InvalidSetting, NotReady
from app.library import Library
from app.settings import Settings
from app.state_reader import Scope
from app.storage.store import BOOK, Job, Message, now
from app.summaries.shown import Showing
from app.ui import charts, server
from app.ui.generations import Generations
from app.ui.server import build_ui, launch_ui
from app.ui.session import Session
from app.ui.tabs.chat_tab import ONLY, WHOLE, ChatTab
from app.ui.tabs.documents.library_tab import LibraryTab
from app.ui.tabs.memory_tab import MemoryTab
from app.ui.texts import (
    about_html,
    bubble,
    evidence_html,
    facts_html,
    items_html,
    note,
    progress_html,
    summaries_html,
    waiting_html,
)
from app.ui.theme import theme
from app.ui.visitors import Visiting
from app.worker import Worker

gr = pytest.importorskip("gradio")
gradio_client = pytest.importorskip("gradio_client")

PUBLIC = {"/list_documents", "/add_document", "/status", "/ask", "/summarize"}
EVIL = "<img src=x onerror=alert(1)> ${alert(2)} *stars*"
READING_PATIENCE = 60


@dataclass(frozen=True)
class Served:
    """A running server and a client of it."""

    library: Library
    address: str
    client: Any

    def add(self, file: Path, **fields: str) -> dict[str, Any]:
        """Upload a file and wait until it has been read."""
        given = gradio_client.handle_file(str(file))
        added = self.client.predict(file=given, api_name="/add_document", **fields)
        deadline = time.monotonic() + READING_PATIENCE
        while not self.client.predict(id=added["id"], api_name="/status")["ready"]:
            assert time.monotonic() < deadline, "the background reader does not come on"
            time.sleep(0.05)
        return dict(added)


@pytest.fixture(autouse=True, scope="module")
def certificates_once() -> Iterator[None]:
    """Every request of httpx reads all certificates of the system, although nothing here is TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served")
    library = Library(ui_settings(home, tiny_backbone))
    worker = Worker(library, poll_seconds=0.05)
    blocks = build_ui(library, worker)
    address = launch_ui(blocks, library, "127.0.0.1", 0)
    worker.start()
    yield Served(library, address, gradio_client.Client(address, verbose=False))
    blocks.close(verbose=False)
    worker.stop()
    library.close()


def ui_settings(home: Path, backbone: Path, answer_tokens: int = 12) -> Settings:
    return Settings.model_validate(
        {
            "home": home,
            "backbone": str(backbone),
            "window": 32,
            "windows": 4,
            "keep_ratio": 0.25,
            "answer_tokens": answer_tokens,
            "threads": 1,
            "max_upload_mb": 1,
        }
    )


@pytest.fixture(autouse=True, scope="module")
def short_summaries() -> Iterator[None]:
    """A random model does not know when to stop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.summaries.summarizer.WINDOW_TOKENS", 8)
        patch.setattr("app.summaries.summarizer.WHOLE_TOKENS", 8)
        yield


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


@pytest.fixture
def picker() -> Iterator[Any]:
    with gr.Blocks(analytics_enabled=False):
        yield gr.Dropdown([])


def write(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


class TestEndpoints:
    def test_only_the_public_ones_are_listed(self, served: Served) -> None:
        listed = served.client.view_api(return_format="dict", print_info=False)
        assert set(listed["named_endpoints"]) == PUBLIC
        assert not listed["unnamed_endpoints"]

    def test_the_pages_own_events_are_private(self, served: Served) -> None:
        config = httpx.get(f"{served.address}config").json()
        visible = {
            f"/{d['api_name']}" for d in config["dependencies"] if d["api_visibility"] != "private"
        }
        assert visible == PUBLIC

    def test_a_file_is_added_read_and_answered_from(self, served: Served, tmp_path: Path) -> None:
        added = served.add(write(tmp_path, "novel.md", novel(seed=1)), title="Grüße an Zoë")
        assert added["title"] == "Grüße an Zoë"
        assert added["already_known"] is False
        listed = served.client.predict(api_name="/list_documents")
        assert added["id"] in [d["id"] for d in listed]
        job = served.client.submit(id=added["id"], question=QUESTION, api_name="/ask")
        *texts, answer = list(job)
        assert job.result() == answer
        assert set(answer) == set(Answer.__dataclass_fields__)
        assert texts and all(b.startswith(a) for a, b in pairwise(texts))
        assert answer["answer"].startswith(texts[-1].strip())
        assert sum(s["weight"] for s in answer["sources"]) == pytest.approx(1, abs=0.01)
        assert all(s["text"] for s in answer["sources"])

    def test_scope_by_chapter(self, served: Served, tmp_path: Path) -> None:
        added = served.add(write(tmp_path, "novel.md", novel(seed=1)))
        ask = {"id": added["id"], "question": QUESTION, "api_name": "/ask"}
        only = served.client.predict(chapter=2, **ask)
        assert {s["chapter"] for s in only["sources"]} == {2}
        until = served.client.predict(as_of_chapter=2, **ask)
        assert {s["chapter"] for s in until["sources"]} <= {1, 2}

    def test_the_same_bytes_are_known(self, served: Served, tmp_path: Path) -> None:
        file = write(tmp_path, "same.md", novel(seed=2))
        first, second = served.add(file), served.add(file)
        assert second == {**first, "already_known": True}

    def test_a_summary_is_made_once(self, served: Served, tmp_path: Path) -> None:
        added = served.add(write(tmp_path, "novel.md", novel(seed=1)))
        ask = {"id": added["id"], "api_name": "/summarize"}
        made = served.client.predict(chapter=1, **ask)
        assert set(made) == {"chapter", "title", "summary"}
        stored = served.library.store.summaries(served.library.store.document(added["id"]))[1]
        assert stored.summary == made["summary"]
        assert served.client.predict(chapter=1, **ask) == made
        assert served.client.predict(**ask)["chapter"] == BOOK

    def test_uploads_do_not_stay(self, served: Served, tmp_path: Path) -> None:
        served.add(write(tmp_path, "gone.md", novel(seed=3)))
        files = (served.library.settings.home / "uploads").rglob("*")
        assert not [file for file in files if file.is_file() and file.stat().st_size]


class TestPage:
    """Private events as a browser calls them, so that outputs fit the components they fill."""

    def press(self, served: Served, api_name: str, *data: Any) -> list[Any]:
        config = httpx.get(f"{served.address}config").json()
        (number,) = [d["id"] for d in config["dependencies"] if d["api_name"] == api_name]
        queue, session = f"{served.address}gradio_api/queue", "browser"
        call = {"data": list(data), "fn_index": number, "session_hash": session}
        assert httpx.post(f"{queue}/join", json=call).status_code == 200
        with httpx.stream("GET", f"{queue}/data?session_hash={session}", timeout=20) as events:
            for line in events.iter_lines():
                message = json.loads(line.removeprefix("data: ") or "{}")
                if message.get("msg") == "process_completed":
                    assert message["success"], message
                    return list(message["output"]["data"])
        raise AssertionError("no completion")

    def test_every_kind_of_event(self, served: Served, tmp_path: Path) -> None:
        id = served.add(write(tmp_path, "novel.md", novel(seed=5)))["id"]
        assert self.press(served, "rename", id, "Another") == ["", ""]
        assert served.library.store.document(id).title == "Another"
        assert self.press(served, "tick", "", id, "")[3]["visible"]
        assert self.press(served, "view", "", id)[3]["visible"]
        assert "visible" not in self.press(served, "tick", "", id, "")[3]  # nothing is new
        assert "Choose a file" in self.press(served, "add", None, "", "", "adaptive")[-1]
        assert self.press(served, "open_document", id)[1]["choices"] == []
        self.press(served, "ask_1", id, None, QUESTION, WHOLE, 1, False)
        (chat,) = served.library.store.chats(id)
        self.press(served, "follow", id, chat.id)
        assert len(served.library.store.messages(chat.id)) == 2
        assert len(self.press(served, "open_chat", id, chat.id)) == 8
        assert "too long" in self.press(served, "check_length", "key " * 600)[0]
        self.press(served, "start_one", id, False, "page", 0, False, 1)
        assert [job.chapter for job in served.library.store.summary_jobs_of(id)] == [1]
        assert self.press(served, "ask_delete", id)[0]["visible"]
        assert "deleted" in self.press(served, "delete", id)[5]


class TestRefusals:
    def refused(self, served: Served, api_name: str, **fields: Any) -> str:
        with pytest.raises(gradio_client.exceptions.AppError) as caught:
            served.client.predict(api_name=api_name, **fields)
        return str(caught.value)

    def test_an_empty_file(self, served: Served, tmp_path: Path) -> None:
        before = len(served.library.list())
        file = gradio_client.handle_file(str(write(tmp_path, "blank.txt", b" \n")))
        assert "empty" in self.refused(served, "/add_document", file=file)
        assert len(served.library.list()) == before

    def test_an_unknown_memory(self, served: Served, tmp_path: Path) -> None:
        file = gradio_client.handle_file(str(write(tmp_path, "a.md", novel(seed=4))))
        said = self.refused(served, "/add_document", file=file, memory="elephant")
        assert "elephant" in said

    def test_a_file_over_the_limit(self, served: Served, tmp_path: Path) -> None:
        big = b"word " * 250_000
        upload = httpx.post(
            f"{served.address}gradio_api/upload", files={"files": ("big.txt", big)}, timeout=20
        )
        assert upload.status_code == 413
        file = gradio_client.handle_file(str(write(tmp_path, "big.txt", big)))
        with pytest.raises(ValueError, match="exceeds the maximum"):
            served.client.predict(file=file, api_name="/add_document")

    @pytest.mark.parametrize("path", ["/etc/hostname", "http://127.0.0.1:9/book.txt"])
    def test_what_was_not_uploaded(self, served: Served, path: str) -> None:
        before = len(served.library.list())
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        url = f"{served.address}gradio_api/call/add_document"
        event = httpx.post(url, json={"data": [file, "", "", ""]}).json()["event_id"]
        said = httpx.get(f"{url}/{event}", timeout=20).text
        assert "event: error" in said
        assert len(served.library.list()) == before

    def test_an_unknown_document_question_or_chapter(self, served: Served, tmp_path: Path) -> None:
        added = served.add(write(tmp_path, "novel.md", novel(seed=1)))
        assert "zz" in self.refused(served, "/status", id="zz")
        assert "empty" in self.refused(served, "/ask", id=added["id"], question=" ")
        ask = {"id": added["id"], "question": QUESTION, "chapter": 9}
        assert "Chapter 9" in self.refused(served, "/ask", **ask)


class TestServer:
    def test_a_port_in_use_is_refused(self, served: Served, library: Library) -> None:
        port = int(served.address.rstrip("/").rpartition(":")[2])
        with pytest.raises(InvalidSetting, match=str(port)):
            launch_ui(build_ui(library, Worker(library)), library, "127.0.0.1", port)

    def test_no_page_asks_another_host(self, served: Served) -> None:
        assert not theme()._stylesheets
        config = httpx.get(f"{served.address}config").json()
        assert not config["analytics_enabled"]
        assert not config["stylesheets"]


class TestTurns:
    def test_stopping_keeps_what_was_said(self, tmp_path: Path, tiny_backbone: Path) -> None:
        library = Library(ui_settings(tmp_path, tiny_backbone, answer_tokens=1000))
        document = read_novel(library)
        generations = Generations(Visiting(library))
        chat = generations.start_chat(document.id, QUESTION)
        generation = generations.start(document.id, QUESTION, Scope(), chat)
        assert next(filter(None, played(generation.watch())))
        generations.stop_chat(chat)
        asked, answered = library.store.messages(chat)
        assert (asked.role, asked.text) == ("user", QUESTION)
        assert answered.text == generation.text.strip()
        assert answered.sources
        assert generation.answer and generation.answer.answer == answered.text
        assert generations.running(chat) is None
        library.close()

    def test_one_speaks_at_a_time(self, session: Session) -> None:
        document = read_novel(session.library)
        with busy(session.generations.line):
            generation = session.generations.start(document.id, QUESTION, Scope())
            time.sleep(0.05)
            assert not generation.begun
        assert generation.wait(READING_PATIENCE)
        assert generation.answer

    def test_an_answer_nobody_watches_is_stored(self, session: Session) -> None:
        document = read_novel(session.library)
        chat = session.generations.start_chat(document.id, "a " * 80)
        session.generations.start(document.id, QUESTION, Scope(), chat).wait()
        assert [m.role for m in session.library.store.messages(chat)] == ["user", "assistant"]
        assert len(session.library.store.chats(document.id)[0].title) <= 60


def ask(tab: ChatTab, document_id: str, chat: int | None, *asked: Any) -> tuple[int, list[Any]]:
    """Ask and follow to the end: the chat, and the page's outputs from the bubbles on."""
    chat, *_, said = tab.ask(document_id, chat, *asked)
    assert isinstance(chat, int), said
    *_, last = played(tab.follow(document_id, chat))
    return chat, last


class TestChatTab:
    def test_a_chat_is_stored_and_opened_again(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        chat, (bubbles, *_) = ask(tab, document.id, None, QUESTION, WHOLE, None)
        assert [b["role"] for b in bubbles] == ["user", "assistant"]
        again = tab.open_chat(document.id, chat)
        assert again[0] == chat
        assert again[2]["value"] == bubbles
        assert "of 10 answers" in again[4]
        answer = session.library.store.messages(chat)[1]
        assert answer.evidence and answer.evidence[0]["text"].split()[0] in bubbles[1]["content"]
        assert f"page {answer.evidence[0]['page_first']}" in bubbles[1]["content"]
        assert all(piece["text"].split()[0] in again[4] for piece in answer.evidence)
        assert tab.open_document(document.id)[0] == chat
        _, more = ask(tab, document.id, chat, QUESTION, ONLY, 1)
        assert len(more[0]) == 4
        assert tab.new_chat(document.id)[0] is None
        assert tab.delete(document.id, chat)[0] is None
        assert not session.library.store.chats(document.id)

    def test_more_than_the_chapter_that_was_asked_is_noted(
        self, session: Session, picker: Any
    ) -> None:
        document = read_novel(session.library, memory="melodi")
        _, last = ask(ChatTab(session, picker), document.id, None, QUESTION, ONLY, 2)
        assert "chapters 1 to 2 together" in last[-1]

    def test_a_refused_question_leaves_nothing(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        for question, part, chapter in ((" ", WHOLE, None), (QUESTION, ONLY, 7)):
            assert "bs-warning" in tab.ask(document.id, None, question, part, chapter)[-1]
        assert not session.library.store.chats(document.id)

    def test_nothing_is_open(self, session: Session, picker: Any) -> None:
        tab = ChatTab(session, picker)
        assert tab.open_document(None)[0] is None
        assert "No document is open" in tab.ask(None, None, QUESTION, WHOLE, None)[-1]

    def test_a_follow_up_follows_the_turn_before(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        chat, (_, _, _, topic, about, _, _, _) = ask(tab, document.id, None, QUESTION, WHOLE, None)
        assert topic["visible"] and QUESTION[:40] in about
        ask(tab, document.id, chat, "And why?", WHOLE, None)
        ask(tab, document.id, chat, "And why?", WHOLE, None, True)  # another topic
        ask(tab, document.id, chat, QUESTION, WHOLE, None)  # a whole question
        messages = session.library.store.messages(chat)
        assert [m.about for m in messages if m.role == "user"] == ["", QUESTION, "", ""]
        assert f"about: {QUESTION}"[:30] in bubble(messages[2])
        assert all(m.reading_id == document.reading.id and m.word for m in messages[1::2])

    def test_a_second_question_waits_visibly(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        with busy(session.generations.line):  # nothing is answered yet
            chat = tab.ask(document.id, None, QUESTION, WHOLE, None)[0]
            for _ in range(3):
                assert tab.ask(document.id, chat, "And why?", WHOLE, None)[-1] == ""
            assert "wait already" in tab.ask(document.id, chat, "Who?", WHOLE, None)[-1]
            bubbles = next(played(tab.follow(document.id, chat)))[0]
            assert [b["role"] for b in bubbles] == ["user"] * 4
            assert all("waits for its turn" in b["content"] for b in bubbles)
        *_, last = played(tab.follow(document.id, chat))
        assert [b["role"] for b in last[0]] == ["user", "assistant"] * 4
        texts = [m.text for m in session.library.store.messages(chat) if m.role == "user"]
        assert texts == [QUESTION, *["And why?"] * 3]

    def test_what_waits_is_stopped_too(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        with busy(session.generations.line):
            chat = tab.ask(document.id, None, QUESTION, WHOLE, None)[0]
            tab.ask(document.id, chat, "And why?", WHOLE, None)
            tab.stop(chat)
            assert not session.generations.in_line(chat)
        assert not session.library.store.messages(chat)

    @pytest.mark.parametrize(
        ("typed", "reply"),
        [
            ("Hello!", "Ask something that"),
            ("Where does it say that somebody found the key?", "These passages come closest:"),
        ],
    )
    def test_not_everything_is_a_question(
        self, session: Session, picker: Any, typed: str, reply: str
    ) -> None:
        document = read_novel(session.library)
        _, last = ask(ChatTab(session, picker), document.id, None, typed, WHOLE, None)
        said = last[0][1]["content"]
        assert reply in said and ("blockquote" in said) == ("passages" in reply)

    def test_a_language_that_was_not_taught_gets_passages(
        self, session: Session, picker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = read_novel(session.library)
        monkeypatch.setattr("app.answering.language.TAUGHT", {"tiny": ("English",)})
        typed = "Wie heißt der Fährmann?"
        _, last = ask(ChatTab(session, picker), document.id, None, typed, WHOLE, None)
        assert "not taught German" in last[-1] and "blockquote" in last[0][1]["content"]

    def test_a_summary_can_be_asked_for(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        _, last = ask(tab, document.id, None, "What happens in chapter 1?", WHOLE, None)
        made = session.library.store.summaries(document)
        assert (
            list(made) == [1]
            and made[1].summary
            in session.library.store.messages(session.library.store.chats(document.id)[0].id)[
                1
            ].text
        )
        assert last[0][1]["role"] == "assistant"

    def test_a_summary_that_fails_leaves_its_reason(
        self, session: Session, picker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object) -> None:
            raise NotReady("The summary cannot be made now; try again.")

        document = read_novel(session.library)
        monkeypatch.setattr("app.ui.replies.Summarizer.book", fails)
        tab = ChatTab(session, picker)
        chat, _ = ask(tab, document.id, None, "Summarise the book", WHOLE, None)
        texts = [m.text for m in session.library.store.messages(chat)]
        assert texts == ["Summarise the book", "The summary cannot be made now; try again."]

    def test_every_page_is_asked_on_demand(self, session: Session, picker: Any) -> None:
        """Without an answer adapter the refusal says so; test_thorough.py has the rest."""
        document = read_novel(session.library)
        tab = ChatTab(session, picker)
        assert (
            "Ask a question first" in tab.again.ask_every_page(document.id, None, WHOLE, None)[-1]
        )
        chat, _ = ask(tab, document.id, None, QUESTION, WHOLE, None)
        assert tab.again.ask_every_page(document.id, chat, WHOLE, None) == [chat, ""]
        *_, last = played(tab.follow(document.id, chat))
        assert "answer adapter" in last[0][-1]["content"]
        assert last[0][-2]["content"] == QUESTION


class TestLibraryTab:
    def test_adding_queues_and_knows_again(
        self, session: Session, picker: Any, tmp_path: Path
    ) -> None:
        tab = LibraryTab(session, picker)
        file = write(tmp_path / "up", "a.md", novel())
        said = tab.add(str(file), "Mine", "", "adaptive")[-1]
        assert "being read" in said
        (document,) = session.library.list()
        assert session.jobs()[document.id].status == "queued"
        assert tab.view("", document.id)[0]["value"][0][0] == "Mine"
        tab.cancel(document.id)
        assert "stopped" in tab.view("", document.id)[4]
        tab.read_on(document.id)
        session.library.read(document.reading.id)
        file = write(tmp_path / "up", "a.md", novel())
        assert "already been read" in tab.add(str(file), "", "", "adaptive")[-1]

    def test_jobs_are_looked_up_once_for_all_rows(
        self, session: Session, picker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tab, jobs = LibraryTab(session, picker), session.library.store.jobs
        looked: list[int] = []
        for seed in range(2):
            session.library.register(novel(1, seed=seed), f"{seed}.md")
            looked.append(0)

            def counted(*statuses: str) -> list[Job]:
                looked[-1] += 1
                return jobs(*statuses)

            monkeypatch.setattr(session.library.store, "jobs", counted)
            tab.view("", None)
        assert looked[0] == looked[1]

    def test_an_unreadable_file_is_one_sentence(
        self, session: Session, picker: Any, tmp_path: Path
    ) -> None:
        said = LibraryTab(session, picker).add(
            str(write(tmp_path, "b.txt", b"")), "", "", "adaptive"
        )
        assert "empty" in said[-1]
        assert not session.library.list()

    def test_rename_and_delete(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        tab = LibraryTab(session, picker)
        tab.rename(document.id, EVIL)
        assert "<img" not in tab.view("", document.id)[4]
        assert "blank" in tab.rename(document.id, "  ")[-1]
        assert "&lt;img" in tab.ask_delete(document.id)[1]
        tab.delete(document.id)
        assert not session.library.list()

    def test_a_document_is_deleted_while_it_is_read(
        self, session: Session, picker: Any, tmp_path: Path
    ) -> None:
        tab = LibraryTab(session, picker)
        tab.add(str(write(tmp_path, "long.md", novel(4, 60))), "", "", "adaptive")
        (document,) = session.library.list()
        session.worker.start()
        deadline = time.monotonic() + READING_PATIENCE
        while document.id not in session.worker.progress and time.monotonic() < deadline:
            time.sleep(0.01)
        tab.delete(document.id)
        assert not session.library.list()
        other = read_novel(session.library)
        assert other.ready
        session.worker.stop()

    def test_the_view_is_skipped_while_nothing_changes(self, session: Session, picker: Any) -> None:
        read_novel(session.library)
        tab = LibraryTab(session, picker)
        seen = tab.view("", None)[-1]
        assert tab.tick("", None, seen)[0] == gr.skip()
        assert tab.tick("nothing", None, seen)[0] != gr.skip()

    def test_a_document_with_two_readings_is_shown_once(
        self, session: Session, picker: Any
    ) -> None:
        first = read_novel(session.library)
        tab = LibraryTab(session, picker)
        assert not tab.view("", first.id)[8]["visible"]
        second, _ = session.library.register(novel(), "novel.md", memory="melodi")
        session.enqueue(second.reading.id)
        (row,) = tab.view("", first.id)[0]["value"]
        assert row[5] == "ready, being read again"
        assert "Read again: MELODI" in tab.view("", first.id)[4]
        assert tab.view("", first.id)[7]["visible"]  # it can be stopped
        tab.cancel(first.id)
        assert tab.view("", first.id)[6]["visible"]
        tab.read_on(first.id)
        assert session.jobs()[second.reading.id].status == "queued"
        session.library.read(second.reading.id)
        assert session.library.store.document(first.id).reading.memory == "melodi"
        used = tab.view("", first.id)[8]
        assert used["visible"] and used["value"] == second.reading.id
        assert [id for _, id in used["choices"]] == [first.reading.id, second.reading.id]
        seen = tab.view("", first.id)[-1]
        assert tab.use(first.reading.id) == ""
        assert tab.tick("", first.id, seen)[0] != gr.skip()
        assert session.library.store.document(first.id).reading.memory == "adaptive"
        assert "bs-warning" in tab.use("nothing")

    def test_a_document_is_deleted_with_all_its_readings(
        self, session: Session, picker: Any
    ) -> None:
        first = read_novel(session.library)
        second, _ = session.library.register(novel(), "novel.md", memory="melodi")
        session.enqueue(second.reading.id)
        assert "deleted" in LibraryTab(session, picker).delete(first.id)[5]
        assert not session.library.store.jobs()

    def test_untrained_memories_are_warned_of(self, session: Session, picker: Any) -> None:
        tab = LibraryTab(session, picker)
        assert "No trained adapter" in tab.describe_memory("melodi")
        assert "No trained adapter" not in tab.describe_memory("adaptive")


class TestMemoryTab:
    def test_sizes_and_attention(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        chat, _ = ask(ChatTab(session, picker), document.id, None, QUESTION, WHOLE, None)
        tab = MemoryTab(session, picker, gr.State())
        _, _, facts, sizes, _, attention = tab.view(document.id, chat)
        weighs, looked = sizes["value"], attention["value"]
        assert "adaptive MELODI" in facts
        parts = session.library.store.state_parts(document.reading)
        drawn = sum(sum(bar.x) for bar in weighs.data)
        assert drawn == pytest.approx((sum(parts.values()) + document.reading.kv_cache_bytes) / 1e6)
        assert sum(looked.data[0].y) == pytest.approx(1, abs=0.01)
        json.loads(looked.to_json())
        assert not tab.view(document.id, None)[-1]["visible"]
        assert not tab.view(None, None)[-1]["visible"]

    @pytest.mark.parametrize("segments", [1, 2, 7, 400])
    def test_ticks(self, segments: int) -> None:
        ticks = charts.tick_segments(segments)
        assert ticks[0] == 0
        assert ticks[-1] == segments - 1
        assert len(ticks) <= charts.TICKS


class TestEscaping:
    def test_chats_show_text_as_text(self, session: Session, picker: Any) -> None:
        document = read_novel(session.library)
        _, last = ask(ChatTab(session, picker), document.id, None, EVIL, WHOLE, None)
        assert last[0][0]["content"].startswith("&lt;img")

    def test_no_markup_comes_through(self, session: Session) -> None:
        document = read_novel(session.library)
        session.library.rename(document.id, EVIL)
        document = session.library.store.document(document.id)
        chapters = session.library.store.chapters(document.reading)
        source = {
            "segment": 0,
            "chapter": 9,
            "page_first": 1,
            "page_last": 2,
            "weight": 1.0,
            "text": EVIL,
            "label_first": EVIL,
            "label_last": EVIL,
        }
        piece = {**source, "start": 0, "end": 9}
        message = Message("assistant", EVIL, 0.5, [source], [piece], now())
        for shown in (
            evidence_html(message, chapters),
            bubble(message),
            progress_html(document, None, None),
            summaries_html(document, chapters, {}, Showing(session.library.store, document)),
            facts_html({EVIL: EVIL}),
            note(EVIL),
            about_html(EVIL),
            waiting_html(EVIL),
            items_html([{"answer": EVIL, "count": 2, "evidence": [piece]}]),
        ):
            assert "&lt;img" in shown
            assert "<img" not in shown


def test_a_second_server_of_a_data_folder_is_refused_and_takes_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, refused = library.settings, []

    def meanwhile() -> None:
        upload = settings.home / "uploads" / "book.pdf"
        upload.parent.mkdir(exist_ok=True)
        upload.write_bytes(b"being parsed")
        other = Library(settings)
        with pytest.raises(AlreadyServed, match=str(settings.home)) as caught:
            server.serve_ui(other, "127.0.0.1", 0, open_browser=False)
        other.close()
        refused.append(caught.value)
        assert upload.is_file()

    monkeypatch.setattr(server, "_wait_for_signal", meanwhile)
    server.serve_ui(library, "127.0.0.1", 0, open_browser=False)
    assert len(refused) == 1
    monkeypatch.setattr(server, "_wait_for_signal", lambda: None)
    server.serve_ui(library, "127.0.0.1", 0, open_browser=False)


def test_stopping_flag_is_per_document(session: Session) -> None:
    session.stops["other"] = Event()
    session.stop_summary("mine")
    assert not session.stops["other"].is_set()

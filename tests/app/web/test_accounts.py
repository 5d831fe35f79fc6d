"""Accounts: every endpoint of the real server from the wrong account, and with none."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from novels import novel

from app.library import Library
from app.programs.mcp.tools import TOOLS
from app.settings import read_settings
from app.storage.store import Document, Message, Note, Summary
from app.ui.server import build_ui, launch_ui
from app.web.logins import MINUTE, MOST_WRONG, WrongPasswords
from app.worker import Worker

TITLE, ASKED, SUMMED = "The sealed diary", "Where did Quillfeather sleep?", "Quillfeather slept."
SECRETS = (TITLE, "Quillfeather", "harbour")  # words of the title, the chat and the text
PROGRAMS = ("/v1", "/mcp")  # beginnings of the paths for programs
PASSWORDS = {"ada": "correct horse", "bob": "battery staple"}


@dataclass(frozen=True)
class House:
    """A running server for two people; all that is in it is Ada's."""

    address: str
    blocks: Any
    library: Library
    document: Document
    chat: int

    @contextmanager
    def visitor(self, name: str | None) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.address, timeout=30) as client:
            if name:
                login = {"username": name, "password": PASSWORDS[name]}
                assert client.post("/login", data=login).status_code == 200
            yield client

    def call(self, client: httpx.Client, fn: Any, data: list[Any], page: str) -> str:
        """All that an event of the page answers, as text."""
        joined = self.join(client, fn, data, page)
        return self.told(client, page) if joined.status_code == 200 else joined.text

    def join(self, client: httpx.Client, fn: Any, data: list[Any], page: str) -> httpx.Response:
        body = {"data": data, "fn_index": fn._id, "session_hash": page, "event_data": self.click}
        return client.post("/gradio_api/queue/join", json=body)

    def told(self, client: httpx.Client, page: str) -> str:
        told = []
        where = f"/gradio_api/queue/data?session_hash={page}"
        with client.stream("GET", where) as stream:
            for line in stream.iter_lines():
                told.append(line)
                if "process_completed" in line or "close_stream" in line:
                    break
        return "\n".join(told)

    @property
    def click(self) -> dict[str, Any]:
        """The details of a click on a row, or on a bubble, that is about Ada's document."""
        row = [self.document.title, self.document.id]
        return {"index": [1, 0], "value": self.document.id, "row_value": row}

    def rows(self) -> list[Any]:
        """Everything that is stored, but for accounts and their tokens."""
        db = self.library.store.db
        names = [
            n for n in db.table_names() if not n.startswith(("sqlite_", "_", "accounts", "tokens"))
        ]
        return [(n, list(db.execute(f"SELECT * FROM {n} ORDER BY 1, 2"))) for n in sorted(names)]

    def data(self, fn: Any) -> list[list[Any]]:
        """What a visitor may send to an event to get at Ada's things."""
        named = [self.document.title if isinstance(b, gr.Textbox) else self.chat for b in fn.inputs]
        if named and not isinstance(fn.inputs[0], gr.Textbox):
            named[0] = self.document.id
        return [named, [self.document.id] * len(named)]


@contextmanager
def house(home: Path, backbone: Path) -> Iterator[House]:
    library = Library(
        read_settings(home=home, backbone=str(backbone), window=32, threads=1, answer_tokens=4)
    )
    document = library.add(novel(), "novel.md", title=TITLE).document
    store = library.store
    chat = store.start_chat(document.id, ASKED)
    store.say(chat, Message("user", ASKED))
    store.say(chat, Message("assistant", "In the harbour.", 0.9, word="sure"))
    for chapter in range(4):
        store.save_summary(document, Summary(chapter, TITLE, SUMMED))
    store.keep_note(document.id, Note("answer", "In the harbour.", ASKED, "Quillfeather!"))
    store.enqueue(document.reading.id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.passwords._COST", {"n": 1 << 10, "r": 8, "p": 1})  # quicker
        for name, password in PASSWORDS.items():
            store.add_account(name, password)
        blocks = build_ui(library, Worker(library))
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        address = launch_ui(blocks, library, "127.0.0.1", 0)
        yield House(address, blocks, library, document, chat)
    blocks.close(verbose=False)
    library.close()


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("accounts"), tiny_backbone) as opened:
        yield opened


def remembered(house: House, page: str, value: Any) -> None:
    """Put a value into all that the server remembers of an open page."""
    state = house.blocks.server_app.state_holder[page]
    for key, block in house.blocks.blocks.items():
        if isinstance(block, gr.State):
            state[key] = value


def sent(house: House, client: httpx.Client, who: str) -> dict[str, str]:
    """What every event answers to what may name Ada's things, by the event's name."""
    told: dict[str, str] = {}
    changing = ("rename", "delete")  # last, so that the others find what they look for
    fns = house.blocks.fns.values()
    for fn in sorted(fns, key=lambda f: str(f.api_name).startswith(changing)):
        name = f"{fn._id} {fn.api_name}"
        for data in house.data(fn):
            page = f"{who}{fn._id}x{data.count(house.document.id)}"
            remembered(house, page, house.chat)
            told[name] = told.get(name, "") + unescape(house.call(client, fn, data, page))
    return told


class TestEveryEndpoint:
    def test_the_wrong_account_reads_and_changes_nothing(self, diary: House) -> None:
        before = diary.rows()
        with diary.visitor("bob") as bob:
            told = sent(diary, bob, "b")
            assert len(told) == len(diary.blocks.fns) > 30
            for name, answer in told.items():
                for secret in set(SECRETS) - {TITLE}:
                    assert secret not in answer, name
                # An answer may only repeat the title that was sent.
                assert TITLE not in answer.replace(f"'{TITLE}'", "").replace(ASKED, ""), name
        his = diary.library.store.seen_by(diary.library.store.account("bob").id)
        for document in his.documents():  # the short story that anybody can add
            his.remove(document.id)
        assert diary.rows() == before

    def test_without_an_account_nothing_is_answered(self, diary: House) -> None:
        before = diary.rows()
        with diary.visitor(None) as nobody:
            for name, answer in sent(diary, nobody, "n").items():
                assert "Log in first." in answer, name
        assert diary.rows() == before

    def test_the_right_account_does(self, tmp_path: Path, tiny_backbone: Path) -> None:
        """The same calls show Ada her secrets and change her things: the tests above can see."""
        with house(tmp_path, tiny_backbone) as own, own.visitor("ada") as ada:
            before = own.rows()
            told = sent(own, ada, "a")
            assert sum(TITLE in answer for answer in told.values()) >= 5
            assert any("Quillfeather" in answer for answer in told.values())
            assert any("harbour" in answer for answer in told.values())
            assert own.rows() != before


class TestPrograms:
    """The endpoints of `app/programs`, taken from the application."""

    def sent(self, house: House, name: str | None, document: str) -> dict[str, str]:
        """What every path for programs answers to what may name Ada's document."""
        token = house.library.store.add_token(name) if name else "none"
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        }
        routes = house.blocks.server_app.routes
        paths = [route.path for route in routes if getattr(route, "path", "").startswith(PROGRAMS)]
        ask = {"model": document, "messages": [{"role": "user", "content": ASKED}]}
        tools = [
            {"name": tool.name, "arguments": given}
            for tool in TOOLS
            for given in ({}, {"document": document}, {"document": document, "question": ASKED})
            for given in (given, {**given, "chapter": 1}, {**given, "first_chapter": 1})
        ]
        calls = [
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool} for tool in tools
        ]
        told = {}
        for path in paths:
            asked = f"{house.address.rstrip('/')}{re.sub('{.*?}', document, path)}"
            for method in ("GET", "POST", "DELETE"):
                bodies = calls if path == "/mcp" else [ask, {**ask, "stream": True}]
                for body in bodies if method == "POST" else [None]:
                    said = httpx.request(method, asked, json=body, headers=headers, timeout=30)
                    told[f"{method} {path} {body}"] = f"{said.status_code} {said.text}"
        return told

    def test_the_wrong_account_is_told_what_it_would_be_told_of_nothing(self, diary: House) -> None:
        before = diary.rows()
        for named in (diary.document.id, TITLE):
            told, nothing = self.sent(diary, "bob", named), self.sent(diary, "bob", "nothing")
            for (name, said), (_, other) in zip(told.items(), nothing.items(), strict=True):
                assert said.replace(named, "nothing") == other, name
                for secret in set(SECRETS) - {TITLE}:
                    assert secret not in said, name
        assert diary.rows() == before

    def test_without_an_account_nothing_is_answered(self, diary: House) -> None:
        told = self.sent(diary, None, diary.document.id)
        assert len(told) > 40
        for name, said in told.items():
            assert said.startswith("401") and "Log in first." in said, name

    def test_the_right_account_is_answered(self, tmp_path: Path, tiny_backbone: Path) -> None:
        with house(tmp_path, tiny_backbone) as own:
            told = self.sent(own, "ada", own.document.id)
            assert sum(said.startswith("200") for said in told.values()) > 30
            assert sum(TITLE in said for said in told.values()) >= 3
            assert sum("harbour" in said for said in told.values()) >= 3


class TestPages:
    def test_an_open_page_belongs_to_one_account(self, diary: House) -> None:
        fn = next(f for f in diary.blocks.fns.values() if f.api_name == "list_documents")
        with diary.visitor("ada") as ada, diary.visitor("bob") as bob:
            assert TITLE in diary.call(ada, fn, [], "adaspage")
            assert bob.get("/gradio_api/queue/data?session_hash=adaspage").status_code == 401
            assert bob.get("/gradio_api/heartbeat/adaspage").status_code == 401
            assert diary.join(bob, fn, [], "adaspage").status_code == 200
            answer = diary.told(ada, "adaspage")
            assert "This page belongs to another account" in answer
            assert TITLE not in answer


class TestLogins:
    def test_names_may_be_in_upper_case(self, diary: House) -> None:
        with diary.visitor(None) as client:
            login = {"username": "ADA", "password": PASSWORDS["ada"]}
            assert client.post("/login", data=login).status_code == 200
            assert client.get("/gradio_api/token").json()["user"] in (None, "ada")
            assert client.get("/config").status_code == 200

    def test_a_login_ends_with_the_password(self, tmp_path: Path, tiny_backbone: Path) -> None:
        both = house(tmp_path, tiny_backbone)
        with both as own, own.visitor("ada") as ada, own.visitor("bob") as bob:
            own.library.store.set_password("ada", "another one")
            assert ada.get("/config").status_code == 401
            assert bob.get("/config").status_code == 200
            own.library.store.remove_account("bob")
            assert bob.get("/config").status_code == 401

    def test_logging_out_ends_it(self, diary: House) -> None:
        with diary.visitor("bob") as bob:
            cookies = dict(bob.cookies)
            assert bob.get("/logout").status_code == 302
            bob.cookies.update(cookies)
            assert bob.get("/config").status_code == 401

    def test_many_wrong_passwords_are_slowed_down(
        self, tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with house(tmp_path, tiny_backbone) as own, own.visitor(None) as client:
            wrong = {"username": "ada", "password": "guess"}
            codes = [client.post("/login", data=wrong).status_code for _ in range(MOST_WRONG + 1)]
            assert codes == [400] * MOST_WRONG + [429]
            right = {"username": "ada", "password": PASSWORDS["ada"]}
            refused = client.post("/login", data=right)
            assert refused.status_code == 429
            assert "try again in a minute" in refused.json()["detail"]

    def test_a_minute_later_one_may_try_again(self) -> None:
        moment = 0.0
        wrong = WrongPasswords(lambda: moment)
        assert [wrong.begin("here") for _ in range(MOST_WRONG + 1)] == [True] * MOST_WRONG + [False]
        assert wrong.begin("there")
        moment = MINUTE
        assert wrong.begin("here")

    def test_right_passwords_are_not_counted(self) -> None:
        wrong = WrongPasswords(lambda: 0.0)
        for _ in range(3 * MOST_WRONG):
            assert wrong.begin("here")
            wrong.forgive("here")


class TestTokens:
    def test_a_program_acts_for_its_account(self, diary: House) -> None:
        store = diary.library.store
        for name, count in (("ada", 1), ("bob", 0)):
            headers = {"Authorization": f"Bearer {store.add_token(name)}"}
            client = Client(diary.address, headers=headers, verbose=False)
            assert len(client.predict(api_name="/list_documents")) == count
            if not count:
                with pytest.raises(Exception, match="No document has the id"):
                    client.predict(diary.document.id, api_name="/status")

    def test_a_file_is_uploaded_with_a_token(self, diary: House) -> None:
        headers = {"Authorization": f"Bearer {diary.library.store.add_token('bob')}"}
        files = {"files": ("a.txt", b"Some text.")}
        there = f"{diary.address}gradio_api/upload"
        assert httpx.post(there, files=files, headers=headers).status_code == 200
        assert httpx.post(there, files=files).status_code == 401

    @pytest.mark.parametrize("value", ["Bearer bst_wrong", "Bearer", "Basic YWRhOng=", "Bearer x"])
    def test_a_wrong_one_is_nobodys(self, diary: House, value: str) -> None:
        answer = httpx.get(f"{diary.address}config", headers={"Authorization": value})
        assert answer.status_code == 401

    def test_a_revoked_one_is_nobodys(self, diary: House) -> None:
        token = diary.library.store.add_token("bob")
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{diary.address}config", headers=headers).status_code == 200
        assert diary.library.store.remove_tokens("bob") >= 1
        assert httpx.get(f"{diary.address}config", headers=headers).status_code == 401

    def test_only_its_hash_is_stored(self, diary: House) -> None:
        token = diary.library.store.add_token("ada")
        stored = diary.library.store.db.execute("SELECT * FROM tokens").fetchall()
        assert stored and token not in repr(stored)
        accounts = repr(diary.library.store.accounts())
        assert not any(password in accounts for password in PASSWORDS.values())

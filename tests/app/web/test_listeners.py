"""Requests whose client has gone, through a real server: they leave the line at once."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import gradio_client
import httpx
import pytest
from gradio.state_holder import SessionState
from novels import QUESTION, read_novel
from played import PATIENCE, busy
from torch import Tensor

from app.library import Library
from app.line.line import Limits
from app.settings import read_settings
from app.ui.arguments import FAILED, CheckedBlocks
from app.ui.generations import Generations
from app.ui.server import _build, launch_ui
from app.ui.session import Session
from app.ui.tabs.chat_tab import WHOLE
from app.ui.visitors import Visiting
from app.web.listeners import MOST_UNHEARD
from app.web.states import States
from app.worker import Worker
from memory_models.memories.adaptive import SlotReading

TOKENS = 1000
STEP_SECONDS = 0.02  # an answer takes twenty seconds, unless it is stopped
SOON = 5.0


@dataclass(frozen=True)
class Served:
    """A running server with one document."""

    session: Session
    blocks: CheckedBlocks
    address: str
    document: str

    @property
    def line(self) -> Any:
        return self.session.generations.line

    def post(self, name: str, *data: Any) -> str:
        """The event of a request whose stream is not opened yet."""
        url = f"{self.address}gradio_api/call/{name}"
        return str(httpx.post(url, json={"data": list(data)}).json()["event_id"])

    def ask(self) -> str:
        return self.post("ask", self.document, QUESTION, 0, 0)

    @contextmanager
    def stream(self, event: str, name: str = "ask") -> Iterator[Iterator[str]]:
        """The lines of a request's stream, which is closed at the end."""
        url = f"{self.address}gradio_api/call/{name}/{event}"
        with httpx.stream("GET", url, timeout=PATIENCE) as opened:
            yield opened.iter_lines()

    def told(self, event: str, name: str = "ask") -> tuple[str, Any]:
        """How a request ends: the last event and its data."""
        with self.stream(event, name) as lines:
            said = [line for line in lines if line]
        return said[-2].removeprefix("event: "), json.loads(said[-1].removeprefix("data: "))

    @contextmanager
    def page(self, session: str) -> Iterator[None]:
        """A page that is open."""
        with httpx.stream(
            "GET", f"{self.address}gradio_api/heartbeat/{session}", timeout=PATIENCE
        ) as heartbeat:
            lines = heartbeat.iter_lines()  # the stream ends with this iterator
            next(lines)
            yield

    def press(self, session: str, api_name: str, *data: Any) -> httpx.Response:
        """Press a button of a page whose event does not pass Gradio's queue."""
        call = {"data": list(data), "session_hash": session}
        return httpx.post(f"{self.address}gradio_api/run/{api_name}", json=call)

    def queue(self, session: str, api_name: str, *data: Any, until: str) -> None:
        """Press a button of a page, and follow what comes until a message of some kind."""
        config = httpx.get(f"{self.address}config").json()
        (number,) = [d["id"] for d in config["dependencies"] if d["api_name"] == api_name]
        queue = f"{self.address}gradio_api/queue"
        call = {"data": list(data), "fn_index": number, "session_hash": session}
        httpx.post(f"{queue}/join", json=call)
        url = f"{queue}/data?session_hash={session}"
        with httpx.stream("GET", url, timeout=PATIENCE) as events:
            next(line for line in events.iter_lines() if until in line)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Served]:
    library = Library(
        read_settings(
            home=tmp_path_factory.mktemp("served"),
            backbone=str(tiny_backbone),
            window=32,
            windows=2,
            answer_tokens=TOKENS,
            threads=1,
        )
    )
    document = read_novel(library)
    visiting = Visiting(library)
    session = Session(visiting, Worker(library), Generations(visiting))
    blocks = _build(session)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        address = launch_ui(blocks, library, "127.0.0.1", 0)
        yield Served(session, blocks, address, document.id)
    session.generations.stop_all()
    blocks.close(verbose=False)
    library.close()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A slow model; when it took each step."""
    taken: list[float] = []
    step = SlotReading.step

    def slow(*given: Any, **named: Any) -> Tensor:
        time.sleep(STEP_SECONDS)
        taken.append(time.monotonic())
        return step(*given, **named)

    monkeypatch.setattr(SlotReading, "step", slow)
    return taken


@pytest.fixture(autouse=True)
def empty_line(served: Served) -> Iterator[None]:
    """No test leaves work to the next."""
    yield
    served.session.generations.stop_all()


def soon(true: Callable[[], object], seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def question_of(served: Served) -> list[Any]:
    """What the page's button sends."""
    return [served.document, None, QUESTION, WHOLE, 1, False]


class TestPrograms:
    def test_an_answer_whose_stream_is_closed_stops(
        self, served: Served, steps: list[float]
    ) -> None:
        event = served.ask()
        with served.stream(event) as lines:
            next(line for line in lines if line.startswith("event: generating"))
        soon(lambda: not served.line.works())
        soon(lambda: event not in served.blocks._queue.pending_event_ids_session)
        taken = len(steps)
        time.sleep(10 * STEP_SECONDS)
        assert len(steps) == taken < TOKENS  # the model is free

    def test_a_question_that_waits_leaves_when_its_stream_is_closed(self, served: Served) -> None:
        with busy(served.line):
            with served.stream(served.ask()):
                soon(lambda: len(served.line.works()) == 2)
            soon(lambda: len(served.line.works()) == 1)

    def test_a_summary_stops_too(self, served: Served, steps: list[float]) -> None:
        event = served.post("summarize", served.document, 0)
        with served.stream(event, "summarize"):
            soon(lambda: steps)
        soon(lambda: not served.line.works())
        taken = len(steps)
        time.sleep(10 * STEP_SECONDS)
        assert len(steps) == taken

    def test_nothing_is_made_for_a_client_that_does_not_listen(
        self, served: Served, steps: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.ui.session.LISTEN_SECONDS", 0.3)
        events = [served.ask(), served.post("summarize", served.document, 1)]
        time.sleep(0.1)
        assert not served.line.works()
        time.sleep(0.4)
        for event, name in zip(events, ("ask", "summarize"), strict=True):
            kind, data = served.told(event, name)  # fetched too late, but the reason is there
            assert kind == "error" and "Nobody opened the stream" in data["error"]
        assert not steps

    def test_a_request_without_a_stream_is_told_how_to_ask(self, served: Served) -> None:
        call = {"data": [served.document, QUESTION, 0, 0]}
        answer = httpx.post(f"{served.address}gradio_api/run/ask", json=call)
        assert answer.status_code == 500
        assert "/gradio_api/call/" in answer.json()["error"]

    def test_many_abandoned_requests_hold_up_nobody(self, served: Served) -> None:
        """Those that listened and left, and more that never listened than may."""
        with ExitStack() as opened:
            for _ in range(10):
                opened.enter_context(served.stream(served.ask()))
            soon(lambda: len(served.line.works()) == 10)
        for _ in range(MOST_UNHEARD + 20):
            served.ask()
        started = time.monotonic()
        with served.stream(served.ask()) as lines:
            next(line for line in lines if line.startswith("event: generating"))
        assert time.monotonic() - started < SOON

    def test_a_client_that_cancels_one_request_keeps_its_others(
        self, served: Served, steps: list[float]
    ) -> None:
        client = gradio_client.Client(served.address, verbose=False)
        ask = {"id": served.document, "question": QUESTION, "api_name": "/ask"}
        jobs = [client.submit(**ask) for _ in range(3)]
        soon(lambda: len(served.line.works()) == 3)
        soon(lambda: any(job.outputs() for job in jobs))
        jobs.sort(key=lambda job: bool(job.outputs()))
        jobs[0].cancel()  # it waits
        soon(lambda: len(served.line.works()) == 2)
        jobs[2].cancel()  # it is being answered
        soon(lambda: len(served.line.works()) == 1)
        soon(lambda: jobs[1].outputs())  # it has its turn
        client.close()

    def test_what_is_too_much_is_refused_in_a_sentence(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(served.line, "_limits", Limits(in_all=1))
        with busy(served.line), served.stream(served.ask()):
            soon(lambda: len(served.line.works()) == 2)
            for name, data in (("ask", [QUESTION, 0, 0]), ("summarize", [0])):
                kind, refused = served.told(served.post(name, served.document, *data), name)
                assert kind == "error"
                assert "1 requests wait already, and no more than 1 may" in refused["error"]
            chats = len(served.session.library.store.chats(served.document))
            pressed = served.press("new", "ask_1", *question_of(served))
            assert "no more than 1 may" in json.dumps(pressed.json())
            assert len(served.session.library.store.chats(served.document)) == chats

    def test_a_full_server_says_so(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(served.blocks._queue, "max_size", 0)
        refused = httpx.post(f"{served.address}gradio_api/call/status", json={"data": ["id"]})
        assert refused.status_code == 503
        assert refused.json()["detail"].endswith("ask again in a minute.")

    def test_gradio_keeps_nothing_of_a_request_that_was_answered(self, served: Served) -> None:
        events = [served.post("list_documents") for _ in range(3)]
        for event in events:
            assert served.told(event, "list_documents")[0] == "complete"
        queue, states = served.blocks._queue, served.blocks.state_holder.session_data
        for kept in (queue.pending_event_ids_session, queue.pending_messages_per_session, states):
            soon(lambda kept=kept: not set(events) & set(kept))  # type: ignore[misc]

    def test_programs_have_no_state_of_the_page_but_pages_have(self, served: Served) -> None:
        states = served.blocks.state_holder
        served.told(served.post("list_documents"), "list_documents")
        assert isinstance(states, States)
        before = set(states.session_data)
        with busy(served.line), served.stream(served.ask()):
            soon(lambda: len(served.line.works()) == 2)
            assert set(states.session_data) == before
        served.press("a page", "new_chat", served.document)
        assert set(states.session_data) - before == {"a page"}

    def test_a_state_is_what_gradio_would_make_and_shares_nothing(self, served: Served) -> None:
        states = served.blocks.state_holder
        theirs = SessionState(served.blocks)
        one, other = states["one"], states["other"]
        assert set(vars(one)) == set(vars(theirs))
        assert one.config_values == theirs.config_values
        assert one.blocks_config.blocks == theirs.blocks_config.blocks
        key = next(k for k, b in served.blocks.blocks.items() if isinstance(b, gr.State))
        text = next(k for k, b in served.blocks.blocks.items() if isinstance(b, gr.Textbox))
        one[key] = "changed"
        one._update_value_in_config(text, "changed")
        assert other[key] != "changed"
        assert other.config_values == theirs.config_values

    def test_nor_of_one_whose_answer_nobody_fetches(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.ui.arguments.KEPT_SECONDS", 0.2)
        event = served.post("list_documents")
        queue = served.blocks._queue
        assert event in queue.pending_messages_per_session
        soon(lambda: event not in queue.pending_messages_per_session)
        assert event not in queue.pending_event_ids_session


class TestPages:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.ui.generations.PAGE_SECONDS", 2.0)

    def asked(self, served: Served, session: str) -> int:
        store = served.session.library.store
        before = {chat.id for chat in store.chats(served.document)}
        assert served.press(session, "ask_1", *question_of(served)).status_code == 200
        (chat,) = {chat.id for chat in store.chats(served.document)} - before
        return int(chat)

    def test_a_closed_page_stops_its_answer_and_keeps_what_was_said(
        self, served: Served, steps: list[float]
    ) -> None:
        with served.page("tab"):
            chat = self.asked(served, "tab")
            generation = served.session.generations.running(chat)
            assert generation is not None
            soon(lambda: generation.text)
            time.sleep(2.5)  # longer than a page may be away
            assert not generation.over
        assert generation.wait(SOON)
        stored = served.session.library.store.messages(chat)[1].text
        assert stored == generation.text.strip() and len(steps) < TOKENS

    def test_a_question_of_a_closed_page_leaves_the_line(self, served: Served) -> None:
        with busy(served.line):
            with served.page("another"):
                chat = self.asked(served, "another")
            time.sleep(2.2)
            served.line.sweep()
            assert not served.session.generations.in_line(chat)
        assert not served.session.library.store.messages(chat)

    def test_a_page_that_is_loaded_again_keeps_its_answer(
        self, served: Served, steps: list[float]
    ) -> None:
        with served.page("before"):
            chat = self.asked(served, "before")
            soon(lambda: steps)
        (generation,) = served.session.generations.in_line(chat)
        with served.page("after"):
            served.queue("after", "open_chat", served.document, chat, until="process_completed")
            served.queue("after", "follow", served.document, None, until="process_generating")
            time.sleep(2.5)
            assert not generation.over  # the page is still open, though it follows no more
        assert generation.wait(SOON)

    def test_a_program_that_only_posts_has_no_page(self, served: Served) -> None:
        chat = self.asked(served, "")
        time.sleep(2.2)
        served.line.sweep()
        assert not served.session.generations.in_line(chat)
        assert not served.session.library.store.messages(chat)


def test_an_unexpected_failure_is_a_sentence_and_its_reason_is_in_the_log(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise RuntimeError("at /home/somebody")

    monkeypatch.setattr(served.session.library, "list", fails)
    with caplog.at_level(logging.ERROR):
        kind, data = served.told(served.post("list_documents"), "list_documents")
    assert kind == "error" and data["error"] == FAILED
    assert "somebody" not in json.dumps(data)
    assert "at /home/somebody" in caplog.text and "Traceback" in caplog.text
    direct = httpx.post(f"{served.address}gradio_api/run/list_documents", json={"data": []})
    assert direct.status_code == 500 and direct.json()["error"] == FAILED

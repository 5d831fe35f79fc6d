"""MCP with the real client package: over HTTP, of both generations of the protocol, and stdio."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from novels import QUESTION
from played import busy
from program_server import SOON, TITLE, TOKENS, ProgramServer, soon

from app.answering.answers import Answer
from app.line.line import Limits
from app.programs.mcp.tools import TOOLS

mcp = pytest.importorskip("mcp")
httpx2 = pytest.importorskip("httpx2")
MODES = ("auto", "legacy")  # without a handshake, and with one as older clients do
HELLO = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def connected(
    programs: ProgramServer, name: str = "ada", mode: str = "auto"
) -> AsyncIterator[Any]:
    from mcp.client.streamable_http import streamable_http_client

    async with httpx2.AsyncClient(headers=programs.headers(name), timeout=20) as client:
        transport = streamable_http_client(f"{programs.address}mcp", http_client=client)
        async with mcp.Client(transport, mode=mode) as connection:
            yield connection


def with_client(programs: ProgramServer, act: Callable[[Any], Awaitable[Any]], *how: str) -> Any:
    async def run() -> Any:
        async with connected(programs, *how) as client:
            return await act(client)

    return asyncio.run(run())


def call(programs: ProgramServer, tool: str, name: str = "ada", **given: Any) -> Any:
    return with_client(programs, lambda client: client.call_tool(tool, given), name)


@pytest.mark.parametrize("mode", MODES)
def test_all_tools(programs: ProgramServer, mode: str) -> None:
    async def act(client: Any) -> None:
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]
        assert all(tool.description and tool.input_schema["type"] == "object" for tool in listed)
        found = await client.call_tool("list_documents", {})
        (document,) = found.structured_content["documents"]
        assert (document["title"], document["chapters"], document["ready"]) == (TITLE, 3, True)
        assert json.loads(found.content[0].text) == found.structured_content
        said = await client.call_tool("ask", {"document": document["id"], "question": QUESTION})
        assert set(said.structured_content) == set(Answer.__dataclass_fields__)
        assert '(page 1: "' in said.content[0].text and "Confidence: " in said.content[0].text
        only = {"document": TITLE, "question": QUESTION, "chapter": 2}
        said = await client.call_tool("ask", only)
        assert {s["chapter"] for s in said.structured_content["sources"]} == {2}

    with_client(programs, act, "ada", mode)


def test_summaries(programs: ProgramServer) -> None:
    told = call(programs, "summarize", document=TITLE, chapter=2)
    summary = told.structured_content
    assert summary["chapter"] == 2 and summary["title"] == "Chapter 2"
    assert told.content[0].text.startswith(f"Chapter 2\n{summary['summary']}")
    text = programs.library.store.text(programs.document.reading.text_id).text
    assert summary["key_passages"] and all(p["text"] in text for p in summary["key_passages"])
    assert f'(page 1: "{summary["key_passages"][0]["text"]}")' in told.content[0].text
    brief = call(programs, "summarize", document=TITLE, chapter=2, length="sentence")
    assert len(brief.structured_content["key_passages"]) == 1
    whole = call(programs, "summarize", document=TITLE).structured_content
    assert whole["chapter"] == 0 and whole["title"] == TITLE


def test_people(programs: ProgramServer) -> None:
    told = call(programs, "people", document=TITLE, most=2).structured_content
    assert set(told) == {"people", "places"} and len(told["people"]) <= 2
    text = programs.library.store.text(programs.document.reading.text_id).text
    assert all(person["name"] in text for person in told["people"])


def test_passages(programs: ProgramServer) -> None:
    told = call(programs, "passage", document=TITLE, first_chapter=2).structured_content
    text = programs.library.store.text(programs.document.reading.text_id)
    assert told["text"] == text.text[text.chapters[1].start : text.chapters[1].end]
    assert [c["number"] for c in told["chapters"]] == [2] and told["next_skip"] is None
    page = call(programs, "passage", document=TITLE, first_page=1).structured_content
    assert page["text"] == text.text[: text.pages[0].end]


class TestRefusals:
    @pytest.mark.parametrize(
        ("tool", "given", "why"),
        [
            ("ask", {"document": TITLE}, "'question' cannot be used: field required."),
            ("ask", {"document": TITLE, "question": " "}, "The question is empty"),
            ("ask", {"document": "another", "question": "Who?"}, "another"),
            (
                "ask",
                {"document": TITLE, "question": "Who?", "chapter": 9},
                "Chapter 9 is not there",
            ),
            ("ask", {"document": TITLE, "question": "Who?", "page": 2}, "'page' cannot be used"),
            ("summarize", {"document": TITLE, "chapter": 9}, "Chapter 9 is not there"),
            ("passage", {"document": TITLE}, "Give either pages or chapters"),
            ("passage", {"document": TITLE, "first_page": 99}, "There is no page '99'"),
            ("delete", {}, "There is no tool 'delete'"),
        ],
    )
    def test_in_a_sentence(
        self, programs: ProgramServer, tool: str, given: dict[str, Any], why: str
    ) -> None:
        told = call(programs, tool, **given)
        assert told.is_error and why in told.content[0].text
        assert told.content[0].text.endswith(".")

    def test_too_many_at_once(
        self, programs: ProgramServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(programs.line, "_limits", Limits(in_all=0))
        told = call(programs, "ask", document=TITLE, question=QUESTION)
        assert told.is_error and "no more than 0 may" in told.content[0].text

    def test_other_methods(self, programs: ProgramServer) -> None:
        for method in ("GET", "DELETE"):
            url = f"{programs.address}mcp"
            assert (
                httpx.request(
                    method, url, headers=programs.headers("ada"), timeout=SOON
                ).status_code
                == 405
            )

    def test_without_the_package(
        self, programs: ProgramServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from app.programs.mcp.server import McpEndpoint

        monkeypatch.setattr(McpEndpoint, "_server", property(lambda _: new_server_without_mcp()))
        headers = programs.headers("ada") | ACCEPT
        refused = httpx.post(f"{programs.address}mcp", json=HELLO, headers=headers)
        assert refused.status_code == 501
        assert "pip install 'bookstate[mcp]'" in refused.json()["detail"]


def new_server_without_mcp() -> Any:
    from app.programs.mcp.server import new_server

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mcp_types", None)
        return new_server()


class TestAccounts:
    def test_the_wrong_account_finds_nothing(self, programs: ProgramServer) -> None:
        found = call(programs, "list_documents", "bob").structured_content
        assert found == {"documents": []}
        for tool, more in (
            ("ask", {"question": QUESTION}),
            ("summarize", {"chapter": 1}),
            ("passage", {"first_chapter": 1}),
            ("people", {}),
        ):
            for named in (programs.document.id, TITLE):
                told = call(programs, tool, "bob", document=named, **more)
                assert told.is_error and "No document has the id" in told.content[0].text

    def test_no_token_and_foreign_pages(self, programs: ProgramServer) -> None:
        url = f"{programs.address}mcp"
        assert httpx.post(url, json=HELLO, headers=ACCEPT).status_code == 401
        foreign = programs.headers("ada") | {"Origin": "http://evil.example"} | ACCEPT
        assert httpx.post(url, json=HELLO, headers=foreign).status_code == 403
        own = programs.headers("ada") | ACCEPT
        assert httpx.post(url, json=HELLO, headers=own).status_code == 200


@pytest.mark.parametrize("mode", MODES)
class TestCancelled:
    def test_a_call_that_is_given_up(
        self, programs: ProgramServer, steps: list[float], mode: str
    ) -> None:
        async def act(client: Any) -> None:
            asked = {"document": TITLE, "question": QUESTION}
            calling = asyncio.create_task(client.call_tool("ask", asked))
            while not steps:
                await asyncio.sleep(0.01)
            calling.cancel()
            if mode == "legacy":  # its clients say so in a message; a closed stream is what counts
                return
            await asyncio.to_thread(soon, lambda: not programs.line.works())

        with_client(programs, act, "ada", mode)
        soon(lambda: not programs.line.works())
        taken = len(steps)
        time.sleep(0.5)
        assert len(steps) == taken < TOKENS

    def test_one_that_waits_for_its_turn_leaves(self, programs: ProgramServer, mode: str) -> None:
        async def act(client: Any) -> None:
            calling = asyncio.create_task(client.call_tool("summarize", {"document": TITLE}))
            await asyncio.to_thread(soon, lambda: len(programs.line.works()) == 2)
            calling.cancel()

        with busy(programs.line):
            with_client(programs, act, "ada", mode)
            soon(lambda: len(programs.line.works()) == 1)


def test_on_standard_input_and_output(programs: ProgramServer, tiny_backbone: Path) -> None:
    """A program of its own, in the same data folder: it sees what the first account has."""
    server = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-m", "app", "mcp", "--backbone", str(tiny_backbone)],
        cwd=Path(__file__).parents[3],
        env={
            "BOOKSTATE_HOME": str(programs.library.settings.home),
            "BOOKSTATE_THREADS": "1",
            "BOOKSTATE_ANSWER_TOKENS": "8",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
    )

    async def run() -> None:
        async with mcp.Client(mcp.stdio_client(server)) as client:
            assert len((await client.list_tools()).tools) == len(TOOLS)
            found = await client.call_tool("list_documents", {})
            assert [d["title"] for d in found.structured_content["documents"]] == [TITLE]
            said = await client.call_tool("ask", {"document": TITLE, "question": QUESTION})
            assert not said.is_error and said.structured_content["evidence"]

    asyncio.run(run())

"""What a document's reader has not reached is told by no program, and changes nothing they tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from novels import QUESTION, novel
from program_server import ProgramServer

from app.library import Library
from app.position import set_position
from app.storage.store import Document

mcp = pytest.importorskip("mcp")
httpx2 = pytest.importorskip("httpx2")
TIMES = ("seconds", "first_token_seconds")


@pytest.fixture(scope="module")
def twins(programs: ProgramServer) -> Iterator[tuple[Document, Document]]:
    """Two books with the same first chapter and no other sentence in common, read to its end."""
    library = programs.library.seen_by(programs.library.store.account("ada").id)
    one, other = novel(seed=11), novel(seed=12, sentences=9)
    first = one[: one.index(b"# Chapter 2")]
    books = [one, first + other[other.index(b"# Chapter 2") :]]
    found = [library.add(book, f"twin{n}.md").document for n, book in enumerate(books)]
    for document in found:
        set_position(library, document, chapter=1)
    yield found[0], found[1]
    for document in found:
        library.remove(document.id)


def library_of(programs: ProgramServer) -> Library:
    return programs.library.seen_by(programs.library.store.account("ada").id)


def told(programs: ProgramServer, document: Document, tool: str, **given: Any) -> str:
    """All that a tool tells, but for names of the document and times."""

    async def run() -> Any:
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(headers=programs.headers("ada"), timeout=20) as client:
            transport = streamable_http_client(f"{programs.address}mcp", http_client=client)
            async with mcp.Client(transport) as connection:
                return await connection.call_tool(tool, {"document": document.id, **given})

    said = asyncio.run(run())
    return plain(document, {"text": said.content[0].text, "value": said.structured_content})


def plain(document: Document, value: dict[str, Any]) -> str:
    own = value.get("value") or value.get("bookstate") or {}
    for name in TIMES:
        own.pop(name, None)
    return json.dumps(value).replace(document.id, "ID").replace(document.title, "TITLE")


def answered(programs: ProgramServer, document: Document, **more: Any) -> dict[str, Any]:
    body = {"model": document.id, "messages": [{"role": "user", "content": QUESTION}]}
    said = programs.post({**body, "max_tokens": 8, **more}).json()
    return {name: said[name] for name in ("choices", "usage", "bookstate", "bookstate_notes")}


def test_openai(programs: ProgramServer, twins: tuple[Document, Document]) -> None:
    one, other = (answered(programs, document) for document in twins)
    assert {source["chapter"] for source in one["bookstate"]["sources"]} == {1}
    assert plain(twins[0], one) == plain(twins[1], other)


def test_openai_when_it_is_lifted(
    programs: ProgramServer, twins: tuple[Document, Document]
) -> None:
    lifted = {"bookstate": {"whole_book": True, "chapter": 3}}
    said = answered(programs, twins[0], **lifted)
    assert {source["chapter"] for source in said["bookstate"]["sources"]} == {3}
    refused = programs.post(
        {
            "model": twins[0].id,
            "messages": [{"role": "user", "content": QUESTION}],
            "bookstate": {"chapter": 3},
        }
    )
    assert refused.status_code == 400
    assert "behind the place up to which you have read" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("ask", {"question": QUESTION}),
        ("ask", {"question": QUESTION, "chapter": 1}),
        ("ask", {"question": QUESTION, "chapter": 2}),
        ("ask", {"question": QUESTION, "as_of_chapter": 3}),
        ("summarize", {}),
        ("summarize", {"chapter": 1}),
        ("summarize", {"chapter": 2}),
        ("passage", {"first_chapter": 1}),
        ("passage", {"first_chapter": 1, "last_chapter": 3}),
        ("passage", {"first_chapter": 2}),
        ("passage", {"first_chapter": 3}),
    ],
)
def test_mcp(
    programs: ProgramServer,
    twins: tuple[Document, Document],
    tool: str,
    given: dict[str, Any],
) -> None:
    one, other = (told(programs, document, tool, **given) for document in twins)
    assert one == other
    if given.get("chapter", 1) > 1 or given.get("first_chapter", 1) > 1:
        assert '"value": null' in one  # refused


def test_the_list_says_how_far_one_is(
    programs: ProgramServer, twins: tuple[Document, Document]
) -> None:
    from app.line.line import Line
    from app.programs.callers import Caller
    from app.programs.mcp.tools import NoArguments, list_documents

    listed = asyncio.run(list_documents(Caller(library_of(programs), Line()), NoArguments()))
    places = {d["id"]: d["read_to"] for d in listed.value["documents"]}
    assert places[twins[0].id]["chapter"] == 1
    assert places[programs.document.id] is None

"""A shelf asked by programs: as a model of the OpenAI API, and as a tool of MCP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from novels import QUESTION, novel
from program_server import SOON, ProgramServer

from app.errors import InvalidArgument, UnknownDocument, UnknownTag
from app.line.line import Line
from app.position import set_position
from app.programs.callers import Caller
from app.programs.mcp.tools import TOOLS, NoArguments, Told, list_documents
from app.storage.store import Document

MODEL = "shelf:North & South"
TIMES = ("seconds", "first_token_seconds")


@pytest.fixture(scope="module")
def shelf(programs: ProgramServer) -> Iterator[list[Document]]:
    """Ada's novel and another book of hers, under one tag."""
    library = programs.library.seen_by(programs.library.store.account("ada").id)
    other = library.add(novel(2, 3, seed=71), "other.md", title="Other").document
    documents = [programs.document, other]
    for document in documents:
        library.store.add_tags(document.id, ["North & South"])
    yield documents
    library.remove(other.id)
    library.store.remove_tags(programs.document.id, ["North & South"])


def caller(programs: ProgramServer, name: str = "ada") -> Caller:
    account = programs.library.store.account(name).id
    return Caller(programs.library.seen_by(account), Line())


def called(programs: ProgramServer, name: str = "ada", **given: Any) -> Told:
    (tool,) = (tool for tool in TOOLS if tool.name == "ask_shelf")
    return asyncio.run(tool.answer(caller(programs, name), {"question": QUESTION, **given}))


def asked(programs: ProgramServer, name: str = "ada", **more: Any) -> httpx.Response:
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}
    return programs.post({**body, **more}, name)


def test_a_shelf_is_a_model(programs: ProgramServer, shelf: list[Document]) -> None:
    url = f"{programs.address}v1/models"
    listed = httpx.get(url, headers=programs.headers("ada"), timeout=SOON).json()["data"]
    assert [m["name"] for m in listed if m["id"] == MODEL] == ["Shelf: North & South"]
    one = httpx.get(f"{url}/{MODEL}".replace("&", "%26"), headers=programs.headers("ada"))
    assert one.json()["id"] == MODEL
    others = httpx.get(url, headers=programs.headers("bob"), timeout=SOON).json()["data"]
    assert others == []


def test_it_answers_whole_and_streamed(programs: ProgramServer, shelf: list[Document]) -> None:
    said = asked(programs).json()
    own = said["bookstate"]
    assert {a["id"] for a in own["answers"]} == {d.id for d in shelf}
    text = said["choices"][0]["message"]["content"]
    assert "Other" in text
    assert said["usage"]["total_tokens"] > 0
    options = {"stream": True, "stream_options": {"include_usage": True}}
    lines = [
        line[6:] for line in asked(programs, **options).text.splitlines() if line[:6] == "data: "
    ]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert chunks[0]["choices"][0]["delta"]["content"] == text
    assert chunks[1]["choices"][0]["finish_reason"] == "stop"
    assert without_times(chunks[1]["bookstate"]) == without_times(own)
    assert chunks[2]["usage"] == said["usage"]


def without_times(value: dict[str, Any]) -> str:
    kept = [{k: v for k, v in a.items() if k not in TIMES} for a in value["answers"]]
    return json.dumps(kept)


def test_what_cannot_be_asked_is_refused(programs: ProgramServer, shelf: list[Document]) -> None:
    unknown = asked(programs, model="shelf:nothing")
    assert unknown.status_code == 404
    assert "No document has the tag 'nothing'" in unknown.json()["error"]["message"]
    strange = asked(programs, "bob")
    assert strange.status_code == 404 and "North" not in strange.text.replace("North & South'", "")
    assert asked(programs, bookstate={"chapter": 1}).status_code == 400


def test_the_tool(programs: ProgramServer, shelf: list[Document]) -> None:
    told = called(programs, tag="north & south")
    assert {a["id"] for a in told.value["answers"]} == {d.id for d in shelf}
    assert "Other: " in told.text
    one = called(programs, documents=["Other"])
    assert [a["title"] for a in one.value["answers"]] == ["Other"]
    fewer = called(programs, most=1)
    assert len(fewer.value["answers"]) == 1 and len(fewer.value["not_asked"]) == 1
    assert "Not asked, because less likely" in fewer.text
    listed = asyncio.run(list_documents(caller(programs), NoArguments())).value["documents"]
    assert all(d["tags"] == ["North & South"] for d in listed)


def test_the_tool_from_the_wrong_account(programs: ProgramServer, shelf: list[Document]) -> None:
    assert called(programs, "bob").text == "There is no document to ask."
    with pytest.raises(UnknownTag):
        called(programs, "bob", tag="North & South")
    with pytest.raises(UnknownDocument):
        called(programs, "bob", documents=[shelf[0].id])
    with pytest.raises(InvalidArgument, match="not both"):
        called(programs, tag="x", documents=["y"])


def test_what_was_not_read_is_not_told(programs: ProgramServer, shelf: list[Document]) -> None:
    library = caller(programs).library
    for document in shelf:
        set_position(library, document, chapter=1)
    try:
        for value in (called(programs).value, asked(programs).json()["bookstate"]):
            places = [p for a in value["answers"] for p in (*a["evidence"], *a["sources"])]
            assert places and {p["chapter"] for p in places} == {1}
    finally:
        for document in shelf:
            set_position(library, document)

"""Endpoints that are given values of wrong kinds refuse them in one sentence."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from novels import read_novel

from app.errors import InvalidArgument
from app.library import Library
from app.settings import read_settings
from app.ui.arguments import text, whole
from app.ui.server import build_ui, launch_ui
from app.worker import Worker

ID = "ID"  # stands for the document's


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[str]:
    home = tmp_path_factory.mktemp("served")
    library = Library(read_settings(home=home, backbone=str(tiny_backbone), window=32, threads=1))
    document = read_novel(library)
    blocks = build_ui(library, Worker(library))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield f"{launch_ui(blocks, library, '127.0.0.1', 0)} {document.id}"
    blocks.close(verbose=False)
    library.close()


def called(served: str, name: str, data: list[Any]) -> str:
    """The error that an endpoint answers with."""
    address, document = served.split()
    data = [document if value == ID else value for value in data]
    url = f"{address}gradio_api/call/{name}"
    event = httpx.post(url, json={"data": data}).json()["event_id"]
    told = httpx.get(f"{url}/{event}", timeout=20).text
    assert told.startswith("event: error"), told
    return str(json.loads(told.partition("data: ")[2])["error"])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("status", [None], "'id' must be text, but it is nothing"),
        ("status", [5], "'id' must be text, but it is a number"),
        ("status", [{"a": 1}], "'id' must be text, but it is an object"),
        ("status", [], "status takes 1 values, but got 0"),
        ("ask", [[ID], "Who?", 0, 0], "'id' must be text, but it is a list"),
        ("ask", [ID, {"a": 1}, 0, 0], "'question' must be text"),
        ("ask", [ID, "Who?", "one", 0], "'chapter' must be a whole number, but it is text"),
        ("ask", [ID, "Who?", 0, True], "'as_of_chapter' must be a whole number"),
        ("ask", [ID, "Who?", 1.5, 0], "but it is 1.5"),
        ("ask", [ID, "Who?", 10**30, 0], "is not there"),
        ("ask", [ID], "ask takes 5 values, but got 1"),
        ("summarize", [ID, {}], "'chapter' must be a whole number"),
        ("summarize", [5, 1], "'id' must be text"),
        ("add_document", [5, "", "", ""], "a value that it cannot take"),
        ("add_document", [{"path": {}}, "", "", ""], "a value that it cannot take"),
        ("add_document", [None, 5, {}, []], "There is no file"),
    ],
)
def test_a_wrong_kind_is_refused(
    served: str, caplog: pytest.LogCaptureFixture, name: str, data: list[Any], said: str
) -> None:
    with caplog.at_level(logging.WARNING):
        error = called(served, name, data)
    assert said in error and error.endswith(".") and "\n" not in error
    assert "Traceback" not in caplog.text


def test_an_endpoint_that_is_not_there(served: str) -> None:
    answer = httpx.post(f"{served.split()[0]}gradio_api/call/nothing", json={"data": []})
    assert answer.status_code == 404 and "no endpoint" in answer.json()["detail"]


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -0.5, "3", False, [3], {}])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(InvalidArgument):
        whole("chapter", value)


def test_what_is_one() -> None:
    assert [whole("chapter", value) for value in (3, 3.0, None, -1)] == [3, 3, 0, -1]
    assert text("id", "") == ""

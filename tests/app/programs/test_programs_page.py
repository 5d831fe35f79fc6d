"""The examples of docs/programs.md run as they stand there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from novels import novel
from program_server import ProgramServer

from app.settings import read_settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "programs.md").read_text("utf-8")


def example(importing: str) -> str:
    (found,) = [b for b in re.findall(r"```python\n(.*?)```", PAGE, re.S) if importing in b]
    return str(found)


@pytest.mark.parametrize(
    "importing", ["from openai import", "from mcp import", "from gradio_client import"]
)
def test_clients(
    programs: ProgramServer,
    importing: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = example(importing).replace("http://127.0.0.1:7860", programs.address.rstrip("/"))
    if "mcp" in importing:  # the example is for a server without accounts
        monkeypatch.setattr("mcp.client.client.streamable_http_client", with_token(programs))
    exec(code.replace("TOKEN", programs.tokens["ada"]), {"__name__": "__main__"})
    said = capsys.readouterr().out
    assert said.strip()
    assert "Confidence: " in said or "confidence_word" in said


def with_token(programs: ProgramServer) -> Any:
    """A connection that sends Ada's token."""
    httpx2 = pytest.importorskip("httpx2")
    from mcp.client.streamable_http import streamable_http_client

    @asynccontextmanager
    async def connection(url: str) -> AsyncIterator[Any]:
        async with (
            httpx2.AsyncClient(headers=programs.headers("ada")) as client,
            streamable_http_client(url, http_client=client) as streams,
        ):
            yield streams

    return connection


def test_python(
    tmp_path: Path,
    tiny_backbone: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = example("from bookstate import")
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    monkeypatch.setenv("BOOKSTATE_BACKBONE", str(tiny_backbone))
    monkeypatch.setenv("BOOKSTATE_ANSWER_TOKENS", "8")
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_bytes(novel())
    exec(code, {})
    word, page, sentence = capsys.readouterr().out.splitlines()[-1].split(" ", 2)
    assert word in ("sure", "likely", "guess") and page == "1"
    assert sentence in novel().decode()
    assert read_settings().database.exists()

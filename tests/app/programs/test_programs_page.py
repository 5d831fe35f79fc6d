"""The examples of docs/programs.md run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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
        import httpx2
        from mcp.client import client

        headers = programs.headers("ada")
        with_token = client.streamable_http_client
        monkeypatch.setattr(
            client,
            "streamable_http_client",
            lambda url: with_token(url, http_client=httpx2.AsyncClient(headers=headers)),
        )
    exec(code.replace("TOKEN", programs.tokens["ada"]), {"__name__": "__main__"})
    said = capsys.readouterr().out
    assert said.strip()
    assert "Confidence: " in said or "confidence_word" in said


def test_python(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = example("from bookstate import")
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    monkeypatch.setenv("BOOKSTATE_BACKBONE", str(tiny_backbone))
    monkeypatch.setenv("BOOKSTATE_ANSWER_TOKENS", "8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "book.txt").write_bytes(novel())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    word, page, sentence = done.stdout.splitlines()[-1].split(" ", 2)
    assert word in ("sure", "likely", "guess") and page == "1"
    assert sentence in novel().decode()
    assert read_settings().database.exists()

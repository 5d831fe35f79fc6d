"""A running server for programs, with one novel of one account, and clients of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from novels import novel

from app.library import Library
from app.settings import read_settings
from app.storage.store import Document
from app.ui.generations import Generations
from app.ui.server import _build, launch_ui
from app.ui.session import Session
from app.ui.visitors import Visiting
from app.worker import Worker

TITLE = "The novel of the harbour"
PEOPLE = {"ada": "correct horse", "bob": "battery staple"}
SOON = 20.0
TOKENS = 60  # of the longest answer


@dataclass(frozen=True)
class ProgramServer:
    """A running server; the document is Ada's, where there are accounts."""

    address: str
    session: Session
    library: Library
    document: Document
    tokens: dict[str, str]

    @property
    def line(self) -> Any:
        return self.session.generations.line

    def headers(self, name: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}

    def openai(self, name: str = "ada") -> openai.OpenAI:
        key = self.tokens.get(name, "no key is needed")
        return openai.OpenAI(base_url=f"{self.address}v1", api_key=key, max_retries=0)

    def post(self, body: Any, name: str | None = "ada") -> httpx.Response:
        url = f"{self.address}v1/chat/completions"
        return httpx.post(url, json=body, headers=self.headers(name), timeout=SOON)


@contextmanager
def program_server(
    home: Path, backbone: Path, *, accounts: bool, answer_tokens: int = 12
) -> Iterator[ProgramServer]:
    library = Library(
        read_settings(
            home=home,
            backbone=str(backbone),
            window=32,
            windows=2,
            threads=1,
            answer_tokens=answer_tokens,
        )
    )
    document = library.add(novel(), "novel.md", title=TITLE).document
    tokens = {}
    for name, password in PEOPLE.items() if accounts else ():
        library.store.add_account(name, password)
        tokens[name] = library.store.add_token(name)
    visiting = Visiting(library)
    session = Session(visiting, Worker(library), Generations(visiting))
    blocks = _build(session)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        address = launch_ui(blocks, library, "127.0.0.1", 0)
        yield ProgramServer(address, session, library, document, tokens)
    session.generations.stop_all()
    blocks.close(verbose=False)
    library.close()


def soon(true: Callable[[], object], seconds: float = SOON) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)

"""A real server in a process of its own, and a client of its endpoints, for measurements."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, Any

import httpx

from app.engine import backbone_folder
from app.errors import BookstateError
from app.settings import Settings

START_SECONDS = 300
STOP_SECONDS = 60
PATIENCE = httpx.Timeout(60.0, read=None)  # an answer may take long to come
READY_SECONDS = 1.0  # between questions whether a document has been read


class ServerFailed(BookstateError):
    """The measured server did not start, or answered what it should not."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    address: str
    process: int

    def rss(self) -> int:
        """Bytes of memory that its process holds now."""
        try:
            pages = Path(f"/proc/{self.process}/statm").read_text("ascii").split()[1]
        except OSError as error:
            raise ServerFailed(
                "The memory of the server cannot be read from /proc: it has ended, or this system "
                "is not Linux."
            ) from error
        return int(pages) * os.sysconf("SC_PAGESIZE")


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """`bookstate serve` on a free port, with an empty data folder and the given backbone."""
    with TemporaryDirectory(prefix="bookstate-bench-") as home:
        given = {"BOOKSTATE_HOME": home, "BOOKSTATE_BACKBONE": str(backbone_folder(settings))}
        command = [sys.executable, "-m", "app", "serve", "--port", "0", "--no-open"]
        with subprocess.Popen(
            command, env={**os.environ, **given}, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            try:
                yield Running(_address(process.stderr), process.pid)
            finally:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _address(said: IO[str]) -> str:
    """The address that a server says it runs at; what it says later is thrown away."""
    lines: Queue[str | None] = Queue()

    def read() -> None:
        for line in said:
            lines.put(line)
        lines.put(None)

    Thread(target=read, daemon=True).start()
    heard, until = "", time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            line = lines.get(timeout=1)
        except Empty:
            continue
        if line is None:
            break
        heard += line.replace("\n", " ")
        found = [word for word in heard.split() if word.startswith("http://")]
        if found and "with the model" in heard:
            return found[0]
    raise ServerFailed(f"The server did not start: {heard.strip() or 'it said nothing'}")


@dataclass(frozen=True, slots=True)
class Caller:
    """A client of a server's endpoints."""

    client: httpx.AsyncClient
    address: str

    def _url(self, name: str) -> str:
        return f"{self.address.rstrip('/')}/gradio_api/call/{name}"

    async def post(self, name: str, *data: Any) -> str:
        """Ask for something; returns the event, whose stream has the answer."""
        posted = await self.client.post(self._url(name), json={"data": list(data)})
        if posted.status_code != httpx.codes.OK:
            raise ServerFailed(f"{name} was answered with {posted.status_code}: {posted.text}")
        return str(posted.json()["event_id"])

    async def stream(self, name: str, event: str) -> AsyncGenerator[tuple[str, Any]]:
        """The stream of an event: the kind of each message, and its data."""
        async with self.client.stream("GET", f"{self._url(name)}/{event}") as stream:
            kind = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield kind, json.loads(line.removeprefix("data: "))

    async def call(self, name: str, *data: Any) -> Any:
        """The answer of an endpoint. Raises ServerFailed with its refusal."""
        async with aclosing(self.stream(name, await self.post(name, *data))) as messages:
            async for kind, given in messages:
                if kind == "error":
                    raise ServerFailed(f"{name}: {(given or {}).get('error')}")
                if kind == "complete":
                    return given[0]
        raise ServerFailed(f"{name}: the stream ended without an answer")

    async def add(self, text: str, name: str) -> str:
        """Upload a text; returns the id of the document."""
        upload = f"{self.address.rstrip('/')}/gradio_api/upload"
        sent = await self.client.post(upload, files={"files": (name, text.encode())})
        if sent.status_code != httpx.codes.OK:
            raise ServerFailed(f"The upload was answered with {sent.status_code}: {sent.text}")
        file = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
        return str((await self.call("add_document", file, "", "", ""))["id"])

    async def wait_for(self, document: str) -> None:
        """Return when a document has been read. Raises ServerFailed with why it was not."""
        while True:
            status = await self.call("status", document)
            if status["ready"]:
                return
            if status["error"]:
                raise ServerFailed(f"The reading failed: {status['error']}")
            await asyncio.sleep(READY_SECONDS)

"""Answers over HTTP that end when their client goes: a value, or a stream of events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
PING_SECONDS = 15.0  # between signs of life, so that no proxy closes a stream that waits in line
_PING = b": waiting\n\n"
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    """A value as a server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(receive: Receive, make: Callable[[], Awaitable[T]]) -> T | None:
    """What `make` returns or raises; None where the client went first, which cancels it."""
    made: T | None = None
    failed: Exception | None = None
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            await _gone(receive)
            group.cancel_scope.cancel()

        group.start_soon(watch)
        try:
            made = await make()
        except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
            failed = error
        group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    return made


class Events(Response):
    """A stream of events, which is closed when its client goes; `closed` is called in any case."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], closed: Callable[[], None]) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._events = events
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events as they come."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            await while_connected(receive, lambda: self._send_all(send))
        finally:
            self._closed()

    async def _send_all(self, send: Send) -> None:
        async def part(body: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": more})

        async def ping() -> None:
            while True:
                await anyio.sleep(PING_SECONDS)
                await part(_PING)

        async with anyio.create_task_group() as group, aclosing(self._events) as events:
            group.start_soon(ping)
            async for one in events:
                await part(one)
            group.cancel_scope.cancel()
        await part(b"", more=False)

"""Who is connected: the open event streams of visitors, by session and by request.

Gradio answers a request in a stream of events that its client opens afterwards. Only a client whose
stream is open can get an answer, so nothing is made for one that has none. A page has one more
stream that is open as long as the page is: its heartbeat.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from urllib.parse import parse_qs

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LISTEN_SECONDS = 10.0  # in which a client must open the stream of what it asked
MOST_UNHEARD = 100  # requests whose stream is not open yet; the oldest gives way
_MOST_REMEMBERED = 10_000  # sessions whose last moment is known
_API = "/gradio_api"
_CANCEL = f"{_API}/cancel"
_STREAM = f"{_API}/queue/data"
_CALLS = f"{_API}/call/"
_HEARTBEATS = f"{_API}/heartbeat/"
_CALL_PARTS = 2  # /call/NAME/EVENT; one more with a version before the name


def page_key(session: str) -> str:
    """The key of a page's heartbeat; its event streams have the session itself as their key."""
    return f"page {session}"


@dataclass(eq=False)
class Ear:
    """The client of one request, which may have several streams."""

    keys: tuple[str, ...]
    listeners: Listeners
    is_cancelled: bool = False
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    def away(self) -> float:
        """Seconds since the client was last connected; 0 while it is."""
        return inf if self.is_cancelled else self.listeners.away(self.keys)

    async def opens(self, seconds: float) -> bool:
        """Wait until the client listens; False if it does not within some seconds."""
        with self.listeners.waiting_for(self), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._opened.wait()
        return self.away() == 0

    def look(self) -> None:
        """Wake the one who waits for the client if there is something to see."""
        if self.is_cancelled or self.away() == 0:
            self._opened.set()

    def give_up(self) -> None:
        """The client does not come; whoever waits for it need not any longer."""
        self.is_cancelled = True
        self._opened.set()


class Listeners:
    """The open event streams of one server.

    Streams open and close in the server's event loop; any thread may ask about them.
    """

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._left: OrderedDict[str, float] = OrderedDict()  # when, by key
        self._unheard: OrderedDict[Ear, None] = OrderedDict()  # oldest first
        self._requests: dict[str, Ear] = {}
        self.when_closed: list[Callable[[str], None]] = []  # told the key of the stream

    def away(self, keys: tuple[str, ...]) -> float:
        """Seconds since any of these streams was last open; 0 while one is."""
        if any(self._open.get(key) for key in keys):
            return 0.0
        left = [self._left[key] for key in keys if key in self._left]
        return monotonic() - max(left) if left else inf

    @contextmanager
    def listening(self, key: str) -> Iterator[None]:
        """A stream of this key is open."""
        self._open[key] += 1
        for ear in tuple(self._unheard):
            ear.look()
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
                self._left[key] = monotonic()
                self._left.move_to_end(key)
                if len(self._left) > _MOST_REMEMBERED:
                    self._left.popitem(last=False)
            self._closed(key)

    @contextmanager
    def request(self, event_id: str, session: str) -> Iterator[Ear]:
        """A request that is being answered, until its client cancels it."""
        ear = self._requests[event_id] = Ear((event_id, session), self)
        try:
            yield ear
        finally:
            del self._requests[event_id]

    @contextmanager
    def waiting_for(self, ear: Ear) -> Iterator[None]:
        """A request whose client does not listen yet; the oldest gives way to too many others."""
        self._unheard[ear] = None
        ear.look()
        if len(self._unheard) > MOST_UNHEARD:
            next(iter(self._unheard)).give_up()
        try:
            yield
        finally:
            self._unheard.pop(ear, None)

    def cancel(self, event_id: object) -> bool:
        """End a request; False for one that is not known here."""
        if not isinstance(event_id, str) or event_id not in self._requests:
            return False
        ear = self._requests[event_id]
        ear.give_up()
        self._closed(event_id)
        return True

    def _closed(self, key: str) -> None:
        for act in self.when_closed:
            act(key)


@dataclass(frozen=True, slots=True)
class Heard:
    """ASGI middleware that tells a server's listeners of the streams that open and close."""

    app: ASGIApp
    listeners: Listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; remember its stream while it is open."""
        key = _key(scope)
        if key:
            with self.listeners.listening(key):
                await self.app(scope, receive, send)
        elif scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", _CANCEL):
            await self._cancel(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _cancel(self, scope: Scope, receive: Receive, send: Send) -> None:
        """End one request. Gradio would end all of the same session and endpoint."""
        body = await _body(receive)
        try:
            named = json.loads(body)
        except ValueError:
            named = None
        event_id = named.get("event_id") if isinstance(named, dict) else None
        if self.listeners.cancel(event_id):
            await JSONResponse({"success": True})(scope, receive, send)
        else:
            await self.app(scope, _again(body, receive), send)


def _key(scope: Scope) -> str:
    """What the stream that a request opens belongs to; empty if it opens none."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return ""
    path = str(scope["path"])
    if path == _STREAM:
        asked: str = scope["query_string"].decode("latin-1")
        return parse_qs(asked).get("session_hash", [""])[0]
    if path.startswith(_HEARTBEATS):
        return page_key(path.removeprefix(_HEARTBEATS))
    parts = path.removeprefix(_CALLS).split("/")
    return parts[-1] if path.startswith(_CALLS) and len(parts) >= _CALL_PARTS else ""


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A request's body once more, for the application behind."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return given.pop() if given else await receive()

    return replayed

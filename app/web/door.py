"""The door: every request to the web server passes here first, whatever route it asks for.

name and origin (`callers.py`) -> login (`login.py`) -> size (`bodies.py`) -> the page
and every response leaves with the same headers (`headers.py`)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.bodies import BodyLimits, Counted, drain, stated_too_large
from app.web.callers import PAGES, Callers
from app.web.headers import dress, without
from app.web.login import is_open
from app.web.nonces import Marked, new_nonce

LoggedIn = Callable[[HTTPConnection], bool]
_REFUSED_SOCKET = 1008  # the code of websockets for a broken rule
_ASKED_METHOD = "access-control-request-method"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class Door:
    """ASGI middleware around a whole application.

    logged_in: says of a request whether its visitor is logged in; always true without logins.
    """

    app: ASGIApp
    callers: Callers
    limits: BodyLimits
    logged_in: LoggedIn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it in one sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:
            await self._socket(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        why = self.callers.why_refused(connection, "")
        if why or not self._may_enter(connection):
            await send({"type": "websocket.close", "code": _REFUSED_SOCKET, "reason": why[:100]})
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        allowed = connection.headers.get("origin")
        allowed = allowed if allowed in self.callers.origins else None
        nonce = new_nonce()
        send = _dressed(send, allowed, nonce)
        most = self.limits.of(connection.scope["path"])
        inside = without(scope, b"origin")  # it is checked here: Gradio would allow more of them
        if why := self.callers.why_refused(connection, scope["method"]):
            await self._refuse(403, why, scope, receive, send)
        elif scope["method"] == "OPTIONS" and _ASKED_METHOD in connection.headers:
            await _preflight(allowed)(scope, receive, send)
        elif not self._may_enter(connection):
            await self._refuse(401, "Log in first.", scope, receive, send)
        elif stated_too_large(connection, most):
            await self._refuse(413, _too_large(most), scope, receive, send)
        elif connection.scope["path"] in PAGES:
            page = without(inside, b"accept-encoding")  # nonces are written into the plain page
            await self._enter(page, receive, Marked(send, nonce), most)
        else:
            await self._enter(inside, receive, send, most)

    def _may_enter(self, connection: HTTPConnection) -> bool:
        return is_open(connection.scope["path"]) or self.logged_in(connection)

    async def _enter(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """Run the application on a body that is counted; answer for it once that is too large."""
        body, started = Counted(receive, most), False

        async def answer(message: Message) -> None:
            nonlocal started
            if body.too_large and not started:
                return  # whatever it makes of half a body
            started = True
            await send(message)

        try:
            await self.app(scope, body, answer)
        except Exception:
            if not body.too_large:
                raise
        if body.too_large and not started:
            await self._refuse(413, _too_large(most), scope, receive, send)

    async def _refuse(
        self, status: int, why: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if "content-length" in (headers := HTTPConnection(scope).headers) or (
            "transfer-encoding" in headers
        ):
            await drain(receive)
        response = JSONResponse({"detail": why}, status, headers={"Connection": "close"})
        await response(scope, receive, send)


def _dressed(send: Send, allowed_origin: str | None, nonce: str) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            dress(MutableHeaders(scope=message), allowed_origin, nonce)
        await send(message)

    return dressed


def _preflight(allowed_origin: str | None) -> Response:
    return Response(status_code=204, headers=_PREFLIGHT if allowed_origin else {})


def _too_large(most: int) -> str:
    return f"This request is larger than {most / (1 << 20):.4g} MB, the limit; send less at once."

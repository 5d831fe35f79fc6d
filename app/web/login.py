"""The login: what may be asked for before it, and how programs and wrong passwords are treated."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.headers import without
from app.web.logins import MOST_WRONG, WrongPasswords, bearer

OPEN_PATHS = frozenset(
    {
        "/",
        "/login",
        "/login/",
        "/theme.css",
        "/gradio_api/theme.css",
        "/favicon.ico",
        "/manifest.json",
        "/robots.txt",
        "/gradio_api/startup-events",  # the server asks itself for it when it starts
    }
)
OPEN_FOLDERS = ("/assets/", "/static/", "/svelte/")
LOGIN_PATHS = frozenset({"/login", "/login/"})


def is_open(path: str) -> bool:
    """True for a path that answers without a login; everything else needs one."""
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDERS) and ".." not in path)


@dataclass(frozen=True, slots=True)
class LoginDesk:
    """ASGI middleware inside the door: Gradio sees a bearer token as a login's cookie.

    cookie: the name of the cookie. wrong: counts the passwords that were wrong.
    """

    app: ASGIApp
    cookie: str
    wrong: WrongPasswords

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse a login after many wrong ones."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if token := bearer(HTTPConnection(scope)):
            scope = without(without(scope, b"authorization"), b"cookie")
            scope["headers"].append((b"cookie", f"{self.cookie}={token}".encode("latin-1")))
        if scope.get("method") == "POST" and scope["path"] in LOGIN_PATHS:
            await self._log_in(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = (scope.get("client") or ("",))[0]
        if not self.wrong.begin(address):
            why = f"{MOST_WRONG} passwords from this address were wrong; try again in a minute."
            answer = JSONResponse({"detail": why}, 429, headers={"Retry-After": "60"})
            await answer(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self.wrong.forgive(address)
            await send(message)

        await self.app(scope, receive, watched)

"""What a server offers to programs besides the page's own endpoints."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from anyio.to_thread import run_sync
from starlette.requests import HTTPConnection, Request
from starlette.routing import Route

from app.library import Library
from app.line.line import Line
from app.line.work import Visitor
from app.programs.callers import Caller
from app.programs.mcp.server import McpEndpoint
from app.programs.openai.endpoints import OpenAI

NameOf = Callable[[HTTPConnection], str | None]
"""The account that sends a request; None for nobody."""


class Programs:
    """The OpenAI API and MCP of one server.

    seen_by: the library as an account sees it; raises UnknownAccount. line: of the page, too.
    """

    def __init__(self, seen_by: Callable[[str | None], Library], line: Line) -> None:
        self._seen_by = seen_by
        self._line = line

    def routes(self, name_of: NameOf) -> list[Route]:
        """What the application is to answer, behind its door."""

        def caller(request: Request) -> Caller:
            name = name_of(request)
            # Programs of an account take turns as one; without accounts, each request for itself.
            visitor = Visitor(name) if name else Visitor("", uuid4().hex)
            return Caller(self._seen_by(name), self._line, visitor)

        async def caller_of(request: Request) -> Caller:
            return await run_sync(caller, request)

        return [*OpenAI(caller_of).routes(), *McpEndpoint(caller_of).routes()]

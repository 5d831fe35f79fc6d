"""MCP over HTTP at `/mcp`, and over standard input and output for `bookstate mcp`.

The package `mcp` is optional, so it is imported when it is first needed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import cached_property
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.errors import REFUSALS, McpNotInstalled, UnknownAccount
from app.library import Stopped
from app.programs.callers import Caller
from app.programs.mcp.tools import TOOLS

log = logging.getLogger(__name__)

CallerOf = Callable[[Request], Awaitable[Caller]]
PATH = "/mcp"
_CALLER = "bookstate.caller"  # where a request's caller stands in its ASGI scope
_FAILED = "bookstate failed at this call; the log has the details."
_STOPPED = "The summary was stopped; ask again."
_INSTRUCTIONS = (
    "A library of documents that were read once. `ask` answers short questions from a document's "
    "memory with the page it is from; `passage` gives the text itself. Name pages when you use "
    "an answer, and say so when an answer is a guess."
)


def new_server(caller: Caller | None = None) -> Any:
    """An MCP server. caller: of all calls; without it, of the HTTP request that a call is in.

    Raises McpNotInstalled.
    """
    try:
        import mcp_types as types
        from mcp.server.lowlevel.server import Server
    except ImportError as error:
        raise McpNotInstalled(
            "MCP needs the package mcp, which is not installed; install it with "
            "`pip install 'bookstate[mcp]'`, then start again."
        ) from error

    listed = [
        types.Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.schema,
            annotations=types.ToolAnnotations(
                read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False
            ),
        )
        for tool in TOOLS
    ]

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def call_tool(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        sender = caller if caller is not None else context.request.scope[_CALLER]
        text, value = await _called(sender, asked.name, asked.arguments)
        return types.CallToolResult(
            content=[types.TextContent(text=text)],
            structured_content=value,
            is_error=value is None,
        )

    return Server(
        "bookstate",
        version=version("bookstate"),
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _called(
    caller: Caller, name: str, given: dict[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """What a tool says, as text and as JSON; no JSON for a refusal."""
    tool = next((tool for tool in TOOLS if tool.name == name), None)
    if tool is None:
        return (
            f"There is no tool {name[:40]!r}; there are {', '.join(t.name for t in TOOLS)}.",
            None,
        )
    try:
        told = await tool.answer(caller, given)
    except Stopped:
        return _STOPPED, None
    except REFUSALS as error:
        return " ".join(str(error).split()), None
    except Exception:
        log.exception("A call of the tool %s failed", name)
        return _FAILED, None
    return told.text, told.value


class McpEndpoint:
    """`/mcp` of one server. caller_of: who sent a request; raises UnknownAccount.

    Every request stands by itself: there are no sessions that could outlive a login, and a call
    ends with its connection.
    """

    def __init__(self, caller_of: CallerOf) -> None:
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """What the application is to answer."""
        return [Route(PATH, self)]

    @cached_property
    def _server(self) -> Any:
        return new_server()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one message."""
        if scope["method"] != "POST":
            why = "MCP messages are sent with POST; this server opens no streams of its own."
            await JSONResponse({"detail": why}, 405, headers={"Allow": "POST"})(
                scope, receive, send
            )
            return
        try:
            caller = await self._caller_of(Request(scope))
            server = self._server
        except UnknownAccount as error:
            await JSONResponse({"detail": str(error)}, 401)(scope, receive, send)
            return
        except McpNotInstalled as error:
            await JSONResponse({"detail": str(error)}, 501)(scope, receive, send)
            return
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        manager = StreamableHTTPSessionManager(server, stateless=True)
        async with manager.run():  # ends what the request has begun
            await manager.handle_request({**scope, _CALLER: caller}, receive, send)


async def serve_stdio(caller: Caller) -> None:
    """Answer on standard input and output until the input ends. Raises McpNotInstalled."""
    server = new_server(caller)
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())

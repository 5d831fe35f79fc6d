"""`/v1`: OpenAI's endpoints for models and chats.

Every document that can be asked is a model, and so is every shelf.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.errors import REFUSALS
from app.line.work import Visitor
from app.programs.callers import Caller
from app.programs.citations import with_pages
from app.programs.connections import DONE, Events, event, while_connected
from app.programs.openai.bodies import Wish, read_body
from app.programs.openai.replies import Replying, error_json, model_json, refusal, refused
from app.programs.openai.shelves import ShelfReply, is_shelf, shelf_model, shelf_models
from app.programs.questions import AnswerFailed, Question

log = logging.getLogger(__name__)

CallerOf = Callable[[Request], Awaitable[Caller]]
FAILED = "bookstate failed at this request; the log has the details."
_FAILED = error_json(FAILED, "server_error", "server_error")
_CLOSED = 499  # nobody reads this response: its client has gone
_ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")


class OpenAI:
    """The endpoints of one server. caller_of: who sent a request; raises UnknownAccount."""

    def __init__(self, caller_of: CallerOf) -> None:
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """What the application is to answer."""
        return [
            Route("/v1/models", self._asked(self.models), methods=["GET"]),
            Route("/v1/models/{name:path}", self._asked(self.model), methods=["GET"]),
            Route("/v1/chat/completions", self._asked(self.chat), methods=["POST"]),
            Route("/v1/{rest:path}", self._asked(self.nothing), methods=list(_ANY)),
        ]

    def _asked(
        self, answer: Callable[[Caller, Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return await answer(await self._caller_of(request), request)
            except REFUSALS as error:
                return refused(error)
            except Exception as error:
                if not isinstance(error, AnswerFailed):
                    log.exception("A request to %s failed", request.url.path)
                return JSONResponse(_FAILED, 500)

        return endpoint

    async def models(self, caller: Caller, _: Request) -> Response:
        """All documents that can be asked, then the shelves."""
        documents = await run_sync(caller.documents)
        shelves = await run_sync(shelf_models, caller.library)
        models = [*(model_json(d) for d in documents), *shelves]
        return JSONResponse({"object": "list", "data": models})

    async def model(self, caller: Caller, request: Request) -> Response:
        """One of them, by its id or its title; all of them for a path that ends in a slash."""
        if not request.path_params["name"]:
            return await self.models(caller, request)
        if is_shelf(request.path_params["name"]):
            named = request.path_params["name"]
            return JSONResponse(await run_sync(shelf_model, caller.library, named))
        found = await run_sync(caller.document, request.path_params["name"])
        return JSONResponse(model_json(found))

    async def nothing(self, _: Caller, request: Request) -> Response:
        """Another of OpenAI's endpoints."""
        why = (
            f"There is no {request.method} {request.url.path}; ask with POST /v1/chat/completions, "
            "and list what can be asked with GET /v1/models."
        )
        return JSONResponse(error_json(why, "invalid_request_error", "unknown_url"), 404)

    async def chat(self, caller: Caller, request: Request) -> Response:
        """The answer to the last message of a chat."""
        wish = read_body(await request.body())
        if wish.user:  # turns go round the people whom a program names
            visitor = Visitor(caller.visitor.account, f"user {wish.user}")
            caller = replace(caller, visitor=visitor)
        if is_shelf(wish.model):
            return await _of_shelf(caller, wish, request)
        document = await run_sync(caller.document, wish.model)
        work = await caller.ask(
            document,
            wish.question,
            wish.scope,
            wish.after,
            wish.most_tokens,
            whole_book=wish.whole_book,
        )
        replying = Replying(document, wish)
        if wish.stream:
            return Events(_events(replying, work), lambda: caller.leave(work))
        try:
            made = await while_connected(request.receive, lambda: _whole(replying, work))
        finally:
            caller.leave(work)
        return Response(status_code=_CLOSED) if made is None else made


async def _of_shelf(caller: Caller, wish: Wish, request: Request) -> Response:
    """The answers of several documents."""
    reply = await run_sync(ShelfReply.to, caller, wish)

    async def whole() -> JSONResponse:
        return JSONResponse(await run_sync(reply.whole, await reply.answer()))

    if wish.stream:
        return Events(_shelf_events(reply), reply.shelving.stop)
    try:
        made = await while_connected(request.receive, whole)
    finally:
        reply.shelving.stop()
    return Response(status_code=_CLOSED) if made is None else made


async def _shelf_events(reply: ShelfReply) -> AsyncGenerator[bytes]:
    try:
        for chunk in await run_sync(reply.chunks, await reply.answer()):
            yield event(chunk)
        yield DONE
    except REFUSALS as error:
        yield event(refusal(error)[1])
    except AnswerFailed:
        yield event(_FAILED)


async def _whole(replying: Replying, work: Question) -> JSONResponse:
    async with aclosing(work.watch()) as watching:
        async for _ in watching:
            pass
    return JSONResponse(await run_sync(lambda: replying.whole(work, work.answer)))


async def _events(replying: Replying, work: Question) -> AsyncGenerator[bytes]:
    """The answer as it is made, and what can be said about it afterwards."""
    yield event(replying.chunk({"role": "assistant", "content": ""}))
    sent = ""
    async with aclosing(work.watch()) as watching:
        async for said in watching:
            shown = said.strip()  # an answer ends without the space that its next word would have
            if len(shown) > len(sent):
                yield event(replying.chunk({"content": shown[len(sent) :]}))
                sent = shown
    try:
        answer = work.answer
        rest = with_pages(answer).removeprefix(sent)
        yield event(replying.chunk({"content": rest}))
        yield event(await run_sync(replying.last, work, answer))
        if replying.wish.usage:
            yield event(await run_sync(replying.used, work))
        yield DONE
    except REFUSALS as error:
        yield event(refusal(error)[1])
    except AnswerFailed:
        yield event(_FAILED)

"""What programs send to an endpoint: a wrong kind of value, or a failure, is told in one sentence.

Gradio passes on whatever JSON it gets and hides what goes wrong then from the program that asked.
"""

from __future__ import annotations

import asyncio
import logging
from inspect import Parameter, signature
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from gradio.exceptions import Error as GradioError

from app.errors import REFUSALS, InvalidArgument
from app.programs.served import Programs
from app.ui.visitors import Visiting
from app.web.listeners import Listeners

log = logging.getLogger(__name__)

FAILED = "bookstate failed at this request; the log has the details."
KEPT_SECONDS = 20.0  # in which the client of a request must fetch what was answered

_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
_LONGEST_REASON = 200


def text(name: str, value: Any) -> str:
    """The value of an argument that is text. Raises InvalidArgument."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{name!r} must be text, but it is {_kind(value)}; send a string.")
    return value


def whole(name: str, value: Any) -> int:
    """The value of an argument that is a whole number; nothing is 0. Raises InvalidArgument."""
    if value is None:
        return 0
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole:
        raise InvalidArgument(
            f"{name!r} must be a whole number, but it is {_kind(value)}; send a number such as 3."
        )
    return int(value)


def flag(name: str, value: Any) -> bool:
    """The value of an argument that is true or false; nothing is false. Raises InvalidArgument."""
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidArgument(f"{name!r} must be true or false, but it is {_kind(value)}.")


def _kind(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.6g}"
    return "nothing" if value is None else _KINDS.get(type(value), "an object")


class CheckedBlocks(gr.Blocks):
    """A page whose events act for their visitor, and refuse wrong values in a sentence.

    What fails unexpectedly is told in a sentence as well, and only the log has what it was. What
    Gradio keeps of a program's request is given up with the request.
    """

    def __init__(
        self, visiting: Visiting, listeners: Listeners, programs: Programs, **named: Any
    ) -> None:
        super().__init__(**named)
        self.visiting = visiting
        self.programs = programs
        self.listeners = listeners
        self._fading: dict[str, asyncio.TimerHandle] = {}  # by event
        listeners.when_closed.append(self._forget_at_once)

    def create_limiter(self) -> None:
        """Coroutines wait in the model's line, many at once; threads stay as few as usual."""
        self.limiter = None

    async def process_api(self, block_fn: Any, *given: Any, **named: Any) -> dict[str, Any]:
        """One step of a request, as its visitor. Raises gr.Error."""
        is_over = True
        visitor = getattr(named.get("request"), "username", None)
        try:
            with self.visiting.acting(visitor, named.get("session_hash")):
                output = await super().process_api(block_fn, *given, **named)
            is_over = not output.get("is_generating")
            return output
        except GradioError:
            raise
        except REFUSALS as error:
            raise _refusal(str(error)) from error
        except Exception as error:
            log.exception("A request to %s failed", getattr(block_fn, "api_name", block_fn))
            raise _refusal(FAILED) from error
        finally:
            event_id = named.get("event_id")
            if is_over and event_id is not None and named.get("session_hash") == event_id:
                self._forget_later(event_id)

    def _forget_later(self, event_id: str) -> None:
        """Give up what Gradio keeps of a request that named no session.

        It keeps the state of the whole page for each, for ever. What is to be delivered stays for
        as long as a client may take to ask for it.
        """
        self.state_holder.session_data.pop(event_id, None)
        self.state_holder.time_last_used.pop(event_id, None)

        loop = asyncio.get_running_loop()
        self._fading[event_id] = loop.call_later(KEPT_SECONDS, self._forget, event_id)

    def _forget_at_once(self, key: str) -> None:
        """The stream of a request has ended: nothing is to be delivered any more."""
        if key in self._fading or key in self._queue.pending_event_ids_session.get(key, ()):
            self._forget(key)

    def _forget(self, event_id: str) -> None:
        if event_id in self._fading:
            self._fading.pop(event_id).cancel()
        self._queue.pending_event_ids_session.pop(event_id, None)
        self._queue.pending_messages_per_session.pop(event_id, None)

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *more: Any, **named: Any
    ) -> Any:
        """The components' values as the handlers take them. Raises gr.Error."""
        takes, given = len(block_fn.inputs), len(inputs)
        missing = _defaults(block_fn.fn)[given:takes]
        if any(value is Parameter.empty for value in missing) or given + len(missing) < takes:
            raise _refusal(f"{block_fn.api_name} takes {takes} values, but got {given}; send all.")
        inputs = [*inputs, *missing]  # what programs of before an argument do not know of
        try:
            return await super().preprocess_data(block_fn, inputs, *more, **named)
        except GradioError:
            raise
        except Exception as error:
            log.info("%s was given what it cannot take: %r", block_fn.api_name, error)
            why = str(error).strip().partition("\n")[0][:_LONGEST_REASON]
            raise _refusal(
                f"{block_fn.api_name} was given a value that it cannot take ({why}); the page of "
                "the API says what it takes."
            ) from error


def _defaults(act: Any) -> list[Any]:
    """The default of each argument that a request gives, or `Parameter.empty`."""
    given = signature(act).parameters.values()
    return [p.default for p in given if p.name not in ("self", "request")]


def _refusal(why: str) -> GradioError:
    return gr.Error(why, print_exception=False)


def no_such_endpoint(_: Request, __: Exception) -> Response:
    """The answer to a call of an endpoint that is not there."""
    why = "There is no endpoint of this name; GET /gradio_api/info lists those that there are."
    return JSONResponse({"detail": why}, status_code=404)


def too_many_requests(_: Request, __: Exception) -> Response:
    """The answer to a request where Gradio's own queue is full, or has been stopped."""
    why = "The server has too many requests, or is stopping; ask again in a minute."
    return JSONResponse({"detail": why}, status_code=503)

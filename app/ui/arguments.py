"""What programs send to an endpoint: a value of a wrong kind is refused in one sentence.

Gradio passes on whatever JSON it gets and hides what goes wrong then from the program that asked.
"""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from gradio.exceptions import Error as GradioError

from app.errors import REFUSALS, InvalidArgument
from app.ui.visitors import Visiting

log = logging.getLogger(__name__)

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


def _kind(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.6g}"
    return "nothing" if value is None else _KINDS.get(type(value), "an object")


class CheckedBlocks(gr.Blocks):
    """A page whose events act for their visitor, and refuse wrong values in a sentence.

    visiting: must be set before the page is served.
    """

    visiting: Visiting

    async def process_api(self, *given: Any, **named: Any) -> dict[str, Any]:
        """Run one event, or the next step of one, as its visitor. Raises gr.Error."""
        request, page = named.get("request"), named.get("session_hash")
        try:
            with self.visiting.acting(getattr(request, "username", None), page):
                return dict(await super().process_api(*given, **named))
        except REFUSALS as error:
            raise _refusal(str(error)) from error

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *more: Any, **named: Any
    ) -> Any:
        """The components' values as the handlers take them. Raises gr.Error."""
        takes, given = len(block_fn.inputs), len(inputs)
        if given < takes:
            raise _refusal(f"{block_fn.api_name} takes {takes} values, but got {given}; send all.")
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


def _refusal(why: str) -> GradioError:
    return gr.Error(why, print_exception=False)


def no_such_endpoint(_: Request, __: Exception) -> Response:
    """The answer to a call of an endpoint that is not there."""
    why = "There is no endpoint of this name; GET /gradio_api/info lists those that there are."
    return JSONResponse({"detail": why}, status_code=404)

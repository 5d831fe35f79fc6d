"""What a chat program gets: models, answers whole or in chunks, and refusals, in OpenAI's form."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from time import time
from typing import Any
from uuid import uuid4

from starlette.responses import JSONResponse

from app.answering.answers import Answer
from app.errors import (
    Busy,
    InvalidArgument,
    InvalidQuestion,
    NotReady,
    StoreFailed,
    UnknownAccount,
    UnknownDocument,
    UnknownTag,
)
from app.programs.citations import with_pages
from app.programs.openai.bodies import Wish
from app.programs.questions import Question, StoppedEarly
from app.storage.store import Document
from memory_models.errors import InvalidRequest

OWNER = "bookstate"
_BUSY_SECONDS = 5  # after which a program may ask again
_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (UnknownAccount, 401, "authentication_error", "invalid_api_key"),
    (UnknownDocument, 404, "invalid_request_error", "model_not_found"),
    (UnknownTag, 404, "invalid_request_error", "model_not_found"),
    (NotReady, 404, "invalid_request_error", "model_not_found"),
    (Busy, 429, "rate_limit_error", "rate_limit_exceeded"),
    (StoppedEarly, 503, "server_error", "stopped"),
    (StoreFailed, 503, "server_error", "storage"),
    (InvalidQuestion, 400, "invalid_request_error", "invalid_question"),
    (InvalidRequest, 400, "invalid_request_error", "invalid_question"),
    (InvalidArgument, 400, "invalid_request_error", "invalid_value"),
)


def model_json(document: Document) -> dict[str, Any]:
    """A document that can be asked, as a model."""
    return {
        "id": document.id,
        "object": "model",
        "created": int(datetime.fromisoformat(document.created_at).timestamp()),
        "owned_by": OWNER,
        "name": document.title,
    }


def error_json(why: str, kind: str, code: str) -> dict[str, Any]:
    """A refusal in OpenAI's form."""
    return {"error": {"message": why, "type": kind, "param": None, "code": code}}


def refusal(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status and the body for an error with a message for people."""
    why = " ".join(str(error).split())
    for kind, status, name, code in _KINDS:
        if isinstance(error, kind):
            return status, error_json(why, name, code)
    return 500, error_json(why, "server_error", "server_error")


def refused(error: Exception) -> JSONResponse:
    """The response for such an error."""
    status, body = refusal(error)
    headers = {"Retry-After": str(_BUSY_SECONDS)} if status in (429, 503) else {}
    return JSONResponse(body, status, headers=headers)


@dataclass(frozen=True, slots=True)
class Replying:
    """The reply to one request: all its chunks have the same id and time."""

    document: Document
    wish: Wish
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time()))

    def whole(self, work: Question, answer: Answer) -> dict[str, Any]:
        """The reply at once."""
        message = {"role": "assistant", "content": with_pages(answer), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(work)}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": usage(work),
            **self._own(work, answer),
        }

    def chunk(self, delta: dict[str, Any]) -> dict[str, Any]:
        """A piece of the reply."""
        return self._chunk([_choice(delta, None)])

    def last(self, work: Question, answer: Answer) -> dict[str, Any]:
        """The chunk that says that the text is whole, and where it is from."""
        return self._chunk([_choice({}, _reason(work))]) | self._own(work, answer)

    def used(self, work: Question) -> dict[str, Any]:
        """The chunk behind the last one, with the number of tokens."""
        return self._chunk([]) | {"usage": usage(work)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        head = self._head("chat.completion.chunk") | {"choices": choices}
        return head | {"usage": None} if self.wish.usage else head

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.document.id,
            "system_fingerprint": None,
        }

    def _own(self, work: Question, answer: Answer) -> dict[str, Any]:
        """Our own fields: the answer as `ask --json` prints it, and notes on the request."""
        notes = [*([work.note] if work.note else []), *self.wish.notes]
        return {"bookstate": answer.to_dict(), "bookstate_notes": notes}


def usage(work: Question) -> dict[str, Any]:
    """How many tokens were asked and answered."""
    asked = work.asked_tokens()
    return {
        "prompt_tokens": asked,
        "completion_tokens": work.tokens,
        "total_tokens": asked + work.tokens,
    }


def _choice(delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _reason(work: Question) -> str:
    return "length" if work.cut else "stop"

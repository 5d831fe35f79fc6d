"""Shelves as models: `shelf:TAG` asks the documents of a tag, the likeliest of them first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from time import time
from typing import Any
from uuid import uuid4

from app.errors import InvalidArgument
from app.library import Library, Stopped
from app.programs.callers import Caller
from app.programs.mcp.shelf import as_text
from app.programs.openai.bodies import Wish
from app.programs.openai.replies import OWNER
from app.programs.questions import AnswerFailed, StoppedEarly
from app.shelf.asking import ShelfAnswer
from app.shelf.documents import documents_of_tag
from app.shelf.in_line import ShelfFailed, Shelving
from app.state_reader import Scope

PREFIX = "shelf:"  # of a model's name
_ALONE = "A shelf is asked question by question: what was said before does not count."


def is_shelf(model: str) -> bool:
    """True for the name of a shelf, and not of a document."""
    return model.startswith(PREFIX)


def shelf_models(library: Library) -> list[dict[str, Any]]:
    """The shelves that can be asked, as models."""
    ready = {d.id: d for d in library.list() if d.ready}
    found = []
    for tag, documents in library.store.every_tag().items():
        own = [ready[each] for each in documents if each in ready]
        if own:
            newest = max(datetime.fromisoformat(d.created_at).timestamp() for d in own)
            found.append(
                {
                    "id": f"{PREFIX}{tag}",
                    "object": "model",
                    "created": int(newest),
                    "owned_by": OWNER,
                    "name": f"Shelf: {tag}",
                }
            )
    return found


def shelf_model(library: Library, model: str) -> dict[str, Any]:
    """One of them. Raises UnknownTag."""
    documents_of_tag(library, model.removeprefix(PREFIX))
    wanted = model.casefold()
    return next(each for each in shelf_models(library) if each["id"].casefold() == wanted)


@dataclass(frozen=True, slots=True)
class ShelfReply:
    """The reply of a shelf; all its chunks have the same id and time.

    Which answer comes first is known at the end, so that a stream has one piece of text.
    """

    caller: Caller
    wish: Wish
    shelving: Shelving
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid4().hex}")
    created: int = field(default_factory=lambda: int(time()))

    @classmethod
    def to(cls, caller: Caller, wish: Wish) -> ShelfReply:
        """A reply that is still to be made. Raises UnknownTag, InvalidArgument."""
        if wish.scope != Scope():
            raise InvalidArgument(
                "A shelf cannot be asked about a chapter; ask the document, or leave 'bookstate' "
                "without chapters."
            )
        documents = documents_of_tag(caller.library, wish.model.removeprefix(PREFIX))
        shelving = Shelving(
            caller.library,
            caller.line,
            documents,
            wish.question,
            caller.visitor,
            whole_book=wish.whole_book,
        )
        return cls(caller, wish, shelving)

    async def answer(self) -> ShelfAnswer:
        """What the shelf answers. Raises REFUSALS and AnswerFailed."""
        try:
            return await self.shelving.all()
        except Stopped as error:
            raise StoppedEarly("The answer was stopped on the server; ask again.") from error
        except ShelfFailed as error:
            raise AnswerFailed from error

    def whole(self, found: ShelfAnswer) -> dict[str, Any]:
        """The reply at once."""
        message = {"role": "assistant", "content": as_text(found), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": self._usage(found),
            **self._own(found),
        }

    def chunks(self, found: ShelfAnswer) -> list[dict[str, Any]]:
        """The reply as a stream: the text, where it is from, and what it cost if asked for."""
        made = [
            self._chunk({"role": "assistant", "content": as_text(found)}, None),
            self._chunk({}, "stop") | self._own(found),
        ]
        if not self.wish.usage:
            return made
        last = {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(found)}
        return [*({**chunk, "usage": None} for chunk in made), last]

    def _chunk(self, delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.wish.model,
            "system_fingerprint": None,
        }

    def _own(self, found: ShelfAnswer) -> dict[str, Any]:
        """Our own fields: the answers as `ask-shelf --json` prints them, and notes."""
        alone = [_ALONE] if self.wish.after else []
        return {"bookstate": found.to_dict(), "bookstate_notes": [*alone, *self.wish.notes]}

    def _usage(self, found: ShelfAnswer) -> dict[str, int]:
        count = self.caller.library.question_tokens
        asked = count(self.wish.question) * max(1, len(found.answers))
        said = sum(count(each.answer.answer) for each in found.answers)
        return {
            "prompt_tokens": asked,
            "completion_tokens": said,
            "total_tokens": asked + said,
        }

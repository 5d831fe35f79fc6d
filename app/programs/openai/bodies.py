"""What a chat program sends: checked, and read as one question about one document.

Programs send much that has no meaning here. What would change the form of the answer is refused in
a sentence; what would only change how it is worded has no effect, and the reply says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.answering.conversation import Turn, is_follow_up
from app.errors import InvalidArgument
from app.programs.citations import without_pages
from app.state_reader import Scope

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
INSTRUCTING = frozenset({"system", "developer"})
# Values that say what bookstate does anyway: the likeliest words, once.
_SAME: dict[str, Any] = {
    "temperature": 0,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "parallel_tool_calls": True,
}
_WITHOUT_EFFECT_HERE = frozenset({"metadata", "seed", "service_tier", "store"})
_MOST_NAMED = 20
_LONGEST_NAME = 40


class _StreamOptions(BaseModel):
    include_usage: bool | None = None


class _Part(BaseModel):
    """Which part of the document is asked about; bookstate's own field."""

    chapter: int | None = Field(default=None, ge=1)
    as_of_chapter: int | None = Field(default=None, ge=1)
    whole_book: bool = False


class _Message(BaseModel):
    role: str
    content: Any = None


class _Body(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[_Message] = Field(min_length=1)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    user: str | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    response_format: dict[str, Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    function_call: str | dict[str, Any] | None = None
    bookstate: _Part | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a chat program wants."""

    model: str
    question: str
    after: Turn | None  # the turn that the question follows
    scope: Scope
    whole_book: bool  # what the document's reader has not reached counts, too
    stream: bool
    usage: bool  # is to come at the end of a stream, too
    most_tokens: int | None
    user: str  # who asks, as the program says
    notes: list[str]  # what the program must know about its request


def read_body(body: bytes) -> Wish:
    """A request's body as a wish. Raises InvalidArgument."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(
            "The body is not JSON; send an object with model, messages."
        ) from error
    if not isinstance(given, dict):
        raise InvalidArgument("The body must be a JSON object with model and messages.")
    try:
        asked = _Body.model_validate(given)
    except ValidationError as error:
        raise InvalidArgument(_sentence(error)) from error
    _check_form(asked)
    said = [(message.role, _text(number, message)) for number, message in enumerate(asked.messages)]
    question, after = _question(said)
    part = asked.bookstate or _Part()
    limits = [m for m in (asked.max_tokens, asked.max_completion_tokens) if m is not None]
    return Wish(
        model=asked.model,
        question=question,
        after=after,
        scope=Scope(part.chapter, part.as_of_chapter),
        whole_book=part.whole_book,
        stream=bool(asked.stream),
        usage=bool(asked.stream_options and asked.stream_options.include_usage),
        most_tokens=min(limits, default=None),
        user=asked.user or "",
        notes=_notes(asked, said, after),
    )


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"{name!r} cannot be used: {first['msg'][:1].lower()}{first['msg'][1:]}."


def _check_form(asked: _Body) -> None:
    """Raise InvalidArgument for an answer of a form that there is not."""
    if asked.n not in (None, 1):
        raise InvalidArgument("'n' must be 1: a document gives one answer to a question.")
    if asked.logprobs:
        raise InvalidArgument("'logprobs' are not given; read the confidence of the answer.")
    if set(asked.modalities or ()) - {"text"}:
        raise InvalidArgument("'modalities' must be text alone: a document answers in text.")
    form = (asked.response_format or {}).get("type", "text")
    if form != "text":
        raise InvalidArgument(
            "'response_format' must be text: a document answers in its own words; the field "
            "'bookstate' of the reply has the answer as JSON."
        )
    for name in ("tool_choice", "function_call"):
        if getattr(asked, name) not in (None, "none", "auto"):
            raise InvalidArgument(f"{name!r} cannot force a call: a document calls no tools.")


def _text(number: int, message: _Message) -> str:
    """A message's text. Raises InvalidArgument for what is not text in the user's messages."""
    where, role, content = f"messages.{number}", message.role, message.content
    if role not in ROLES:
        raise InvalidArgument(f"'{where}.role' must be one of {', '.join(sorted(ROLES))}.")
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InvalidArgument(f"'{where}.content' must be text, or a list of parts of text.")
    return "\n".join(filter(None, (_part(f"{where}.content", role, part) for part in content)))


def _part(where: str, role: str, part: Any) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "input_text") and isinstance(part.get("text"), str):
        return str(part["text"])
    if role != "user":
        return ""
    if kind in ("image_url", "input_image", "image"):
        raise InvalidArgument("Pictures cannot be asked about; send the question as text.")
    if kind in ("input_audio", "audio", "file", "input_file", "video_url"):
        raise InvalidArgument(
            "Recordings and files cannot be asked about; send the question as text, and add files "
            "to the library."
        )
    raise InvalidArgument(f"'{where}' has a part that is not text; send parts of the type text.")


def _question(said: list[tuple[str, str]]) -> tuple[str, Turn | None]:
    """The last message of the user, and the answered one before it where it is a follow-up."""
    asked = [number for number, (role, text) in enumerate(said) if role == "user" and text.strip()]
    if not asked:
        raise InvalidArgument("There is no question: no message of the role user has text.")
    last = asked[-1]
    question = said[last][1].strip()
    if not is_follow_up(question):
        return question, None
    for before in reversed(asked[:-1]):
        answers = [text for role, text in said[before + 1 : last] if role == "assistant" and text]
        if answers:
            return question, Turn(said[before][1].strip(), without_pages(answers[0]))
    return question, None


def _notes(asked: _Body, said: list[tuple[str, str]], after: Turn | None) -> list[str]:
    notes = []
    if after is not None:
        notes.append(f"Answered as a question that follows: {after.question}")
    if any(role in INSTRUCTING and text.strip() for role, text in said):
        notes.append("Messages of the roles system and developer have no effect.")
    given = asked.model_extra or {}
    idle = [
        name[:_LONGEST_NAME]
        for name, value in given.items()
        if name not in _WITHOUT_EFFECT_HERE
        and value not in (None, [], {}, "")
        and not (name in _SAME and value == _SAME[name])
    ]
    if idle:
        notes.append(f"These have no effect: {', '.join(sorted(idle)[:_MOST_NAMED])}.")
    return notes

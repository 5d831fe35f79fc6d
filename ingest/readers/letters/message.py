"""One message of e-mail: its headers, its text, and the names of what is attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header
from email.message import Message

from ingest.book import DamagedDocument, TooLarge
from ingest.readers.charset import decode
from ingest.readers.compose import clean
from ingest.readers.html import declared_charset
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse

# What the standard library raises for malformed messages.
FAILURES = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip
_FIELD = re.compile(rb"(?:[!-9;-~]{1,76}:[ \t]|[!-9;-~]{1,76}:\r?\n[ \t])")
_LETTER = re.compile(
    rb"^(?:from|date|subject|message-id|mime-version|received|return-path):", re.I | re.M
)
_LONGEST_HEADER = 4_000
_MOST_PARTS = 2_000


def starts_as_message(head: bytes) -> bool:
    """Whether bytes start with the headers of a message: several that messages have."""
    top = head.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    if not _FIELD.match(top):
        return False
    return len({found.lower() for found in _LETTER.findall(top)}) >= 3


def parsed(data: bytes) -> Message:
    """A message parsed. Raises DamagedDocument."""
    try:
        return message_from_bytes(data)
    except FAILURES as error:
        raise DamagedDocument(
            "The e-mail is damaged: its parts cannot be told apart; save it again."
        ) from error


def header(message: Message, name: str) -> str:
    """A header as one line of text, or ""."""
    raw = str(message.get(name, ""))[:_LONGEST_HEADER]
    try:
        parts = [
            part.decode(charset or "latin-1", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(raw)
        ]
        raw = "".join(parts)
    except FAILURES:
        pass  # shown as it stands in the file
    return " ".join(clean(raw).split())


def leaves(message: Message) -> Iterator[Message]:
    """The parts of a message that hold something; of alternatives only the best to read.

    Raises TooLarge for more than 2,000.
    """
    waiting: list[Message] = [message]
    seen = 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > _MOST_PARTS:
            raise TooLarge(
                f"The message has more than {_MOST_PARTS:,} parts, which is the limit; save it as"
                " plain text."
            )
        inside = part.get_payload()
        if not isinstance(inside, list):
            yield part
            continue
        children = [child for child in inside if isinstance(child, Message)]
        if part.get_content_subtype() == "alternative":
            plain = [c for c in children if c.get_content_type() == "text/plain" and body_of(c)]
            children = plain[:1] or children[-1:]
        waiting[:0] = children


def body_of(part: Message) -> str:
    """The text of a part that is text, or ""."""
    if part.get_content_maintype() != "text":
        return ""
    try:
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset()
    except FAILURES:
        return ""
    data = payload if isinstance(payload, bytes) else b""
    if not data.strip():
        return ""
    if part.get_content_subtype() == "html":
        flow = MarkupText()
        flow.add(parse(decode(data, charset or declared_charset(data))))
        return flow.text().strip()
    text = clean(decode(data, charset)).strip("\n").rstrip()
    return _unflowed(text) if str(part.get_param("format", "")).lower() == "flowed" else text


def attached(part: Message) -> str | None:
    """The name of an attachment, or None for a part that is the message's text."""
    name = part.get_filename()
    if part.get_content_disposition() == "attachment" or name:
        return " ".join(clean(str(name or part.get_content_type())).split())[:200]
    return None if part.get_content_maintype() == "text" else part.get_content_type()


def _unflowed(text: str) -> str:
    """A text whose lines were broken for sending, a space at their ends, with whole paragraphs."""
    lines: list[str] = []
    for line in text.split("\n"):
        joins = bool(lines) and lines[-1].endswith(" ") and not line.startswith((">", " "))
        if joins and lines[-1] != "-- ":
            lines[-1] += line
        else:
            lines.append(line)
    return "\n".join(lines)

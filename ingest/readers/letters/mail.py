"""E-mail (.eml, .mbox): each message is a chapter, quoted replies are kept once."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.book import Book, TooLarge
from ingest.chapters import Mark
from ingest.readers.compose import Draft, compose, title_from
from ingest.readers.letters.message import (
    FAILURES,
    attached,
    body_of,
    header,
    leaves,
    parsed,
    starts_as_message,
)

_FROM = re.compile(rb"^From [^\n]{1,200}\d{2}:\d{2}[^\n]{0,60}\d{4}[^\n]{0,20}\r?$", re.MULTILINE)
_QUOTED = re.compile(r"\s{0,3}>")
_MOST_MESSAGES = 10_000
_MOST_WARNINGS = 20


def starts_as_mbox(head: bytes) -> bool:
    """Whether bytes start as a file of many messages does."""
    return bool(_FROM.match(head)) and starts_as_message(head.partition(b"\n")[2])


def read_mail(data: bytes, name: str) -> Book:
    """A message, or a file of many, as a Book. Raises DamagedDocument, TooLarge, EmptyDocument."""
    parts: list[str] = []
    marks: list[Mark] = []
    names: list[str] = []
    subjects: list[str] = []
    said: set[int] = set()
    length = 0
    sources = list(_messages(data))
    for source in sources:
        subject, text, more = _read(source, said, len(sources) > 1)
        gap = "\n\n" if parts else ""
        marks.append(Mark(length + len(gap), subject or "(no subject)"))
        parts += [gap, text]
        length += len(gap) + len(text)
        names += more
        subjects.append(subject)
    warnings = [f"The attachment {each} was not read." for each in names[:_MOST_WARNINGS]]
    if len(names) > _MOST_WARNINGS:
        warnings.append(f"{len(names) - _MOST_WARNINGS} more attachments were not read.")
    title = title_from(name, subjects[0] if len(subjects) == 1 else None)
    text = "".join(parts)
    return compose(Draft("mail", text, title, marks=marks, warnings=warnings))


def _messages(data: bytes) -> Iterator[bytes]:
    """The messages of a file; lines that start with "From " part those of many."""
    data = data.lstrip(b"\r\n")
    starts = [m for m in _FROM.finditer(data) if _is_start(data, m.start())]
    if not starts or starts[0].start():
        yield data
        return
    if len(starts) > _MOST_MESSAGES:
        raise TooLarge(
            f"The file has {len(starts):,} messages and the limit is {_MOST_MESSAGES:,}; split it"
            " into smaller files."
        )
    ends = [match.start() for match in starts[1:]] + [len(data)]
    for match, end in zip(starts, ends, strict=True):
        yield data[match.end() : end].lstrip(b"\r\n")


def _is_start(data: bytes, at: int) -> bool:
    return (
        at == 0
        or data[max(0, at - 2) : at] == b"\n\n"
        or data[max(0, at - 4) : at] == (b"\r\n\r\n")
    )


def _read(source: bytes, said: set[int], many: bool) -> tuple[str, str, list[str]]:
    """Subject, text and the names of the attachments of a message."""
    message = parsed(source)
    lines = [
        f"{field}: {value}"
        for field in ("From", "To", "Cc", "Date", "Subject")
        if (value := header(message, field))
    ]
    bodies: list[str] = []
    names: list[str] = []
    for part in leaves(message):
        try:
            name = attached(part)
        except FAILURES:
            name = "of an unknown kind"
        if name is not None:
            names.append(name)
        elif body := body_of(part):
            bodies.append(_once(body, said) if many else body)
    text = "\n\n".join(["\n".join(lines), *filter(None, bodies)])
    return header(message, "Subject"), text, names


def _once(body: str, said: set[int]) -> str:
    """A text without the quoted lines that an earlier message of the file has."""
    kept: list[str] = []
    own: list[int] = []
    for line in body.split("\n"):
        bare = " ".join(line.lstrip("> \t").split())
        if bare and _QUOTED.match(line) and hash(bare) in said:
            continue
        own.append(hash(bare))
        kept.append(line)
    said.update(own)
    return "\n".join(kept).strip("\n")

"""What is taken along as a file: Markdown, Word or JSON."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from app.errors import InvalidSetting
from app.exchange.parts import replacing
from app.taking.markdown import markdown
from app.taking.taken import Taken
from app.taking.word import word

KINDS = {
    "md": "text/markdown",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "json": "application/json",
}
"""Endings of files, and what browsers call them."""


def written(taken: Taken, kind: str) -> bytes:
    """The bytes of a file of this kind, one of `KINDS`."""
    if kind == "docx":
        return word(taken)
    if kind == "json":
        return (json.dumps(asdict(taken), ensure_ascii=False, indent=1) + "\n").encode()
    return markdown(taken).encode()


def kind_of(out: Path) -> str:
    """What kind of file a name asks for. Raises InvalidSetting."""
    kind = out.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise InvalidSetting(
            f"{out.name!r:.200} does not say what to write; end its name with .md, .docx or .json."
        )
    return kind


def write(taken: Taken, out: Path, home: Path) -> None:
    """Write a file of the kind that its name ends with; all of it or nothing."""
    made = written(taken, kind_of(out))
    with replacing(out, home) as file:
        file.write(made)


def file_name(taken: Taken, kind: str) -> str:
    """A name for the file, from the title: "Emma - notebook.docx"."""
    title = re.sub(r"[^\w' -]+", " ", taken.title)
    return f"{' '.join(title.split())[:60].strip() or 'book'} - {taken.what.lower()}.{kind}"

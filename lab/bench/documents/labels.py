"""The chapters that PDFs have according to a person who looked at them: `longer_pdfs.jsonl`."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from app.errors import InvalidSetting
from ingest.book import Book
from ingest.chapters import FRONT_MATTER

LABELS = Path(__file__).with_name("longer_pdfs.jsonl")
_LETTERS = re.compile(r"[^\W_]+")
_ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class Label:
    """A file by its name and hash, and the titles of its chapters in order.

    Other headings of its own that may be chapters, such as those of parts or of the sections of a
    very long chapter, are in ``also``. No chapters: the document has none of its own.
    """

    file: str
    repository: str
    sha256: str
    chapters: tuple[str, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapters:
    """How a book's chapters agree with a label."""

    invented: tuple[str, ...]
    missing: tuple[str, ...]
    labelled: int


def read_labels(path: Path) -> dict[str, Label]:
    """Labels by the hash of their files. Raises InvalidSetting for a file that has another form."""
    found = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            raw = json.loads(line)
            chapters, also = (tuple(map(str, raw.pop(name, ()))) for name in ("chapters", "also"))
            label = Label(**raw, chapters=chapters, also=also)
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidSetting(f"{path.name}, line {number}, is no label ({error}).") from error
        found[label.sha256] = label
    return found


def compare(book: Book, label: Label) -> Chapters:
    """Which chapters of a book are not in its label, and which of the label's it lacks.

    What is set apart as front or back matter, such as a table of contents, is no chapter.
    """
    named = [c for c in book.chapters if not c.made_up and c.title != FRONT_MATTER]
    if len(book.chapters) == 1:
        named = []  # a book of one chapter has the book's title
    own = [c.title for c in named]
    known = [*label.chapters, *label.also]
    invented = [
        c.title
        for c in named
        if c.matter == "main" and not any(_alike(c.title, name) for name in known)
    ]
    missing = [name for name in label.chapters if not any(_alike(t, name) for t in own)]
    return Chapters(tuple(invented), tuple(missing), len(label.chapters))


def _alike(title: str, name: str) -> bool:
    """Whether two titles are the same but for numbers, spaces, case and a few letters.

    A title of two parts ("Part 1: Beginnings") is the same as each of them.
    """
    one, other = _form(title), _form(name)
    if not one or not other:
        return one == other
    short, long = sorted((one, other), key=len)
    if short in long and (len(short) >= 0.5 * len(long) or ": " in title or ". " in title):
        return len(short) > 2 or short == long
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _form(title: str) -> str:
    words = _LETTERS.findall(unicodedata.normalize("NFKC", title).casefold())
    without = [w for w in words if not w.isdecimal() and not re.fullmatch(r"[ivxlc]+|\d+\w", w)]
    return "".join(without or words)

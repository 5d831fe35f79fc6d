"""Make a Book from a reader's draft, so that chapters and pages partition its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from ingest.book import Book, EmptyDocument, Page
from ingest.chapters import Mark
from ingest.cuts import even_cuts
from ingest.division import divide
from ingest.matter import Part

PAGE_CHARACTERS = 1_800  # of a standard page
_LONGEST_NAME = 300  # characters of a title or an author

# Control characters, and marks that only affect line breaks, byte order or how letters are shown:
# the text stays in the order in which it is read.
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\u0080-\u0084\u0086-\u009f\u00ad\u200b\u200e\u200f"
    "\u202a-\u202e\u2066-\u2069\ufeff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_NEWLINES = re.compile("\r\n|[\r\x0b\u0085\u2028\u2029]")

_WORDLIKE = re.compile(r"\w")
_DEFAULT_TITLE = re.compile(r"(untitled|unknown|no title|document ?\d*+$|microsoft word - |title$)")
_FILE_NAME = re.compile(r"\.(docx?|pdf|indd|tex|qxd|dvi|rtf|odt|pages|fm|pub|x?html?)$")


@dataclass(frozen=True, slots=True)
class PageStart:
    """A page's start in the text, its physical number (from 1) and its printed label."""

    start: int
    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a reader found in a file; marks and pages are offsets into ``text``, in any order.

    ``pages`` is empty if the document has no pages of its own; ``warnings`` and ``bare`` are as in
    `Book`.
    ``parts`` are those whose matter the format states; without any they are looked for in the text.
    ``look``: whether headings may be looked for in the text where ``marks`` give no chapters.
    """

    format: str
    text: str
    title: str
    author: str = ""
    marks: Sequence[Mark] = ()
    pages: Sequence[PageStart] = ()
    warnings: Sequence[str] = ()
    parts: Sequence[Part] = ()
    look: bool = True
    bare: Sequence[int] = ()


def clean(text: str) -> str:
    """``text`` with newlines as \\n, without invisible characters and lone surrogates."""
    return _DROPPED.sub("", _SURROGATES.sub("\ufffd", _NEWLINES.sub("\n", text)))


def title_from(name: str, *candidates: str | None) -> str:
    """The first candidate that is a real title, or else the file's name without its suffix."""
    for candidate in candidates:
        line = " ".join(clean(candidate or "").split())
        if _WORDLIKE.search(line) and not _is_placeholder(line):
            return line[:_LONGEST_NAME]
    stem = PurePath(name.replace("\\", "/")).stem.replace("_", " ")
    return " ".join(clean(stem).split())[:_LONGEST_NAME] or "Untitled"


def only_heading(marks: Sequence[Mark]) -> str | None:
    """The heading of level 1 if there is exactly one; it is the document's title. Else None."""
    titles = [mark.title for mark in marks if mark.level == 1]
    return titles[0] if len(titles) == 1 else None


def compose(draft: Draft) -> Book:
    """The Book of a draft. Raises EmptyDocument for a text that is only white space."""
    text = draft.text
    if not text.strip():
        raise EmptyDocument(
            "The document contains only white space and no text; check that it is the right file."
        )
    own = _own_pages(text, draft.pages)
    return Book(
        title=draft.title,
        text=text,
        chapters=divide(text, draft.marks, draft.title, draft.parts, look=draft.look),
        pages=own or _standard_pages(text),
        format=draft.format,
        author=" ".join(clean(draft.author).split())[:_LONGEST_NAME],
        paged=bool(own),
        warnings=tuple(draft.warnings),
        bare=tuple(draft.bare),
    )


def _own_pages(text: str, starts: Sequence[PageStart]) -> tuple[Page, ...]:
    """The document's own pages, without blank ones, which start where the next page does."""
    at_place = {mark.start: mark for mark in sorted(starts, key=lambda mark: mark.number)}
    ordered = [at_place[start] for start in sorted(at_place) if start < len(text)]
    if not ordered:
        return ()
    edges = [0, *(mark.start for mark in ordered[1:]), len(text)]
    labels = [" ".join(clean(mark.label).split())[:40] or str(mark.number) for mark in ordered]
    return tuple(
        Page(mark.number, label, a, b)
        for mark, label, (a, b) in zip(ordered, labels, pairwise(edges), strict=True)
    )


def _standard_pages(text: str) -> tuple[Page, ...]:
    """Pages of about 1,800 characters, for a document without its own."""
    edges = [0, *even_cuts(text, PAGE_CHARACTERS), len(text)]
    return tuple(Page(n, str(n), a, b) for n, (a, b) in enumerate(pairwise(edges), 1))


def _is_placeholder(title: str) -> bool:
    """Whether a title in the metadata is only a program's default, a path or a file's name."""
    lowered = title.casefold()
    return bool(
        _DEFAULT_TITLE.match(lowered)
        or _FILE_NAME.search(lowered)
        or title.count("/") + title.count("\\") > 1
    )

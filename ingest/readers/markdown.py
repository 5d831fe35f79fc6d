"""Markdown files: the text is not changed; headings outside code fences start chapters."""

from __future__ import annotations

import re
from bisect import bisect_right

from ingest.book import Book
from ingest.chapters import Mark
from ingest.paragraphs import hidden_parts
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, clean, compose, only_heading, title_from

_ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_SETEXT = re.compile(r" {0,3}(=++|-++)[ \t]*+$")
_FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)(.*)$")
# A line over "---" that starts like this is a list, quote, table or code, not a setext heading.
_NOT_TITLE = re.compile(r"\s*(?:[-*+>|]|\d++[.)]|#{1,6}\s| {4}|\t)")
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_INLINE = re.compile(r"!?\[([^\[\]]*+)\]\([^)]{0,300}+\)|[*_`]{1,3}")
_FIELD = re.compile(r"^(\w++)[ \t]*+:[ \t]*+(\S.*)$", re.MULTILINE)
_LONGEST_TITLE = 1_000


def read_markdown(data: bytes, name: str) -> Book:
    """A Markdown file as a Book, its markup unchanged. Raises EmptyDocument, UnsupportedFormat."""
    text = clean(decode(data).replace("\f", "\n"))
    front = _FRONT.match(text)
    marks = _headings(text, front.end() if front else 0)
    meta = front[1] if front else ""
    title = title_from(name, _field(meta, "title"), only_heading(marks))
    return compose(Draft("markdown", text, title, _field(meta, "author"), marks=marks))


def _headings(text: str, start: int) -> list[Mark]:
    """Marks at the ATX and setext headings after ``start``, the end of the front matter."""
    marks: list[Mark] = []
    fence = ""
    offset, before_at = start, start
    before: list[str] = []  # lines of the paragraph that a setext heading may end
    for line in text[start:].splitlines(keepends=True):
        bare = line.rstrip("\n")
        ticks = _FENCE.match(bare)
        if fence:
            closing = ticks and ticks[1].startswith(fence) and not ticks[2].strip()
            fence = "" if closing else fence
            bare = ""
        elif ticks and not (ticks[1][0] == "`" and "`" in ticks[2]):
            fence, bare = ticks[1], ""
        elif atx := _ATX.match(bare):
            marks.append(Mark(offset, _plain(_without_closing(bare[atx.end() :])), len(atx[1])))
            bare = ""
        elif before and (line_under := _SETEXT.match(bare)):
            if not _NOT_TITLE.match(before[0]):
                title = _plain(" ".join(before))
                marks.append(Mark(before_at, title, 1 if "=" in line_under[1] else 2))
            bare = ""
        # The title of a setext heading may have several lines; the heading starts at the first.
        if not bare.strip():
            before = []
        elif before:
            before.append(bare)
        else:
            before, before_at = [bare], offset
        offset += len(line)
    hidden = hidden_parts(text)
    starts = [begin for begin, _ in hidden]

    def shown(mark: Mark) -> bool:
        at = bisect_right(starts, mark.start)
        return not at or mark.start >= hidden[at - 1][1]

    return [mark for mark in marks if mark.title and shown(mark)]


def _plain(title: str) -> str:
    """A heading without inline markup."""
    return _INLINE.sub(lambda match: match[1] or "", title[:_LONGEST_TITLE]).strip()


def _without_closing(title: str) -> str:
    """The text of an ATX heading without the number signs that may close it."""
    text = title.strip(" \t")
    bare = text.rstrip("#")
    return bare.rstrip(" \t") if bare.endswith((" ", "\t")) else text


def _field(meta: str, key: str) -> str:
    """The value of a key in the front matter, or ""."""
    for match in _FIELD.finditer(meta):
        if match[1].lower() == key:
            return match[2].strip().strip("\"'")
    return ""

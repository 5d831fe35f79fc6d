"""Markdown files: the text is not changed; headings outside code fences start chapters."""

from __future__ import annotations

import re

from ingest.book import Book
from ingest.chapters import Mark
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, clean, compose, only_heading, title_from

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
# A line over "---" that starts like this is a list, quote, table or code, not a setext heading.
_NOT_TITLE = re.compile(r"\s*(?:[-*+>|]|\d+[.)]|#{1,6}\s| {4}|\t)")
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_INLINE = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}")


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
    offset, before, before_at = start, "", start
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
            marks.append(Mark(offset, _plain(atx[2] or ""), len(atx[1])))
            bare = ""
        elif before.strip() and (line_under := _SETEXT.match(bare)):
            if not _NOT_TITLE.match(before):
                marks.append(Mark(before_at, _plain(before), 1 if "=" in line_under[1] else 2))
            bare = ""
        # The title of a setext heading may have several lines; the heading starts at the first.
        if bare.strip() and before.strip():
            before += " " + bare
        else:
            before, before_at = bare, offset
        offset += len(line)
    return [mark for mark in marks if mark.title]


def _plain(title: str) -> str:
    """A heading without inline markup."""
    return _INLINE.sub(lambda match: match[1] or "", title).strip()


def _field(meta: str, key: str) -> str:
    """The value of a key in the front matter, or ""."""
    match = re.search(rf"^{key}[ \t]*:[ \t]*(.+)$", meta, re.MULTILINE | re.IGNORECASE)
    return match[1].strip().strip("\"'") if match else ""

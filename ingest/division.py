"""Chapters of a document, with what a publisher put around the work set apart from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.book import Chapter
from ingest.chapters import Mark, chapters_from_marks
from ingest.matter import Part, find_matter

_FRONT = re.compile(
    r"\W*(?:(?:the )?(?:table of )?contents|title ?page|half[- ]?title(?: page)?|cover"
    r"|copyright(?: page| notice)?|imprint|list of (?:illustrations|figures|tables|maps|plates)"
    r"|inhalt(?:sverzeichnis)?|impressum|titelblatt|table des matières|sommaire|índice|indice"
    r"|créditos|inhoud(?:sopgave)?|colofon|содержание|оглавление|目次|目录|目錄"
    r"|版权(?:信息|页)?"
    r"|차례|목차"
    r"|transcriber['’]?s['’]? notes?)\W*$",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\W*(?:index|colophon|uncopyright|copyright|imprint|bibliography|works cited|about the author"
    r"|also by .{1,60}|transcriber['’]?s['’]? notes?|(?:table of )?contents|table des matières"
    r"|(?:list of )?illustrations|índice|indice|register|sachregister|содержание|оглавление"
    r"|奥付|索引"
    r"|the full project gutenberg licen[sc]e|(?:full )?project gutenberg licen[sc]e|endnotes"
    r"|footnotes)\W*$",
    re.IGNORECASE,
)


def divide(
    text: str,
    marks: Sequence[Mark],
    title: str,
    given: Sequence[Part] = (),
    *,
    look: bool = True,
) -> tuple[Chapter, ...]:
    """Chapters that partition ``text``; ``given`` are parts whose matter the format states.

    Chapters are looked for in what lies between the parts at the beginning and at the end; ``look``
    is as in `chapters_from_marks`.
    """
    parts = _apart(given or find_matter(text), len(text))
    leading = [part for n, part in enumerate(parts) if part.start <= _filled(text, parts[:n])]
    start = max((part.end for part in leading), default=0)
    trailing = _trailing(text, [part for part in parts if part.start >= start])
    end = min((part.start for part in trailing), default=len(text))
    if not text[start:end].strip():
        return chapters_from_marks(text, marks, title, look=look)
    inner = [replace(m, start=m.start - start) for m in marks if start <= m.start < end]
    found = [
        replace(chapter, start=chapter.start + start, end=chapter.end + start)
        for chapter in chapters_from_marks(text[start:end], inner, title, look=look)
    ]
    found = [_by_title(chapter, start, end) for chapter in found]
    for part in parts:
        if start <= part.start and part.end <= end:
            found = _set_in(found, part)
    front = _as_chapters(text, leading, 0, start)
    back = _as_chapters(text, trailing, end, len(text))
    return (*front, *found, *back)


def _apart(parts: Sequence[Part], length: int) -> list[Part]:
    """The parts that lie in the text and do not overlap an earlier one, in order."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: part.start):
        begin = max(part.start, kept[-1].end if kept else 0)
        end = min(part.end, length)
        if begin < end:
            kept.append(replace(part, start=begin, end=end))
    return kept


def _filled(text: str, parts: Sequence[Part]) -> int:
    """How far ``parts`` cover the text from its start, white space between them included."""
    at = 0
    for part in parts:
        if text[at : part.start].strip():
            break
        at = part.end
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _trailing(text: str, parts: Sequence[Part]) -> list[Part]:
    """The parts that lie together at the end of the text."""
    kept: list[Part] = []
    at = len(text)
    for part in reversed(parts):
        if text[part.end : at].strip():
            break
        kept.insert(0, part)
        at = part.start
    return kept


def _as_chapters(text: str, parts: Sequence[Part], start: int, end: int) -> list[Chapter]:
    """Parts as chapters that partition text[start:end]; one that is blank joins the one before."""
    chapters: list[Chapter] = []
    for part in parts:
        if chapters and not text[part.start : part.end].strip():
            continue
        begin = part.start if chapters else start
        if chapters:
            chapters[-1] = replace(chapters[-1], end=begin)
        chapters.append(Chapter(part.title or "Front matter", begin, end, matter=part.matter))
    return chapters


def _by_title(chapter: Chapter, start: int, end: int) -> Chapter:
    """A chapter whose title says that it is no part of the work, marked so where that is sure."""
    if chapter.matter != "main" or (chapter.start, chapter.end) == (start, end):
        return chapter
    third = (end - start) // 3
    if _FRONT.match(chapter.title[:80]) and chapter.end <= start + third:
        return replace(chapter, matter="front")
    if _BACK.match(chapter.title[:80]) and chapter.start >= end - third:
        return replace(chapter, matter="back")
    return chapter


def _set_in(chapters: list[Chapter], part: Part) -> list[Chapter]:
    """The chapters with a part in their midst set apart."""
    found: list[Chapter] = []
    for chapter in chapters:
        a, b = max(chapter.start, part.start), min(chapter.end, part.end)
        if a >= b:
            found.append(chapter)
            continue
        if chapter.start < a:
            found.append(replace(chapter, end=a))
        own = chapter.title if chapter.start >= part.start and b == chapter.end else part.title
        if (
            found
            and found[-1].matter == part.matter
            and found[-1].end == a
            and found[-1].end > part.start
        ):
            found[-1] = replace(found[-1], end=b)
        else:
            found.append(Chapter(own or chapter.title, a, b, matter=part.matter))
        if b < chapter.end:
            found.append(replace(chapter, start=b))
    return found

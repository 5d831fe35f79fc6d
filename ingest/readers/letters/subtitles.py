"""Subtitles and transcripts (WebVTT, SubRip): cues joined into paragraphs, times as pages."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import Match

from ingest.book import Book, DamagedDocument
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, PageStart, clean, compose, title_from

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_CUE = re.compile(rf"[ \t]{{0,20}}{_TIME}[ \t]{{0,20}}-->[ \t]{{0,20}}{_TIME}")
_STARTS = re.compile(
    r"\ufeff?\s{0,200}(?:WEBVTT(?:[ \t\n]|$)"
    r"|\d{1,9}[ \t]{0,9}\n[ \t]{0,9}\d{1,4}:\d{1,2}:\d{2}[.,]\d{1,3} -->)"
)
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?\s([^<>]{1,200})>")
_TAG = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,200}\}")
_NAMED = re.compile(r"\s*(?:>>\s*)?([^\W\d_a-z][^:.!?,\n]{1,30}):\s")
_STOP = re.compile(r"[.!?…。！？][\"'”’»)\]]*$")
_PAUSE = 3.0  # seconds without a cue that end a paragraph
_PARAGRAPH = 600  # characters after which a paragraph ends with its sentence
_LONGEST = 1_500  # characters after which it ends anyway
_PAGE = 60.0  # seconds that a page has at least


@dataclass(frozen=True, slots=True)
class _Cue:
    start: float
    end: float
    speaker: str
    text: str


def looks_like_subtitles(head: str) -> bool:
    """Whether a text starts as WebVTT or SubRip does."""
    return bool(_STARTS.match(head.replace("\r\n", "\n")))


def read_subtitles(data: bytes, name: str) -> Book:
    """A WebVTT or SubRip file as a Book, whose pages are labelled with the time.

    Raises DamagedDocument for a file without cues, EmptyDocument for cues without words.
    """
    cues = list(_cues(clean(decode(data))))
    if not cues:
        raise DamagedDocument(
            f"{name} has no cues with times, as subtitles do; download or save it again."
        )
    parts: list[str] = []
    pages: list[PageStart] = []
    length, turned = 0, -_PAGE
    for start, paragraph in _paragraphs(cues):
        gap = "\n\n" if parts else ""
        length += len(gap)
        if start - turned >= _PAGE:
            pages.append(PageStart(length, len(pages) + 1, _label(start)))
            turned = start
        parts += [gap, paragraph]
        length += len(paragraph)
    text = "".join(parts)
    return compose(Draft("subtitles", text, title_from(name), pages=pages if text.strip() else ()))


def _cues(text: str) -> Iterator[_Cue]:
    """The cues in the order of the file; notes, styles and numbers are left out."""
    open_cue: tuple[float, float] | None = None
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        match = _CUE.match(line)
        if match or not line.strip():
            if open_cue and lines:
                yield _cue(*open_cue, lines)
            open_cue, lines = (_times(match) if match else None), []
        elif open_cue is not None:
            lines.append(line)


def _times(match: Match[str]) -> tuple[float, float]:
    numbers = [int(group or 0) for group in match.groups()]
    first, last = (
        3600 * h + 60 * m + s + float(f"0.{fraction}")
        for (h, m, s), fraction in (
            (numbers[0:3], match[4]),
            (numbers[4:7], match[8]),
        )
    )
    return first, last


def _cue(start: float, end: float, lines: list[str]) -> _Cue:
    raw = "\n".join(lines)
    voice = _VOICE.search(raw)
    said = [" ".join(html.unescape(_TAG.sub("", line)).split()) for line in raw.split("\n")]
    turns = sum(line.startswith(("-", "–", "—")) for line in said)
    joined = ("\n" if turns > 1 else " ").join(line for line in said if line)
    speaker = " ".join(html.unescape(voice[1]).split()) if voice else ""
    return _Cue(start, end, clean(speaker), clean(joined))


def _paragraphs(cues: list[_Cue]) -> Iterator[tuple[float, str]]:
    """(time, text) of each paragraph: it ends where the speaker changes or pauses."""
    words: list[str] = []
    size, began = 0, 0.0
    before: _Cue | None = None
    for cue in cues:
        text = _new(before.text, cue.text) if before else cue.text
        if not text:
            continue
        if before and _parts(before, cue, text, size, words):
            yield began, " ".join(words)
            words, size = [], 0
        if not words:
            began = cue.start
            if cue.speaker:
                text = f"{cue.speaker}: {text}"
        words.append(text)
        size += len(text)
        before = cue
    if words:
        yield began, " ".join(words)


def _parts(before: _Cue, cue: _Cue, text: str, size: int, words: list[str]) -> bool:
    """Whether a new paragraph starts with a cue."""
    if cue.speaker != before.speaker or cue.start - before.end > _PAUSE or "\n" in text:
        return True
    if text.startswith(("- ", "– ", "— ", ">>")) or _NAMED.match(text) or "\n" in words[-1]:
        return True
    return size > _LONGEST or (size > _PARAGRAPH and bool(_STOP.search(words[-1])))


def _new(before: str, text: str) -> str:
    """What a cue adds: captions that roll repeat the end of the cue before."""
    if text == before:
        return ""
    if before and text.startswith(f"{before} "):
        return text[len(before) + 1 :]
    return text


def _label(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"

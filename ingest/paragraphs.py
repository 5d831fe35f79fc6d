"""The paragraphs of a plain text in which headings are looked for."""

from __future__ import annotations

import re
from bisect import bisect_right

from ingest.heading_words import scripted
from ingest.headings import blocks

_FENCE = re.compile(r"^ {0,12}(`{3,}+|~{3,}+)([^\n]*)$", re.MULTILINE)
_ENDS = re.compile(r"[.!?…:;。！？」』”’»\"'*)\]।]$")
_LONG_BLOCK = 4  # lines; a longer paragraph is one that is wrapped, or many without blank lines
_SCRIPTED = ("第", "제", "卷", "巻", "章")


def paragraphs(text: str) -> list[tuple[int, int]]:
    """(start, end) of each paragraph outside of code and comments.

    Where a text has no blank lines between paragraphs, each line is one; a line such as "第一章"
    is one in any case.
    """
    hidden = hidden_parts(text)
    starts = [start for start, _ in hidden]
    spans = [
        span
        for span in blocks(text)
        if not (at := bisect_right(starts, span[0])) or span[0] >= hidden[at - 1][1]
    ]
    by_line = _without_blank_lines(text, spans)
    split = any(word in text for word in _SCRIPTED)
    if not by_line and not split:
        return spans
    found: list[tuple[int, int]] = []
    for start, end in spans:
        found += _lines(text, start, end, by_line)
    return found


def hidden_parts(text: str) -> list[tuple[int, int]]:
    """(start, end) of each fenced block of code and each HTML comment, in order."""
    parts: list[tuple[int, int]] = []
    fence, opened = "", 0
    for match in _FENCE.finditer(text):
        if not fence:
            if not (match[1][0] == "`" and "`" in match[2]):
                fence, opened = match[1], match.start()
        elif match[1].startswith(fence) and not match[2].strip():
            parts.append((opened, match.end()))
            fence = ""
    at = 0
    comments: list[tuple[int, int]] = []
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        comments.append((start, end + 3))
        at = end + 3
    return _merged(sorted(parts + comments))


def _merged(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts without those that start inside of an earlier one."""
    kept: list[tuple[int, int]] = []
    for part in parts:
        if not kept or part[0] >= kept[-1][1]:
            kept.append(part)
    return kept


def _without_blank_lines(text: str, spans: list[tuple[int, int]]) -> bool:
    """Whether most of a text stands in long blocks whose lines are whole paragraphs."""
    long = ends = lines = characters = 0
    for start, end in spans:
        inside = text[start:end].split("\n")
        characters += end - start
        if len(inside) <= _LONG_BLOCK:
            continue
        long += end - start
        for line in inside:
            if len(line) > 40:
                lines += 1
                ends += bool(_ENDS.search(line[-80:].rstrip()))
    return 2 * long > characters and lines > 0 and 10 * ends > 6 * lines


def _lines(text: str, start: int, end: int, every: bool) -> list[tuple[int, int]]:
    """A paragraph cut before and after each line, or before and after such as are headings."""
    found: list[tuple[int, int]] = []
    open_at = at = start
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        if every or (stop - at <= 120 and scripted(text[at:stop])):
            if open_at < at:
                found.append((open_at, at - 1))
            if text[at:stop].strip():
                found.append((at, stop))
            open_at = stop + 1
        at = stop + 1
    if open_at < end:
        found.append((open_at, end))
    return found

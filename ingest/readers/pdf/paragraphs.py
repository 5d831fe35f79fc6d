"""Joins the lines of PDF pages into paragraphs, and words that a line's end broke."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median

from ingest.headings import heading_at
from ingest.readers.compose import clean
from ingest.readers.pdf.lines import Line, Sheet

_TERMINAL = re.compile(r"[.!?:…][\"'”’»)\]]*$")
_BULLET = re.compile(r"[•◦▪‣*–—-]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s")
_BROKEN = re.compile(r"(?<![^\W\d_])(?P<head>[^\W\d_]++)[-\u2010]$")
_WORD = re.compile(r"[\w-]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
_CLOSING, _OPENING = '"”’»', '"“‘«'
_SOFT_HYPHEN = "\u00ad"
_NO_SPACES = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]")  # scripts without spaces
_PARAGRAPH_GAP = 1.35  # of the usual distance of baselines
_INDENT = 0.8  # of the font's size
_RAGGED = 0.12  # of the block's width: a line that ends earlier is the last of its paragraph


@dataclass(frozen=True, slots=True)
class _Set:
    """A line as it is set: its text, its page, and what its place says about it.

    above: whether a wider gap than usual is above it, or its type differs from the line's above.
    indented: whether it begins to the right of its block's edge. full: whether it reaches the
    block's other edge, or nearly so. These are None where places are not known.
    """

    page: int
    text: str
    apart: bool = False
    above: bool | None = None
    indented: bool | None = None
    full: bool | None = None


def join_pages(sheets: Sequence[Sheet]) -> tuple[str, list[int]]:
    """The text of all pages in paragraphs, and the offset at which each page starts."""
    lines = [line for page, sheet in enumerate(sheets) for line in _set(page, sheet)]
    width = _full_width([len(line.text.strip()) for line in lines if line.text.strip()])
    words = Counter(word for line in lines for word in _WORD.findall(line.text.lower()))
    parts: list[str] = []
    starts = [-1] * len(sheets)
    length = 0
    last: _Set | None = None
    blank = False
    for line in lines:
        stripped = line.text.strip()
        if not stripped:
            blank = True
            continue
        if last:
            head, gap = _joint(last, line, width, blank, words)
            parts[-1] = head + gap
            length += len(head) + len(gap) - len(last.text.strip())
        if starts[line.page] < 0:
            starts[line.page] = length
        parts.append(stripped)
        length += len(stripped)
        last, blank = line, False
    for page in range(len(starts) - 1, -1, -1):
        if starts[page] < 0:
            starts[page] = starts[page + 1] if page + 1 < len(starts) else length
    return "".join(parts), starts


def _set(page: int, sheet: Sheet) -> Iterator[_Set]:
    """The lines of a page, as they are set."""
    blocks: dict[int, list[Line]] = defaultdict(list)
    for line in sheet.lines:
        if line.placed and not line.turned:
            blocks[line.block].append(line)
    edges = {number: _block_edges(lines) for number, lines in blocks.items()}
    steps = [step for lines in blocks.values() for step in _steps(lines)]
    usual = median(steps) if steps else 0.0
    before: Line | None = None
    filled = [at for at, line in enumerate(sheet.lines) if line.text.strip()]
    for line in sheet.lines[filled[0] : filled[-1] + 1] if filled else ():
        text = _tidy(line.text)
        if not line.placed:
            yield _Set(page, text, apart=line.turned)
        elif line.turned:
            yield _Set(page, text, apart=True)
        else:
            left, right = edges[line.block]
            same = before is not None and before.block == line.block and not before.turned
            yield _Set(
                page,
                text,
                line.cells > 1,
                _is_above(before, line, usual) if same and before else None,
                line.left > left + _INDENT * line.size,
                line.right > right - _RAGGED * (right - left),
            )
        before = line


def _block_edges(lines: Sequence[Line]) -> tuple[float, float]:
    """Where most lines of a block begin, and where full lines end."""
    lefts = sorted(line.left for line in lines)
    rights = sorted(line.right for line in lines)
    return lefts[len(lefts) // 5], rights[len(rights) * 9 // 10]


def _steps(lines: Sequence[Line]) -> Iterator[float]:
    """The distances from line to line within a block."""
    for above, below in pairwise(lines):
        step = above.baseline - below.baseline
        if 0.5 * below.size < step < 3 * below.size:
            yield step


def _is_above(before: Line, line: Line, usual: float) -> bool:
    """Whether a wider gap than usual is above a line, or its type is another."""
    step = before.baseline - line.baseline
    most = max(line.size, before.size)
    leading = max(usual, 1.05 * most) if usual < 2 * most else usual
    if step < -0.5 * most or step > _PARAGRAPH_GAP * leading:
        return True
    return most > 1.15 * min(line.size, before.size) and step > 0.5 * most


def _joint(
    last: _Set, line: _Set, width: float, blank: bool, words: Counter[str]
) -> tuple[str, str]:
    """What remains of the last line, and what separates it from ``line``.

    width: the length of a full line; blank: whether blank lines are in between; words: how often
    the document has each word.
    """
    text, following = last.text.strip(), line.text.strip()
    broken = _BROKEN.search(text)
    apart = blank or last.apart or line.apart
    if text.endswith(_SOFT_HYPHEN):
        return text.rstrip(_SOFT_HYPHEN), ""
    if broken and following[:1].isalpha() and not apart:
        if _is_one_word(broken["head"], following, words):
            return text[:-1], ""
        if following[0].islower() or not line.above:
            return text, ""
    if apart and not blank and last.apart and line.apart and not line.above:
        return text, "\n"
    return text, "\n\n" if apart else _gap(last, line, width)


def _gap(last: _Set, line: _Set, width: float) -> str:
    """A paragraph break, a line break or a space: what separates two lines."""
    text, following = last.text.strip(), line.text.strip()
    ended = bool(_TERMINAL.search(text))
    if line.above or _is_heading(text) or _is_heading(following):
        return "\n\n"
    # One speaker's words end and another's begin.
    if ended and text[-1] in _CLOSING and following[0] in _OPENING:
        return "\n\n"
    full = last.full if last.full is not None else len(text) >= 0.85 * width
    indented = line.indented
    if indented is None:
        indented = len(line.text) - len(line.text.lstrip()) >= 2
    if ended and (not full or (indented and not last.indented)):
        return "\n\n"
    if _BULLET.match(following) and (not full or len(text) < 0.9 * width):
        return "\n"
    if last.full is None:
        full = len(text) >= 0.7 * width
    if not full and not following[:1].islower():
        return "\n"
    return "" if _NO_SPACES.match(text[-1]) and _NO_SPACES.match(following[0]) else " "


@lru_cache(maxsize=64)  # each line is asked about as the upper and as the lower one
def _is_heading(line: str) -> bool:
    """Whether a line is a heading; in a PDF, "#" or a number in digits does not make one."""
    found = heading_at(line, 0, len(line))
    return found is not None and found.family not in ("#", "arabic")


def _is_one_word(head: str, following: str, words: Counter[str]) -> bool:
    """Whether a hyphen at a line's end only breaks a word, judged by the book's other spellings."""
    if not following[0].islower():
        return False
    tail = _LETTERS.match(following)
    if tail is None:
        return False
    return words[f"{head}-{tail[0]}".lower()] <= words[f"{head}{tail[0]}".lower()]


def _tidy(line: str) -> str:
    """A line without ligatures and invisible characters, but with its indentation."""
    # A soft hyphen matters only at the end of a line, where it marks a broken word.
    soft = line.rstrip().endswith(_SOFT_HYPHEN)
    tidied = clean(line.translate(_LIGATURES)).replace("\xa0", " ").replace("\t", " ")
    return tidied.replace("\n", " ").rstrip() + (_SOFT_HYPHEN if soft else "")


def _full_width(lengths: list[int]) -> float:
    """The length of a full line: the 90th percentile of all lengths."""
    return float(sorted(lengths)[len(lengths) * 9 // 10]) if lengths else 0.0

"""Turns the lines of PDF pages into paragraphs: drops running heads, joins lines and words."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache

from ingest.headings import heading_at
from ingest.readers.compose import clean

_EDGE_LINES = 2  # lines at the top and bottom of a page that may be running heads or feet
_NEARBY_PAGES = 6
_LONGEST_HEAD = 90  # characters of a running head
# A printed page number, such as "37", "- xii -" or "Page 3 of 20".
_FOLIO = re.compile(
    r"\W*+(?:page|seite|p\.)?\s*+(\d{1,4}|[ivxlcdm]{1,8})(?:\s*+(?:/|of|von)\s*+\d{1,4})?\W*+$",
    re.I,
)
_NUMBERS = re.compile(r"\d+|\b[ivxlcdm]+\b")
_TERMINAL = re.compile(r"[.!?:…][\"'”’»)\]]*$")
_BULLET = re.compile(r"[•◦▪‣*–—-]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s")
_BROKEN = re.compile(r"(?<![^\W\d_])(?P<head>[^\W\d_]++)[-\u2010]$")
_WORD = re.compile(r"[\w-]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_PUNCTUATED = re.compile(r"[.!?,;]$")
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
_CLOSING, _OPENING = '"”’»', '"“‘«'
_SOFT_HYPHEN = "\u00ad"


def without_running_lines(sheets: Sequence[list[str]]) -> list[list[str]]:
    """The pages' lines without running heads, running feet and page numbers.

    A line at the top or bottom of a page is dropped if the same line, apart from numbers, is at
    that edge of most pages. It is also dropped if it is there on at least two other pages nearby;
    its first occurrence then stays, because it may be the chapter's own title. A number is dropped
    if the numbers at the edges increase with the pages. No page loses all of its lines.
    """
    shift = _folio_shift(sheets)
    places: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for number, sheet in enumerate(sheets):
        for at, top in _edges(sheet):
            places[top, _key(sheet[at])].append(number)
    holding: dict[str, set[int]] = defaultdict(set)
    for number, sheet in enumerate(sheets):
        for line in sheet:
            holding[line.strip()].add(number)

    @cache
    def same(top: bool, text: str) -> list[int]:
        """The pages with exactly this line that have such a line at this edge."""
        return [page for page in places[top, _key(text)] if page in holding[text]]

    kept: list[list[str]] = []
    for number, sheet in enumerate(sheets):
        drop = {at for at, _ in _edges(sheet) if _is_folio(sheet[at], number, shift)}
        for at, top in _edges(sheet):
            others = places[top, _key(sheet[at])]
            if at in drop or not _may_recur(sheet[at], others):
                continue
            text = sheet[at].strip()
            if _is_heading(text):
                again = len(same(top, text)) > 2 and number != same(top, text)[0]
            else:
                again = _recurs(text, number, others, len(sheets))
            if again:
                drop.add(at)
        rest = [line for at, line in enumerate(sheet) if at not in drop]
        kept.append(rest if any(line.strip() for line in rest) else sheet)
    return kept


def join_pages(sheets: Sequence[list[str]]) -> tuple[str, list[int]]:
    """The text of all pages in paragraphs, and the offset at which each page starts."""
    lines = [
        (page, _tidy(line))
        for page, sheet in enumerate(sheets)
        for line in "\n".join(sheet).strip("\n").split("\n")
    ]
    full = _full_width([len(line.strip()) for _, line in lines if line.strip()])
    words = Counter(word for _, line in lines for word in _WORD.findall(line.lower()))
    parts: list[str] = []
    starts = [-1] * len(sheets)
    length = 0
    last, blank = "", False
    for page, line in lines:
        stripped = line.strip()
        if not stripped:
            blank = True
        else:
            if last:
                head, gap = _joint(last, line, full, blank, words)
                parts[-1] = head + gap
                length += len(head) + len(gap) - len(last)
            if starts[page] < 0:
                starts[page] = length
            parts.append(stripped)
            length += len(stripped)
            last, blank = stripped, False
    for page in range(len(starts) - 1, -1, -1):
        if starts[page] < 0:
            starts[page] = starts[page + 1] if page + 1 < len(starts) else length
    return "".join(parts), starts


def _joint(last: str, line: str, full: float, blank: bool, words: Counter[str]) -> tuple[str, str]:
    """What remains of the last line, and what separates it from ``line``.

    full: the length of a full line; blank: whether blank lines are in between; words: how often the
    document has each word.
    """
    following = line.strip()
    soft = last.endswith(_SOFT_HYPHEN)
    broken = _BROKEN.search(last)
    if soft:
        return last.rstrip(_SOFT_HYPHEN), ""
    if broken and following[:1].isalpha() and not blank:
        return (last[:-1], "") if _is_one_word(broken["head"], following, words) else (last, "")
    return last, _gap(last, line, full, blank)


def _gap(last: str, line: str, full: float, blank: bool) -> str:
    """A paragraph break, a line break or a space: what separates two lines."""
    following = line.strip()
    ended = bool(_TERMINAL.search(last))
    if blank or _is_heading(last) or _is_heading(following):
        return "\n\n"
    # One speaker's words end and another's begin.
    if ended and last[-1] in _CLOSING and following[0] in _OPENING:
        return "\n\n"
    indented = len(line) - len(line.lstrip()) >= 2
    if ended and (indented or len(last) < 0.85 * full):
        return "\n\n"
    if _BULLET.match(following) and len(last) < 0.9 * full:
        return "\n"
    if len(last) < 0.7 * full and not following[:1].islower():
        return "\n"
    return " "


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


def _edges(sheet: list[str]) -> list[tuple[int, bool]]:
    """(index, whether at the top) of the first and last lines of a page.

    They are at most two at each edge, and some line is always left between them, unless the page
    has only two lines; then those that are page numbers count.
    """
    filled = [at for at, line in enumerate(sheet) if line.strip()]
    if len(filled) < 2:
        return []
    if len(filled) == 2:
        return [(at, at == filled[0]) for at in filled if _FOLIO.match(sheet[at])]
    depth = min(_EDGE_LINES, (len(filled) - 1) // 2)
    return [(at, True) for at in filled[:depth]] + [(at, False) for at in filled[-depth:]]


def _key(line: str) -> str:
    """A line as it is compared with others: without case, numbers and extra spaces."""
    return " ".join(_NUMBERS.sub("#", line.casefold()).split())


def _may_recur(line: str, others: list[int]) -> bool:
    """Whether a line could be a running head: frequent enough, short and not prose."""
    text = line.strip()
    letter = _LETTERS.search(text)
    prose = _PUNCTUATED.search(text) or (letter and letter[0].islower())
    return len(others) > 2 and len(text) <= _LONGEST_HEAD and not prose


def _recurs(text: str, page: int, others: list[int], pages: int) -> bool:
    """Whether a line on ``page`` is a running head; others: the pages that have it at that edge."""
    if 2 * len(others) > pages:
        return True
    first, end = (
        bisect_left(others, page - _NEARBY_PAGES),
        bisect_right(others, page + _NEARBY_PAGES),
    )
    is_first = page == others[first] and "#" not in _key(text)
    return end - first > 2 and not is_first


def _folio_shift(sheets: Sequence[list[str]]) -> set[int]:
    """The differences between printed and physical page numbers that occur too often for chance."""
    shifts: Counter[int] = Counter()
    for number, sheet in enumerate(sheets):
        shifts.update({value - number for value in _folios(sheet)})
    return {shift for shift, times in shifts.items() if times >= min(3, max(2, len(sheets)))}


def _folios(sheet: list[str]) -> set[int]:
    """The Arabic numbers at a page's edges that may be its printed number."""
    found = (_FOLIO.match(sheet[at]) for at, _ in _edges(sheet))
    return {int(match[1]) for match in found if match and match[1].isdecimal()}


def _is_folio(line: str, page: int, shifts: set[int]) -> bool:
    """Whether a line is the printed number of ``page``."""
    match = _FOLIO.match(line)
    if match is None:
        return False
    if match[1].isdecimal():
        return int(match[1]) - page in shifts
    return match[1].islower() and bool(shifts)

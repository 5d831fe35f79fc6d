"""Running heads and feet of a PDF: found in poppler's lines, and what the reader did with them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import median

from lab.bench.documents.poppler import Line
from lab.bench.documents.words import words_of

_EDGE = 0.22  # of the page's height, at its top and at its bottom
_SAME = 0.012  # of the page's height: how far the places of one head may be apart
_FEWEST = 3  # pages that have a head
_TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty"
    " forty fifty sixty seventy eighty ninety hundred one two three four five six seven eight nine"
)
_COUNTS = re.compile(rf"\d+|\b(?:[ivxlcdm]+|{'|'.join(_TEENS.split())})\b")
_PARTS = re.compile(r"#(?:[\W_]*#)+")
_NUMBER = re.compile(r"\W{0,4}(\d{1,5})\W{0,4}")
_LETTER = re.compile(r"[^\W\d_]")
_AROUND = " #|/.-–—"
_NEARBY = 8  # pages around one
_OFTEN = 0.3  # the share of pages from which a head is the whole document's
_LARGE = 1.5  # of the usual height: titles of slides
_GAP = 0.7  # of a line's height: what separates a head from the text
_FAR = 1.5  # lines' heights between a head and the text
_ACCENTS = re.compile("[\u0300-\u036f\\s\u00a8\u00b4\u02c6\u02dc\u02c7\u02da\u02d8\u00b8`]+")
_OVER = 40  # words of the pages before and after one that may belong to it
_DEEPEST = 4  # lines of the body at an edge of a page that are looked at


@dataclass(frozen=True, slots=True)
class Judged:
    """Pages that kept a running head, and lines of the body at a page's edge that are gone."""

    pages_with_heads: int
    left: tuple[str, ...]
    deleted: tuple[str, ...]

    def is_wrong(self) -> bool:
        """Whether more was left or deleted than on one page in fifty."""
        most = max(1, self.pages_with_heads // 50)
        return len(self.left) > most or len(self.deleted) > 1


def split_heads(pages: Sequence[list[Line]]) -> tuple[list[list[Line]], list[list[Line]]]:
    """The heads of each page, and its other lines.

    A head stands at the edge of at least three pages in the same place, with the same words apart
    from numbers, and nothing but other heads stands between it and the page's edge.
    """
    places: dict[tuple[bool, str], list[tuple[float, int]]] = defaultdict(list)
    for number, page in enumerate(pages):
        for line in page:
            if (edge := _edge(line)) is not None:
                places[edge, _key(line.text, number)].append((line.top, number))
    heights = [line.bottom - line.top for page in pages for line in page]
    usual = median(heights) if heights else 0.0
    heads, bodies = [], []
    for number, page in enumerate(pages):
        taken: set[int] = set()
        for edge in (True, False):
            ordered = sorted(range(len(page)), key=lambda n: page[n].top, reverse=not edge)
            row = -1.0
            found: list[int] = []
            sure: set[int] = set()
            for at in ordered:
                line = page[at]
                if _edge(line) is not edge:
                    break
                seen = places[edge, _key(line.text, number)]
                same = {n for top, n in seen if abs(top - line.top) < _SAME}
                near = sum(abs(n - number) <= _NEARBY for n in same) >= _FEWEST
                often = len(same) > _OFTEN * len(pages)
                large = line.bottom - line.top > _LARGE * usual
                if len(same) >= _FEWEST and number in same and (often or (near and not large)):
                    found.append(at)
                    sure |= {at} if often else set()
                elif abs(line.top - row) > _SAME:  # what stands beside a head may differ
                    break
                row = line.top
            taken |= _apart(page, found) | sure
        heads.append([line for at, line in enumerate(page) if at in taken])
        bodies.append([line for at, line in enumerate(page) if at not in taken])
    return heads, bodies


def _apart(page: list[Line], found: list[int]) -> set[int]:
    """Of lines at one edge, from it inwards, those that a gap separates from the text."""
    while found:
        one = page[found[-1]]
        rest = [line for at, line in enumerate(page) if at not in found]
        beside = [line for line in rest if line.bottom > one.top and line.top < one.bottom]
        gaps = [
            max(line.top - one.bottom, one.top - line.bottom) for line in rest if line not in beside
        ]
        if not gaps or min(gaps) > _GAP * (one.bottom - one.top):
            break
        found = found[:-1]
    return set(found)


def _edge(line: Line) -> bool | None:
    """True at the top of a page, False at its bottom, None in between."""
    if line.bottom < _EDGE:
        return True
    return False if line.top > 1 - _EDGE else None


def _key(text: str, page: int) -> str:
    """A line apart from its numbers; a number alone as its distance from the page's own."""
    key = _PARTS.sub("#", _COUNTS.sub("#", " ".join(text.casefold().split()))).strip(_AROUND)
    number = _NUMBER.fullmatch(text.strip())
    return f"{int(number[1]) - page:+d}" if number else key if _LETTER.search(text) else text


def judge(
    heads: Sequence[list[Line]], bodies: Sequence[list[Line]], read: Mapping[int, str]
) -> Judged:
    """What a reader did with heads and bodies; ``read``: the text of each page by its number."""
    left: dict[str, list[str]] = defaultdict(list)
    gone: list[str] = []
    strips = _strips([[*head, *body] for head, body in zip(heads, bodies, strict=True)])
    texts = Counter(text for body in bodies for text in {line.text for line in body})
    most = max(_FEWEST, _OFTEN * len(bodies))  # what so many pages say, such as a mark, is no text
    for number, (head, body) in enumerate(zip(heads, bodies, strict=True), 1):
        words = words_of(read.get(number, ""))
        own = words_of("\n".join(line.text for line in body))
        for line in head:
            if _is_left(words_of(line.text), words, own):
                left[_key(line.text, number)].append(f"{number}: {line.text}")
                break
        # A paragraph may run on from the page before or into the next one.
        before, after = (words_of(read.get(n, "")) for n in (number - 1, number + 1))
        near = _plain([*before[-_OVER:], *words, *after[:_OVER]])
        lines = [line for line in body if _strip(line) not in strips and texts[line.text] < most]
        gone += [f"{number}: {line}" for line in _gone(lines, set(near), "".join(near))]
    # A head that stays once may be a chapter's own title.
    kept = [line for lines in left.values() for line in lines[1:]]
    return Judged(sum(map(bool, heads)), tuple(kept), tuple(gone))


def _is_left(head: list[str], words: list[str], own: list[str]) -> bool:
    if not head:
        return False
    if all(word.isdecimal() for word in head):
        ends = (words[: len(head)], words[-len(head) :])
        return head in ends and head not in (own[: len(head)], own[-len(head) :])
    return _times(head, words) > _times(head, own)


def _times(part: list[str], words: list[str]) -> int:
    size = len(part)
    return sum(words[at : at + size] == part for at in range(len(words) - size + 1))


def _gone(body: Sequence[Line], around: set[str], letters: str) -> list[str]:
    """Lines at the edges of a page that were not read although their neighbours were.

    letters: those of the text around, without spaces, as poppler sets letters of titles apart.
    """
    ordered = sorted(body, key=lambda line: line.top)
    found = []
    for way in (ordered, ordered[::-1]):
        for line, inner in islice(pairwise(way), _DEEPEST):
            own = _plain(words_of(line.text))
            words = [word for word in own if len(word) > 2 and word.isalpha()]
            if len(words) < 2 or _share(words, around) > 0.5:
                continue
            if "".join(own) in letters:
                continue
            if _share(_plain(words_of(inner.text)), around) >= 0.8:
                found.append(line.text)
    return list(dict.fromkeys(found))


def _plain(words: Sequence[str]) -> list[str]:
    """Words without accents, which TeX draws as letters of their own."""
    return [_ACCENTS.sub("", unicodedata.normalize("NFKD", word)) for word in words]


def _strip(line: Line) -> tuple[bool | None, int]:
    return _edge(line), round(line.top / _SAME)


def _strips(pages: Sequence[list[Line]]) -> set[tuple[bool | None, int]]:
    """Places at the edges where half of the pages have their outermost line, far from the text.

    These are heads, though each may be on two pages only.
    """
    seen: Counter[tuple[bool | None, int]] = Counter()
    heights = [line.bottom - line.top for page in pages for line in page]
    most = _LARGE * median(heights) if heights else 0.0
    for page in pages:
        for way in (1, -1):
            ordered = sorted(page, key=lambda line: way * line.top)
            outer = [line for line in ordered if abs(line.top - ordered[0].top) < _SAME]
            inner = ordered[len(outer)] if len(ordered) > len(outer) else None
            if inner is None:
                continue
            gap = max(inner.top - outer[0].bottom, outer[0].top - inner.bottom)
            small = outer[0].bottom - outer[0].top <= most
            if (
                small
                and _edge(outer[0]) is not None
                and gap > _FAR * (outer[0].bottom - outer[0].top)
            ):
                seen.update({_strip(line) for line in outer})
    near: set[tuple[bool | None, int]] = set()
    for edge, at in list(seen):
        if 2 * sum(seen[edge, at + step] for step in (-1, 0, 1)) >= len(pages):
            near |= {(edge, at - 1), (edge, at), (edge, at + 1)}
    return near


def _share(words: Sequence[str], around: set[str]) -> float:
    return sum(word in around for word in words) / max(1, len(words))

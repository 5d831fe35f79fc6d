"""Running heads and feet of a PDF: found in poppler's lines, and what the reader did with them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from lab.bench.documents.poppler import Line
from lab.bench.documents.words import words_of

_EDGE = 0.14  # of the page's height, at its top and at its bottom
_SAME = 0.012  # of the page's height: how far the places of one head may be apart
_FEWEST = 3  # pages that have a head
_TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty"
    " forty fifty sixty seventy eighty ninety hundred one two three four five six seven eight nine"
)
_COUNTS = re.compile(rf"\d+|\b(?:[ivxlcdm]+|{'|'.join(_TEENS.split())})\b")
_PARTS = re.compile(r"#(?:[\W_]*#)+")
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
                places[edge, _key(line.text)].append((line.top, number))
    heads, bodies = [], []
    for number, page in enumerate(pages):
        taken: set[int] = set()
        for edge in (True, False):
            ordered = sorted(range(len(page)), key=lambda n: page[n].top, reverse=not edge)
            row = -1.0
            for at in ordered:
                line = page[at]
                if _edge(line) is not edge:
                    break
                seen = places[edge, _key(line.text)]
                same = {n for top, n in seen if abs(top - line.top) < _SAME}
                if len(same) >= _FEWEST and number in same:
                    taken.add(at)
                elif abs(line.top - row) > _SAME:  # what stands beside a head may differ
                    break
                row = line.top
        heads.append([line for at, line in enumerate(page) if at in taken])
        bodies.append([line for at, line in enumerate(page) if at not in taken])
    return heads, bodies


def _edge(line: Line) -> bool | None:
    """True at the top of a page, False at its bottom, None in between."""
    if line.bottom < _EDGE:
        return True
    return False if line.top > 1 - _EDGE else None


def _key(text: str) -> str:
    return _PARTS.sub("#", _COUNTS.sub("#", " ".join(text.casefold().split())))


def judge(
    heads: Sequence[list[Line]], bodies: Sequence[list[Line]], read: Mapping[int, str]
) -> Judged:
    """What a reader did with heads and bodies; ``read``: the text of each page by its number."""
    left: dict[str, list[str]] = defaultdict(list)
    gone: list[str] = []
    for number, (head, body) in enumerate(zip(heads, bodies, strict=True), 1):
        words = words_of(read.get(number, ""))
        own = words_of("\n".join(line.text for line in body))
        for line in head:
            if _is_left(words_of(line.text), words, own):
                left[_key(line.text)].append(f"{number}: {line.text}")
                break
        around = {
            word for n in (number - 1, number, number + 1) for word in words_of(read.get(n, ""))
        }
        gone += [f"{number}: {line}" for line in _gone(body, around)]
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


def _gone(body: Sequence[Line], around: set[str]) -> list[str]:
    """Lines at the edges of a page that were not read although their neighbours were."""
    ordered = sorted(body, key=lambda line: line.top)
    found = []
    for way in (ordered, ordered[::-1]):
        for line, inner in islice(pairwise(way), _DEEPEST):
            words = [word for word in words_of(line.text) if len(word) > 2 and word.isalpha()]
            if len(words) < 2 or _share(words, around) > 0.34:
                continue
            if _share(words_of(inner.text), around) >= 0.8:
                found.append(line.text)
    return list(dict.fromkeys(found))


def _share(words: Sequence[str], around: set[str]) -> float:
    return sum(word in around for word in words) / max(1, len(words))

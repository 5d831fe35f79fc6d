"""Where a place of the old version of a text is in the new one.

Both texts are compared by what stands in each of them exactly once: windows, and lines between
these. What touches such an anchor and is equal belongs to it, to the character. It takes time in
proportion to the texts, and does not mind parts that were moved.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LEAST_LINE = 20  # characters of a line that is taken as a mark
CONTEXT = 20  # characters before a place that must be the same
_MOST_FOUND = 100  # places of one sentence that are looked at

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Anchor:
    """old[start:end] stands at ``there`` in the new text."""

    start: int
    end: int
    there: int


class Places:
    """Places of an old text in a new one; ``old_spans`` and ``new_spans`` are their windows."""

    def __init__(self, old: str, new: str, old_spans: Spans, new_spans: Spans) -> None:
        self._old, self._new = old, new
        windows = list(_common(old, new, old_spans, new_spans))
        starts = [anchor.start for anchor in windows]
        lines = [
            line
            for line in _common(old, new, list(_lines(old)), list(_lines(new)))
            if _is_between(line, windows, starts)
        ]
        self._anchors = sorted([*windows, *lines], key=lambda anchor: anchor.start)
        self._starts = [anchor.start for anchor in self._anchors]
        self._known: dict[tuple[int, int], int | None] = {}

    def sentence(self, start: int, end: int) -> int | None:
        """Where the words old[start:end] begin in the new text; None where they are gone."""
        key = start, end
        if key not in self._known:
            self._known[key] = self._sentence(self._old[start:end], start)
        return self._known[key]

    def _sentence(self, words: str, start: int) -> int | None:
        place = self._exact(start)
        if place is not None and self._new.startswith(words, place):
            return place
        return self.words(words, self.nearest(start))

    def words(self, words: str, near: int | None = None) -> int | None:
        """Where words stand in the new text: the only place, or that nearest to a place."""
        found: list[int] = []
        at = self._new.find(words) if words else -1
        while at >= 0 and len(found) < _MOST_FOUND:
            found.append(at)
            at = self._new.find(words, at + 1)
        if len(found) > 1 and (near is None or len(words) < CONTEXT):
            return None  # a few words that stand in many places may be any of them
        return min(found, key=lambda place: abs(place - (near or 0)), default=None)

    def nearest(self, place: int) -> int:
        """The same place, or else the nearest one before that is known."""
        exact = self._exact(place)
        if exact is not None:
            return exact
        before, after = self._around(place)
        there = before.there + before.end - before.start
        return there + _same_beginning(
            self._old[before.end : after.start], self._new[there : there + place - before.end]
        )

    def read_to(self, place: int) -> int:
        """The place up to which the new text was read, if the old one was up to this one.

        Nothing that stood behind the place in the old text stands before it in the new one.
        """
        exact = self._exact(place)
        begin = max(0, place - CONTEXT)
        context = self._old[begin:place]
        if exact is None or self._new[max(0, exact - len(context)) : exact] != context:
            exact = self._before(place)
        unread = [anchor.there for anchor in self._anchors if anchor.start >= place]
        return max(1, min([exact, *unread]))

    def _before(self, place: int) -> int:
        before, _ = self._around(place)
        there = before.there + before.end - before.start
        read = self._old[before.end : place]
        return there + _same_beginning(read, self._new[there : there + len(read)])

    def _around(self, place: int) -> tuple[_Anchor, _Anchor]:
        """The last anchor that ends at a place or before, and the next one."""
        at = bisect_right(self._starts, place)
        if at and self._anchors[at - 1].end > place:  # the place is inside
            at -= 1
        before = self._anchors[at - 1] if at else _Anchor(0, 0, 0)
        last = _Anchor(len(self._old), len(self._old), len(self._new))
        return before, self._anchors[at] if at < len(self._anchors) else last

    def _exact(self, place: int) -> int | None:
        """The same place in the new text, where what is around it is the same."""
        at = bisect_right(self._starts, place) - 1
        if at >= 0 and place <= self._anchors[at].end:
            return self._anchors[at].there + place - self._anchors[at].start
        before, after = self._around(place)
        there = before.there + before.end - before.start
        gap = self._old[before.end : after.start]
        ahead = place - before.end
        if self._new.startswith(gap[:ahead], there) and ahead:
            return there + ahead
        behind = gap[ahead:]
        place_there = after.there - len(behind)
        if behind and place_there >= 0 and self._new.startswith(behind, place_there):
            return place_there
        return there if place == 0 else None


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the lines that are long enough, without spaces around them."""
    start = 0
    for line in text.splitlines(keepends=True):
        words = line.strip()
        if len(words) >= LEAST_LINE:
            begin = start + len(line) - len(line.lstrip())
            yield begin, begin + len(words)
        start += len(line)


def _common(old: str, new: str, old_spans: Spans, new_spans: Spans) -> Iterator[_Anchor]:
    """What stands once among the old spans and once among the new ones."""
    here, there = _once(old, old_spans), _once(new, new_spans)
    for words, start in here.items():
        if start is not None and (place := there.get(words)) is not None:
            yield _Anchor(start, start + len(words), place)


def _once(text: str, spans: Spans) -> dict[str, int | None]:
    """Each span's text with its start, or None for one that occurs twice."""
    found: dict[str, int | None] = {}
    for start, end in spans:
        words = text[start:end]
        found[words] = None if words in found else start
    return found


def _is_between(line: _Anchor, windows: Sequence[_Anchor], starts: Sequence[int]) -> bool:
    """True if a line overlaps no window; windows are in order and so are their starts."""
    at = bisect_right(starts, line.start)
    before, after = windows[at - 1 : at], windows[at : at + 1]
    return all(w.end <= line.start for w in before) and all(w.start >= line.end for w in after)


def _same_beginning(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low

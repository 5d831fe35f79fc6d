"""Runs to fragments: what stands on one line without a gap, whatever order it was drawn in."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.readers.pdf.drawn.runs import Run, is_rtl
from ingest.readers.pdf.drawn.styles import Face

_SAME_LINE = 0.15  # of the font size: baselines that differ by less are one
_GAP = 0.95  # of the font size: a wider space may lie between two columns
_SPACE = 0.13  # of the font size: what looks like a space
_SMALL = 0.88  # of the neighbour's size: an index, an exponent, a note's number
_SPELLED = 4  # single letters in a row that may be a word set wide


@dataclass(slots=True)
class Fragment:
    """A piece of a line: its text and place in the frame in which it runs rightwards."""

    text: str
    left: float
    right: float
    baseline: float
    bottom: float
    top: float
    size: float
    face: Face
    order: int
    rtl: bool = False

    @property
    def low(self) -> float:
        """The lower edge of the small letters, roughly, where lines do not overlap."""
        return self.baseline - 0.1 * self.size

    @property
    def high(self) -> float:
        """Their upper edge."""
        return self.baseline + 0.45 * self.size


def fragments_of(runs: Sequence[Run]) -> list[Fragment]:
    """The fragments of runs that share a frame."""
    lines: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (-run.baseline, run.left)):
        first = lines[-1][0] if lines else None
        least = _SAME_LINE * min(run.size, first.size) if first else 0.0
        if first and first.baseline - run.baseline <= least:
            lines[-1].append(run)
        else:
            lines.append([run])
    groups = [group for line in lines for group in _neighbours(line)]
    return [_joined(group) for group in _with_small(groups)]


def _neighbours(line: list[Run]) -> Iterator[list[Run]]:
    """The runs of one line in groups without wide gaps."""
    group: list[Run] = []
    right = 0.0
    for run in sorted(line, key=lambda run: run.left):
        size = max(run.size, group[-1].size) if group else run.size
        if group and run.left - right <= _GAP * size:
            group.append(run)
            right = max(right, run.right)
            continue
        if group:
            yield group
        group, right = [run], run.right
    if group:
        yield group


def _with_small(groups: list[list[Run]]) -> list[list[Run]]:
    """The groups, of which those in smaller type above or below a line's end are joined to it."""
    groups = sorted(groups, key=lambda group: group[0].baseline)
    heights = [group[0].baseline for group in groups]
    most = max((run.size for group in groups for run in group), default=0.0)
    taken: set[int] = set()
    for number, group in enumerate(groups):
        size = max(run.size for run in group)
        left, right = min(run.left for run in group), max(run.right for run in group)
        near = bisect_left(heights, heights[number] - most)
        best: tuple[float, int] | None = None
        for other in range(near, min(len(groups), near + 400)):
            if heights[other] > heights[number] + most:
                break
            host = groups[other]
            big = max(run.size for run in host)
            rise = heights[number] - heights[other]
            if other == number or other in taken or size > _SMALL * big:
                continue
            if not -0.45 * big < rise < 0.65 * big:
                continue
            for run in host:
                distance = max(left - run.right, run.left - right)
                if distance < 0.35 * big and (best is None or abs(distance) < best[0]):
                    best = (abs(distance), other)
        if best is not None:
            groups[best[1]] += group
            taken.add(number)
    return [group for number, group in enumerate(groups) if number not in taken]


def _joined(group: list[Run]) -> Fragment:
    """One fragment of runs that belong together."""
    letters: dict[tuple[float, Face], int] = {}
    for run in group:
        key = (run.size, run.face)
        letters[key] = letters.get(key, 0) + sum(map(len, run.parts))
    size, face = max(letters, key=lambda key: letters[key])
    main = max((run for run in group if run.size == size), key=lambda run: run.right - run.left)
    texts = [(run, _text(run)) for run in group]
    everything = "".join(text for _, text in texts)
    rtl = False
    if not everything.isascii():
        rightward = 2 * sum(is_rtl(ord(letter)) for letter in everything)
        rtl = rightward > sum(map(str.isalpha, everything))
    ordered = sorted(texts, key=lambda one: -one[0].right if rtl else one[0].left)
    parts: list[str] = []
    last: Run | None = None
    for run, text in ordered:
        if last is not None:
            gap = last.left - run.right if rtl else run.left - last.right
            after = run.order == last.order + 1 and run.lead
            smaller = min(run.size, last.size)
            if gap > _SPACE * smaller or (after and gap > -0.2 * smaller):
                parts.append(" ")
        parts.append(text)
        last = run
    return Fragment(
        "".join(parts),
        min(run.left for run in group),
        max(run.right for run in group),
        main.baseline,
        min(run.bottom for run in group),
        max(run.top for run in group),
        size,
        face,
        min(run.order for run in group),
        rtl,
    )


def _text(run: Run) -> str:
    """The words of a run, with spaces where the file has them or where there is room for one."""
    if len(run.parts) == 1:
        return run.parts[0]
    least, step = _SPACE * run.size, 0.0
    steps = [abs(b - a) for a, b in pairwise(run.lefts)]
    only_room = False
    if len(run.parts) >= _SPELLED and sum(map(len, run.parts)) <= 1.3 * len(run.parts):
        # A word whose letters are set one by one: a space is a gap wider than the others.
        usual = median(run.gaps[1:])
        if usual > 0.5 * least:
            least = max(1.5 * usual, usual + _SPACE * run.size)
            step = 1.25 * median(steps)
            only_room = True
    parts = [run.parts[0]]
    for part, gap, spaced, moved in zip(
        run.parts[1:], run.gaps[1:], run.spaced[1:], steps, strict=True
    ):
        if (gap > least and moved > step) or (spaced and not only_room):
            parts.append(" ")
        parts.append(part)
    return "".join(parts)

"""Units for the second look: of one window, only the slots around one sentence are visible.

The product looks again at the sentence that its evidence puts first, with some tokens on each side
(`app/answering/answers.py`). What is asked about that sentence is answered there. What is asked
about other places is not, and its answer is an abstention.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.train.examples import Asked, Unit, to_abstain

Offsets = Callable[[str], Sequence[tuple[int, int]]]
"""Characters of each token of a text."""

MARGINS = (0, 8, 8, 8, 20, 40)  # tokens on each side; the product looks with 8
ABSTAINED_FOR_EACH = 0.5  # most abstentions for each answer


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A unit with one window, and the tokens of it whose slots are visible."""

    unit: Unit
    visible: range


def second_look(unit: Unit, offsets: Offsets, window: int, rng: random.Random) -> SecondLook | None:
    """A second look at one sentence that the unit's questions are about, if it names any.

    window: most tokens of a window.
    """
    placed = [a for a in unit.asked if a.span is not None]
    if not placed:
        return None
    answered = [a for a in placed if not a.abstained]
    chosen = rng.choice(answered or placed).span
    assert chosen is not None
    tokens = offsets(unit.windows[chosen.window])[:window]
    seen = _tokens(tokens, chosen.start, chosen.end)
    if not seen:
        return None
    margin = rng.choice(MARGINS)
    visible = range(max(0, seen.start - margin), min(len(tokens), seen.stop + margin))

    inside: list[Asked] = []
    outside: list[Asked] = []
    for asked in unit.asked:
        if asked.span is None:
            outside += [asked] if asked.abstained else []  # an answer without a place is left out
        elif asked.span.window != chosen.window:
            outside.append(to_abstain(asked.question))
        else:
            own = _tokens(tokens, asked.span.start, asked.span.end)
            if visible.start <= own.start and own.stop <= visible.stop:
                inside.append(asked)
            elif own.stop <= visible.start or visible.stop <= own.start:
                outside.append(to_abstain(asked.question))
    most = max(1, round(ABSTAINED_FOR_EACH * len(inside)))
    asked_all = (*inside, *rng.sample(outside, min(len(outside), most)))
    text = unit.windows[chosen.window]
    return SecondLook(Unit((text,), asked_all, records=unit.records), visible)


def _tokens(offsets: Sequence[tuple[int, int]], start: int, end: int) -> range:
    """The tokens that have characters start <= c < end."""
    inside = [n for n, (a, b) in enumerate(offsets) if a < end and b > start]
    return range(inside[0], inside[-1] + 1) if inside else range(0)

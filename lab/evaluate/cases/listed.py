"""Facts of a kind scattered in a book, each in one of several wordings, for a question to list.

There are three kinds: lamps in the windows of houses, places where a green parrot was seen, and
payments to one person. No value occurs twice, and none can be known or guessed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.cuts import sentence_ends
from memory_models.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class ListedKind:
    """A kind of fact: the question that lists its values, and the wordings that state one."""

    name: str
    question: str
    wordings: tuple[str, ...]  # with {value}
    values: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PLACES = _words(
    "Askerby Brindleham Carrowmere Dunholt Elverstoke Fennimoor Garth-on-Sea Hollowick Islebeck"
    " Jarrowdene Kettlesby Lorminster Marrowick Netherquay Oxenthwaite Pellworth Quarrendale"
    " Rushcombe Saltermoor Tolvane Ullerby Velmarsh Wexcombe Yarrowgate Zennerton Applebrook"
    " Bramdean Coldharrow Drummick Eskerdale"
)
NUMBERS = _words(
    "three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty"
)
FIGURES = dict(zip(NUMBERS, (*range(3, 21), 30, 40), strict=True))
COINS = ("crowns", "shillings", "guineas", "florins", "sovereigns")

LAMPS = ListedKind(
    "lamps",
    "Which houses had a lamp in the window?",
    (
        "A lamp stood in the window of house number {value}.",
        "In the window of house number {value} one saw a lamp.",
        "Whoever passed house number {value} that evening noticed the lamp in its window.",
        "They had put a lamp in the window of house number {value}, as if someone were expected.",
        "House number {value} had a lamp burning in its window.",
        "Behind the window of house number {value} a lamp was shining.",
    ),
    tuple(str(number) for number in range(11, 100)),
)
PARROTS = ListedKind(
    "parrots",
    "Where was a green parrot seen?",
    (
        "A green parrot was seen at {value}.",
        "At {value} a green parrot sat on a railing, to everyone's surprise.",
        "Somebody in {value} had caught sight of a green parrot.",
        "The people of {value} still talked of the green parrot that they had seen there.",
        "When the coach stopped at {value}, a green parrot was sitting on the signpost.",
        "Nobody in {value} could say where the green parrot had come from.",
    ),
    PLACES,
)
PAYMENTS = ListedKind(
    "payments",
    "How much was paid to Ambrose Tilney?",
    (
        "The steward paid {value} to Ambrose Tilney.",
        "Ambrose Tilney received {value} from a banker.",
        "To Ambrose Tilney they paid {value} for the mending of a fence.",
        "A clerk counted out {value} for Ambrose Tilney.",
        "Ambrose Tilney was paid {value} that day, and went home content.",
        "Out of the purse {value} went into the hand of Ambrose Tilney.",
    ),
    tuple(f"{number} {coin}" for number, coin in zip(NUMBERS, COINS * 4, strict=True))
    + tuple(f"{number} {coin}" for number, coin in zip(NUMBERS[1:], COINS * 4, strict=False)),
)
KINDS = (LAMPS, PARROTS, PAYMENTS)
MOST_FACTS = min(len(kind.values) for kind in KINDS)


def in_figures(text: str) -> str:
    """The text in lower case with the numbers of the planted sums as figures: 9 for nine."""
    return " ".join(str(FIGURES.get(word, word)) for word in text.lower().split())


@dataclass(frozen=True, slots=True)
class Listed:
    """A text with facts in it, and the planted values of each kind in the order of the text."""

    text: str
    values: dict[str, tuple[str, ...]]


def scatter(text: str, facts: int, seed: int, kinds: Sequence[ListedKind] = KINDS) -> Listed:
    """Plant that many facts of each kind, each behind a sentence that chance chooses."""
    chance = random.Random(seed)
    stated: list[tuple[str, str, str]] = []  # kind, value, sentence
    for kind in kinds:
        if facts > len(kind.values):
            raise InvalidRequest(
                f"{facts} facts of a kind are asked for and there are {MOST_FACTS} values; "
                "plant fewer."
            )
        for number, value in enumerate(chance.sample(kind.values, facts)):
            wording = kind.wordings[number % len(kind.wordings)]
            stated.append((kind.name, value, wording.format(value=value)))
    ends = [end for end in sentence_ends(text) if end < len(text)]
    if len(ends) < len(stated):
        raise InvalidRequest(
            f"The text has {len(ends)} sentences, too few to plant {len(stated)} facts; give a "
            "longer text."
        )
    chance.shuffle(stated)
    places = sorted(chance.sample(ends, len(stated)))
    pieces, last = [], 0
    for (_, _, sentence), place in zip(stated, places, strict=True):
        before = text[last:place]
        gap = "" if before[-1:].isspace() else " "
        pieces.append(f"{before}{gap}{sentence} ")
        last = place
    values = {
        kind.name: tuple(value for name, value, _ in stated if name == kind.name) for kind in kinds
    }
    return Listed("".join([*pieces, text[last:]]), values)

"""Units with numbers to find and to copy: pass keys, codes and prices among sentences of a book.

Half of the windows are the pass key task's own filler with its own sentence: an adapter that never
saw it answers with the words of the question. The others teach which of several numbers is meant.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab.evaluate.cases.tasks import FILLER, PASSKEY_QUESTION, passkey_fact
from lab.train.examples import Mix, Split, Unit, excerpt, scatter, to_abstain, to_answer
from memory_models.errors import BadData

KEY = "pass key"
THINGS = (
    "pass key", "access code", "ticket number", "account number", "locker combination",
    "order number", "key to the vault", "number of the room", "phone number", "price of the horse",
    "weight of the parcel", "length of the bridge", "number of the house", "secret code",
    "registration number", "code of the gate", "distance to the farm", "number of the regiment",
)  # fmt: skip
SENTENCES = ("The {thing} is {number}.", "{number} is the {thing}.", "The {thing} was {number}.")
FILLED = 0.5  # fraction of windows that are the pass key task's filler
MOST = 4  # most numbers in a window of a book
LONGEST = 60  # most repeats of the filler in a window


@dataclass(frozen=True, slots=True)
class PasskeyUnits:
    """Numbers in windows, and how often they are drawn."""

    weight: float

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise BadData(f"A source is drawn with a weight of at least 0, not {self.weight}.")

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """One window of filler with a pass key, or of a book with a few numbers."""
        things = rng.sample(THINGS, 2 * MOST)
        if rng.random() < FILLED:
            facts, known = _pass_key(rng)
            around = FILLER * rng.randint(4, LONGEST)
        else:
            facts, known = _facts(things[: rng.randint(1, MOST)], rng)
            around = excerpt(rng.choice(books), rng, rng.randint(300, 3000))
        window = scatter(facts, around, split, rng)
        asked = [to_answer(_question(thing), number) for thing, number in known.items()]
        asked += [to_abstain(_question(t)) for t in _strange(things, known, mix)]
        return Unit((window,), tuple(asked)) if all(t in window for t in facts) else None


def _pass_key(rng: random.Random) -> tuple[list[str], dict[str, str]]:
    key = str(rng.randrange(10_000, 100_000))
    return [passkey_fact(key)], {KEY: key}


def _facts(things: Sequence[str], rng: random.Random) -> tuple[list[str], dict[str, str]]:
    known = {thing: _number(rng) for thing in things}
    facts = [rng.choice(SENTENCES).format(thing=t, number=n) for t, n in known.items()]
    return [line[:1].upper() + line[1:] for line in facts], known


def _number(rng: random.Random) -> str:
    digits = rng.choice((2, 3, 4, 5, 5, 6))
    number = str(rng.randrange(10 ** (digits - 1), 10**digits))
    return rng.choice((number, number, f"{number[:2]}-{number[2:]}" if digits > 4 else number))


def _question(thing: str) -> str:
    return PASSKEY_QUESTION if thing == KEY else f"What is the {thing}?"


def _strange(things: Sequence[str], known: dict[str, str], mix: Mix) -> list[str]:
    others = [thing for thing in things if thing not in known]
    return others[: max(1, round(mix.unanswerable * len(known)))]

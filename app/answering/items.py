"""What a thorough answer is: places that answer, joined into items, and told in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.answering.answers import NOT_FOUND, Answer, Evidence
from app.answering.evidence import MOST

STRONG = 0.9  # support from which an answer is relied on
NAMED = 12  # items that the short answer names
ARTICLES = frozenset(("a", "an", "the"))


@dataclass(frozen=True, slots=True)
class Place:
    """What one segment answered, and the sentence that it is from."""

    answer: str
    support: float  # how probably it answers, by both looks
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Item:
    """One answer and all places of the document that give it, in order."""

    answer: str
    count: int
    evidence: list[Evidence]


@dataclass(frozen=True, slots=True)
class ThoroughAnswer:
    """A short answer like any other, and the list that it is made from."""

    answer: Answer
    items: list[Item]  # in the order in which the document first gives them
    asked: int  # segments

    @property
    def places(self) -> int:
        """How many places of the document the items are from."""
        return sum(item.count for item in self.items)

    @property
    def chapters(self) -> int:
        """How many chapters those places are in."""
        return len({place.chapter for item in self.items for place in item.evidence})

    @property
    def guessed(self) -> bool:
        """True where no place is sure to answer."""
        return not self.answer.supported

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: those of every answer, and the items."""
        return {**self.answer.to_dict(), "items": [asdict(item) for item in self.items]}


def normalized(answer: str) -> str:
    """An answer without case, articles and punctuation: equal ones are the same answer."""
    words = re.findall(r"\w+", answer.casefold())
    return " ".join(word for word in words if word not in ARTICLES)


def joined_items(places: Sequence[Place]) -> list[Item]:
    """Equal answers as one item; items and their evidence in the order of the document."""
    together: dict[str, list[Place]] = {}
    for place in sorted(places, key=lambda p: p.evidence.start):
        together.setdefault(normalized(place.answer), []).append(place)
    return [
        Item(same[0].answer, len(same), [place.evidence for place in same])
        for same in together.values()
    ]


def told(items: Sequence[Item], *, sure: bool) -> str:
    """The short answer: how many answers there are in how many places, and the first of them."""
    if not items:
        return NOT_FOUND
    places = sum(item.count for item in items)
    counts = f"{_counted(len(items), 'answer')} in {_counted(places, 'place')}"
    names = [f"{i.answer} ({i.count})" if i.count > 1 else i.answer for i in items[:NAMED]]
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    lead = "Found" if sure else "I found nothing certain, but guess"
    return f"{lead} {counts}: {', '.join(names)}{more}."


def thorough_answer(
    places: Sequence[Place], asked: int, likeliest: float, seconds: float
) -> ThoroughAnswer:
    """The whole answer; likeliest: how probably the likeliest segment answers, where none does."""
    items = joined_items(places)
    strong = max((place.support for place in places), default=0.0) >= STRONG
    confidence = sum(p.support for p in places) / len(places) if places else likeliest
    ranked = sorted(places, key=lambda p: (-p.support, p.evidence.start))
    answer = Answer(
        answer=told(items, sure=strong),
        confidence=round(confidence, 4),
        confidence_word=("sure" if confidence >= STRONG else "likely") if strong else "guess",
        supported=strong,
        notice="",
        sources=[],
        evidence=[place.evidence for place in ranked[:MOST]],
        first_token_seconds=round(seconds, 4),
        seconds=round(seconds, 4),
    )
    return ThoroughAnswer(answer, items, asked)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

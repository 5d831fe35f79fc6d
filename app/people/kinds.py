"""Whether a name is a person's or a place's: by titles, and by the words around its mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.people.first_names import FIRST_NAMES
from app.people.forms import Form
from app.people.words import (
    ACTING,
    INSIDE,
    KIN,
    NOT_PEOPLE,
    OWNED,
    PLACE_FIRST,
    PLACE_LAST,
    SPEECH,
    TOWARDS,
    WEAK_ACTING,
)

PERSON, PLACE, UNKNOWN = "person", "place", "unknown"
_TITLED = 3.0  # a titled name is a person's at once
_FIRST_NAME = 2.0
_LEAST = 1.0  # evidence, below which nothing is said
_SHARE = 0.05  # of the mentions that must speak for it


@dataclass(slots=True)
class Weight:
    """What speaks for a person and what for a place."""

    person: float = 0.0
    place: float = 0.0

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.person + other.person, self.place + other.place)

    def kind(self, mentions: int) -> str:
        """What a name with so many mentions is."""
        if max(self.person, self.place) < max(_LEAST, _SHARE * mentions):
            return UNKNOWN
        return PERSON if self.person >= self.place else PLACE


def weigh(form: Form) -> Weight:
    """What the words of a name and around it say."""
    found = Weight()
    for mention in form.mentions:
        before, after = mention.before, mention.after
        if mention.owner:
            found.person += 0.8 if after in OWNED else 0.1
        elif after in SPEECH or before in SPEECH:
            found.person += 1.0
        elif after in ACTING:
            found.person += 0.8
        elif after in WEAK_ACTING:
            found.person += 0.2
        if before in KIN:
            found.person += 0.5 if before != "and" else 0.1
        if not mention.owner:
            found.place += 1.0 if before in INSIDE else 0.4 if before in TOWARDS else 0.0
    return found + _by_words(form)


def _by_words(form: Form) -> Weight:
    count = len(form.mentions)
    if form.titles:
        return Weight(person=_TITLED * count)
    names = form.names
    if form.full and any(word in NOT_PEOPLE for word in names):
        return Weight(-_TITLED * count, -_TITLED * count)
    if form.full and (names[-1] in PLACE_LAST or names[0] in PLACE_FIRST):
        return Weight(place=_TITLED * count)
    if names[0] in ("St", "Saint") and form.full:
        return Weight(place=0.3 * count)
    if names[0] in FIRST_NAMES:
        return Weight(person=_FIRST_NAME + 0.5 * count * form.full)
    return Weight()


def kind_of(forms: Sequence[Form], mentions: int) -> str:
    """What a name in all its forms is: a person, a place, or unknown."""
    total = Weight()
    for form in forms:
        total += weigh(form)
    return total.kind(mentions)

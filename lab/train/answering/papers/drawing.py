"""Drawing what fills a paper's wordings, so that nothing is drawn twice for one unit."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lab.train.answering.papers import pools
from lab.train.answering.papers.matters import MATTERS
from lab.train.answering.papers.names import (
    Person,
    Style,
    draw_address,
    draw_person,
    draw_town,
)
from lab.train.answering.papers.pools import Matter, Outcome, Pair
from lab.train.answering.papers.setting import Setting
from lab.train.answering.papers.wording import FIELD, fields

NUMBER_WORD = re.compile(rf"\b({'|'.join(pools.SMALL)})\b(?! of\b)")
TRIES = 40
OF_SETTING = {
    "role": "roles", "body": "bodies", "actors": "actors", "event": "events", "task": "tasks",
    "act": "acts", "offence": "offences", "thing": "things", "spot": "spots", "topic": "topics",
    "duty": "duties", "deed": "deeds", "step": "steps",
}  # fmt: skip
SHARED = {"office": "role", "town": "destination"}  # slots that draw from the pool of another
REPEATED = frozenset({"weekday", "ordinal", "side"})  # may be drawn twice: no question asks for it
DATES = ("{d} {m}", "{d} {m} {y}", "{m} {d}", "{m} {d}, {y}", "the {o} of {m}", "{w} {d} {m}")
TIMES = ("{h}:{q:02d}", "{t}.{q:02d} {half}", "{t}:{q:02d} {half}", "{words}")


class Exhausted(LookupError):
    """Nothing new is left to draw for a slot."""


class Drawing:
    """Draws for the papers of one unit; `setting` and `style` are those of the paper at hand."""

    def __init__(self, rng: random.Random, setting: Setting, style: Style) -> None:
        self.rng, self.setting, self.style = rng, setting, style
        self.people: list[Person] = []
        self.pair: Pair | None = None  # the parties of the paper at hand
        self._used: dict[str, set[str]] = {}
        self._ranges: dict[str, tuple[int, int]] = {}
        self._currency = rng.choice(pools.CURRENCIES)
        self._date, self._time = rng.choice(DATES), rng.choice(TIMES)
        self._year = rng.randint(1930, 2035)
        self._hours: dict[str, int] = {}  # of the times drawn

    def begin(self, setting: Setting, style: Style) -> None:
        """Go on to another paper of the unit."""
        self.setting, self.style, self.pair = setting, style, None

    def values(
        self, slots: Sequence[str], known: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A value for each slot, new in this unit. Raises Exhausted."""
        found = dict(known or {})
        for slot in slots:
            if slot not in found and slot != "other":
                found[slot] = self.draw(slot, found)
        return found

    def draw(self, slot: str, found: Mapping[str, Any]) -> Any:
        """One new value; what it depends on is looked up in `found`. Raises Exhausted."""
        name = slot.rstrip("0123456789")
        pool = SHARED.get(name, name)
        used = self._used.setdefault(pool, set())
        for _ in range(TRIES):
            value = self._draw(name, slot.removeprefix(name), found)
            marks = _marks(value)
            if used.isdisjoint(marks) or name in REPEATED:
                used |= marks
                if isinstance(value, Person):
                    self.people.append(value)
                return value
        raise Exhausted(slot)

    def composed(self, template: str) -> str:
        """A phrase with all its slots drawn."""
        found = self.values(fields(template))
        return FIELD.sub(lambda match: str(found[match[1]]), template)

    def _draw(self, name: str, index: str, found: Mapping[str, Any]) -> Any:
        rng = self.rng
        if name in OF_SETTING:
            return rng.choice(self.setting.words[OF_SETTING[name]])
        if name in pools.LISTED:
            return rng.choice(pools.LISTED[name])
        if name in pools.COMPOSED:
            return self.composed(rng.choice(pools.COMPOSED[name]))
        draw = getattr(self, f"_draw_{name}", None)
        if draw is None:
            raise KeyError(f"Nothing is known to fill the slot {name!r} with.")
        return draw(index, found)

    def _draw_who(self, index: str, found: Mapping[str, Any]) -> Person:
        kin = found.get(f"kin{index}")
        woman = None if kin is None else kin in pools.KIN_WOMEN
        return draw_person(self.rng, self.style, woman)

    def _draw_kin(self, index: str, found: Mapping[str, Any]) -> str:
        return self.rng.choice(pools.KIN_WOMEN + pools.KIN_MEN)

    def _draw_pair(self, index: str, found: Mapping[str, Any]) -> Pair:
        self.pair = Pair(*self.rng.choice(pools.PAIRS).split("="))
        return self.pair

    def _draw_party(self, index: str, found: Mapping[str, Any]) -> Pair:
        """The parties that the paper has named, so that it goes on about them; then others."""
        if self.pair is not None and self.pair.one not in self._used["party"]:
            return self.pair
        return Pair(*self.rng.choice(pools.PAIRS).split("="))

    def _draw_side(self, index: str, found: Mapping[str, Any]) -> str:
        """One of the paper's two parties, by its role; other parties where it names none."""
        if self.pair is None:
            self.pair = Pair(*self.rng.choice(pools.PAIRS).split("="))
        return self.rng.choice(self.pair)

    def _draw_home(self, index: str, found: Mapping[str, Any]) -> str:
        return draw_address(self.rng)

    def _draw_destination(self, index: str, found: Mapping[str, Any]) -> str:
        return draw_town(self.rng)

    def _draw_town(self, index: str, found: Mapping[str, Any]) -> str:
        return draw_town(self.rng)

    def _draw_platform(self, index: str, found: Mapping[str, Any]) -> str:
        return self.rng.choice(pools.PLATFORMS).format(self.rng.randint(1, 19))

    def _draw_fee(self, index: str, found: Mapping[str, Any]) -> str:
        return self._ranged(self.rng.choice(self.setting.words["fees"]))

    def _draw_limit(self, index: str, found: Mapping[str, Any]) -> str:
        return self._ranged(self.rng.choice(self.setting.words["limits"]))

    def _ranged(self, entry: str) -> str:
        name, _, between = entry.partition("=")
        low, _, high = between.partition("-")
        self._ranges[name] = (int(low), int(high))
        return name

    def _draw_sum(self, index: str, found: Mapping[str, Any]) -> str:
        fee = found.get(f"fee{index}", found.get("fee", ""))
        low, high = self._ranges.get(fee, (2, 60) if "charge" in found else (4, 150))
        number = self.rng.randint(low, high)
        if number > 1000:
            number -= number % 50
        pence = number < 60 and self.rng.random() < 0.3
        said = f"{number}.{self.rng.choice((20, 25, 40, 50, 75, 80))}" if pence else f"{number:,}"
        return self._currency.format(said)

    def _draw_number(self, index: str, found: Mapping[str, Any]) -> str:
        low, high = self._ranges.get(found.get(f"limit{index}", ""), (2, 40))
        return self._count(self.rng.randint(low, high))

    def _draw_n(self, index: str, found: Mapping[str, Any]) -> str:
        return str(self.rng.randint(2, 90))

    def _count(self, number: int) -> str:
        spelt = 2 <= number <= 12 and self.rng.random() < 0.5
        return pools.SMALL[number - 2] if spelt else str(number)

    def _draw_span(self, index: str, found: Mapping[str, Any]) -> str:
        return f"{self._count(self.rng.randint(2, 40))} {self.rng.choice(pools.UNITS)}s"

    def _draw_tenure(self, index: str, found: Mapping[str, Any]) -> str:
        return f"{self._count(self.rng.randint(2, 30))} years"

    def _draw_ordinal(self, index: str, found: Mapping[str, Any]) -> str:
        return _ordinal(self.rng.randint(2, 28))

    def _draw_weekday(self, index: str, found: Mapping[str, Any]) -> str:
        return self.rng.choice(pools.WEEKDAYS)

    def _draw_year(self, index: str, found: Mapping[str, Any]) -> str:
        first = int(found["year"]) + 1 if index and "year" in found else self._year - 60
        return str(self.rng.randint(first, max(first, self._year + 10)))

    def _draw_date(self, index: str, found: Mapping[str, Any]) -> str:
        day = self.rng.randint(1, 28)
        return self._date.format(
            d=day,
            m=self.rng.choice(pools.MONTHS),
            y=self._year + self.rng.randint(0, 1),
            o=_ordinal(day),
            w=self.rng.choice(pools.WEEKDAYS),
        )

    def _draw_time(self, index: str, found: Mapping[str, Any]) -> str:
        first = self._hours.get(found["time"], 6) + 1 if index and "time" in found else 6
        hour = self.rng.randint(first, max(first, 22 if index else 16))
        quarter = self.rng.choice((0, 0, 10, 15, 20, 30, 30, 45))
        twelve = (hour - 1) % 12 + 1
        spelt = {0: "{} o'clock", 10: "ten past {}", 15: "a quarter past {}", 20: "twenty past {}"}
        spelt |= {30: "half past {}", 45: "a quarter to {}"}
        names = ("one", *pools.SMALL)
        words = spelt[quarter].format(names[twelve % 12 if quarter == 45 else twelve - 1])
        half = "pm" if hour >= 12 else "am"
        said = self._time.format(h=hour, t=twelve, q=quarter, half=half, words=words)
        self._hours[said] = hour
        return said

    def _draw_phone(self, index: str, found: Mapping[str, Any]) -> str:
        digits = "".join(str(self.rng.randrange(10)) for _ in range(6))
        return self.rng.choice((f"0{digits}", f"{digits[:3]} {digits[3:]}", digits[:3]))

    def _draw_amount(self, index: str, found: Mapping[str, Any]) -> str:
        unit, _, between = self.rng.choice(pools.MEASURES).partition("=")
        low, high = map(int, between.split("-"))
        number = self.rng.randint(low, high)
        number -= number % 5 if number > 20 else 0
        return f"{self._count(number)} {unit}"

    def _draw_term(self, index: str, found: Mapping[str, Any]) -> Pair:
        name, _, meaning = self.rng.choice(self.setting.words["terms"]).partition("=")
        return Pair(name, self._varied(meaning))

    def _draw_matter(self, index: str, found: Mapping[str, Any]) -> Matter:
        rule, _, asked = self.rng.choice(MATTERS).partition("=")
        names, acts = rule.split("|"), asked.split("|")
        return Matter(self.rng.choice(names), self.rng.choice(acts), (*names, *acts))

    def _draw_hazard(self, index: str, found: Mapping[str, Any]) -> Pair:
        when, _, then = self.rng.choice(self.setting.words["hazards"]).partition("=")
        if self.rng.random() < 0.5:
            then = self.composed(self.rng.choice(pools.RESULTS))
        return Pair(when, self._varied(then))

    def _draw_outcome(self, index: str, found: Mapping[str, Any]) -> Outcome:
        return Outcome(*self.rng.choice(self.setting.words["outcomes"]).split("|"))

    def _draw_reason(self, index: str, found: Mapping[str, Any]) -> str:
        if self.rng.random() < 0.5:
            return self.composed(self.rng.choice(pools.REASONS))
        return self.rng.choice(self.setting.words["reasons"])

    def _varied(self, text: str) -> str:
        """The text with its numbers changed, so that a model cannot know them by heart."""
        return NUMBER_WORD.sub(lambda _: self.rng.choice(pools.SMALL), text)


def _marks(value: Any) -> set[str]:
    """What must not be drawn again, as two things of one unit would be confused."""
    if isinstance(value, Person):
        return {value.first, value.last}
    if isinstance(value, Pair):
        return {value.one, value.two}
    if isinstance(value, Matter):
        return set(value.every)
    return {str(value).lower()}


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"

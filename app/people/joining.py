"""Which forms of names are one person's: "Anne", "Miss Elliot" and "Anne Elliot".

A form with a first and a last name is somebody for certain. A title with a name, or a name alone,
belongs to the only one of these whom it fits. Where it fits several, each of its mentions goes to
the one who stands nearest before it; where nobody stands near, it stays by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from app.people.first_names import FIRST_NAMES, SHORT_FORMS, gender_of
from app.people.forms import Form, Mention
from app.people.words import TITLES

NEAR = 1_500  # characters before a mention
TOLD_APART = 10  # mentions with title and first name
AGREED = 0.75  # of a title's mentions must speak for one person
CLOSE = 20  # characters, between which there is hardly more than "and"
CHANCE = 0.02  # of the mentions of two names of one person may have "and" between them
WIFE = 0.03  # of a woman's mentions, that "Mrs." with her last name must have at least
NAMESAKES = 200  # people of one last name with whom another is compared
CANDIDATES = 12  # people, the most mentioned, who may be meant by a name
CLEAR = 3  # times as many mentions make one person the likelier one


@dataclass(slots=True, eq=False)
class Somebody:
    """One person or place: the mentions of each form that is theirs."""

    first: str = ""
    last: str = ""
    gender: str = ""
    ranks: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)
    forms: list[Form] = field(default_factory=list)  # theirs alone
    shared: list[Form] = field(default_factory=list)  # with those mentions that are theirs
    found: dict[str, list[Mention]] = field(default_factory=lambda: defaultdict(list))
    by_husband: bool = False  # "Mrs. John Dashwood"

    def add(self, form: Form, mentions: Iterable[Mention] | None = None) -> None:
        """Give a form to this person, or some of its mentions."""
        if mentions is None:
            self.forms.append(form)
            self.titles |= set(form.titles)
            self.ranks |= {TITLES[title].rank for title in form.titles}
        else:
            self.shared.append(Form(form.titles, form.words, list(mentions)))
        self.found[form.shown] += form.mentions if mentions is None else mentions

    def starts(self) -> list[int]:
        """Where the mentions begin, in order."""
        return sorted(mention.start for found in self.found.values() for mention in found)

    @property
    def count(self) -> int:
        """Mentions."""
        return sum(len(mentions) for mentions in self.found.values())


def join(forms: Sequence[Form]) -> list[Somebody]:
    """The people of a text."""
    return _Joining(forms).people()


def _gender(form: Form) -> str:
    """By the titles, else by the first name, else by "he" or "she" after it."""
    for title in form.titles:
        if TITLES[title].gender:
            return TITLES[title].gender
    first = form.names[0]
    by_name = gender_of(first) if form.full or first in FIRST_NAMES else ""
    return by_name or form.called


def _rank(form: Form) -> str:
    return TITLES[form.title].rank if form.title else ""


_AGAINST = {
    "plain": {"high", "officer"},
    "wife": {"miss", "high", "office"},
    "miss": {"wife", "high", "office"},
    "high": {"plain", "wife", "miss"},
    "officer": {"plain", "high"},
    "office": {"wife", "miss"},
}
"""Ranks that nobody has together with another."""


def _against(form: Form, other: Somebody) -> set[str]:
    """Ranks that a person may not have to be meant by a form; none if they have its title."""
    return set() if form.title in other.titles else _AGAINST.get(_rank(form), set())


def _shortness(form: Form) -> int:
    """Whole first names come before short forms, and these before initials."""
    first = form.names[0]
    return 2 if len(first) == 1 else int(first in SHORT_FORMS)


def _same_first(one: str, other: str) -> bool:
    """Whether two first names are one: the same, or one the short form of the other."""
    return one == other or one in SHORT_FORMS.get(other, ()) or other in SHORT_FORMS.get(one, ())


class _Joining:
    def __init__(self, forms: Sequence[Form]) -> None:
        self._forms = sorted(forms, key=lambda form: form.mentions[0].start)
        self._people: list[Somebody] = []
        self._by_last: defaultdict[str, list[Somebody]] = defaultdict(list)
        self._by_first: defaultdict[str, list[Somebody]] = defaultdict(list)
        self._apart = _pairs(self._forms)
        self._bare = {form.words for form in forms if not form.titles}
        self._called = {form.words[0]: form.called for form in forms if len(form.words) == 1}
        self._titles = Counter[tuple[str, ...]]()  # how often titles stand before these words
        for form in forms:
            if form.titles:
                self._titles[form.words] += len(form.mentions)
        self._misses = {word for form in forms if _rank(form) == "miss" for word in form.names}
        self._open: list[tuple[Form, list[Somebody]]] = []

    def people(self) -> list[Somebody]:
        """Everybody, each with the mentions that are theirs."""
        full = [form for form in self._forms if form.full]
        men = {form.names for form in full if form.titles and _gender(form) == "m"}
        for form in sorted(full, key=_shortness):
            self._full(form, men)
        first = {form for form in self._forms if self._is_first_name(form)}
        for form in sorted(first, key=lambda form: form.mentions[0].start):
            self._new(form, form.names[0], "", _gender(form))
        for form in sorted(self._forms, key=lambda form: -len(form.mentions)):
            if form.titles and not form.full:
                self._titled(form)
        for form in self._forms:
            if not form.titles and not form.full and form not in first:
                self._alone(form)
        self._short_forms()
        self._settle()
        return [somebody for somebody in self._people if somebody.count]

    # One person for each first and last name

    def _full(self, form: Form, men: set[tuple[str, ...]]) -> None:
        first, last = form.names[0], form.names[-1]
        gender = _gender(form) or self._called.get(first, "")
        wife = _rank(form) == "wife" and (gender_of(first) == "m" or form.names in men)
        for other in self._lasts(last):
            if other.by_husband != wife or {gender, other.gender} == {"m", "f"}:
                continue
            knighted = (_rank(form) == "high") != ("high" in other.ranks)
            if (first != other.first and knighted) or not last:
                continue
            if _same_first(first, other.first) or self._initial(first, other, last):
                other.add(form)
                other.gender = other.gender or gender
                if other not in self._by_first[first] and not wife:
                    self._by_first[first].append(other)
                return
        self._new(form, first, last, gender, by_husband=wife)

    def _is_first_name(self, form: Form) -> bool:
        """Whether a name alone is a first name that nobody has with a last one."""
        word = form.names[0]
        if form.titles or form.full or word not in FIRST_NAMES:
            return False
        if self._by_first[word] or self._by_last[word]:
            return False
        return len(form.mentions) >= self._titles[form.words]

    def _lasts(self, word: str) -> list[Somebody]:
        return self._by_last[word][:NAMESAKES]

    def _firsts(self, word: str) -> list[Somebody]:
        return self._by_first[word][:NAMESAKES]

    def _initial(self, first: str, other: Somebody, last: str) -> bool:
        if len(first) > 1 and len(other.first) > 1:
            return False
        alike = [o for o in self._lasts(last) if o.first[:1] == first[:1] and not o.by_husband]
        return other in alike and len(alike) == 1

    def _new(
        self, form: Form, first: str, last: str, gender: str, *, by_husband: bool = False
    ) -> Somebody:
        made = Somebody(first, last, gender, by_husband=by_husband)
        made.add(form)
        self._people.append(made)
        if last:
            self._by_last[last].append(made)
        if first and not by_husband:
            self._by_first[first].append(made)
        return made

    # A title with one name

    def _titled(self, form: Form) -> None:
        word, gender, rank = form.names[0], _gender(form), _rank(form)
        last = [o for o in self._lasts(word) if self._fits(form, o, gender)]
        first = [
            o
            for o in self._firsts(word)
            if o not in last and {gender, o.gender} != {"m", "f"} and self._may_be_first(form, o)
        ]
        by_first = rank in ("kin", "high", "miss") and word in FIRST_NAMES
        found = (first or last) if by_first else (last or first)
        for better in (
            [o for o in found if form.title in o.titles],
            [o for o in found if gender and o.gender == gender],
        ):
            found = better or found
        if len(found) == 1:
            found[0].add(form)
            found[0].gender = found[0].gender or gender
        elif found:
            self._leave(form, found)
        elif (
            word in FIRST_NAMES
            and not self._by_last[word]
            and (rank in ("kin", "high") or form.words in self._bare)
        ):
            self._new(form, word, "", gender)
        else:
            self._new(form, "", word, gender)

    def _may_be_first(self, form: Form, other: Somebody) -> bool:
        """Whether a title with a first name may be somebody: "Sir Walter" is, "Colonel" is not."""
        rank = _rank(form)
        against = _against(form, other) - {"office"}
        if rank == "officer" or (rank != "office" and other.ranks & against):
            return False
        return rank != "high" or not other.ranks or "high" in other.ranks

    def _fits(self, form: Form, other: Somebody, gender: str) -> bool:
        """Whether a title with a last name may be somebody."""
        rank = _rank(form)
        if {gender, other.gender} == {"m", "f"} or self._are_apart(form, other):
            return False
        if other.by_husband:
            return rank == "wife"
        if rank == "high" and not other.ranks & {"high"}:
            return False
        if other.ranks & _against(form, other) or self._is_told_from(form, other):
            return False
        return rank != "wife" or "wife" in other.ranks or self._may_be_wife(form, other)

    def _may_be_wife(self, form: Form, other: Somebody) -> bool:
        """Whether "Mrs. Cavendish" may be Mary Cavendish, and not her mother.

        Nobody of these names is a "Miss", and she is not called so seldom only.
        """
        if other.last and not other.first:
            return False
        misses = {other.first, other.last} & self._misses
        return not misses and len(form.mentions) >= WIFE * other.count

    def _is_told_from(self, form: Form, other: Somebody) -> bool:
        """Whether "Mr. John Knightley" is said so often that "Mr. Knightley" is somebody else.

        That one must stand in the text before him.
        """
        title = form.title
        full = [f for f in other.forms[:NAMESAKES] if f.full]
        named = [f for f in full if title in f.titles]
        places = [m.start for f in full for m in f.mentions]
        titled = sum(len(f.mentions) for f in named)
        often = titled >= TOLD_APART and 4 * titled >= len(places)
        return often and form.mentions[0].start < min(places)

    # A name alone

    def _alone(self, form: Form) -> None:
        word = form.names[0]
        gender = _gender(form)
        first = [o for o in self._firsts(word) if self._may_be(form, o, gender)]
        last = [o for o in self._lasts(word) if o not in first and self._may_be(form, o, gender)]
        if first and word in FIRST_NAMES:
            last = []
        found = first + self._usual(last)
        if len(found) == 1:
            found[0].add(form)
        elif found:
            self._leave(form, found)
        else:
            self._new(form, word, "", gender)

    def _leave(self, form: Form, people: list[Somebody]) -> None:
        """Leave a form for later that fits several."""
        self._open.append((form, sorted(people, key=lambda o: -o.count)[:CANDIDATES]))

    def _may_be(self, form: Form, other: Somebody, gender: str) -> bool:
        return {gender, other.gender} != {"m", "f"} and not self._are_apart(form, other)

    def _usual(self, people: list[Somebody]) -> list[Somebody]:
        """Of those with a last name, who is called by it alone: seldom a woman among men."""
        men = [o for o in people if o.gender != "f"]
        return men or people

    def _are_apart(self, form: Form, other: Somebody) -> bool:
        """Whether the text has both joined by "and", and so as two."""
        return any(shown in other.found for shown in self._apart[form.shown])

    # Short forms of first names

    def _short_forms(self) -> None:
        for somebody in list(self._people):
            if somebody.last or somebody.first not in SHORT_FORMS or not somebody.count:
                continue
            longer = [
                o
                for name in SHORT_FORMS[somebody.first]
                for o in self._firsts(name)
                if o is not somebody
                and "high" not in o.ranks
                and not any(self._are_apart(f, o) for f in somebody.forms)
            ]
            if len(longer) == 1 and {somebody.gender, longer[0].gender} != {"m", "f"}:
                for form in somebody.forms:
                    longer[0].add(form)
                self._by_first[somebody.first].append(longer[0])
                somebody.forms, somebody.found = [], defaultdict(list)

    # Names that fit several

    def _settle(self) -> None:
        known: dict[Somebody, tuple[int, list[int]]] = {}
        for form, people in self._open:
            for somebody in people:
                if somebody not in known or known[somebody][0] != len(somebody.found):
                    known[somebody] = len(somebody.found), somebody.starts()
            places = [known[somebody][1] for somebody in people]
            whose = [_nearest(mention, places) for mention in form.mentions]
            if form.titles and any(o.last == form.names[0] for o in people):
                whose = [_agreed(whose)] * len(whose)
            elif (clear := _clear(form.names[0], people)) >= 0:
                whose = [clear] * len(whose)
            given: defaultdict[int, list[Mention]] = defaultdict(list)
            for number, mention in zip(whose, form.mentions, strict=True):
                given[number].append(mention)
            for number, mentions in given.items():
                if number < 0:
                    self._new(Form(form.titles, form.words, mentions), "", "", _gender(form))
                else:
                    people[number].add(form, mentions)


def _clear(word: str, people: list[Somebody]) -> int:
    """The number of the one who has a name much more often than the others, or -1."""
    with_it = [
        sum(len(form.mentions) for form in somebody.forms if word in form.words)
        for somebody in people
    ]
    for counts in (with_it, [somebody.count for somebody in people]):
        first, second = sorted(counts, reverse=True)[:2]
        if first >= CLEAR * max(1, second):
            return counts.index(first)
    return -1


def _nearest(mention: Mention, places: list[list[int]]) -> int:
    """The number of the person who stands nearest before a mention; -1 where nobody is near."""
    near: list[tuple[int, int]] = []
    for number, starts in enumerate(places):
        at = bisect_left(starts, mention.start) - 1
        if at >= 0 and mention.start - starts[at] <= NEAR:
            near.append((starts[at], number))
    return max(near)[1] if near else -1


def _agreed(whose: list[int]) -> int:
    """The number for which most of the mentions speak, or -1: a title means one person mostly."""
    number, votes = Counter(whose).most_common(1)[0]
    return number if votes >= AGREED * len(whose) else -1


def _pairs(forms: Sequence[Form]) -> defaultdict[str, set[str]]:
    """For each form, those that the text joins to it with "and" more often than by chance."""
    counts = {form.shown: len(form.mentions) for form in forms}
    places = sorted(
        (mention.start, mention.end, mention.joined, form.shown)
        for form in forms
        for mention in form.mentions
    )
    found: Counter[tuple[str, str]] = Counter()
    for (_, end, joined, one), (start, _, _, other) in pairwise(places):
        if joined and one != other and start - end <= CLOSE:
            found[min(one, other), max(one, other)] += 1
    apart: defaultdict[str, set[str]] = defaultdict(set)
    for (one, other), count in found.items():
        if count > CHANCE * min(counts[one], counts[other]):
            apart[one].add(other)
            apart[other].add(one)
    return apart

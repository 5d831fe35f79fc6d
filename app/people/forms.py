"""Which runs of capitalised words are names, and the form in which each name stands."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from app.people.first_names import FIRST_NAMES
from app.people.runs import Run, Runs
from app.people.words import (
    ADJECTIVES,
    ARTICLES,
    NEVER,
    PARTICLES,
    ROLES,
    SHORT,
    TITLES,
)

_LEAST_CALLED = 4  # mentions with "he" or "she" behind them
_OFTEN_CALLED = 2.5  # times as often as the other
_MOST_SMALL = 0.25  # how often a name may stand in small letters, for each time with a capital


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a name stands, text[start:end], with the words around it."""

    start: int
    end: int
    before: str
    after: str
    owner: bool
    joined: bool  # "and" and another name follow
    gender: str  # of the first "he" or "she" that follows closely


@dataclass(slots=True, eq=False)
class Form:
    """One way to write a name: titles, and words such as ("Anne", "Elliot")."""

    titles: tuple[str, ...]
    words: tuple[str, ...]
    mentions: list[Mention] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The title that says most: the last one, so that "Mr. Inspector X" is an inspector."""
        return self.titles[-1] if self.titles else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The words without particles."""
        return tuple(word for word in self.words if word not in PARTICLES and word != "of")

    @property
    def called(self) -> str:
        """ "m" or "f" where mostly "he" or "she" follows, else ""."""
        men = sum(m.gender == "m" for m in self.mentions)
        women = sum(m.gender == "f" for m in self.mentions)
        if max(men, women) < _LEAST_CALLED or max(men, women) < _OFTEN_CALLED * min(men, women):
            return ""
        return "m" if men > women else "f"

    @property
    def full(self) -> bool:
        """Whether it has a first name or an initial, and a last one."""
        return len(self.names) > 1

    @property
    def shown(self) -> str:
        """The form as people write it: "Mr. Sherlock Holmes"."""
        titles = [t + "." if t in SHORT else t for t in self.titles]
        words = [w + "." if len(w) == 1 or w == "St" else w for w in self.words]
        return " ".join((*titles, *words))


def forms_of(found: Runs) -> list[Form]:
    """Every name of the text in each of its forms, in the order in which they first stand."""
    judge = _Judge(found)
    forms: dict[tuple[tuple[str, ...], tuple[str, ...]], Form] = {}
    for run, following in zip_longest(found.runs, found.runs[1:]):
        for titles, words, mention in judge.names(run):
            form = forms.setdefault((titles, words), Form(titles, words))
            form.mentions.append(mention)
        if following and run.joined and all(word in TITLES for word in run.words):
            for titles, words, mention in list(judge.names(following))[:1]:
                if titles:  # "Mr. and Mrs. Musgrove" are two
                    key = tuple(run.words), words[-1:]
                    form = forms.setdefault(key, Form(*key))
                    form.mentions.append(replace(mention, start=run.start, joined=True))
    known = {word for form in forms.values() for word in form.words}
    return [form for form in forms.values() if not _is_family(form, known)]


def _is_family(form: Form, known: set[str]) -> bool:
    """ "The Musgroves" are not one person."""
    last = form.words[-1]
    plural = (last.endswith("s") and last[:-1] in known) or (
        last.endswith("es") and last[:-2] in known
    )
    with_article = sum(m.before in ARTICLES or m.before == "two" for m in form.mentions)
    return plural and 2 * with_article >= len(form.mentions)


class _Judge:
    """What the whole text says about its capitalised words."""

    def __init__(self, found: Runs) -> None:
        self._small = found.small
        self._inside: Counter[str] = Counter()  # with a capital inside a sentence
        self._plain: Counter[str] = Counter()  # of these, those not in capitals throughout
        self._titled: Counter[str] = Counter()
        self._led: defaultdict[str, int] = defaultdict(int)  # behind an article
        for run in found.runs:
            self._count(run)

    def _count(self, run: Run) -> None:
        for place, word in enumerate(run.words):
            after_title = place > 0 and run.words[place - 1] in TITLES
            if after_title:
                self._titled[word] += 1
            if (place or not run.opens) and not _shouted(word):
                self._inside[word] += 1
                if not place and run.before in ARTICLES:
                    self._led[word] += 1

    def known(self, word: str) -> bool:
        """Whether a word is a name wherever it has a capital, also at the start of a sentence."""
        inside = self._inside[word]
        if word in NEVER or not inside:
            return False
        return self._small[word.lower()] <= _MOST_SMALL * inside

    def names(self, run: Run) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Mention]]:
        """The names that are in a run."""
        words = [self._calm(word) for word in run.words]
        first = self._first(run, words)
        for begin, end in _pieces(words, first):
            found = self._name(run, words, begin, end)
            if found:
                yield found

    def _calm(self, word: str) -> str:
        """A word in capitals throughout as the text has it elsewhere."""
        if not _shouted(word):
            return word
        return word.title() if self._inside[word.title()] or word.title() in TITLES else word

    def _first(self, run: Run, words: list[str]) -> int:
        """Where a name may begin: behind a word that has its capital from the sentence."""
        if not run.opens or words[0] in TITLES or self.known(words[0]):
            return 0
        if len(words) == 1 or _shouted(words[0]):
            return 1
        unseen = not self._small[words[0].lower()] and words[0] not in ADJECTIVES
        new = unseen and not self.known(words[1]) and words[1] not in TITLES
        return 0 if new or words[0] in FIRST_NAMES else 1

    def _name(
        self, run: Run, words: list[str], begin: int, end: int
    ) -> tuple[tuple[str, ...], tuple[str, ...], Mention] | None:
        at = begin
        while at < end and words[at] in ADJECTIVES:
            at += 1
        begin = at
        while at < end and words[at] in TITLES:
            at += 1
        titles, name = words[begin:at], words[at:end]
        if name and name[0] in ("of", *PARTICLES) and not titles:
            return None
        opens, last = run.opens and begin == 0, end == len(words)
        if len(name) < 2 and len("".join(name)) < 2:
            return None
        if all(word in PARTICLES or word == "of" for word in name):
            return None
        if not titles and not self._untitled(run, name, opens, led=begin == 0):
            return None
        if any(_shouted(word) and len(word) > 1 for word in name):
            return None
        spans = run.spans
        before = run.before if begin == 0 else words[begin - 1].lower()
        mention = Mention(
            spans[begin][0],
            spans[end - 1][1],
            before,
            run.after if last else words[end].lower(),
            run.owner and last,
            run.joined and last,
            run.gender if last else "",
        )
        return tuple(titles), tuple(name), mention

    def _untitled(self, run: Run, name: list[str], opens: bool, *, led: bool) -> bool:
        """Whether words without a title are a name."""
        if len(name) > 1:
            return len(name) <= 5 and any(len(word) > 1 for word in name)
        word = name[0]
        if len(word) == 1 or word in ROLES:
            return False
        article = led and run.before in ARTICLES
        if self.known(word):
            often = self._led[word] > 0.6 * self._inside[word]
            return not (article and often and word.lower() in self._small)
        firm = word in FIRST_NAMES or self._titled[word] > 1
        return firm and not opens and not article and self._inside[word] > 1


def _pieces(words: list[str], first: int) -> Iterator[tuple[int, int]]:
    """Parts of a run between words that name nobody."""
    begin = first
    for at in range(first, len(words) + 1):
        if at == len(words) or words[at] in NEVER:
            if at > begin:
                yield begin, at
            begin = at + 1
        elif at > begin and _begins_another(words[at - 1], words[at]):
            yield begin, at
            begin = at


def _begins_another(before: str, word: str) -> bool:
    """Whether a title begins another name in the same run: "Anne Captain Wentworth"."""
    inside = before in TITLES or before in PARTICLES or before == "of"
    return word in TITLES and word not in FIRST_NAMES and not inside


def _shouted(word: str) -> bool:
    return len(word) > 1 and word.isupper()

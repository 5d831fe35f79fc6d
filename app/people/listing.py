"""Who and what is in a text: names, joined, in the order of how often they are mentioned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.people.first_names import FIRST_NAMES
from app.people.forms import Form, Mention, forms_of
from app.people.joining import Somebody, join
from app.people.kinds import PERSON, PLACE, Weight, kind_of, weigh
from app.people.runs import runs_of
from ingest.book import Chapter

_FEW = 3  # mentions of a name that is no person's for sure: it explains no other name
_LONGEST = 3  # words of a name that stands in the text once or twice
_SHARE_OF_FULL = 0.02  # of the mentions, at which the whole name is the one to show


@dataclass(slots=True)
class Entry:
    """A person, a place or an unknown name, with all its mentions in order."""

    name: str
    kind: str
    variants: Counter[str]
    places: list[Mention]

    @property
    def mentions(self) -> int:
        """How often it is mentioned."""
        return len(self.places)


def everybody(text: str, chapters: Sequence[Chapter]) -> list[Entry]:
    """All entries of a text, the most mentioned first."""
    own: list[Form] = []
    people: list[Form] = []
    forms = forms_of(runs_of(text, chapters))
    weights = {(form.titles, form.words): weigh(form) for form in forms}
    titled: defaultdict[str, Weight] = defaultdict(Weight)
    for form in forms:
        if form.titles and not form.full and "of" not in form.words:
            titled[form.words[0]] += weights[form.titles, form.words]
    single = {
        form.words[0]
        for form in forms
        if not form.full and weights[form.titles, form.words].kind(len(form.mentions)) == PERSON
    }
    for form in forms:
        weight = weights[form.titles, form.words]
        if not form.titles and not form.full and form.words[0] in titled:
            weight += titled[form.words[0]]
        kind = weight.kind(len(form.mentions))
        apart = kind == PLACE or (len(form.mentions) < _FEW and _is_loose(form, kind, single))
        (own if apart else people).append(form)
    entries = [_entry(somebody) for somebody in join(people)]
    entries += [
        Entry(
            form.shown,
            kind_of([form], len(form.mentions)),
            Counter({form.shown: len(form.mentions)}),
            form.mentions,
        )
        for form in own
    ]
    return sorted(entries, key=lambda entry: (-entry.mentions, entry.places[0].start))


def _is_loose(form: Form, kind: str, single: set[str]) -> bool:
    """Whether a rare form may be no name at all, such as words of a heading.

    single: words that are people's names by themselves.
    """
    if len(form.names) > _LONGEST:
        return True
    first = form.names[0]
    if not form.full or form.titles or first in FIRST_NAMES or len(first) == 1:
        return False
    if first in single:
        return False
    return kind != PERSON or form.names[-1] in FIRST_NAMES


def _entry(somebody: Somebody) -> Entry:
    variants = Counter({shown: len(found) for shown, found in somebody.found.items() if found})
    places = sorted((m for found in somebody.found.values() for m in found), key=lambda m: m.start)
    forms = [form for form in (*somebody.forms, *somebody.shared) if form.mentions]
    return Entry(_shown(forms, variants), kind_of(forms, len(places)), variants, places)


def _shown(forms: Sequence[Form], variants: Counter[str]) -> str:
    """The name to show: the whole one where it is used, else the most usual form."""
    least = min(_FEW, _SHARE_OF_FULL * variants.total())
    used = [form for form in forms if form.full and variants[form.shown] >= least]
    plain = [form for form in used if not form.titles]
    whole = Counter({form.shown: variants[form.shown] for form in plain or used})
    return (whole or variants).most_common(1)[0][0]

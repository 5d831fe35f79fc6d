"""People that the program finds in novels, against lists that were made by hand before.

A list names the people of a book with their variants: `variants` must all be joined, `also` are
right, too, but cannot be known from the form of the name ("Emily" for Mrs. Inglethorp).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from app.errors import InvalidSetting
from app.people.who import Named, people
from ingest.book import Page
from ingest.chapters import find_chapters
from ingest.cuts import even_cuts
from lab.evaluate.cases.records import read_records

LISTS = Path(__file__).parents[2] / "tests" / "lab" / "bench" / "people_lists.json"
TOP = 10
PAGE = 1_800  # characters


@dataclass(frozen=True, slots=True)
class Listed:
    """A person of a list; names are compared without full stops."""

    name: str
    variants: frozenset[str]
    also: frozenset[str]

    def mentions_in(self, named: Named) -> int:
        """Mentions under one of this person's names."""
        mine = self.variants | self.also
        return sum(count for form, count in named.variants if plain(form) in mine)


def plain(form: str) -> str:
    """A name without full stops."""
    return form.replace(".", "")


def listed_of(entry: Mapping[str, Any]) -> list[Listed]:
    """The people of one book's list."""
    return [
        Listed(
            person["name"],
            frozenset(map(plain, person["variants"])),
            frozenset(map(plain, person["also"])),
        )
        for person in entry["people"]
    ]


def people_figures(books: Path, lists: Path | None) -> dict[str, Any]:
    """The figures of every book that has a list. Raises InvalidSetting."""
    path = lists or LISTS
    if not path.exists():
        raise InvalidSetting(f"{path} is not there; name a file of lists with --lists.")
    wanted = {entry["id"]: entry for entry in json.loads(path.read_text("utf-8"))}
    rows = []
    for record in read_records(books):
        if record.id not in wanted:
            continue
        entry = wanted[record.id]
        if hashlib.sha256(record.text.encode()).hexdigest() != entry["sha256"]:
            raise InvalidSetting(
                f"The text of {record.title!r} is not the one that its list was made for."
            )
        rows.append({"book": record.title} | book_figures(record.text, listed_of(entry)))
    if not rows:
        raise InvalidSetting(f"{books.name} has none of the books that {path.name} lists.")
    return {"rows": rows}


def book_figures(text: str, listed: Sequence[Listed]) -> dict[str, Any]:
    """Of the ten most mentioned: how many are on the list, and how many have all variants."""
    chapters = find_chapters(text)
    edges = [0, *even_cuts(text, PAGE), len(text)]
    pages = [
        Page(number, str(number), start, end)
        for number, (start, end) in enumerate(pairwise(edges), start=1)
    ]
    began, worked = perf_counter(), process_time()
    found = people(text, chapters, pages).people
    seconds, processor = perf_counter() - began, process_time() - worked
    owners = [owner(named, listed) for named in found[:TOP]]
    joined = [
        who is not None and is_joined(named, who, found, listed)
        for named, who in zip(found, owners, strict=False)
    ]
    return {
        "on the list": sum(who is not None for who in owners),
        "joined": sum(joined),
        "of": min(TOP, len(found)),
        "seconds": round(seconds, 2),
        "processor seconds": round(processor, 2),
        "found": "; ".join(
            f"{named.name} {named.mentions}"
            + ("" if who else " (not listed)")
            + ("" if whole or not who else " (not joined)")
            for named, who, whole in zip(found, owners, joined, strict=False)
        ),
    }


def owner(named: Named, listed: Sequence[Listed]) -> Listed | None:
    """The person of the list whose names most of the mentions have."""
    best = max(listed, key=lambda person: person.mentions_in(named))
    return best if 2 * best.mentions_in(named) > named.mentions else None


def is_joined(named: Named, who: Listed, found: Sequence[Named], listed: Sequence[Listed]) -> bool:
    """Whether all of a person's names that the text has are joined, and nobody else's are."""
    own = {plain(form) for form, _ in named.variants}
    there = {plain(form) for other in found for form, _ in other.variants}
    missing = (who.variants & there) - own
    others = {name for person in listed if person is not who for name in person.variants}
    return not missing and not own & (others - who.variants - who.also)

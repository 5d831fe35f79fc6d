"""Small texts with names in them, as books of chapters and pages."""

from __future__ import annotations

from collections.abc import Sequence

from app.people.who import Everybody, Named, people
from ingest.book import Chapter, Page

PAGE = 400  # characters


def pages_of(text: str) -> list[Page]:
    """Pages of 400 characters."""
    starts = range(0, len(text), PAGE)
    return [
        Page(number, str(number), start, min(len(text), start + PAGE))
        for number, start in enumerate(starts, start=1)
    ]


def chapters_of(parts: Sequence[str], matters: Sequence[str] = ()) -> tuple[str, list[Chapter]]:
    """A text of chapters, each with its title as its first line."""
    text, chapters = "", []
    for number, part in enumerate(parts, start=1):
        body = f"Chapter {number}\n\n{part.strip()}\n\n"
        matter = matters[number - 1] if matters else "main"
        start = len(text)
        text += body
        chapters.append(Chapter(f"Chapter {number}", start, len(text), matter=matter))
    return text, chapters


def everybody_in(*parts: str, matters: Sequence[str] = ()) -> Everybody:
    """Who and what is in a book of such chapters."""
    text, chapters = chapters_of(parts, matters)
    return people(text, chapters, pages_of(text))


def names(listed: Sequence[Named]) -> set[str]:
    """The names to show."""
    return {named.name for named in listed}


def forms(found: Everybody) -> dict[str, dict[str, int]]:
    """Forms with their mentions, by the name that is shown, of people."""
    return {named.name: dict(named.variants) for named in found.people}

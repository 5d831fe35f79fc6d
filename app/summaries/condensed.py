"""A book's summary beside its chapters': shorter than they are, and never these pasted together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.storage.store import Summary
from app.summaries.key_passages import most_central
from app.summaries.told import Told, joined

AS_LONG = "There was too little to shorten: this is what the chapters' summaries say."
CHOSEN = (
    "The model could not say this in fewer words, so these are the sentences of the chapters' "
    "summaries that say most."
)


def chosen(parts: Sequence[Told], most: int, count: Callable[[str], int]) -> list[Told]:
    """The sentences that say most, in their order: as many as fit `most` tokens, but at least one.

    A sentence that stands there several times is told once, with all of its pages.
    """
    parts = _once(parts)
    number = len(parts)
    while True:
        found = [parts[n] for n in most_central([part.text for part in parts], number)]
        length = count(joined(found, "\n"))
        if length <= most or number <= 1:
            return found
        number = min(number - 1, number * most // length)
        number = max(number, 1)


def is_pasted(book: Summary, chapters: Sequence[Summary]) -> bool:
    """True if a book's summary is those of its chapters, one after the other, though it could be
    shorter.
    """
    several = sum(max(1, len(chapter.sentences)) for chapter in chapters if chapter.summary) > 1
    return several and _text(book) == " ".join(_text(c) for c in chapters if c.summary)


def how_made(book: Summary, chapters: Sequence[Summary]) -> str:
    """What a reader must know of a book's summary that the model did not shorten, else empty."""
    told = " ".join(_text(chapter) for chapter in chapters if chapter.summary)
    if not book.summary or not told:
        return ""
    if len(_text(book)) >= len(told):
        return AS_LONG
    known = {str(s["text"]) for chapter in chapters for s in chapter.sentences}
    said = [str(sentence["text"]) for sentence in book.sentences]
    return CHOSEN if said and all(sentence in known for sentence in said) else ""


def _text(summary: Summary) -> str:
    return " ".join(summary.summary.split())


def _once(parts: Sequence[Told]) -> list[Told]:
    found: dict[str, Told] = {}
    for part in parts:
        before = found.get(part.text, part)
        first, last = (before.page_first, before.page_last)
        found[part.text] = Told(part.text, min(first, part.page_first), max(last, part.page_last))
    return list(found.values())

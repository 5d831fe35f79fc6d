"""The people and places of a stored document, as far as they may be told.

The same text gives the same list, so lists are kept in memory, by the text that they are made from.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from app.answering.language import NAMES, language_of_text
from app.library import Library
from app.people.who import Everybody, people
from app.state_reader import Scope
from app.storage.store import Document
from ingest.book import Chapter, Page

MOST_KEPT = 32  # lists
_kept: OrderedDict[str, Everybody] = OrderedDict()
_lock = Lock()


def people_of(library: Library, document: Document, scope: Scope | None = None) -> Everybody:
    """Who and what is in a document up to the end of the scope.

    scope: as far as the document's reader is, where it is not given. Raises InvalidQuestion for a
    chapter that is not there.
    """
    scope = scope or library.reader_scope(document)
    stored = library.store.text(document.reading.text_id)
    return _made(stored.text, stored.chapters, stored.pages, end_of(scope, stored.chapters))


def end_of(scope: Scope, chapters: Sequence[Chapter]) -> int | None:
    """Where the text of a scope ends; None for the whole text."""
    scope.check(len(chapters))
    number = scope.as_of_chapter
    ends = [scope.read_to, chapters[number - 1].end if number is not None else None]
    return min((end for end in ends if end is not None), default=None)


def _made(
    text: str, chapters: Sequence[Chapter], pages: Sequence[Page], until: int | None
) -> Everybody:
    if until is not None:
        text = text[:until]
        chapters = [chapter for chapter in chapters if chapter.start < until]
        pages = [page for page in pages if page.start < until]
    key = hashlib.sha256(repr((text, tuple(chapters), tuple(pages), until)).encode()).hexdigest()
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
            return found
    made = replace(people(text, chapters, pages, until), note=_note(text))
    with _lock:
        _kept[key] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return made


def _note(text: str) -> str:
    """What to say about a text that is not English."""
    language = language_of_text(text)
    if language is None or language == "en":
        return ""
    return (
        f"This text is in {NAMES[language]}. Names are found by rules for English, so some will be "
        "missing, and other words may be taken for names."
    )

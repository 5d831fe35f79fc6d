"""How far the reader of a document is, as a chapter and a page.

Answers, summaries and lists of people are made from what was read so far, unless somebody lifts it
for the whole book. The store keeps the place in characters, so that it holds for every reading.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from app.errors import InvalidSetting
from app.library import Library
from app.state_reader import Scope
from app.storage.store import Document
from ingest.pages import PageIndex


@dataclass(frozen=True, slots=True)
class Position:
    """The last chapter and page that were read, or begun; both None for the whole book.

    ``chapter`` counts from 1, ``page`` is a page's number and ``label`` what is printed on it.
    """

    chapter: int | None = None
    page: int | None = None
    label: str | None = None


def position_of(library: Library, document: Document) -> Position:
    """How far the reader of a document is."""
    read_to = library.store.read_to(document.id)
    if read_to is None:
        return Position()
    chapters = library.store.chapters(document.reading)
    chapter = max(1, bisect_right([c.start for c in chapters], read_to - 1))
    page = PageIndex(library.store.pages(document.reading)).at(read_to - 1)
    return Position(chapter, page.number, page.label)


def set_position(
    library: Library, document: Document, *, chapter: int | None = None, page: int | None = None
) -> Position:
    """Note that a document was read to the end of a chapter, or of a page; of neither: forget it.

    Raises InvalidSetting for a chapter or page that is not there.
    """
    store = library.store
    if chapter is not None and page is not None:
        raise InvalidSetting("Give a chapter or a page, not both.")
    if chapter is not None:
        chapters = store.chapters(document.reading)
        if not 1 <= chapter <= len(chapters):
            raise InvalidSetting(
                f"Chapter {chapter} is not there; this document has chapters 1 to {len(chapters)}."
            )
        store.set_read_to(document.id, chapters[chapter - 1].end)
    elif page is not None:
        ends = {p.number: p.end for p in store.pages(document.reading)}
        if page not in ends:
            raise InvalidSetting(
                f"Page {page} is not there, or has no text; this document has pages "
                f"{min(ends)} to {max(ends)}."
            )
        store.set_read_to(document.id, ends[page])
    else:
        store.set_read_to(document.id, None)
    return position_of(library, document)


def scope_for(
    library: Library, document: Document, asked: Scope, *, whole_book: bool = False
) -> Scope:
    """The scope of a question: what was asked for, and no further than its reader is."""
    if whole_book:
        return asked
    return replace(asked, read_to=library.reader_scope(document).read_to)

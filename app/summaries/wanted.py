"""Which summaries a wish is for: one chapter, the chapters since one, or all and the book's."""

from __future__ import annotations

from app.errors import InvalidQuestion
from app.library import Library
from app.storage.store import BOOK, Document
from app.summaries.summarizer import check_chapter, told_chapters


def every_summary(library: Library, document: Document, *, whole_book: bool = False) -> list[int]:
    """The numbers of a document's summaries, in the order in which they are made."""
    return [*told_chapters(library, document, whole_book=whole_book), BOOK]


def chapters_since(
    library: Library, document: Document, since: int, *, whole_book: bool = False
) -> list[int]:
    """The chapters after one, up to where the document's reader is.

    Raises InvalidQuestion for a chapter that is not there, and where there are none.
    """
    count = library.store.chapter_count(document.reading)
    if not 1 <= since <= count:
        raise InvalidQuestion(
            f"Chapter {since} is not there; this document has chapters 1 to {count}."
        )
    told = told_chapters(library, document, whole_book=whole_book)
    found = [number for number in told if number > since]
    if not found:
        raise InvalidQuestion(
            f"You have finished no chapter after chapter {since}; name one before chapter "
            f"{told[-1]}, or set the place up to which you have read further on."
        )
    return found


def wanted(
    library: Library,
    document: Document,
    chapter: int = BOOK,
    since: int = 0,
    *,
    whole_book: bool = False,
) -> list[int]:
    """The numbers of the summaries of a wish, in the order in which they are made.

    Raises InvalidQuestion for what is not there, or was not read yet.
    """
    if chapter != BOOK:
        check_chapter(library, document, chapter, whole_book=whole_book)
        return [chapter]
    if since:
        return chapters_since(library, document, since, whole_book=whole_book)
    return every_summary(library, document, whole_book=whole_book)

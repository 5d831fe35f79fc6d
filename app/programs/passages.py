"""The text of some pages or chapters, no more at once than a program can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.errors import InvalidArgument
from app.library import Library
from app.storage.store import Document
from ingest.book import Chapter, Page

LONGEST = 20_000  # characters of one passage


def passage(
    library: Library,
    document: Document,
    *,
    pages: tuple[str, str] | None = None,
    chapters: tuple[int, int] | None = None,
    skip: int = 0,
) -> dict[str, Any]:
    """The text of a range of pages, by their printed numbers, or of chapters; both ends count.

    skip: characters of it that are left out, to go on where an earlier passage ended. No text
    that the document's reader has not reached is given. Raises InvalidArgument.
    """
    if (pages is None) == (chapters is None):
        raise InvalidArgument("Give either pages or chapters, for example first_chapter 1.")
    whole = library.store.text(document.reading.text_id)
    read_to = library.reader_scope(document).read_to
    readable = len(whole.text) if read_to is None else read_to
    start, end = (
        _of_pages(whole.pages, *pages) if pages else _of_chapters(whole.chapters, *(chapters or ()))
    )
    if start >= readable:
        raise InvalidArgument(
            f"This lies behind the place up to which {document.title!r} has been read; ask for an "
            "earlier part, or set that place further on (`bookstate position`)."
        )
    end, start = min(end, readable), start + max(0, skip)
    shown = whole.text[start : min(end, start + LONGEST)]
    left = end - start - len(shown)
    return {
        "document": document.id,
        "title": document.title,
        "chapters": _touched(whole.chapters, start, start + len(shown)),
        "pages": [
            page.label
            for page in whole.pages
            if page.start < start + len(shown) and page.end > start
        ],
        "text": shown,
        "characters_left": max(0, left),
        "next_skip": max(0, skip) + len(shown) if left > 0 else None,
    }


def _of_pages(pages: Sequence[Page], first: str, last: str) -> tuple[int, int]:
    begin, end = _page(pages, first), _page(pages, last)
    if end.start < begin.start:
        raise InvalidArgument(f"Page {last} lies before page {first}; give the earlier one first.")
    return begin.start, end.end


def _page(pages: Sequence[Page], named: str) -> Page:
    """The page with a printed number; where none has it, the page that is so far from the first."""
    wanted = named.strip().lower()
    for page in pages:
        if page.label.lower() == wanted:
            return page
    for page in pages:
        if str(page.number) == wanted:
            return page
    raise InvalidArgument(
        f"There is no page {named[:20]!r}; this document has pages {pages[0].label} to "
        f"{pages[-1].label}."
    )


def _of_chapters(chapters: Sequence[Chapter], first: int, last: int) -> tuple[int, int]:
    if not 1 <= first <= last <= len(chapters):
        raise InvalidArgument(
            f"There are no chapters {first} to {last}; this document has chapters 1 to "
            f"{len(chapters)}."
        )
    return chapters[first - 1].start, chapters[last - 1].end


def _touched(chapters: Sequence[Chapter], start: int, end: int) -> list[dict[str, Any]]:
    return [
        {"number": number, "title": chapter.title}
        for number, chapter in enumerate(chapters, start=1)
        if chapter.start < end and chapter.end > start
    ]

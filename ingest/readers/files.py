"""A zip file of documents as one document: each file is a chapter, or a part with its chapters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath

from ingest.book import Book, Chapter, Page, TooLarge, UnreadableDocument, UnsupportedFormat
from ingest.readers.archive import Archive, shared_limit
from ingest.readers.compose import title_from

_IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif")
_ASIDE = (
    *_IMAGES, ".css", ".js", ".xml", ".opf", ".ncx", ".ttf", ".otf", ".woff", ".woff2", ".svg",
    ".mp3", ".mp4", ".json", ".ini", ".db", ".bin", ".exe", ".dll", ".rels",
)  # fmt: skip
_NUMBERS = re.compile(r"(\d{1,18})")
_MOST_FILES = 1_000
_DEEPEST = 2  # zip files in zip files
_MOST_WARNINGS = 20

Read = Callable[[bytes, str, int], Book]


def read_files(archive: Archive, name: str, depth: int, read: Read) -> Book:
    """The documents in a zip file as a Book; ``read`` reads one, ``depth`` counts zips in zips.

    A zip file with one document is that document. Raises UnsupportedFormat, TooLarge and, for one
    document, what its reader raises.
    """
    names = sorted((each for each in archive.names if _counts(each)), key=_natural)
    readable = [each for each in names if not each.lower().endswith(_ASIDE)]
    if not readable and any(each.lower().endswith(_IMAGES) for each in names):
        raise UnsupportedFormat(
            f"{name} holds pictures of pages and no text, as comic books do; recognise its text"
            " first, e.g. make a PDF of it for ocrmypdf."
        )
    if not readable or depth >= _DEEPEST:
        raise UnsupportedFormat(
            f"{name} is a zip archive without documents that can be read; unpack it and add the"
            " document itself."
        )
    if len(readable) > _MOST_FILES:
        raise TooLarge(
            f"{name} contains {len(readable):,} documents and the limit is {_MOST_FILES:,}; split"
            " it into smaller archives."
        )
    with shared_limit(archive):
        if len(readable) == 1:
            return read(archive.read(readable[0]), PurePosixPath(readable[0]).name, depth + 1)
        return _joined(archive, name, readable, depth, read)


def _joined(archive: Archive, name: str, members: list[str], depth: int, read: Read) -> Book:
    """The books of a zip file's members as one."""
    books: list[Book] = []
    warnings: list[str] = []
    refusal: UnreadableDocument | None = None
    for member in members:
        try:
            book = read(archive.read(member), PurePosixPath(member).name, depth + 1)
        except TooLarge:
            raise
        except UnreadableDocument as error:
            refusal = error
            warnings.append(f"The file {member[:200]} was not read: {error}")
            continue
        books.append(book)
        warnings += [f"{member[:200]}: {warning}" for warning in book.warnings]
    if not books:
        raise refusal or UnsupportedFormat(f"{name} holds no document that can be read.")
    if len(warnings) > _MOST_WARNINGS:
        more = len(warnings) - _MOST_WARNINGS
        warnings = [*warnings[:_MOST_WARNINGS], f"There are {more} more such warnings."]
    return _one(books, title_from(name), tuple(warnings))


def _one(books: list[Book], title: str, warnings: tuple[str, ...]) -> Book:
    """Books joined in their order; a book's last chapter and page take the gap to the next."""
    text = "\n\n".join(book.text for book in books)
    starts = [0]
    for book in books[:-1]:
        starts.append(starts[-1] + len(book.text) + 2)
    edges = [*starts, len(text)]
    chapters: list[Chapter] = []
    pages: list[Page] = []
    for book, (start, end) in zip(books, pairwise(edges), strict=True):
        chapters += _chapters(book, start, end)
        for page in book.pages:
            number = len(pages) + 1
            label = page.label if book.paged else str(number)
            pages.append(Page(number, label, page.start + start, page.end + start))
        pages[-1] = replace(pages[-1], end=end)
    return Book(
        title=title,
        text=text,
        chapters=tuple(chapters),
        pages=tuple(pages),
        format="files",
        paged=all(book.paged for book in books),
        warnings=warnings,
    )


def _chapters(book: Book, start: int, end: int) -> list[Chapter]:
    """A book's chapters with its title before theirs; a book without any is one chapter."""
    alone = all(chapter.made_up for chapter in book.chapters) or len(book.chapters) == 1
    if alone:
        return [Chapter(book.title, start, end)]
    shifted = [
        replace(
            chapter,
            title=f"{book.title}: {chapter.title}"[:200],
            start=chapter.start + start,
            end=chapter.end + start,
        )
        for chapter in book.chapters
    ]
    shifted[-1] = replace(shifted[-1], end=end)
    return shifted


def _counts(name: str) -> bool:
    """Whether a member is a file that somebody put there, and not one that a system keeps."""
    parts = name.split("/")
    return not name.endswith("/") and not any(
        part.startswith((".", "__MACOSX", "Thumbs.db")) for part in parts
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts "2.txt" before "10.txt"."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
        for part in _NUMBERS.split(name)
    ]

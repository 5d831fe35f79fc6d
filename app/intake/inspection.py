"""What is found in a file before a memory reads it: chapters, pages, language and warnings."""

from __future__ import annotations

from dataclasses import dataclass

from app.answering.language import NAMES, language_of_text, languages_taught
from ingest.book import Book


@dataclass(frozen=True, slots=True)
class FoundChapter:
    """A chapter: ``page_first`` is the label of its first page, ``matter`` as in `Chapter`."""

    title: str
    page_first: str
    characters: int
    matter: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds. ``language`` is a code such as "en", or None where it is not certain."""

    format: str
    title: str
    author: str
    chapters: tuple[FoundChapter, ...]
    pages: int
    characters: int
    language: str | None
    warnings: tuple[str, ...]

    def caution(self, backbone: str) -> str | None:
        """A sentence for people if the backbone was not taught the document's language."""
        taught = languages_taught(backbone)
        name = NAMES.get(self.language or "")
        if taught is None or name is None or name in taught:
            return None
        return (
            f"This document is in {name}, which {backbone} was not taught: passages are still"
            " found by their names, but answers are not to be relied on."
        )


def inspect(book: Book) -> Inspection:
    """What was found in a book."""
    labels = {page.start: page.label for page in book.pages}
    starts = sorted(labels)
    found: list[FoundChapter] = []
    at = 0
    for chapter in book.chapters:
        while at + 1 < len(starts) and starts[at + 1] <= chapter.start:
            at += 1
        found.append(
            FoundChapter(
                chapter.title, labels[starts[at]], chapter.end - chapter.start, chapter.matter
            )
        )
    return Inspection(
        format=book.format,
        title=book.title,
        author=book.author,
        chapters=tuple(found),
        pages=len(book.pages),
        characters=len(book.text),
        language=language_of_text(book.text),
        warnings=book.warnings,
    )

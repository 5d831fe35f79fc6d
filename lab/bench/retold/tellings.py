"""What the product tells of a text, unchecked and checked, kept so that a stopped run goes on.

The text is read into the bench's library. What is told of each window is kept in files beside it,
chapter by chapter; what passes the product's check is stored as that chapter's summary, and the
book's summary is then made from these by the product itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.library import Library, OnProgress, quiet
from app.storage.store import Document, Summary
from app.summaries.summarizer import Summarizer, told_chapters
from app.summaries.told import joined, told


@dataclass(frozen=True, slots=True)
class Window:
    """A window's text and its pages, and what the model tells of it."""

    text: str
    page_first: int
    page_last: int
    said: str


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of the windows of a text, and the product's summary of all of it."""

    windows: tuple[Window, ...]
    book: Summary
    words: int  # of the chapters that are told


class Teller:
    """Reads texts and tells them."""

    def __init__(self, library: Library, on_progress: OnProgress = quiet) -> None:
        self._library = library
        self._on_progress = on_progress
        self._summarizer = Summarizer(library, whole_book=True)
        self._kept = library.settings.home / "told"
        self._kept.mkdir(exist_ok=True)

    def tell(self, name: str, text: str) -> Telling:
        """All that is told of one text; what an earlier run made is taken from there."""
        file = f"{name.replace('/', '-')}.txt"
        added = self._library.add(text.encode(), file, on_progress=self._on_progress)
        document = added.document
        chapters = self._library.store.chapters(document.reading)
        windows: list[Window] = []
        numbers = told_chapters(self._library, document, whole_book=True)
        for number in numbers:
            found = self._chapter(document, number)
            parts = [
                part for w in found for part in told(w.said, w.text, (w.page_first, w.page_last))
            ]
            sentences = tuple(part.to_dict() for part in parts)
            title = chapters[number - 1].title
            summary = Summary(number, title, joined(parts), sentences)
            self._library.store.save_summary(document, summary)
            windows += found
        book = self._summarizer.book(document)
        words = sum(len(text[c.start : c.end].split()) for c in (chapters[n - 1] for n in numbers))
        return Telling(tuple(windows), book, words)

    def _chapter(self, document: Document, number: int) -> list[Window]:
        path = self._kept / f"{document.reading.id}-{number}.json"
        if not path.exists():
            made = self._made(document, number)
            whole = path.with_suffix(".part")
            whole.write_text(json.dumps(made), "utf-8")
            whole.replace(path)
        return [Window(*row) for row in json.loads(path.read_text("utf-8"))]

    def _made(self, document: Document, number: int) -> list[Sequence[str | int]]:
        reading, store = document.reading, self._library.store
        inside = [
            n for n, chapter in enumerate(store.segment_chapters(reading)) if chapter == number
        ]
        said = self._summarizer.windows(document, inside)
        found = [store.some_segments(reading, inside)[n] for n in inside]
        return [
            (segment.text, segment.page_first, segment.page_last, text)
            for segment, text in zip(found, said, strict=True)
        ]

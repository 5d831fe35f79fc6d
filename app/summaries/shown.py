"""A summary as it is shown: in one of three lengths, with pages and key passages beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidSetting
from app.storage.store import BOOK, Document, Store, Summary
from app.summaries.key_passages import LENGTHS, Passage, book_passages, key_passages, most_central
from ingest.book import Page

STYLES = ("prose", "bullets")


@dataclass(frozen=True, slots=True)
class Shown:
    """A summary's text and sentences in the wished length, and its chapter's key passages."""

    chapter: int
    title: str
    summary: str
    sentences: tuple[dict[str, Any], ...]
    passages: tuple[Passage, ...]

    def to_dict(self) -> dict[str, Any]:
        """The summary as `summarize --json` prints it."""
        return {
            "chapter": self.chapter,
            "title": self.title,
            "summary": self.summary,
            "sentences": list(self.sentences),
            "key_passages": [passage.to_dict() for passage in self.passages],
        }


class Showing:
    """Shows summaries of one document. Raises InvalidSetting for an unknown length or style."""

    def __init__(
        self, store: Store, document: Document, length: str = "page", style: str = "prose"
    ) -> None:
        for name, given, known in (
            ("length", length, tuple(LENGTHS)),
            ("style", style, STYLES),
        ):
            if given not in known:
                raise InvalidSetting(f"{name} is {given!r}; it must be one of {', '.join(known)}.")
        self._count = LENGTHS[length]
        self._whole = length == "page"  # every sentence of what was made
        self._style = style
        self._text = store.text(document.reading.text_id)
        self._known: dict[tuple[int, int], list[Passage]] = {}

    def show(self, summary: Summary, told: Iterable[int] = ()) -> Shown:
        """A summary; told: the chapters that a book's summary is of."""
        sentences = list(summary.sentences)
        if not self._whole and sentences:
            kept = most_central([str(s["text"]) for s in sentences], self._count)
            sentences = [sentences[n] for n in kept]
        text = summary.summary
        if sentences and (not self._whole or self._style == "bullets"):
            lines = [str(sentence["text"]) for sentence in sentences]
            bullets = self._style == "bullets"
            text = "\n".join(f"- {line}" for line in lines) if bullets else " ".join(lines)
        return Shown(
            max(summary.chapter, BOOK),
            summary.title,
            text,
            tuple(sentences),
            tuple(self._passages(summary.chapter, told)),
        )

    def _passages(self, number: int, told: Iterable[int]) -> list[Passage]:
        if number > BOOK:
            return self.passages_of(number, self._count)
        return book_passages(list(told), self.passages_of, self._count, lambda p: p.text)

    @property
    def starts(self) -> dict[int, int]:
        """Where each page starts in the text, by its number."""
        return {page.number: page.start for page in self._text.pages}

    @property
    def labels(self) -> dict[int, str]:
        """What is printed on each page, by its number."""
        return {page.number: page.label for page in self._text.pages}

    def chapter_passages(self, number: int) -> list[Passage]:
        """Key passages of a chapter, as many as the length says."""
        return self.passages_of(number, self._count)

    def passages_of(self, number: int, count: int) -> list[Passage]:
        """Key passages of a chapter."""
        key = (number, count)
        if key not in self._known:
            chapter = self._text.chapters[number - 1]
            pages: tuple[Page, ...] = self._text.pages
            self._known[key] = key_passages(
                self._text.text, chapter.start, chapter.end, pages, count
            )
        return self._known[key]

"""Texts of documents, as a version of the parsers extracted them from the files.

A document has one text until a newer version of the parsers gives a different one, or until another
file is added to only one of several readings. A reading keeps the text that it was made from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from app.errors import UnknownDocument
from app.storage.database import DatabaseFile
from app.storage.records import Reading
from ingest.book import Book, Chapter, Page


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A text with its chapters and pages; `sources` has the number of each chapter's file.

    `warnings` are sentences about what of the files could not be read.
    """

    parser: int  # version of the parsers; 0 for texts that are older than version numbers
    paged: bool
    text: str
    chapters: tuple[Chapter, ...]
    pages: tuple[Page, ...]
    sources: tuple[int, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, book: Book, parser: int) -> DocumentText:
        """The text of a document of one file."""
        sources = (0,) * len(book.chapters)
        return cls(parser, book.paged, book.text, book.chapters, book.pages, sources, book.warnings)

    def followed_by(self, book: Book, source: int, parser: int) -> DocumentText:
        """This text with another file at its end."""
        offset, page0 = len(self.text), self.pages[-1].number
        chapters = (replace(c, start=offset + c.start, end=offset + c.end) for c in book.chapters)
        pages = (
            Page(page0 + p.number, p.label, offset + p.start, offset + p.end) for p in book.pages
        )
        return DocumentText(
            min(self.parser, parser),
            self.paged,
            self.text + book.text,
            (*self.chapters, *chapters),
            (*self.pages, *pages),
            (*self.sources, *(source for _ in book.chapters)),
            (*self.warnings, *book.warnings),
        )

    def book(self, title: str, author: str, format: str) -> Book:
        """The text as the book that the parser made."""
        return Book(
            title,
            self.text,
            self.chapters,
            self.pages,
            format,
            author,
            self.paged,
            self.warnings,
        )

    def divided(self, chapters_of: Callable[[str], Sequence[Chapter]]) -> DocumentText:
        """This text with other chapters; `chapters_of` divides the text of one file."""
        chapters: list[Chapter] = []
        sources: list[int] = []
        for source, group in groupby(
            zip(self.sources, self.chapters, strict=True), key=lambda pair: pair[0]
        ):
            spans = [chapter for _, chapter in group]
            offset, end = spans[0].start, spans[-1].end
            for c in chapters_of(self.text[offset:end]):
                chapters.append(replace(c, start=offset + c.start, end=offset + c.end))
                sources.append(source)
        return replace(self, chapters=tuple(chapters), sources=tuple(sources))

    def says_the_same(self, other: DocumentText) -> bool:
        """True if text, chapters and pages are equal; what is said about them may differ."""
        marks, others = ([(c.title, c.start, c.end) for c in t.chapters] for t in (self, other))
        alike = replace(other, parser=self.parser, chapters=self.chapters, warnings=self.warnings)
        return marks == others and self == alike

    def as_now_described(self, fresh: DocumentText) -> DocumentText:
        """This text with what newer parsers, which give the same text, say about it."""
        chapters = tuple(
            replace(chapter, matter=new.matter)
            for chapter, new in zip(self.chapters, fresh.chapters, strict=True)
        )
        return replace(self, parser=fresh.parser, chapters=chapters, warnings=fresh.warnings)


class TextStore(DatabaseFile):
    """Texts with their chapters and pages."""

    def add_text(self, document_id: str, text: DocumentText) -> int:
        """Store a text of a document; returns the text's number."""
        row = {
            "document_id": document_id,
            "parser": text.parser,
            "paged": int(text.paged),
            "text": text.text,
            "warnings": json.dumps(text.warnings),
        }
        with self.writing():
            text_id = self._insert("texts", row)
            self._add_places(text_id, text)
            return text_id

    def _replace_text(self, text_id: int, text: DocumentText) -> None:
        with self.writing() as db:
            for table in ("chapters", "pages"):
                db.execute(f"DELETE FROM {table} WHERE text_id = ?", [text_id])
            db.execute(
                "UPDATE texts SET text = ?, parser = ?, warnings = ? WHERE id = ?",
                [text.text, text.parser, json.dumps(text.warnings), text_id],
            )
            self._add_places(text_id, text)

    def _add_places(self, text_id: int, text: DocumentText) -> None:
        chapters = zip(text.chapters, text.sources, strict=True)
        self._table("chapters").insert_all(
            {
                "text_id": text_id,
                "number": number,
                "title": chapter.title,
                "start": chapter.start,
                "end": chapter.end,
                "source": source,
                "made_up": int(chapter.made_up),
                "matter": chapter.matter,
            }
            for number, (chapter, source) in enumerate(chapters, start=1)
        )
        self._table("pages").insert_all(
            {
                "text_id": text_id,
                "number": page.number,
                "label": page.label,
                "start": page.start,
                "end": page.end,
            }
            for page in text.pages
        )

    def describe_text(self, text_id: int, text: DocumentText) -> None:
        """Store what newer parsers say about a text that they give unchanged."""
        with self.writing() as db:
            db.execute(
                "UPDATE texts SET parser = ?, warnings = ? WHERE id = ?",
                [text.parser, json.dumps(text.warnings), text_id],
            )
            for number, chapter in enumerate(text.chapters, start=1):
                db.execute(
                    "UPDATE chapters SET matter = ? WHERE text_id = ? AND number = ?",
                    [chapter.matter, text_id, number],
                )

    def text(self, text_id: int) -> DocumentText:
        """A whole text: a few megabytes for a book."""
        with self.reading():
            parser, paged, text, warnings = self.db.execute(
                "SELECT parser, paged, text, warnings FROM texts WHERE id = ?", [text_id]
            ).fetchone()
            sources = self.db.execute(
                "SELECT source FROM chapters WHERE text_id = ? ORDER BY number", [text_id]
            ).fetchall()
            chapters, pages = self._chapters(text_id), self._pages(text_id)
        return DocumentText(
            parser,
            bool(paged),
            text,
            tuple(chapters),
            tuple(pages),
            tuple(s[0] for s in sources),
            tuple(json.loads(warnings)),
        )

    def text_part(self, reading: Reading, start: int, end: int) -> str:
        """The characters start <= c < end of the text of a reading."""
        row = self.db.execute(
            "SELECT substr(text, ?, ?) FROM texts WHERE id = ?",
            [start + 1, end - start, reading.text_id],
        ).fetchone()
        if row is None:
            raise UnknownDocument("The document has been deleted.")
        return str(row[0])

    def newest_text(self, document_id: str) -> tuple[int, int]:
        """(number, parser) of the text with the most files; of these, by the newest parsers.

        A new version that is still being read is left out.
        """
        self.check_there(document_id)
        row: tuple[int, int] = self.db.execute(
            "SELECT t.id, t.parser FROM texts t JOIN chapters c ON c.text_id = t.id "
            "WHERE t.document_id = ? AND t.id NOT IN "
            "(SELECT text_id FROM versions WHERE adopted_at IS NULL) GROUP BY t.id "
            "ORDER BY count(DISTINCT c.source) DESC, t.parser DESC, t.id DESC LIMIT 1",
            [document_id],
        ).fetchone()
        return row

    def find_text(self, document_id: str, text: DocumentText) -> int | None:
        """Number of the document's text that equals this one, or None."""
        rows = self.db.execute(
            "SELECT id FROM texts WHERE document_id = ? AND parser = ? ORDER BY id",
            [document_id, text.parser],
        ).fetchall()
        return next((row[0] for row in rows if self.text(row[0]) == text), None)

    def chapters(self, reading: Reading) -> list[Chapter]:
        """Chapters in order; chapter number n is at index n - 1."""
        return self._chapters(reading.text_id)

    def _chapters(self, text_id: int) -> list[Chapter]:
        rows = self.db.query(
            "SELECT title, start, end, made_up, matter FROM chapters WHERE text_id = ? "
            "ORDER BY number",
            [text_id],
        )
        return [Chapter(**{**row, "made_up": bool(row["made_up"])}) for row in rows]

    def warnings(self, reading: Reading) -> list[str]:
        """Sentences about what of the document's files could not be read."""
        row = self.db.execute(
            "SELECT warnings FROM texts WHERE id = ?", [reading.text_id]
        ).fetchone()
        return list(json.loads(row[0]))

    def chapter_count(self, reading: Reading) -> int:
        """How many chapters the work itself has; all chapters if none is marked as such."""
        row = self.db.execute(
            "SELECT sum(matter = 'main'), count(*) FROM chapters WHERE text_id = ?",
            [reading.text_id],
        ).fetchone()
        return int(row[0] or row[1])

    def pages(self, reading: Reading) -> list[Page]:
        """Pages in order."""
        return self._pages(reading.text_id)

    def _pages(self, text_id: int) -> list[Page]:
        rows = self.db.query(
            "SELECT number, label, start, end FROM pages WHERE text_id = ? ORDER BY number",
            [text_id],
        )
        return [Page(**row) for row in rows]

    def starts_of_files(self, reading: Reading) -> list[tuple[int, int]]:
        """(start in the text, number) of each file of a text, in order."""
        rows = self.db.execute(
            "SELECT min(start), source FROM chapters WHERE text_id = ? GROUP BY source "
            "ORDER BY min(start)",
            [reading.text_id],
        )
        return [(int(start), int(source)) for start, source in rows]

    def page_count(self, reading: Reading) -> int:
        """How many pages the text has."""
        return int(self._table("pages").count_where("text_id = ?", [reading.text_id]))

    def page_labels(self, reading: Reading, numbers: Iterable[int]) -> dict[int, str]:
        """Printed labels of the given page numbers."""
        wanted = sorted(set(numbers))
        marks = ",".join("?" * len(wanted))
        rows = self.db.execute(
            f"SELECT number, label FROM pages WHERE text_id = ? AND number IN ({marks})",
            [reading.text_id, *wanted],
        )
        return dict(rows.fetchall())


def snapshot_ends(
    inside: Sequence[int], chapters: Sequence[Chapter], sources: Sequence[int]
) -> list[int]:
    """The segments at whose end a chapter or a file ends, except the last segment.

    inside: the chapter number of each segment; sources: the file of each chapter. The ends of
    made-up chapters are left out: nobody asks about these, and each snapshot is a whole state.
    """
    ends = []
    for segment, (number, following) in enumerate(pairwise(inside)):
        here, there = chapters[number - 1], chapters[following - 1]
        one_file = sources[number - 1] == sources[following - 1]
        if number != following and not (here.made_up and there.made_up and one_file):
            ends.append(segment)
    return ends

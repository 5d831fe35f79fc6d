"""Which page of which file a page of a document is.

A reader numbers the pages of a PDF from 1 and leaves out those without text; a file that is
appended goes on from the last number (`app/storage/texts.py`). So a page's place in its file is its
number less the last number before the file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.storage.store import Document, Store
from ingest.pages import PageIndex


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page of a file: the file's number in its document, and the page in the file, from 1."""

    file: int
    page: int


@dataclass(frozen=True, slots=True)
class PagesOfFiles:
    """The files of a text: their numbers, and the last page number before each.

    ``pdfs`` are the numbers of those files that are kept and have pages to show.
    """

    index: PageIndex
    files: Sequence[int]
    before: Sequence[int]
    pdfs: Collection[int]

    @classmethod
    def of(cls, store: Store, document: Document) -> PagesOfFiles:
        """The files of the text that a document's reading was made from."""
        pages = store.pages(document.reading)
        starts = [page.start for page in pages]
        files, before = [], []
        for start, file in store.starts_of_files(document.reading):
            first = bisect_left(starts, start)
            files.append(file)
            before.append(pages[first - 1].number if first else 0)
        return cls(PageIndex(pages), files, before, store.kept_pdfs(document.id))

    @property
    def has_pictures(self) -> bool:
        """Whether any of the files has pages to show."""
        return any(file in self.pdfs for file in self.files)

    def place(self, number: int) -> FilePage | None:
        """Where the page of this number is; None if its file has no pages to show."""
        at = max(0, bisect_right(self.before, number - 1) - 1)
        if self.files[at] not in self.pdfs:
            return None
        return FilePage(self.files[at], number - self.before[at])

    def last(self, number: int, pages: int) -> int:
        """The last number of the file that has the page of this number; ``pages``: of the file.

        Pages without text at the end of a file have numbers only if no other file follows.
        """
        at = max(0, bisect_right(self.before, number - 1) - 1)
        if at + 1 < len(self.before):
            return self.before[at + 1]
        return self.before[at] + pages

"""Pages of a document as pictures, with the boxes of what is cited on them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from app.library import Library
from app.pictures.files import PagesOfFiles
from app.storage.store import Document
from ingest.book import Page
from ingest.isolation.drawing import draw_apart
from ingest.pictures.letters import bare_letters
from ingest.pictures.marks import marks_of
from ingest.pictures.page import Box, PagePicture

MOST_KNOWN = 48  # pages that are kept in memory, some 400 kB each
MOST_PAGES = 3  # of one citation
_FEWEST = 3  # letters of a citation for which the page that they run over to is shown


@dataclass(frozen=True, slots=True)
class ShownPage:
    """A page: its number and label in the document, its picture, and what is marked on it.

    ``picture`` is None for a page that cannot be drawn; ``label`` is empty for one without text.
    """

    number: int
    label: str
    picture: PagePicture | None
    boxes: tuple[Box, ...] = ()


class PagePictures:
    """Draws pages of documents, and keeps those that were drawn last."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], PagePicture | None] = OrderedDict()
        self._lock = Lock()

    def page(
        self, library: Library, document: Document, files: PagesOfFiles, number: int
    ) -> ShownPage:
        """One page of a PDF, without marks. Raises UnreadableDocument, StoreFailed."""
        picture = self.drawn(library, document, files, [number])[number]
        labels = (page.label for page in files.index.pages if page.number == number)
        return ShownPage(number, next(labels, ""), picture)

    def cited(
        self, library: Library, document: Document, files: PagesOfFiles, span: tuple[int, int]
    ) -> list[ShownPage]:
        """The pages of PDFs that hold text[start:end], with its words marked on each.

        Raises UnreadableDocument, StoreFailed.
        """
        parts: list[tuple[Page, str, int, int]] = []
        for page in files.index.over(*span)[:MOST_PAGES]:
            text = library.store.text_part(document.reading, page.start, page.end)
            at, end = max(span[0] - page.start, 0), min(span[1], page.end) - page.start
            begins_here = not parts
            enough = begins_here or len(bare_letters(text[at:end])) >= _FEWEST
            if files.place(page.number) is not None and enough:
                parts.append((page, text, at, end))
        drawn = self.drawn(library, document, files, [page.number for page, *_ in parts])
        shown = []
        for page, text, at, end in parts:
            picture = drawn[page.number]
            boxes = marks_of(text[at:end], text, at, picture) if picture is not None else []
            shown.append(ShownPage(page.number, page.label, picture, tuple(boxes)))
        return shown

    def pages_beside(self, document: Document, number: int) -> int:
        """How many pages the file has that a page is from; 0 if that was not drawn lately."""
        with self._lock:
            known = self._known.get((document.reading.text_id, number))
        return known.pages if known is not None else 0

    def drawn(
        self, library: Library, document: Document, files: PagesOfFiles, numbers: Sequence[int]
    ) -> dict[int, PagePicture | None]:
        """The pages of these numbers; those of one file that are not known in one go."""
        text = document.reading.text_id
        with self._lock:
            found = {n: self._known[text, n] for n in numbers if (text, n) in self._known}
        wanted: dict[int, dict[int, int]] = {}
        for number in numbers:
            place = files.place(number)
            if number not in found and place is not None:
                wanted.setdefault(place.file, {})[place.page] = number
        for file, pages in wanted.items():
            ((_, data),) = library.store.originals(document.id, [file])
            drawn = draw_apart(data, list(pages), library.settings.reading_limits)
            found |= {pages[page]: picture for page, picture in drawn.items()}
        with self._lock:
            for number, picture in found.items():
                self._known[text, number] = picture
                self._known.move_to_end((text, number))
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return found

"""What the read tab shows of a document: a leaf of its text, or a page of its file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.errors import REFUSALS
from app.library import Library
from app.pictures.files import PagesOfFiles
from app.pictures.shown import PagePictures
from app.storage.store import Document
from app.ui.leaves import Leaf, leaf_at, leaf_html, leaves_of
from app.ui.sheets import pane_html, sheets_html
from ingest.book import Chapter

TEXT, PAGE = "Text", "Page"
MOST_KNOWN = 8  # documents whose leaves and pages are kept in memory


@dataclass(frozen=True, slots=True)
class Spot:
    """What is shown: a place of a document's text, and the characters that are marked.

    ``page`` is the number of the page if a page is shown, else 0.
    """

    document: str = ""
    place: int = 0
    start: int = 0
    end: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """A spot as it is shown. ``said``: why it is not shown as it was asked for, or empty."""

    spot: Spot
    html: str
    chapters: Sequence[Chapter]
    chapter: int
    has_pictures: bool
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What does not change about a text, but for a file that is appended."""

    pages: int
    leaves: list[Leaf]
    chapters: list[Chapter]
    files: PagesOfFiles


class BookViews:
    """Makes views of the documents of all visitors."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Known] = OrderedDict()  # by text
        self._pictures = PagePictures()

    def shown(self, library: Library, document: Document, spot: Spot, view: str) -> View:
        """A spot of a document as text, or as a page where there is one."""
        known = self._of(library, document)
        if view != PAGE or not known.files.has_pictures:
            return self._as_text(library, document, known, spot)
        if not spot.page and known.files.place(known.files.index.at(spot.place).number) is None:
            return self._as_text(
                library, document, known, spot, "This part is from a file without pages to show."
            )
        try:
            return self._as_page(library, document, known, spot)
        except REFUSALS as error:
            return self._as_text(library, document, known, spot, str(error))

    def turned(self, library: Library, document: Document, spot: Spot, step: int) -> Spot:
        """The spot one leaf, or one page, further on or back."""
        known = self._of(library, document)
        if not spot.page:
            index = known.leaves.index(leaf_at(known.leaves, spot.place)) + step
            leaf = known.leaves[min(max(index, 0), len(known.leaves) - 1)]
            return Spot(document.id, leaf.start)
        pages = known.files.index.pages
        number = max(1, spot.page + step)
        if number > pages[-1].number:  # only pages without text are left, if any
            count = self._pictures.pages_beside(document, spot.page)
            number = min(number, max(pages[-1].number, known.files.last(spot.page, count)))
        before = [page for page in pages if page.number <= number]
        return Spot(document.id, (before[-1] if before else pages[0]).start, page=number)

    def leaves(self, library: Library, document: Document) -> list[Leaf]:
        """The leaves of a document's text."""
        return self._of(library, document).leaves

    def _as_text(
        self, library: Library, document: Document, known: _Known, spot: Spot, said: str = ""
    ) -> View:
        leaf = leaf_at(known.leaves, spot.place)
        text = library.store.text_part(document.reading, leaf.start, leaf.end)
        pages = [
            page
            for page in known.files.index.over(leaf.start, leaf.end)
            if leaf.start <= page.start < leaf.end
        ]
        title = known.chapters[leaf.chapter - 1].title
        marked = (spot.start, spot.end) if spot.end else None
        html = pane_html(
            leaf_html(leaf, title, text, pages, marked), f"{title}, text of {document.title}"
        )
        at = replace(spot, place=max(leaf.start, min(spot.place, leaf.end - 1)), page=0)
        return View(at, html, known.chapters, leaf.chapter, known.files.has_pictures, said)

    def _as_page(self, library: Library, document: Document, known: _Known, spot: Spot) -> View:
        files, pictures = known.files, self._pictures
        cited = ""
        if spot.end > spot.start and not spot.page:
            pages = pictures.cited(library, document, files, (spot.start, spot.end))
            cited = library.store.text_part(document.reading, spot.start, spot.end)
        else:
            number = spot.page or files.index.at(spot.place).number
            pages = [pictures.page(library, document, files, number)]
        chapter = leaf_at(known.leaves, spot.place).chapter
        title = known.chapters[chapter - 1].title
        html = sheets_html(document.title, title, pages, cited)
        at = replace(spot, page=pages[0].number)
        return View(at, html, known.chapters, chapter, True)

    def _of(self, library: Library, document: Document) -> _Known:
        store, key = library.store, document.reading.text_id
        count = store.page_count(document.reading)
        found = self._known.get(key)
        if found is None or found.pages != count:
            text = store.text(key)
            leaves = leaves_of(text.text, text.chapters)
            files = PagesOfFiles.of(store, document)
            found = _Known(count, leaves, list(text.chapters), files)
        self._known[key] = found
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return found

"""The pages that the read tab shows: of which file, turned, cited, and what is refused."""

from __future__ import annotations

import re

import pytest
from document_makers import pdf, rewritten

from app.library import Library
from app.pictures import shown as pictures
from app.pictures.files import FilePage, PagesOfFiles
from app.storage.store import Document
from app.ui.tabs.reading.book_views import PAGE, TEXT, BookViews, Spot
from lab.bench.citations.books import made_epub, made_pdf
from lab.bench.citations.run import checked, citations, find_times

FIRST = "The ferry leaves the harbour at nine."
SECOND = "Mara sold the boat to Anton in the spring."
THIRD = "Nobody painted the lighthouse blue."
LABELS = "/PageLabels << /Nums [0 << /S /r >> 2 << /S /D >>] >>"


def register(library: Library, data: bytes, name: str = "a.pdf", password: str = "") -> Document:
    return library.register(data, name, password=password or None)[0]


def seen(library: Library, document: Document, spot: Spot) -> tuple[str, int]:
    """What a page is called, and how many marks it has."""
    html = BookViews().shown(library, document, spot, PAGE).html
    names = re.findall(r'alt="Picture of (.*?) of ', html)
    return ", ".join(names), html.count("<mark")


class TestPages:
    def test_pages_without_text_keep_their_places(self, library: Library) -> None:
        document = register(library, pdf(["", FIRST, "", SECOND, ""], catalog=LABELS))
        files = PagesOfFiles.of(library.store, document)
        assert [files.place(n) for n in (1, 2, 4)] == [FilePage(0, n) for n in (1, 2, 4)]
        text = library.store.text(document.reading.text_id).text
        at = text.index(SECOND)
        assert seen(library, document, Spot(document.id, at, at, at + len(SECOND))) == (
            "page 2", 1,
        )  # fmt: skip
        views, spot = BookViews(), Spot(document.id, 0, page=1)
        named = []
        for _ in range(6):
            view = views.shown(library, document, spot, PAGE)
            named.append(re.findall(r"figcaption[^>]*>(.*?)<", view.html)[0])
            spot = views.turned(library, document, view.spot, 1)
        bare = "Page {} of the file, without text"
        last = bare.format(5)
        assert named == [bare.format(1), "Page ii", bare.format(3), "Page 2", last, last]
        assert views.turned(library, document, Spot(document.id, 0, page=1), -1).page == 1

    def test_a_file_that_is_appended_has_its_own_pages(self, library: Library) -> None:
        document = library.add(pdf([FIRST, "", SECOND]), "a.pdf").document
        library.append(document.id, f"# More\n\n{THIRD} {FIRST}\n".encode(), "b.md")
        library.append(document.id, pdf(["", THIRD]), "c.pdf")
        document = library.store.document(document.id)
        files = PagesOfFiles.of(library.store, document)
        assert [files.place(n) for n in (3, 4, 5, 6)] == [
            FilePage(0, 3), None, FilePage(2, 1), FilePage(2, 2),
        ]  # fmt: skip
        text = library.store.text(document.reading.text_id).text
        at = text.rindex(THIRD)
        name, marks = seen(library, document, Spot(document.id, at, at, at + len(THIRD)))
        assert (name, marks) == ("page 2", 1)
        middle = text.index(THIRD)
        view = BookViews().shown(library, document, Spot(document.id, middle), PAGE)
        assert "without pages to show" in view.said and "<img" not in view.html

    def test_a_sentence_over_two_pages_is_marked_on_both(self, library: Library) -> None:
        document = register(library, pdf(["Mara sold the large boat to", "Anton in the spring."]))
        text = library.store.text(document.reading.text_id).text
        spot = Spot(document.id, 0, 0, len(text))
        assert seen(library, document, spot) == ("page 1, page 2", 2)

    def test_words_that_are_not_on_the_picture(self, library: Library) -> None:
        document = register(library, pdf([FIRST]))
        html = BookViews().shown(library, document, Spot(document.id, 0, 0, 3), PAGE).html
        assert "<mark" in html
        known = pictures.marks_of
        try:
            pictures.marks_of = lambda *_: []
            html = BookViews().shown(library, document, Spot(document.id, 0, 0, 3), PAGE).html
        finally:
            pictures.marks_of = known
        assert "were not found on the picture" in html and "<img" in html

    def test_an_encrypted_file_is_shown_as_text(self, library: Library) -> None:
        document = register(library, rewritten(pdf([FIRST]), password="secret"), password="secret")
        view = BookViews().shown(library, document, Spot(document.id), PAGE)
        assert "encrypted" in view.said and FIRST in view.html and view.has_pictures

    def test_other_files_have_no_pages(self, library: Library) -> None:
        document = register(library, FIRST.encode(), "a.txt")
        view = BookViews().shown(library, document, Spot(document.id), PAGE)
        assert not view.has_pictures and FIRST in view.html and not view.said

    def test_drawn_pages_are_kept_and_few(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = register(library, pdf([FIRST, SECOND, THIRD]))
        asked: list[list[int]] = []
        draw = pictures.draw_apart

        def drawn(data: bytes, pages: list[int], limits: object) -> object:
            asked.append(pages)
            return draw(data, pages)

        monkeypatch.setattr(pictures, "draw_apart", drawn)
        monkeypatch.setattr(pictures, "MOST_KNOWN", 2)
        views = BookViews()
        for number in (1, 2, 1, 3, 1, 2):
            views.shown(library, document, Spot(document.id, page=number), PAGE)
        assert asked == [[1], [2], [3], [2]]

    def test_a_book_in_a_page_is_text(self, library: Library) -> None:
        document, _ = library.register(pdf([FIRST]), "a.pdf", title="<img src=x onerror=a>")
        for view in (TEXT, PAGE):
            html = BookViews().shown(library, document, Spot(document.id, 0, 0, 9), view).html
            assert "<img src=x" not in html


def test_citations_lead_to_their_pages(library: Library) -> None:
    for book in (made_pdf(6), made_epub(6)):
        document = register(library, book.data, book.name)
        row = checked(library, document, citations(library, document, book, 12), 12)
        assert [value for name, value in row.items() if "right" in name or "in the" in name] == [
            12
        ] * (4 if book.name.endswith("pdf") else 3)
    assert find_times(library, document)["characters"] == 2_000_000

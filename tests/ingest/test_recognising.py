"""Scanned pages: recognised apart, with limits for a page, and put into the document."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from document_makers import pdf

from app.intake import register
from app.intake.register import File
from ingest.book import NoTextLayer
from ingest.isolation import recognising
from ingest.isolation.parent import read_apart
from ingest.isolation.recognising import recognise_apart
from ingest.ocr.recogniser import is_installed
from ingest.readers import read_book

PAGES = ["The ferry leaves the harbour at nine.", "Mara sold the boat to Anton in the spring."]


def scan(texts: list[str]) -> bytes:
    """A PDF of pictures of these pages."""
    drawn = pypdfium2.PdfDocument(pdf(texts))
    pictures = [page.render(scale=2.5).to_pil().convert("L") for page in drawn]
    drawn.close()
    file = io.BytesIO()
    pictures[0].save(file, "PDF", save_all=True, append_images=pictures[1:])
    return file.getvalue()


def test_a_scan_is_refused_with_its_pages() -> None:
    for read in (read_book, read_apart):
        with pytest.raises(NoTextLayer, match="install the extra ocr") as caught:
            read(scan(PAGES), "scan.pdf")
        assert caught.value.pages == (1, 2)


def test_recognised_pages_are_the_text() -> None:
    book = read_apart(scan(PAGES), "scan.pdf", recognised={1: PAGES[0], 2: PAGES[1]})
    assert book == read_book(scan(PAGES), "scan.pdf", recognised={1: PAGES[0], 2: PAGES[1]})
    assert [p.number for p in book.pages] == [1, 2] and book.bare == ()
    assert all(text in book.text for text in PAGES)
    assert any("2 pages was recognised" in warning for warning in book.warnings)
    assert not any("text recognition (OCR) could read" in w for w in book.warnings)


def test_a_page_that_was_not_recognised_stays_bare() -> None:
    book = read_book(scan(PAGES), "scan.pdf", recognised={2: PAGES[1]})
    assert book.bare == (1,) and PAGES[1] in book.text


def test_files_are_read_again_with_what_was_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def found(_: bytes, pages: tuple[int, ...], *__: object, **___: object) -> dict[int, str]:
        asked.append(pages)
        return {page: PAGES[page - 1] for page in pages}

    monkeypatch.setattr(register, "recognise_apart", found)
    monkeypatch.setattr(register, "is_installed", lambda: True)
    assert PAGES[1] in File("scan.pdf", scan(PAGES)).parse().text
    assert asked == [(1, 2)]
    assert "harbour" in File("text.pdf", pdf(PAGES)).parse().text
    assert asked == [(1, 2)]  # nothing to recognise
    monkeypatch.setattr(register, "is_installed", lambda: False)
    with pytest.raises(NoTextLayer):
        File("scan.pdf", scan(PAGES)).parse()


def test_a_page_that_breaks_its_child_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra every child ends at once: all pages are tried, and none is found."""
    monkeypatch.setattr(recognising, "MEMORY", 128 << 20)
    seen: list[tuple[int, int]] = []
    assert recognise_apart(scan(PAGES), [1, 2], lambda *done: seen.append(done)) == {}
    assert seen[0] == (0, 2)


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="the extra ocr is not installed")
def test_a_scan_is_recognised() -> None:
    seen: list[tuple[int, int]] = []
    found = recognise_apart(scan(PAGES), [1, 2], lambda *done: seen.append(done))
    assert {page: " ".join(text.split()) for page, text in found.items()} == dict(
        enumerate(PAGES, start=1)
    )
    assert seen == [(0, 2), (1, 2), (2, 2)]

"""Running heads in margins, and on pages that are pictures otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pypdfium2.raw as pdfium
import pytest

from ingest.isolation.parent import read_apart
from ingest.readers.pdf.drawn.fast import BOX, address, loose_box, object_of
from ingest.readers.pdf.drawn.pdfium import Pdfium
from ingest.readers.pdf.edges.margins import margins_of
from ingest.readers.pdf.edges.running import without_running_lines
from ingest.readers.pdf.lines import Line, Sheet

WORDS = (
    "The keeper lit the lamp before the fog came in from the west",
    "and wrote the hour into the book that lay beside the stairs.",
    "No ship had passed the point since the second week of March,",
)


def line(text: str, left: float, up: float, *, turned: bool = False) -> Line:
    right = left + 5 * len(text)
    return Line(text, left, up - 2, right, up + 8, 10, turned=turned, baseline=up)


def page(*more: Line, first: int = 0) -> Sheet:
    """A page of A4 with 30 lines of text from 100 to 400 points, and other lines."""
    body = [line(f"{n + first}. {WORDS[n % 3]}", 100, 740 - 20 * n) for n in range(30)]
    return Sheet((*body, *more), 595, 842)


def rest(pages: Sequence[Sheet]) -> str:
    return "\n".join(at.text for sheet in without_running_lines(pages) for at in sheet.lines)


def test_heads_beside_the_text_go_on_left_and_right_pages() -> None:
    heads = [line("Shift work", 450, 735), line("ER 29", 20, 735)]
    pages = [page(heads[n % 2], first=7 * n) for n in range(8)]
    assert [len(taken) for taken in margins_of(pages)] == [1] * 8
    assert "Shift work" not in rest(pages)
    assert "ER" not in rest(pages)
    assert "0. The keeper" in rest(pages)


def test_a_mark_that_is_turned_along_the_edge_goes() -> None:
    pages = [page(line(f"EP06AU20.{n:03}", 570, 18, turned=True), first=7 * n) for n in range(6)]
    assert "EP06" not in rest(pages)


@pytest.mark.parametrize(
    "note",
    [
        line("See the log of March", 450, 400),  # beside the middle of the page
        line("12", 20, 735),  # the number of a line
        line("A line of the text", 150, 745),
    ],
)
def test_notes_numbers_and_text_stay(note: Line) -> None:
    assert margins_of([page(note, first=7 * n) for n in range(8)]) == [set()] * 8


def test_a_note_on_two_pages_of_many_stays() -> None:
    note = line("Shift work", 450, 735)
    pages = [page(*([note] if n < 2 else []), first=7 * n) for n in range(20)]
    assert margins_of(pages) == [set()] * 20


def test_a_page_with_a_picture_loses_its_number_and_the_books_head() -> None:
    def numbered(n: int, *, bare: bool) -> Sheet:
        head, folio = line("A book of lamps", 100, 800), line(str(n + 1), 300, 30)
        if bare:
            return Sheet((head, folio), 595, 842)
        return replace(page(first=7 * n), lines=(head, *page(first=7 * n).lines, folio))

    pages = [numbered(n, bare=n == 4) for n in range(9)]
    assert without_running_lines(pages)[4].lines == ()
    assert "lamps" not in rest(pages)


def test_where_all_pages_are_alike_their_text_stays() -> None:
    pages = [Sheet((line("A book of lamps", 100, 800),), 595, 842) for _ in range(9)]
    assert rest(pages).count("A book of lamps") == 9


def made() -> bytes:
    """A PDF of one page with two text objects."""
    shown = (
        b"BT /F1 12 Tf 72 700 Td (The lamp burns) Tj ET BT /F1 12 Tf 72 600 Td (all night) Tj ET"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
    ]
    out = b"%PDF-1.7\n"
    for number, body in enumerate(objects, 1):
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return out + b"trailer << /Size 6 /Root 1 0 R >>\n%%EOF"


def test_calls_with_numbers_give_what_calls_with_pointers_give() -> None:
    with Pdfium(made(), None) as document, document.page(0) as (_, text):
        count = pdfium.FPDFText_CountChars(text)
        box = pdfium.FS_RECTF()
        assert count > 20
        for at in range(count):
            pointer = pdfium.FPDFText_GetTextObject(text, at)
            assert (object_of(address(text), at) or 0) == address(pointer)
            assert pdfium.FPDFText_GetLooseCharBox(text, at, box)
            held = bytearray(BOX.pack(box.left, box.top, box.right, box.bottom))
            box = pdfium.FS_RECTF()
            assert loose_box(address(text), at, pdfium.ctypes.byref(box))
            assert BOX.pack(box.left, box.top, box.right, box.bottom) == bytes(held)


def test_the_child_that_may_not_touch_foreign_memory_reads_words() -> None:
    assert read_apart(made(), "lamp.pdf").text == "The lamp burns\n\nall night"

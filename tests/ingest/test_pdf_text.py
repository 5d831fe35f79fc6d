"""The text of PDFs: words, reading order, forms, broken pages and fonts, made in the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.book import NoTextLayer
from ingest.isolation.parent import read_apart
from ingest.readers import read_book
from ingest.readers.pdf.document import pages_without_text
from ingest.readers.pdf.drawn.layout import sheet_of
from ingest.readers.pdf.drawn.pdfium import Pdfium
from ingest.readers.pdf.lines import Line, Sheet
from ingest.readers.pdf.quality import likeness, names_glyphs

ROOT = Path(__file__).parents[2]
HELVETICA = "/Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding"
BOLD = "/Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold"
JAPANESE = (
    "/Type /Font /Subtype /Type0 /BaseFont /Ryumin-Light /Encoding /Identity-H /DescendantFonts"
    " [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Ryumin-Light /CIDSystemInfo"
    " << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /FontDescriptor << /Type"
    " /FontDescriptor /FontName /Ryumin-Light /Flags 4 /FontBBox [0 -200 1000 900] /Ascent 900"
    " /Descent -200 /ItalicAngle 0 /CapHeight 700 /StemV 80 >> >>]"
)
CODED = (
    "/Type /Font /Subtype /Type1 /BaseFont /ABCDEF+Coded /FirstChar 0 /LastChar 255 /Widths ["
    + "500 " * 256
    + "] /Encoding << /Type /Encoding /Differences [0 "
    + " ".join(f"/g{n + 100}" for n in range(256))
    + "] >> /FontDescriptor << /Type /FontDescriptor /FontName /ABCDEF+Coded /Flags 4 /FontBBox"
    " [0 -200 1000 900] /Ascent 900 /Descent -200 /ItalicAngle 0 /CapHeight 700 /StemV 80 >>"
)
PROSE = (
    "The ferry left the harbour at seven and the lamps",
    "along the quay went out one by one. Nobody on the",
    "pier had seen the pilot since the storm, though his",
    "boat was dry. By noon the wind had turned again and",
    "the gulls were sitting on the roof of the old store.",
)
OTHER = (
    "Marta counted the crates twice, wrote the sum in the",
    "margin and closed the ledger. She asked the boy for",
    "the key of the store and he gave it without a word.",
    "Inside there was only rope, a broken lantern and the",
    "smell of tar that comes with every autumn out here.",
)


def made(
    contents: Sequence[str], *, page: str = "", catalog: str = "", more: Sequence[str] = ()
) -> bytes:
    """A PDF of pages with these drawings; ``more`` are objects from number 6 on."""
    fonts = "".join(
        f"/F{n} << {f} >> " for n, f in enumerate((HELVETICA, BOLD, JAPANESE, CODED), 1)
    )
    first = 6 + len(more)
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(contents)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Count {len(contents)} /Kids [{kids}] >>",
        f"<< /Font << {fonts}>> >>",
        "null",
        "null",
        *more,
    ]
    for number, content in enumerate(contents):
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources 3 0 R"
            f" /Contents {first + 2 * number + 1} 0 R {page} >>",
            f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream",
        ]
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {size}\n0000000000 65535 f \n{table}{tail}".encode()


def shown(text: str, x: float, y: float, *, size: float = 10, font: int = 1) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F{font} {size} Tf 1 0 0 1 {x} {y} Tm ({escaped}) Tj ET\n"


def column(lines: Sequence[str], x: float, top: float) -> str:
    return "".join(shown(line, x, top - 12 * n) for n, line in enumerate(lines))


def text_of(*contents: str, **how: str) -> str:
    return read_book(made(contents, **how), "a.pdf").text  # type: ignore[arg-type]


def sheet(content: str, page: str = "") -> Sheet:
    with Pdfium(made([content], page=page), None) as document, document.page(0) as (at, text):
        return sheet_of(at, text, 10_000)[0]


def lines_of(content: str, page: str = "") -> list[Line]:
    return list(sheet(content, page).lines)


def test_cells_that_are_drawn_right_to_left_stand_apart_and_in_order() -> None:
    rows = (("Marta Oller", "harbour clerk", "37,499.96"), ("Jon Brekke", "pilot", "21,000.00"),
            ("Ada Winter", "store keeper", "12,111.06"))  # fmt: skip
    drawn = "".join(
        shown(cell, x, 700 - 14 * n)
        for n, row in enumerate(rows)
        for cell, x in reversed(list(zip(row, (72, 200, 330), strict=True)))
    )
    assert text_of(drawn).split("\n") == [" | ".join(row) for row in rows]


def test_letters_that_are_placed_one_by_one_are_words() -> None:
    letters = "".join(
        shown(letter, 72 + 14 * n + (10 if n > 4 else 0), 700, size=12)
        for n, letter in enumerate("RIVERBANK")
    )
    assert text_of(letters) == "RIVER BANK"
    spread = "BT /F1 12 Tf 5 Tc 72 700 Td (HARBOUR) Tj ET"
    assert text_of(spread) == "HARBOUR"


def test_words_that_are_placed_without_spaces_are_apart() -> None:
    assert text_of("BT /F1 10 Tf 72 700 Td [(The)-280(old)-280(store)] TJ ET") == "The old store"
    placed = shown("The", 72, 700) + shown("old", 92, 700) + shown("store", 109, 700)
    assert text_of(placed) == "The old store"


def test_broken_words_are_joined_over_lines_and_pages() -> None:
    lines = [*PROSE[:4], "and then they went along the whole of the old har-"]
    after = ["bour and looked for the boat. It was not", *OTHER]
    book = text_of(column(lines, 72, 700), column(after, 72, 700))
    assert "old harbour and looked" in book
    soft = column(["the first of the light\xad", "house keepers. A lighthouse."], 72, 700)
    assert "lighthouse keepers" in text_of(soft)


@pytest.mark.parametrize("order", ["by column", "by row"])
def test_two_columns_below_a_title_are_read_one_after_the_other(order: str) -> None:
    title = shown("A title that spans both of the columns of the page", 120, 740, size=16, font=2)
    if order == "by column":
        body = column(PROSE, 60, 700) + column(OTHER, 320, 700)
    else:
        body = "".join(
            shown(left, 60, 700 - 12 * n) + shown(right, 320, 700 - 12 * n)
            for n, (left, right) in enumerate(zip(PROSE, OTHER, strict=True))
        )
    text = text_of(title + body)
    flat = " ".join(text.split())
    assert flat.startswith("A title that spans both of the columns of the page")
    assert " ".join(PROSE) in flat
    assert " ".join(OTHER) in flat
    assert flat.index("old store.") < flat.index("Marta counted")


def test_three_columns_and_columns_whose_lines_do_not_align() -> None:
    short = [[f"word{n} of column {k} here" for n in range(6)] for k in range(3)]
    drawn = "".join(column(lines, 50 + 180 * k, 700 - 5 * k) for k, lines in enumerate(short))
    flat = " ".join(text_of(drawn).split())
    assert flat == " ".join(line for lines in short for line in lines)


def test_a_footnote_is_kept_at_its_pages_end() -> None:
    note = shown("1 See the ledger of that year.", 60, 90, size=7)
    text = text_of(note + column(PROSE, 60, 700))
    assert text.rstrip().endswith("1 See the ledger of that year.")
    assert text.startswith("The ferry")


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_pages_that_are_turned_and_text_that_is_turned_are_read(rotate: int) -> None:
    matrix = {0: "1 0 0 1 0 0", 90: "0 1 -1 0 595 0", 180: "-1 0 0 -1 595 842",
              270: "0 -1 1 0 0 842"}[rotate]  # fmt: skip
    drawn = f"q {matrix} cm {column(PROSE, 60, 500)} Q"
    with_page = sheet(drawn, f"/Rotate {rotate}")
    assert [line.text for line in with_page.lines] == list(PROSE)
    assert with_page.turn == 0
    without = sheet(drawn)
    assert [line.text for line in without.lines] == list(PROSE)
    assert without.turn == rotate // 90
    assert [round(line.left) for line in without.lines] == [60] * 5


def test_text_at_another_angle_comes_after_the_page() -> None:
    stamp = "BT /F1 8 Tf 0 1 -1 0 20 300 Tm (A stamp at the side) Tj ET\n"
    slanted = "BT /F1 40 Tf 0.7 0.7 -0.7 0.7 100 100 Tm (DRAFT) Tj ET\n"
    found = lines_of(stamp + slanted + column(PROSE, 60, 700))
    assert [line.text for line in found] == [*PROSE, "A stamp at the side", "DRAFT"]
    assert [line.turned for line in found] == [False] * 5 + [True, True]


def test_lines_carry_their_place_and_type() -> None:
    found = lines_of(shown("A Heading", 72, 700, size=18, font=2) + shown("and text", 90, 670))
    heading, text = found
    assert (heading.size, heading.bold, heading.font) == (18, True, "Helvetica-Bold")
    assert (text.size, text.bold, round(text.left), round(text.baseline)) == (10, False, 90, 670)
    assert heading.bottom < 700 < heading.top <= 842
    assert 72 < heading.right < 200


def test_an_exponent_stays_on_its_line() -> None:
    drawn = shown("the sum of m", 72, 700) + shown("2", 130, 704, size=6) + shown("is 4.", 137, 700)
    assert [line.text for line in lines_of(drawn)] == ["the sum of m2 is 4."]


def test_accents_before_their_letters_are_part_of_them() -> None:
    assert "café näive" in text_of(shown("a caf´e n¨aive word here", 72, 700))


def test_a_japanese_font_without_a_table_of_characters_is_read() -> None:
    drawn = "BT /F3 12 Tf 72 700 Td <034A 034B 034C> Tj ET"
    assert (
        text_of(drawn + shown("Some words beside it.", 72, 650))
        .rstrip()
        .endswith("Some words beside it.")
    )
    letters = [line.text for line in lines_of(drawn)]
    assert letters and all("\u3040" <= letter <= "\u30ff" for letter in letters[0])


def test_a_font_that_cannot_be_decoded_is_never_a_book() -> None:
    coded = "BT /F4 12 Tf 72 700 Td <" + "34 48 4c 49 20 30 44 56 ".replace(" ", "") * 9 + "> Tj ET"
    with pytest.raises(NoTextLayer):
        read_book(made([coded]), "a.pdf")
    book = read_book(made([column(PROSE, 60, 700), coded]), "a.pdf")
    assert book.text.rstrip().endswith("old store.")
    assert "Page 2 has letters that cannot be decoded" in book.warnings[0]


def test_the_values_of_a_form_stand_in_their_place() -> None:
    fields = [
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (buyer) /V (Oleander Shipping)"
        " /Rect [170 695 400 715] >>",
        "<< /Type /Annot /Subtype /Widget /Parent 8 0 R /Rect [170 665 400 685] >>",
        "<< /FT /Ch /T (port) /V (Harwich) /Kids [7 0 R] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (pin) /Ff 8192 /V (secret)"
        " /Rect [170 635 400 655] >>",
        "<< /Type /Annot /Subtype /FreeText /Contents (Typed over it) /Rect [72 500 300 520] >>",
        "<< /Type /Annot /Subtype /Text /Contents (A note for the clerk) /Rect [5 5 20 20] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /V (unseen) /F 2 /Rect [72 400 300 420] >>",
    ]
    drawn = shown("Name of the buyer:", 72, 700) + shown("Port:", 72, 670) + shown("End.", 72, 450)
    annots = "/Annots [6 0 R 7 0 R 9 0 R 10 0 R 11 0 R 12 0 R]"
    made_up = made(
        [drawn], page=annots, catalog="/AcroForm << /Fields [6 0 R 8 0 R] >>", more=fields
    )
    text = read_book(made_up, "a.pdf").text
    assert [line for line in text.split("\n") if line] == [
        "Name of the buyer: Oleander Shipping",
        "Port: Harwich",
        "Typed over it",
        "End.",
        "A note for the clerk",
    ]


def test_attached_files_and_portfolios_are_named() -> None:
    files = ["<< /Type /Filespec /F (sum.xls) /UF (sum.xls) >>"]
    names = "/Names << /EmbeddedFiles << /Names [(sum.xls) 6 0 R] >> >>"
    page = shown("The cover.", 72, 700)
    book = read_book(made([page], catalog=names, more=files), "a.pdf")
    assert book.warnings == ("1 attached file is not read: sum.xls.",)
    portfolio = read_book(made([page], catalog=names + " /Collection << >>", more=files), "a.pdf")
    assert "portfolio" in portfolio.warnings[0]
    assert "sum.xls" in portfolio.warnings[0]


def test_a_bad_page_costs_that_page_and_is_named() -> None:
    pages = [shown(f"Page {word} is whole.", 72, 700) for word in ("one", "two", "three")]
    data = made(pages)
    at = data.index(b"/Type /Page /Parent", data.index(b"/Type /Page /Parent") + 1)
    lost = data[:at] + b"/Type /Cat /Parent" + b" " + data[at + 19 :]
    book = read_book(lost, "a.pdf")
    assert "Page one is whole." in book.text and "Page three is whole." in book.text
    odd = [pages[0], "BT /F1 11 Tf 72 700 Td [(The third day) 0.0 Tc -250 (lost)] TJ ET", pages[2]]
    book = read_book(made(odd), "a.pdf")
    assert "Page one is whole." in book.text and "Page three is whole." in book.text
    assert book.warnings == ("Page 2 is damaged; some of its text may be missing.",)


def test_a_short_name_of_a_filter_is_read() -> None:
    coded = b"<~6<#'\\7PQ#@1a#b0+>GQ(+?(u.+B2ko-qIocCi:FtDfTZ).9(%)78s~>"
    data = made([shown("The first page.", 72, 700), "x" * len(coded)])
    data = data.replace(b"x" * len(coded), coded)
    at = data.rindex(b"<< /Length")
    data = data[:at] + data[at:].replace(b"<< /Length", b"<< /Filter /A85 /Length", 1)
    assert "The first page." in read_book(data, "a.pdf").text


def test_a_damaged_table_of_objects_is_no_refusal() -> None:
    data = made([column(PROSE, 60, 700)])
    assert "The ferry left" in read_book(data.replace(b"0000000", b"0000999"), "a.pdf").text


def test_few_letters_on_many_pages_are_a_text_unless_the_pages_are_pictures() -> None:
    assert text_of(*(shown(str(n), 72, 700) for n in range(1, 9))).split() == list("12345678")
    picture = "q 500 0 0 500 40 40 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q\n"
    with pytest.raises(NoTextLayer, match="ocrmypdf"):
        text_of(*(picture + shown(str(n), 72, 700) for n in range(1, 9)))
    mixed = read_book(made([column(PROSE, 60, 700), picture]), "a.pdf")
    assert mixed.warnings == (
        "Page 2 is a picture without text; text recognition (OCR) could read it.",
    )


def test_pages_without_text_are_those_that_recognition_would_take() -> None:
    line = Line("words", 0, 0, 9, 9, 9)
    sheets = [Sheet((line,)), Sheet(()), Sheet((), undecodable=True), Sheet((), reader="")]
    assert pages_without_text(sheets) == [1, 2]


def test_likeness_tells_words_from_codes() -> None:
    assert likeness(" ".join(PROSE)) > 0.95
    assert likeness("Женщина вышла из дома 12 мая") > 0.9
    assert likeness("\ue001\ue002\x05\x06 \ufffd\ufffd \x0f\x10") < 0.1
    assert likeness("RSHUDWLQJ 6\\VWHPV WKDW DUH QRW") < likeness("operating systems that are not")
    assert names_glyphs("/g152/g172/g38 /g152")
    assert not names_glyphs("either/or and 1/2")


def test_the_child_reads_what_is_read_here() -> None:
    data = made([column(PROSE, 60, 700), column(OTHER, 60, 700)])
    assert read_apart(data, "a.pdf") == read_book(data, "a.pdf")


def test_the_library_in_machine_code_is_loaded_only_to_read() -> None:
    script = (
        "import sys, ingest.readers, ingest.isolation.parent; print('pypdfium2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done

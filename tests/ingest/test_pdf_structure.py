"""Running heads and chapters of PDFs, by where lines stand and how they are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from clock import within

from ingest.readers import read_book
from ingest.readers.pdf.edges.heads import heads_of, key_of
from ingest.readers.pdf.headlines import headlines_of
from ingest.readers.pdf.lines import Line, Sheet
from ingest.readers.pdf.paragraphs import join_pages
from ingest.readers.pdf.sections import sections_of

SENTENCES = (
    "The keeper lit the lamp before the fog came in from the west",
    "and wrote the hour into the book that lay beside the stairs.",
    "No ship had passed the point since the second week of March,",
    "so the boy was sent to ask the pilot what he had seen there.",
    "He came back wet and said that the pilot had locked his door",
    "and that the dogs were loose along the whole of the sea wall.",
)
Put = tuple[float, float, float, bool, str]
"""x and y of a line's baseline, its size, whether it is bold, and its text."""


def prose(count: int, top: float = 740, *, first: int = 0, step: float = 14) -> list[Put]:
    """Lines of a paragraph, one below the other."""
    words = [SENTENCES[(first + n) % len(SENTENCES)] for n in range(count)]
    return [(72, top - n * step, 11, False, text) for n, text in enumerate(words)]


def page(*lines: Put) -> Sheet:
    """A page of A4 as the text extraction gives it."""
    ordered = sorted(lines, key=lambda line: -line[1])
    made = tuple(
        Line(text, x, y - 0.2 * size, x + 0.48 * size * len(text), y + 0.8 * size, size,
             bold=bold, baseline=y, font="Serif")
        for x, y, size, bold, text in ordered
    )  # fmt: skip
    return Sheet(made, 595, 842)


def drawn(pages: Sequence[Sequence[Put]]) -> bytes:
    """A PDF with the given lines."""
    objects = [
        "", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
    ]  # fmt: skip
    kids = []
    for lines in pages:
        shown = "".join(
            f"BT /F{2 if bold else 1} {size} Tf {x} {y} Td ({text}) Tj ET\n"
            for x, y, size, bold, text in lines
        )
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font <<"
            f" /F1 3 0 R /F2 4 0 R >> >> /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[0] = "<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        out
        + (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
            f"startxref\n{len(out)}\n%%EOF\n"
        ).encode()
    )


def dropped(pages: Sequence[Sheet]) -> list[str]:
    return [
        sheet.lines[at].text
        for sheet, taken in zip(pages, heads_of(pages), strict=True)
        for at in sorted(taken)
    ]


def marked(pages: Sequence[Sheet]) -> list[str]:
    text, starts = join_pages(pages)
    return [mark.title for mark in sections_of(pages, text, starts).marks]


@pytest.mark.parametrize(
    "foot",
    [
        "001-120_r4jm.qxd  2/10/04  6:34 PM  Page {n}",
        "draft of the harbour rules, printed on 3 March 2019 - {n}",
        "page {word}",
        "- {n} -",
        "{n}",
        "Page {n} of 12",
    ],
)
def test_feet_with_names_of_files_dates_and_numbers_in_words_go(foot: str) -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    words += ["eleven", "twelve"]
    feet = [foot.format(n=n + 1, word=words[n]) for n in range(12)]
    pages = [page(*prose(30, first=n), (72, 40, 9, False, feet[n])) for n in range(12)]
    assert dropped(pages) == feet


def test_heads_that_alternate_and_begin_in_lower_case_go_on_every_page() -> None:
    heads = ["the keeper of the point", "a book by nobody"]
    pages = [
        page(
            (72, 800, 9, False, heads[n % 2]), (500, 800, 9, False, str(n + 7)), *prose(30, first=n)
        )
        for n in range(8)
    ]
    assert sorted(set(dropped(pages))) == sorted({*heads, *(str(n + 7) for n in range(8))})
    assert len(dropped(pages)) == 16


def test_a_head_that_only_one_page_has_goes_with_its_number() -> None:
    names = ["Storm", "Storm", "Storm", "Calm", "Ice", "Ice", "Ice", "Thaw", "Fog", "Fog", "Fog"]
    pages = [
        page((72, 800, 9, False, f"{name}  {n + 1}"), *prose(30, first=n))
        for n, name in enumerate(names)
    ]
    assert len(dropped(pages)) == len(names)


def test_the_text_of_a_slug_foot_file_has_no_feet() -> None:
    pages = [
        [*prose(30, first=n), (232, 38, 8, False, f"7-19_k.indd 12/1/17 6:{n + 10} AM Page {n}")]
        for n in range(1, 9)
    ]
    book = read_book(drawn(pages), "slug.pdf")
    assert "indd" not in book.text
    assert book.text.count("locked his door") == sum(
        "locked" in line[4] for p in pages for line in p
    )


def test_text_that_begins_or_ends_pages_alike_stays() -> None:
    refrain = "and nobody on the wall had heard a word of it."
    pages = [page(*prose(25, first=n), (72, 390, 11, False, refrain)) for n in range(4)]
    pages += [page(*prose(30, first=n)) for n in range(6)]
    assert dropped(pages) == []
    rows = [
        page((72, 740, 11, False, "Berth"), *((72, 726 - 14 * n, 11, False, f"Quay {n + p} 4,20")
                                              for n in range(40)))
        for p in range(3)
    ]  # fmt: skip
    assert dropped([*rows, *(page(*prose(30, first=n)) for n in range(6))]) == []


def test_titles_of_slides_stay() -> None:
    pages = [
        page((72, 780, 28, False, title), *prose(6, top=600 - 30 * (n % 4), first=n))
        for n, title in enumerate(["Plan", "Plan", "Plan", "Costs", "Costs", "Costs", "End", "End"])
    ]
    assert dropped(pages) == []


def test_a_table_of_figures_on_every_page_keeps_its_last_row() -> None:
    pages = [
        page(*((72, 740 - 14 * n, 11, False, f"{n * p + 31} {n + p}") for n in range(40)))
        for p in range(8)
    ]
    assert dropped(pages) == []


def test_a_chapters_own_title_stays_where_it_stands_first() -> None:
    pages = [
        page((72, 800, 11, False, f"CHAPTER {'I' * (n // 4 + 1)}"), *prose(30, first=n))
        for n in range(8)
    ]
    kept = [line.text for sheet, taken in zip(pages, heads_of(pages), strict=True)
            for at, line in enumerate(sheet.lines) if at not in taken]  # fmt: skip
    assert [text for text in kept if text.startswith("CHAPTER")] == ["CHAPTER I", "CHAPTER II"]


def test_keys_are_the_same_for_all_numbers_and_dates() -> None:
    assert key_of("a_7.qxd 2/10/04 6:34 PM Page 9") == key_of("a_7.qxd 12/1/14 11:02 am Page xii")
    assert key_of("page twenty-three") == key_of("Page four")
    assert key_of("The Storm") != key_of("The Calm")


def section(title: str, count: int = 40, *, first: int = 0) -> list[Put]:
    """A numbered heading set as the text is, with a gap below it."""
    return [(72, 780, 11, False, title), *prose(count, top=756, first=first)]


REFERENCE = [
    (72, 196, 11, False, "The tides of the quay are set out in the tables of the"),
    (72, 182, 11, False, "Section 4.1 and the order of the berths, which the master"),
    (72, 168, 11, False, "keeps beside the older readings that were printed in the"),
    (72, 154, 11, False, "Vol. 29 No. 2, 2007, and by the clerk of the store in"),
    (72, 140, 11, False, "the year after that, as the next pages show in detail."),
]
NAMES = ["1 Introduction", "2 The Quay", "3 The Store", "4 The Ledger", "5 Conclusion"]


def test_a_section_that_a_paragraph_names_is_no_chapter() -> None:
    pages = [[*section(name, first=n), *REFERENCE] for n, name in enumerate(NAMES)]
    book = read_book(drawn(pages), "reference.pdf")
    assert [chapter.title for chapter in book.chapters] == NAMES


def test_a_keyword_at_the_start_of_a_paragraphs_lines_is_no_chapter() -> None:
    lines = ["Chapter 3 and the chapters after it were lost when the", "Part 2 of the ledger, in a"]
    pages = [
        page(*prose(20), (72, 460, 11, False, lines[n % 2]), *prose(20, top=446)) for n in range(6)
    ]
    assert marked(pages) == []


def test_a_title_over_two_lines_is_one_title() -> None:
    names = [("ADVENTURE I. A SCANDAL", "IN BOHEMIA"), ("ADVENTURE II. THE", "RED-HEADED LEAGUE"),
             ("ADVENTURE III. A CASE", "OF IDENTITY")]  # fmt: skip
    pages = [
        page((200, 760, 16, True, above), (200, 740, 16, True, below), *prose(40, top=700))
        for above, below in names
    ]
    assert marked(pages) == [f"{above} {below}" for above, below in names]


def test_titles_that_are_larger_and_numbered_in_no_way_are_chapters() -> None:
    names = ["The Lamp", "What the Pilot Saw", "A Door is Locked", "The Dogs"]
    pages = []
    for name in names:
        pages += [page((72, 780, 18, False, name), *prose(45, top=740))]
        pages += [page(*prose(48, top=780, first=n)) for n in range(3)]
    assert marked(pages) == names


def test_bold_labels_of_a_form_and_bold_words_in_lines_are_no_chapters() -> None:
    labels = ["Name of the ship", "Home harbour", "Master", "Cargo", "Date of arrival"]
    pages = [
        page(*((72, 780 - 40 * n, 11, True, label) for n, label in enumerate(labels * 3)),
             *((72, 766 - 40 * n, 11, False, "see above") for n in range(15)))
        for _ in range(12)
    ]  # fmt: skip
    assert marked(pages) == []


def test_entries_of_a_bibliography_are_no_chapters() -> None:
    pages = [page(*prose(45, top=780)) for _ in range(10)]
    entries = [
        (72, 740 - 30 * n, 11, False, f"{n + 1}. Dijkstra, E. Notes on Harbours") for n in range(20)
    ]
    assert marked([*pages, page(*entries), page(*entries)]) == []


def test_pages_of_contents_and_captions_are_no_chapters() -> None:
    listed = [
        (72, 740 - 20 * n, 14, True, f"{n + 1} Part of it . . . . {n * 4 + 3}") for n in range(8)
    ]
    contents = page((72, 780, 18, True, "Contents"), *listed)
    captions = [
        page(*prose(20), (72, 420, 11, True, f"Figure {n + 1}. The quay"), *prose(20, top=380))
        for n in range(6)
    ]
    assert marked([contents, *captions]) == []


def test_every_slide_has_a_title_and_none_is_a_chapter() -> None:
    names = [f"{word} of the quay" for word in ("Plan", "Cost", "Size", "Age", "Use", "Fate")]
    pages = [page((72, 780, 28, True, name), *prose(30, top=700)) for name in names]
    assert marked(pages) == []


def test_equal_parts_remain_where_no_heading_convinces() -> None:
    pages = [[*prose(50, top=790, first=n)] for n in range(30)]
    book = read_book(drawn(pages), "plain.pdf")
    assert len(book.chapters) > 1 and all(chapter.made_up for chapter in book.chapters)


def test_where_places_are_not_known_the_words_are_searched() -> None:
    bare = [replace(line, size=0.0, baseline=0.0) for line in page(*prose(5)).lines]
    sheets = [Sheet(tuple(bare))] * 3
    text, starts = join_pages(sheets)
    assert sections_of(sheets, text, starts).look
    assert headlines_of(sheets) == []


def test_many_pages_take_time_in_proportion() -> None:
    names = ["".join(chr(ord("k") + int(digit)) for digit in str(n)) for n in range(3_000)]
    pages = [
        page(
            (72, 800, 9, False, "the same head"),
            *((72, 740 - 14 * row, 11, False, f"{name * (row + 2)} was there") for row in range(9)),
            (72, 40, 9, False, str(n)),
        )
        for n, name in enumerate(names)
    ]
    with within(6):
        assert sum(map(len, heads_of(pages))) == 6_000

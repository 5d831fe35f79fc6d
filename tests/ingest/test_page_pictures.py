"""Pages of PDFs as pictures, drawn apart, and where the words of a sentence stand on them."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from document_makers import pdf, rewritten
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.book import DamagedDocument, NeedsPassword, Page
from ingest.isolation import drawing
from ingest.isolation.drawing import _picture, draw_apart
from ingest.isolation.wire import BrokenWire, send
from ingest.pages import PageIndex
from ingest.pictures.letters import bare_letters
from ingest.pictures.marks import aligned, marks_of
from ingest.pictures.page import SCALE, PagePicture

FIRST = "The ferry leaves the harbour at nine."
SECOND = "Mara sold the encyclo-\npaedia to Anton in the spring."


def drawn(data: bytes, number: int = 1) -> PagePicture:
    """A page as the child draws it, without a child."""
    from ingest.pictures.drawn import PdfFile

    made = PdfFile(data).draw(number)
    assert made is not None
    boxes = tuple(made.boxes)
    return PagePicture(1, made.width, made.height, made.letters, boxes, made.picture)


def placed(texts: list[tuple[int, int, str]], extra: str = "") -> bytes:
    """A page with texts at places; extra: entries of the page, such as its rotation."""
    shown = "".join(f"1 0 0 1 {x} {y} Tm ({text}) Tj\n" for x, y, text in texts)
    data = pdf(["PLACEHOLDER"]).replace(b"14 TL 60 780 Td\n(PLACEHOLDER) Tj T*\n", shown.encode())
    return data.replace(b"[0 0 595 842]", f"[0 0 595 842] {extra}".encode())


def under(picture: PagePicture, text: str, page_text: str = "", at: int = 0) -> tuple[str, int]:
    """The letters under the marks of a text, and how many marks there are."""
    boxes = marks_of(text, page_text or text, at, picture)
    found = ""
    for n, letter in enumerate(picture.letters):
        box = picture.box(n)
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        found += letter * any(m.left < x < m.right and m.top < y < m.bottom for m in boxes)
    return found, len(boxes)


class TestMarks:
    def test_a_line_is_one_box_over_its_ink(self) -> None:
        picture = drawn(pdf([f"Nothing here.\n{FIRST}\nNor here."]))
        assert under(picture, FIRST) == (bare_letters(FIRST), 1)
        (box,) = marks_of(FIRST, FIRST, 0, picture)
        image = Image.open(io.BytesIO(picture.picture)).convert("L")
        part = image.crop(
            (
                box.left * image.width // SCALE,
                box.top * image.height // SCALE,
                box.right * image.width // SCALE,
                box.bottom * image.height // SCALE,
            )
        )
        assert min(part.tobytes()) < 60  # there is ink
        assert 0.2 < part.width / image.width < 0.5 and part.height / image.height < 0.03

    def test_a_word_that_is_broken_at_the_end_of_a_line(self) -> None:
        picture = drawn(pdf([f"{FIRST} {SECOND}"]))
        joined = "Mara sold the encyclopaedia to Anton in the spring."
        assert under(picture, joined, f"{FIRST} {joined}", 38) == (bare_letters(joined), 2)

    def test_ligatures_accents_and_case_are_aside(self) -> None:
        assert bare_letters("The \ufb01nal Ca\u0301FE\u0301, 2\u00bd!") == "thefinalcafe212"
        picture = drawn(pdf(["The final office of Cafe Waffle is closed."]))
        said = "The \ufb01nal o\ufb03ce of CAF\xc9 Wa\ufb04e is closed."
        assert under(picture, said) == (bare_letters(said), 1)

    def test_a_sentence_over_two_columns_with_a_heading_between(self) -> None:
        left = [(50, 700 - 14 * n, f"left column line {n} is here") for n in range(4)]
        right = [(320, 700 - 14 * n, f"right column line {n} is here") for n in range(4)]
        picture = drawn(placed([*right, (50, 760, "A HEADING OF THE PAGE"), *left]))
        said = "left column line 3 is here right column line 0 is here"
        boxes = marks_of(said, said, 0, picture)
        assert under(picture, said)[0] == bare_letters(
            "right column line 0 is here left column line 3 is here"
        )
        assert [box.left < SCALE // 2 for box in boxes] == [True, False]

    @pytest.mark.parametrize("turn", [90, 180, 270])
    def test_a_page_that_is_turned(self, turn: int) -> None:
        picture = drawn(placed([(60, 700, FIRST), (60, 600, "Something else.")], f"/Rotate {turn}"))
        assert (picture.width > picture.height) == (turn != 180)
        assert under(picture, FIRST) == (bare_letters(FIRST), 1)

    def test_a_page_that_is_cropped(self) -> None:
        picture = drawn(placed([(160, 700, FIRST)], "/CropBox [150 650 400 750]"))
        (box,) = marks_of(FIRST, FIRST, 0, picture)
        assert 200 < box.left < 600 and 3_000 < box.top < box.bottom < 6_000

    def test_of_equal_sentences_the_right_one(self) -> None:
        page = f"{FIRST} One.\n{FIRST} Two.\n{FIRST} Three."
        picture = drawn(pdf([page]))
        tops = [
            marks_of(FIRST, page, at, picture)[0].top
            for at in (0, page.index("One.") + 5, page.index("Two.") + 5)
        ]
        assert all(a < b for a, b in pairwise(tops))

    def test_what_is_not_there_is_not_marked(self) -> None:
        picture = drawn(pdf([FIRST]))
        assert marks_of("Nobody painted the lighthouse blue.", FIRST, 0, picture) == []
        assert marks_of("", FIRST, 0, picture) == marks_of("...", FIRST, 0, picture) == []

    @given(st.text("abc", max_size=60), st.text("abc", max_size=200), st.integers(0, 200))
    def test_what_aligns_are_the_wanted_letters(self, wanted: str, page: str, near: int) -> None:
        pieces = aligned(wanted, page, near)
        assert all(page[p.start : p.end] in wanted for p in pieces)
        assert not pieces or sum(p.end - p.start for p in pieces) >= 0.75 * len(wanted)
        assert bool(wanted and wanted in page) <= bool(pieces)

    def test_a_sentence_that_the_page_has_a_little_otherwise(self) -> None:
        page = bare_letters(f"Running head {FIRST} {SECOND}")
        wanted = bare_letters(f"{FIRST} 17 {SECOND}")
        pieces = aligned(wanted, page, 0)
        assert [page[p.start : p.end] for p in pieces] == [
            bare_letters(FIRST),
            bare_letters(SECOND),
        ]


class TestDrawing:
    def test_pages_come_from_a_child(self) -> None:
        found = draw_apart(pdf([FIRST, "", SECOND]), [3, 2, 9])
        assert list(found) == [3, 2, 9] and found[9] is None
        third, blank = found[3], found[2]
        assert third is not None and third == drawn(pdf([FIRST, "", SECOND]), 3).__class__(
            3, third.width, third.height, bare_letters(SECOND), third.boxes, third.picture
        )
        assert Image.open(io.BytesIO(third.picture)).size == (third.width, third.height)
        assert blank is not None and blank.letters == ""

    def test_an_encrypted_file_says_so(self) -> None:
        secret = rewritten(pdf([FIRST]), password="secret")
        with pytest.raises(NeedsPassword, match="is encrypted; its pages cannot be shown"):
            draw_apart(secret, [1])
        free = rewritten(pdf([FIRST]), owner="owner")  # only printing is forbidden
        assert under(drawn(free), FIRST)[0] == bare_letters(FIRST)

    def test_damaged_files_and_pages(self) -> None:
        with pytest.raises(DamagedDocument, match="its pages cannot be shown"):
            draw_apart(b"%PDF-1.7\nnothing\n%%EOF", [1])
        broken = pdf([FIRST, SECOND]).replace(b"BT /F1 11 Tf", b"\xff\xfe << >>>", 1)
        assert drawn(broken, 2).letters == bare_letters(SECOND)
        assert drawn(broken, 1).picture

    def test_a_long_page_has_a_small_picture(self) -> None:
        long = pdf([FIRST]).replace(b"[0 0 595 842]", b"[0 0 14 90000]")
        picture = drawn(long)
        assert picture.height == 2_400 and picture.width == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"boxes": [0, 0, SCALE + 1, 5]},
            {"boxes": [0, 0, 5]},
            {"boxes": [0, 0, 5.5, 5]},
            {"width": 0},
            {"height": 10**6},
            {"letters": 5},
            {"pages": "1"},
        ],
    )
    def test_nonsense_from_a_child_is_refused(self, change: dict[str, object]) -> None:
        head = {"pages": 1, "width": 5, "height": 5, "letters": "a", "boxes": [0, 0, 5, 5]}
        for given_head, picture, sound in ((head, b"\xff\xd8\xff", True), (head, b"<svg", False),
                                           (head | change, b"\xff\xd8\xff", False)):  # fmt: skip
            stream = io.BytesIO()
            send(stream, json.dumps(given_head).encode())
            send(stream, picture)
            stream.seek(0)
            if sound:
                assert isinstance(_picture(stream), PagePicture)
            else:
                with pytest.raises(BrokenWire):
                    _picture(stream)

    def test_a_child_that_dies_is_a_refusal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drawing, "SECONDS", 0.0)
        with pytest.raises(Exception, match="look at its text instead"):
            draw_apart(pdf([FIRST]), [1])


def test_the_page_of_a_place() -> None:
    index = PageIndex([Page(2, "i", 0, 10), Page(4, "1", 10, 20), Page(5, "2", 20, 25)])
    assert [index.at(n).number for n in (-1, 0, 9, 10, 24, 99)] == [2, 2, 2, 4, 5, 5]
    assert [p.number for p in index.of(9, 11)] == [2, 4]
    assert [p.number for p in index.of(9, 10)] == [p.number for p in index.of(9, 9)] == [2, 2]
    assert [p.number for p in index.over(9, 21)] == [2, 4, 5]
    assert [p.number for p in index.over(10, 10)] == [4]

import pytest

from ingest.book import Book, Chapter, InvalidBookError, Page, Segment

TEXT = "One. Two."


def book(**changes):
    fields = {
        "title": "T",
        "text": TEXT,
        "chapters": (Chapter("a", 0, 5), Chapter("b", 5, 9)),
        "pages": (Page(1, "i", 0, 9),),
        "format": "text",
    }
    return Book(**(fields | changes))


def test_a_book_whose_parts_cover_the_text_is_valid():
    assert book().chapters[1].title == "b"
    assert book(paged=True, author="A").author == "A"


@pytest.mark.parametrize(
    "changes",
    [
        {"title": " "},
        {"text": " \n"},
        {"format": "bmp"},
        {"chapters": ()},
        {"chapters": (Chapter("a", 0, 5),)},
        {"chapters": (Chapter("a", 1, 9),)},
        {"chapters": (Chapter("a", 0, 5), Chapter("b", 6, 9))},
        {"pages": ()},
        {"pages": (Page(2, "2", 0, 5), Page(2, "2", 5, 9))},
        {"text": "One. Tw\ud800"},
    ],
)
def test_a_book_that_breaks_a_rule_is_refused(changes):
    with pytest.raises(InvalidBookError):
        book(**changes)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Chapter("a", 3, 3),
        lambda: Chapter("", 0, 3),
        lambda: Chapter("a", -1, 3),
        lambda: Page(0, "0", 0, 1),
        lambda: Segment(0, 0, 4, 4, 1, 1, 1),
        lambda: Segment(0, -1, 0, 4, 1, 1, 1),
        lambda: Segment(0, 0, 0, 4, 2, 1, 1),
    ],
)
def test_parts_check_themselves(make):
    with pytest.raises(InvalidBookError):
        make()

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.book import InvalidBookError, check_partition
from ingest.chapters import Mark, chapters_from_marks, find_chapters
from ingest.headings import heading_at, number_of

PARAGRAPH = "The rain had stopped before dawn, and nobody in the village had slept. " * 6
BODY = "\n\n".join([PARAGRAPH] * 3)


def titles(text):
    chapters = find_chapters(text, "Book")
    check_partition("chapter", chapters, 0, len(text))
    return [chapter.title for chapter in chapters]


def novel(*headings):
    return "\n\n".join(f"{heading}\n\n{BODY}" for heading in headings)


@pytest.mark.parametrize(
    "headings",
    [
        ("CHAPTER I", "CHAPTER II", "CHAPTER III"),
        ("Chapter 1. The Storm", "Chapter 2. The Calm"),
        ("CHAPTER THE FIRST", "CHAPTER THE SECOND"),
        ("I", "II", "III", "IV"),
        ("XIV. Not yet", "I.", "II.", "III.")[1:],
        ("1", "2", "3"),
        ("PART ONE", "PART TWO"),
        ("BOOK THE FIRST", "BOOK THE SECOND"),
        ("Letter 1", "Letter 2", "Letter 3", "Letter 4"),
        ("PROLOGUE", "Chapter One", "Chapter Two", "EPILOGUE"),
        ("STAVE ONE", "STAVE TWO"),
        ("One - A Fellow", "Two - An Appeal", "Three - At Home"),
        ("FIRST PART", "SECOND PART"),
    ],
)
def test_headings_that_stand_alone_are_chapters(headings):
    assert titles(novel(*headings)) == [heading.strip() for heading in headings]


def test_a_title_in_the_next_paragraph_joins_the_heading():
    assert titles(novel("CHAPTER I\n\nLOOMINGS", "CHAPTER II\n\nThe Carpet-Bag")) == [
        "CHAPTER I. LOOMINGS",
        "CHAPTER II. The Carpet-Bag",
    ]


def test_scenes_within_acts_and_chapters_within_parts():
    play = novel("ACT I\n\nSCENE I. A street.", "SCENE II. A hall.", "ACT II\n\nSCENE I. The sea.")
    assert titles(play) == [
        "ACT I: SCENE I. A street.",
        "SCENE II. A hall.",
        "ACT II: SCENE I. The sea.",
    ]
    parts = novel("PART ONE\n\nCHAPTER I", "CHAPTER II", "PART TWO\n\nCHAPTER I", "CHAPTER II")
    assert len(titles(parts)) == 4


def test_a_table_of_contents_is_not_thirty_chapters():
    names = [f"CHAPTER {n}" for n in range(1, 31)]
    text = "THE BOOK\n\nCONTENTS\n\n" + "\n\n".join(names) + "\n\n" + novel(*names)
    found = titles(text)
    assert [title for title in found if title.startswith("CHAPTER")] == names
    assert len(found) <= 31


def test_text_before_the_first_heading():
    assert titles(BODY + "\n\n" + novel("CHAPTER I", "CHAPTER II"))[0] == "Front matter"
    assert titles("A Tale\n\n" + novel("CHAPTER I", "CHAPTER II"))[0] == "CHAPTER I"


def test_prose_and_lone_numerals_are_no_headings():
    assert titles(f"{BODY}\n\nI nodded.\n\n{BODY}\n\nI\n\n{BODY}") == ["Book"]
    assert titles(f"{BODY}\n\nPart of it was true.\n\n{BODY}\n\n1914\n\n{BODY}") == ["Book"]
    assert titles(novel("VII", "III", "IX")) == ["Book"]


def test_without_headings_a_long_text_is_cut_into_equal_parts():
    text = "\n\n".join([PARAGRAPH] * 300)
    chapters = find_chapters(text, "Book")
    assert [chapter.title for chapter in chapters[:2]] == ["Part 1", "Part 2"]
    assert all(text[chapter.start - 2 : chapter.start] == "\n\n" for chapter in chapters[1:])
    assert all(20_000 < chapter.end - chapter.start < 40_000 for chapter in chapters)


def test_blank_text_is_refused():
    with pytest.raises(InvalidBookError, match="blank"):
        find_chapters(" \n\n ")


def test_an_outline_gives_the_chapters_and_parts_give_way_to_them():
    text = BODY * 4
    quarter = len(BODY)
    outline = [
        Mark(0, "Part One", 1),
        Mark(0, "The Storm", 2),
        Mark(quarter, "The Calm", 2),
        Mark(2 * quarter, "Part Two", 1),
        Mark(2 * quarter, "The Sea", 2),
        Mark(3 * quarter, "The End", 2),
    ]
    found = [chapter.title for chapter in chapters_from_marks(text, outline, "Book")]
    assert found == ["Part One: The Storm", "The Calm", "Part Two: The Sea", "The End"]
    flat = [Mark(n * quarter, f"Topic {n}", 1) for n in range(4)]
    sections = [Mark(n * quarter + 100, f"Detail {n}", 2) for n in range(4)]
    assert len(chapters_from_marks(text, flat + sections, "Book")) == 4


def test_absurd_marks_are_ignored():
    text = novel("CHAPTER I", "CHAPTER II")
    dense = [Mark(n * 20, f"Line {n}") for n in range(60)]
    assert len(chapters_from_marks(text, dense, "Book")) == 2
    assert len(chapters_from_marks(text, [Mark(0, "All"), Mark(10**9, "Off")], "Book")) == 2


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("7", 7),
        ("XIV", 14),
        ("xcix", 99),
        ("twenty-one", 21),
        ("FOURTEENTH", 14),
        ("IIX", None),
        ("", None),
    ],
)
def test_numbers(word, number):
    assert number_of(word) == number


@given(
    st.lists(
        st.sampled_from(["CHAPTER I", "II", "# x", "", "Part Two", "PROLOGUE", "1. A", PARAGRAPH])
        | st.text(max_size=40)
    )
)
def test_any_text_is_partitioned(pieces):
    text = "\n\n".join(pieces)
    if text.strip():
        check_partition("chapter", find_chapters(text), 0, len(text))


@given(
    st.text(min_size=1).filter(str.strip),
    st.lists(st.tuples(st.integers(-2, 60), st.text(max_size=5), st.integers(1, 3))),
)
def test_any_marks_partition(text, marks):
    chapters = chapters_from_marks(text, [Mark(*mark) for mark in marks], "T")
    check_partition("chapter", chapters, 0, len(text))


@given(st.text())
def test_heading_at_never_fails(text):
    heading_at(text, 0, len(text))

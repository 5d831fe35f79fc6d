"""Headings in many languages, and what is set apart from the work."""

import pytest
from document_makers import epub, xhtml

from ingest.book import check_partition
from ingest.cuts import sentence_ends
from ingest.headings import heading_at
from ingest.readers import read_book

PARAGRAPH = "The rain had stopped before dawn, and nobody in the village had slept. " * 6
BODY = "\n\n".join([PARAGRAPH] * 3)
NAMES = ("CHAPTER I. The Quay", "CHAPTER II. The Store", "CHAPTER III. The Ledger", "Epilogue")


def chapters(text, name="a.txt"):
    book = read_book(text.encode(), name)
    check_partition("chapter", book.chapters, 0, len(book.text))
    return [(c.title, c.matter) for c in book.chapters]


def novel(*headings, gap="\n\n"):
    return "\n\n\n".join(f"{heading}{gap}{BODY}" for heading in headings)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("第一章", 1), ("第十二回　夢幻", 12), ("第１話 出会い", 1), ("卷二", 2), ("十二", 12),
        ("第二十三章雨夜", 23), ("제1장", 1), ("제12장 바다", 12), ("제삼장", 3),
        ("ГЛАВА ПЕРВАЯ", 1), ("Глава 2. Море", 2), ("ГЛАВА ХII", 12), ("Часть вторая", 2),
        ("Erstes Kapitel", 1), ("3. Kapitel", 3), ("Kapitel 3: Der Sturm", 3),
        ("Chapitre premier", 1), ("Capítulo XIV", 14), ("Eerste hoofdstuk", 1),
        ("HOOFDSTUK I.", 1), ("الفصل الأول", 1), ("الفصل الثاني عشر", 12), ("الفصل ٣", 3),
        ("פרק י״ב", 12), ("ΚΕΦΑΛΑΙΟ Α΄", 1), ("Birinci Bölüm", 1), ("Chương 3", 3),
        ("अध्याय २", 2), ("Chapter Ⅻ", 12),
    ],
)  # fmt: skip
def test_headings_in_other_languages(line, number):
    found = heading_at(line, 0, len(line))
    assert found is not None and found.number == number


@pytest.mark.parametrize(
    "line",
    ["第一章的内容是很好", "第一章では、海に行った。", "1장에서 우리는", "Once", "Letter to John",
     "глава 1 была о море и о том", "Due parole", "Kapitel drei war lang und handelte vom Meer"],
)  # fmt: skip
def test_sentences_in_other_languages_are_no_headings(line):
    assert heading_at(line, 0, len(line)) is None


def test_lines_without_blank_ones_between_them_may_be_headings():
    said = "　　雨在天亮以前停了，村里没有人睡着，码头上的人都在等船。" * 12
    text = "\n".join(f"第{n}章　海港\n{said}\n{said}" for n in "一二三")
    assert [title for title, _ in chapters(text)] == [f"第{n}章 海港" for n in "一二三"]
    plain = "\n".join(f"Chapter {n}\n{PARAGRAPH}\n{PARAGRAPH}" for n in (1, 2))
    assert [title for title, _ in chapters(plain)] == ["Chapter 1", "Chapter 2"]


def test_comments_and_code_have_no_headings():
    hidden = "<!--\n\n# Hidden\n\nCHAPTER IX\n\n-->\n\n```\n# install\n\n# run\n```\n\n"
    for name in ("a.md", "a.txt"):
        found = chapters(hidden + novel("# One", "# Two"), name)
        assert [title for title, _ in found if title != "Front matter"] == ["One", "Two"]
    once = chapters(f"# Only\n\n{BODY}\n\n{hidden}{BODY}", "a.md")
    assert [title for title, _ in once] == ["Only"]


def test_text_that_runs_from_right_to_left_keeps_its_order():
    text = "\u202bالفصل الأول\u202c\n\nكان الميناء \u200fهادئا."
    assert read_book(text.encode(), "a.txt").text == "الفصل الأول\n\nكان الميناء هادئا."


@pytest.mark.parametrize("word", ["CONTENTS", "Inhaltsverzeichnis", "目次", "Оглавление"])
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_contents_list_is_set_apart(word, gap):
    listed = gap.join(f"  {name}   {n * 17}" for n, name in enumerate(NAMES, 1))
    text = f"HARBOUR\n\nBy Ann Author\n\n\n{word}\n\n{listed}\n\n\n\n{novel(*NAMES)}"
    assert chapters(text) == [
        ("Title page", "front"), ("Contents", "front"), *[(name, "main") for name in NAMES],
    ]  # fmt: skip


def test_prose_under_a_heading_contents_is_no_list():
    text = f"CONTENTS\n\n{novel('CHAPTER I', 'CHAPTER II')}"
    assert all(matter == "main" for _, matter in chapters(text))


HEADER = "The Project Gutenberg eBook of Harbour\n\nThis eBook is for the use of anyone.\n\n"
FOOTER = "\n\n*** END OF THE PROJECT GUTENBERG EBOOK HARBOUR ***\n\nCHAPTER I\n\nThe licence.\n"


def test_the_licence_of_project_gutenberg_is_no_part_of_a_chapter():
    start = "*** START OF THE PROJECT GUTENBERG EBOOK HARBOUR ***\n\n\nProduced by A. Reader\n\n\n"
    text = f"{HEADER}{start}HARBOUR\n\nby Ann Author\n\n\n{novel(*NAMES)}{FOOTER}"
    assert chapters(text) == [
        ("Project Gutenberg header", "front"),
        ("Title page", "front"),
        *[(name, "main") for name in NAMES],
        ("Project Gutenberg licence", "back"),
    ]
    page = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
    as_html = chapters(f"<!doctype html>{page}", "a.html")
    assert as_html[0] == ("Project Gutenberg header", "front")
    assert as_html[-1] == ("Project Gutenberg licence", "back")


def test_an_index_and_a_bibliography_only_where_they_are_certain():
    entries = "\n".join(f"Ferry {n}, the, {n}, {n + 3}" for n in range(40))
    books = "\n\n".join(f"Author {n}. A book. London, 19{n}." for n in range(10, 30))
    for name, rest in (("INDEX", entries), ("Bibliography", books)):
        found = chapters(f"{novel(*NAMES, 'CHAPTER V', 'CHAPTER VI')}\n\n\n{name}\n\n{rest}")
        assert found[-1] == (name, "back")
        assert all(matter == "main" for _, matter in found[:-1])
        told = chapters(f"{novel(*NAMES)}\n\n\n{name}\n\n{BODY}")
        assert all(matter == "main" for _, matter in told)


def test_epub_semantics():
    def page(kind, inside):
        return xhtml(f'<section epub:type="{kind}">{inside}</section>')

    files = {
        "t.xhtml": page("titlepage frontmatter", "<h1>Harbour</h1>"),
        "p.xhtml": page("preface frontmatter", f"<h2>Preface</h2><p>{BODY}</p>"),
        "1.xhtml": page("chapter", f"<h2>One</h2><p>{BODY}</p>"),
        "2.xhtml": page("chapter", f"<h2>Two</h2><p>{BODY}</p>"),
        "c.xhtml": page("colophon", "<h2>About this file</h2><p>Set in type.</p>"),
    }
    book = read_book(epub(files), "a.epub")
    assert [(c.title, c.matter) for c in book.chapters] == [
        ("Title page", "front"), ("Preface", "main"), ("One", "main"), ("Two", "main"),
        ("Colophon", "back"),
    ]  # fmt: skip
    assert book.text[book.chapters[1].start :].strip().startswith("Preface")


def test_a_heading_is_not_part_of_the_first_sentence():
    for text in (
        "CHAPTER I\n\nIt rained. So.",
        "# One\nIt rained. So.",
        "One\n---\nIt rained. So.",
    ):
        ends = sentence_ends(text)
        assert text[ends[-2] : ends[-1]] == "It rained. "

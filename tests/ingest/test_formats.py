"""What each reader makes of its format."""

import io
import logging
from contextlib import suppress

import pytest
from document_makers import docx, epub, pdf, rewritten, xhtml
from hypothesis import given
from hypothesis import strategies as st

from ingest.book import UnreadableDocument
from ingest.readers import read_book
from ingest.readers.pdf.edges.running import without_running_lines
from ingest.readers.pdf.lines import Sheet, plain_line
from ingest.readers.pdf.paragraphs import join_pages

FULL = "The road ran along the river for many miles and nobody met them"


def as_sheet(lines):
    return Sheet(tuple(map(plain_line, lines)))


def chapters(book):
    return [(c.title, book.text[c.start : c.end]) for c in book.chapters]


def pages(book):
    return [(p.label, book.text[p.start : p.end].strip()) for p in book.pages]


def test_pdf_lines_become_paragraphs_and_broken_words_join():
    page = (
        f"{FULL} on their way to the vil-\nlage until the even-\ning came.\n"
        f"Then it was night. {FULL[:40]}\nand all of it was well-\nknown. A well-known thing."
    )
    book = read_book(pdf([page]), "a.pdf")
    assert "the village until the evening came.\n\nThen it was night." in book.text
    assert "all of it was well-known." in book.text


def test_pdf_paragraphs_run_on_over_pages_and_speeches_part():
    sheets = [
        [f"{FULL} and so they", ""],
        ["", f"went on. {FULL}"],
        ["“and found it.”", "“Did they?”"],
    ]
    text, starts = join_pages([as_sheet(lines) for lines in sheets])
    assert "so they went on." in text
    assert text.endswith("“and found it.”\n\n“Did they?”")
    assert text[starts[1] :].startswith("went on.")


def test_pdf_running_heads_and_page_numbers_go_and_text_stays():
    sheets = [
        f"A History of Rain\n{FULL} {word}\nwhere {word} grew and {word} fell\n"
        f"until the {word} was gone\nand went on {word} day.\n{n}"
        for n, word in enumerate(["barley", "cider", "heather", "marram", "willow"], 7)
    ]
    book = read_book(pdf(sheets), "a.pdf")
    assert "History of Rain" not in book.text
    assert not any(str(n) in book.text for n in range(7, 12))
    assert all(f"went on {word} day." in book.text for word in ("barley", "heather", "willow"))
    assert [p.number for p in book.pages] == [1, 2, 3, 4, 5]


def test_pdf_running_chapter_heads_go_in_one_pass_over_the_pages():
    looked = 0

    class Line(str):
        def strip(self, *given):
            nonlocal looked
            looked += 1
            return super().strip(*given)

    times = []
    for count in (60, 240):
        looked = 0
        sheets = [
            [Line(f"Chapter {1 + n // 10}"), *[Line(f"{FULL} {n} {line}") for line in range(6)]]
            for n in range(count)
        ]
        kept = without_running_lines([as_sheet(lines) for lines in sheets])
        assert [sheet.lines[0].text.startswith("Chapter") for sheet in kept] == [
            n % 10 == 0 for n in range(count)
        ]
        times.append(looked)
    assert times[1] == 4 * times[0]


def test_pdf_pages_of_one_line_each_are_kept():
    book = read_book(pdf([f"Page {n} text" for n in range(1, 6)]), "a.pdf")
    assert pages(book) == [(str(n), f"Page {n} text") for n in range(1, 6)]


def test_pdf_outline_labels_and_metadata(capsys):
    sheets = [f"Title\n{FULL}.", f"Chapter one\n{FULL}.", "", f"{FULL}.\nChapter two\n{FULL}."]
    labels = "/PageLabels << /Nums [0 << /S /r >> 1 << /S /D /St 37 >>] >>"
    outline = [("Chapter one", 1, 1), ("A detail", 1, 2), ("Chapter two", 3, 1)]
    made = rewritten(pdf(sheets, catalog=labels), outline=outline, title="Rain")
    book = read_book(made, "a.pdf")
    assert (book.title, book.author, book.paged) == ("Rain", "A. Writer", True)
    assert [(p.number, p.label) for p in book.pages] == [(1, "i"), (2, "37"), (4, "39")]
    assert [title for title, _ in chapters(book)] == ["Chapter one", "Chapter two"]
    assert chapters(book)[1][1].startswith("Chapter two")
    assert capsys.readouterr() == ("", "")


def test_pdf_outline_that_points_to_one_page_is_ignored():
    sheets = [f"Chapter {n}\n{FULL} {word}." for n, word in enumerate(["a", "b", "c"], 1)]
    made = rewritten(pdf(sheets), outline=[(f"Bad {n}", 0, 1) for n in range(4)])
    assert [t for t, _ in chapters(read_book(made, "a.pdf"))] == [
        "Chapter 1",
        "Chapter 2",
        "Chapter 3",
    ]


def test_pypdf_warnings_stay_out_of_the_hosts_log():
    broken = pdf([FULL]).replace(b"startxref\n", b"startxref\n9")
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        assert read_book(broken, "a.pdf").text == FULL
    finally:
        logging.getLogger().removeHandler(handler)
    assert heard.getvalue() == ""


@given(st.lists(st.lists(st.text("aB-. \u00ad\n", max_size=9), max_size=5), min_size=1, max_size=4))
def test_joining_pages_keeps_every_letter_in_order(sheets):
    text, starts = join_pages([as_sheet(lines) for lines in sheets])
    letters = "".join(c for sheet in sheets for line in sheet for c in line if c.isalpha())
    assert "".join(c for c in text if c.isalpha()) == letters
    assert starts == sorted(starts)
    assert all(0 <= start <= len(text) for start in starts)


NAV = (
    '<nav epub:type="toc"><ol><li><a href="a.xhtml">One</a></li>'
    '<li><a href="b.xhtml#two">Two &amp; more</a></li></ol></nav>'
    '<nav epub:type="page-list"><ol><li><a href="a.xhtml#p1">xii</a></li>'
    '<li><a href="b.xhtml#p2">1</a></li></ol></nav>'
)
FILES = {
    "a.xhtml": xhtml(
        '<a id="p1"/><p>First <i>words</i>.<br/>A line.</p><script src="x"/><p>So.</p>'
    ),
    "b.xhtml": xhtml(
        '<p>End of one.</p><h2 id="two">Two</h2><p>Mid<span id="p2" epub:type="pagebreak"/>'
        "dle &#8212; caf\u00e9.</p>"
    ),
}


def test_epub_3_order_titles_fragments_and_pages():
    book = read_book(epub(FILES, nav=NAV), "a.epub")
    assert chapters(book) == [
        ("One", "First words.\nA line.\n\nSo.\n\nEnd of one.\n\n"),
        ("Two & more", "Two\n\nMiddle — café."),
    ]
    assert [label for label, _ in pages(book)] == ["xii", "1"]
    assert (book.title, book.author, book.paged) == ("A Small Book", "Ann Author", True)


def test_epub_2_titles_come_from_the_ncx():
    ncx = (
        '<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "x.dtd">'
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint id="n1">'
        '<navLabel><text>Eins</text></navLabel><content src="a.xhtml"/></navPoint>'
        '<navPoint id="n2"><navLabel><text>Zwei</text></navLabel><content src="b.xhtml#two"/>'
        "</navPoint></navMap></ncx>"
    )
    book = read_book(epub(FILES, ncx=ncx), "a.epub")
    assert [title for title, _ in chapters(book)] == ["Eins", "Zwei"]


def test_epub_without_contents_uses_headings():
    files = {f"{n}.xhtml": xhtml(f"<h1>Name {n}</h1><p>{FULL}.</p>") for n in range(3)}
    assert [t for t, _ in chapters(read_book(epub(files), "a.epub"))] == [
        "Name 0",
        "Name 1",
        "Name 2",
    ]


def test_epub_skips_what_is_missing_and_a_cover_without_text():
    files = {"cover.xhtml": xhtml('<img src="c.jpg"/>'), "a.xhtml": xhtml("<p>Text.</p>")}
    assert read_book(epub(files), "a.epub").text == "Text."


def test_docx_headings_tables_and_lists():
    table = (
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t>"
        "</w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr>"
        "</w:tbl>"
    )
    made = docx([("1", "One"), ("", "Hello."), ("1", "Two"), ("", "Bye.")], body=table)
    assert chapters(read_book(made, "a.docx")) == [
        ("One", "One\n\nHello.\n\n"),
        ("Two", "Two\n\nBye.\n\na | b\nc"),
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>a\n  b<p>c", "a b\n\nc"),
        ("<p>a<br>b<br><br>c", "a\nb\n\nc"),
        ("<h1>T</h1>x<div>y</div>z", "T\n\nx\n\ny\n\nz"),
        ("<nav>n</nav><script>s</script><style>t</style>x", "x"),
        ("<ul><li>a<li>b</ul>c", "a\nb\n\nc"),
        ("<table><tr><td>a<td>b<tr><td><p>c</p><td>d</table>", "a | b\nc | d"),
        ("<p>x<pre>\n a  b\n  c</pre><p>y", "x\n\n a  b\n  c\n\ny"),
        ("<p>a<b>b</b> <i>c</i>d", "ab cd"),
        ("<p>soft\u00adhy&shy;phen a&nbsp;b", "softhyphen a b"),
        ("<p><img alt='T'>he <img alt='a picture'>end", "The end"),
        ("<p>one <span class=pagenum>[Pg 12]</span>two", "one two"),
        ("<p>a<span hidden>b</span><!-- c -->d", "ad"),
    ],
)
def test_html_to_text(markup, text):
    assert read_book(f"<!doctype html>{markup}".encode(), "a.html").text == text


def test_html_title_author_chapters_and_page_marks():
    body = (
        "<title>My <b>T</title><meta name=Author content='A. B.'><h1>My T</h1>"
        f"<span class=pagenum>[Pg 3]</span><h2>One</h2><p>{FULL}.<span class=pagenum>4</span>"
        f"<h2>Two</h2><p>{FULL}."
    )
    book = read_book(b"<html>" + body.encode(), "a.html")
    assert (book.title, book.author, book.paged) == ("My <b>T", "A. B.", True)
    assert [title for title, _ in chapters(book)] == ["My T: One", "Two"]
    assert [label for label, _ in pages(book)] == ["3", "4"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8", "utf-16-le", "utf-16-be"])
def test_text_encodings(encoding):
    text = "CHAPTER I\n\nThe café was closed — “for ever”, they said. " * 3
    assert read_book(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Le café était fermé, la fenêtre où l’été s’éternise, déjà. " * 9, "cp1252"),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 9, "cp1251"),
    ],
)
def test_text_in_an_old_encoding_is_detected(text, encoding):
    assert read_book(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1252"])
def test_html_charset_from_meta(label):
    data = f"<html><meta charset={label}><p>café “x”".encode("cp1252")
    assert read_book(data, "a.html").text == "café “x”"


@pytest.mark.parametrize("label", ["utf-16", "UTF-16LE", "utf-16be", "u16", "utf-32", "cp037"])
@pytest.mark.parametrize("more", ["", "!"])
def test_a_wide_encoding_that_is_declared_in_single_bytes_is_none(label, more):
    page = f'<?xml version="1.0" encoding="{label}"?><html><p>The café is closed{more}</p></html>'
    for even in (page, page + " "):
        assert read_book(even.encode(), "a.html").text == f"The café is closed{more}"
    made = epub({"a.xhtml": page})
    assert read_book(made, "a.epub").text.strip() == f"The café is closed{more}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8"])
def test_html_in_a_wide_encoding_may_declare_it(encoding):
    page = f"<html><meta charset={encoding}><p>{FULL}, café.</p></html>"
    assert read_book(page.encode(encoding), "a.html").text == f"{FULL}, café."


def test_text_newlines_and_form_feeds():
    book = read_book(b"One.\r\nTwo.\rThree.\fFour.\f\fSix.", "a.txt")
    assert book.text == "One.\nTwo.\nThree.\nFour.\n\nSix."
    assert book.paged
    assert pages(book) == [("1", "One.\nTwo.\nThree."), ("2", "Four."), ("4", "Six.")]


def test_text_without_pages_gets_standard_ones():
    book = read_book(((FULL + ". ") * 200).encode(), "a.txt")
    assert not book.paged
    assert all(1_300 < p.end - p.start < 2_300 for p in book.pages[:-1])
    assert all(book.text[p.start - 2 : p.start] == ". " for p in book.pages[1:])
    assert [p.label for p in book.pages[:2]] == ["1", "2"]


def test_markdown_headings_outside_fences():
    source = (
        "---\ntitle: Notes\nauthor: Me\n---\n\n# One #\n\ntext\n\n```sh\n# no\n---\n```\n\n"
        "Two\n===\n\nmore text\n\n- item\n---\n\n| a |\n\n~~~\n# no\n~~~\n\n#no\n"
    )
    book = read_book(source.encode(), "a.md")
    assert book.text == source
    assert (book.title, book.author) == ("Notes", "Me")
    assert [title for title, _ in chapters(book)] == ["One", "Two"]


@given(st.text())
def test_markdown_and_html_of_any_text(text):
    for name in ("a.md", "a.html"):
        with suppress(UnreadableDocument):
            assert read_book(text.encode(), name).text.strip()


ONE_HEADING = {
    "a.docx": docx([("1", "The Lamp"), ("2", "One"), ("", "Hello.")]),
    "a.html": b"<h1>The Lamp</h1><h2>One</h2><p>Hello.</p>",
    "a.md": b"# The Lamp\n\n## One\n\nHello.\n",
}
TWO_HEADINGS = {
    "a.docx": docx([("1", "The Lamp"), ("", "Hello."), ("1", "The Key"), ("", "Bye.")]),
    "a.html": b"<h1>The Lamp</h1><p>Hello.</p><h1>The Key</h1><p>Bye.</p>",
    "a.md": b"# The Lamp\n\nHello.\n\n# The Key\n\nBye.\n",
}


@pytest.mark.parametrize("name", ONE_HEADING)
def test_the_only_heading_of_level_1_is_the_title(name):
    assert read_book(ONE_HEADING[name], name).title == "The Lamp"
    assert read_book(TWO_HEADINGS[name], name).title == "a"

"""Every pattern that a document's text meets takes time in proportion to it, hostile text too.

One that makes a pattern backtrack in quadratic time would take minutes, so the clock stops it.
"""

from __future__ import annotations

import ast
import importlib
import re
from contextlib import suppress
from pathlib import Path

import pytest
from clock import within
from document_makers import epub, pdf, xhtml

from ingest.book import Book, TooLarge, UnreadableDocument
from ingest.chapters import Mark, chapters_from_marks, find_chapters
from ingest.headings import blocks, heading_at
from ingest.readers import markup_tree, read_book
from ingest.segments import split_book

ROOT = Path(__file__).parents[2]
LENGTH = 1_000_000
MODULES = [
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in sorted((ROOT / "ingest").rglob("*.py"))
]
PATTERNS = {
    f"{name}:{constant}": value
    for name in MODULES
    if name != "ingest.stream"  # imports torch, and has no patterns
    for constant, value in vars(importlib.import_module(name)).items()
    if isinstance(value, re.Pattern)
}
MATCHED = {"_FOLIO", "_NOT_TITLE", "_SETEXT", "_FENCE", "_FRONT", "_BULLET"} | {
    "CONTENTS", "_STARTS", "_HEADING_STYLE", "_NOTE", "_CREDIT", "_INDEX", "_BIBLIOGRAPHY",
}  # fmt: skip
MATCHED |= {
    *("_NUMBERED", "_CONTENTS", "_BESIDE", "_FIRST", "_NO_NAME"),
}
"""These are only tried at the start of a line or text."""
SHORT = {
    **dict.fromkeys(("_KEYED", "_TURNED", "_BARE", "_NAMED", "_ROMAN_SHAPE"), 240),
    **dict.fromkeys(("_CJK", "_CJK_VOLUME", "_CJK_BARE", "_KOREAN", "_HEBREW", "CJK_NAMES"), 240),
    **dict.fromkeys(("_OUTER", "_CHAPTER", "_PAGE"), 200),
    **dict.fromkeys(("_BACK",), 80),
    **dict.fromkeys(("_INLINE",), 1_000),
}
"""These are only tried on so many characters; the million is cut into such pieces."""
UNITS = (
    " ", "\n", " \n", "\t", "#", "# ", "[", "[](", "![a](b", "<", "<!--", "<!--x-->",
    "<?xml", "<![CDATA[", "<a ", "<a b='", '<a b="', "<a/", "<html ", "charset", "charset= ",
    "&", "a", "a ", "A", "1", "1 ", "1.", "i", "I", "-", "---", "---\n", "a-", ".", ". ",
    '."', "=", "`", "~", "*", "_ ", "title", "title: ", "/", "\\", "é", "。", "'", ") ",
    "the ", "x\n", "Mr. ", "chapter ", "chapter 1 ", "part i\n", "II ", "— ", "twenty ",
    "\0", "[\n", "no. ", "an ",
)  # fmt: skip


def hostile(unit: str, length: int) -> list[str]:
    """Strings of many units that end as a pattern may not expect, or begin as one does."""
    body = unit * (length // len(unit))
    return [body[:-1] + "\u0416", body, f"# {body}"[: length - 1] + "\u0416"]


@pytest.mark.parametrize(
    ("most", "seconds", "variants"),
    [(30_000, 0.2, 1), pytest.param(LENGTH, 1, 3, marks=pytest.mark.slow)],
    ids=["thirty thousand", "million"],
)
@pytest.mark.parametrize("name", PATTERNS)
def test_each_pattern_is_linear(name: str, most: int, seconds: float, variants: int) -> None:
    pattern, constant = PATTERNS[name], name.partition(":")[2]
    length = SHORT.get(constant, most)
    way = pattern.match if constant in {*MATCHED, *SHORT} else pattern.search
    for unit in UNITS:
        for text in hostile(unit, length)[:variants]:
            tried = text if isinstance(pattern.pattern, str) else text.encode()
            with within(seconds):
                if constant in SHORT:
                    for _ in range(most // length // 10):
                        way(tried)
                elif way == pattern.search:
                    at = 0
                    while at < len(tried) and (found := pattern.search(tried, at)):
                        at = max(found.end(), at + 1) + len(tried) // 200  # now and then
                else:
                    way(tried)


def test_patterns_have_names() -> None:
    """So that the test above finds them; a pattern in the middle of a function it would not."""
    for path in sorted((ROOT / "ingest").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                used = {
                    node.attr
                    for node in ast.walk(function)
                    if isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id == "re"
                } - {"Match", "Pattern"}  # types
                allowed = (
                    {"compile", "escape", "IGNORECASE"} if function.name == "_place" else set()
                )
                assert used <= allowed, f"{path.name}: {function.name} uses {used}"


# Loops that were quadratic.


@pytest.mark.parametrize("unit", UNITS)
def test_headings_are_found_in_one_pass(unit: str) -> None:
    for text in (unit * (30_000 // len(unit)) + "x", (unit * 60)[:230] + "x\n\n"):
        whole = text * max(1, 30_000 // len(text))
        with within(0.7), suppress(ValueError):
            find_chapters(whole)
            for start, end in blocks(whole):
                heading_at(whole, start, end)


def test_many_marks_make_chapters_in_one_pass() -> None:
    dots = "." * 400 + "\n"
    text = "A start.\n" + dots * 5_000
    marks = [Mark(9 + n * len(dots), f"Part {n}", 1 + n % 2) for n in range(5_000)]
    with within(3):
        assert chapters_from_marks(text, marks, "t")


@pytest.mark.parametrize("unit", [" ", "\n", "a", "。", "x\n", "-", ". ", "...'", "\u00a0", "Mr. "])
def test_segments_are_cut_in_one_pass(unit: str) -> None:
    text = "x" + unit * (200_000 // len(unit)) + "x"
    book = read_book(text.encode(), "a.txt")
    with within(8):
        assert split_book(book, lambda piece: (len(piece) + 3) // 4, 512)


def read_or_refused(data: bytes, name: str, seconds: float = 3) -> Book | UnreadableDocument:
    with within(seconds):
        try:
            return read_book(data, name)
        except UnreadableDocument as refusal:
            return refusal


@pytest.mark.parametrize("unit", ["<!--x-->", "<!--", "<?xml>", " ", "<!-- -->\n", "<"])
def test_html_is_recognised_in_one_pass(unit: str) -> None:
    for name in ("a.txt", "a"):
        assert isinstance(read_or_refused((unit * 9_000 + "x").encode(), name), Book)
    start = unit.replace("<!--", "<!--") if unit.endswith((">", " ", "\n")) else ""
    book = read_or_refused((start * 40 + "<!DOCTYPE html><p>Hello").encode(), "a.txt")
    assert isinstance(book, Book) and (book.format, book.text) == ("html", "Hello")


@pytest.mark.parametrize(
    "body",
    [
        "<![CDATA[" * 40_000,
        "<x>" * 25_000 + "<p>" * 25_000,
        "<x>" * 200_000 + "<p>" * 200_000,
        "<x></y>" * 40_000 + "<p>" * 40_000,
        "<span class=pagenum>" * 9_000 + "x" * 300_000,
        "<div><h1>" * 4_500 + "x" * 300_000,
        "<a id=q>x" * 50_000,
    ],
    ids=["cdata", "deep", "deeper", "deep in disguise", "page numbers", "headings", "anchors"],
)
def test_markup_is_read_in_one_pass(body: str) -> None:
    read_or_refused(f"<html><body>hello {body}</body>".encode(), "a.html")
    read_or_refused(epub({"a.xhtml": xhtml(f"<p>hello</p>{body}")}), "a.epub")
    read_or_refused(epub({"a.xhtml": xhtml("<p>hello</p>")}, nav=f"<nav>{body}</nav>"), "a.epub")


def test_the_content_of_cdata_is_text() -> None:
    made = xhtml("<p>a <![CDATA[<b> & ]]>c <![CDATA[d]]> <![CDATA[ e</p>")
    book = read_book(epub({"a.xhtml": made}), "a.epub")
    assert book.text.startswith("a <b> & c d")


def test_too_many_tags_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup_tree, "_MOST_TAGS", 500)
    with pytest.raises(TooLarge, match="500 tags"):
        read_book(epub({"a.xhtml": xhtml("<br/>" * 600)}), "a.epub")


def test_a_spine_may_name_one_document_often() -> None:
    made = epub({f"{n}.xhtml": xhtml("<p>x</p>") for n in range(2)})
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
        + "".join(f'<item id="i{n}" href="0.xhtml" media-type="text/html"/>' for n in range(20_000))
        + "</manifest><spine>"
        + "".join(f'<itemref idref="i{n}"/>' for n in range(20_000))
        + "</spine></package>"
    )
    again = epub({"0.xhtml": xhtml("<p>Once.</p>")}, extra={"OEBPS/content.opf": package})
    assert isinstance(read_or_refused(made, "a.epub"), Book)
    book = read_or_refused(again, "a.epub")
    assert isinstance(book, Book) and book.text == "Once."


def test_a_page_tree_may_name_one_page_often() -> None:
    one = pdf(["Hello there.\nThis is a page."])
    for count in (3_000, 60_000):
        kids = b"/Count %d /Kids [%s]" % (count, b"5 0 R " * count)
        found = read_or_refused(one.replace(b"/Count 1 /Kids [5 0 R]", kids), "a.pdf")
        assert isinstance(found, Book if count < 50_000 else TooLarge)


@pytest.mark.parametrize("label", ["punycode", "idna", "unicode_escape", "raw-unicode-escape"])
def test_pythons_own_encodings_are_none(label: str) -> None:
    page = f"<html><meta charset={label}><p>" + r"caf\u00e9-" * 30_000
    book = read_or_refused(page.encode(), "a.html")
    assert isinstance(book, Book) and r"caf\u00e9" in book.text


def test_an_outline_may_have_many_titles() -> None:
    page = "a " * 20_000
    entries = "".join(
        f"{n} 0 obj\n<< /Title (a a a b) /Parent 90 0 R /Next {n + 1} 0 R"
        f" /Dest [5 0 R /XYZ null null null] >>\nendobj\n"
        for n in range(100, 3_000)
    )
    made = pdf([page, "b", "c"], catalog="/Outlines 90 0 R")
    outline = f"90 0 obj\n<< /First 100 0 R /Last 2999 0 R >>\nendobj\n{entries}"
    made = made.replace(b"xref\n0", outline.encode() + b"xref\n0", 1)
    read_or_refused(made, "a.pdf", seconds=10)

"""FB2 files with errors in their marks."""

from __future__ import annotations

import pytest
from clock import within
from more_documents import fb2

from ingest.book import UnreadableDocument
from ingest.readers import read_book
from ingest.readers.ebooks.forgiving import forgiving_tree

BODY = (
    "<body><section><title><p>The Quay</p></title><p>Smith & Sons had left.</p></section>"
    "<section><title><p>The Store</p></title><p>Nobody knew <emphasis>when.</p></section></body>"
)


@pytest.mark.parametrize("name", ["a.fb2", "a"])
def test_a_bare_ampersand_and_a_mark_without_an_end_cost_no_text(name: str) -> None:
    book = read_book(fb2(BODY), name)
    assert book.format == "fb2"
    assert [chapter.title for chapter in book.chapters] == ["The Quay", "The Store"]
    assert "Smith & Sons had left." in book.text
    assert "Nobody knew when." in book.text
    assert "errors in its marks" in " ".join(book.warnings)


def test_a_file_that_ends_too_early_is_read_up_to_there() -> None:
    whole = fb2(BODY.replace(" & ", " and ").replace("<emphasis>", ""))
    book = read_book(whole[: whole.index(b"Nobody") + 11], "a.fb2")
    assert book.text.endswith("Nobody knew")


def test_a_file_without_a_body_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match="not well-formed"):
        read_book(fb2("<p>&</p>"), "a.fb2")


def test_names_of_other_spaces_comments_and_entities() -> None:
    tree = forgiving_tree(
        b"<?xml version='1.0'?><!-- <body> --><f:FictionBook><f:p l:href='#a&amp;b'>a &lt; &eacute;"
        b"<br/>c</f:p></i></f:FictionBook>", "FictionBook"
    )  # fmt: skip
    assert tree is not None
    assert [one.tag for one in tree.iter()] == ["FictionBook", "p", "br"]
    assert tree[0].get("l:href") == "#a&b"
    assert "".join(tree.itertext()) == "a < \xe9c"


@pytest.mark.parametrize(
    "piece", ["<p>", "x</p>", "<!--", "<a b='", "</p>", "<a ", "&", "<a b=''>"]
)
def test_much_of_anything_takes_time_in_proportion(piece: str) -> None:
    with within(10):
        forgiving_tree(("<FictionBook>" + piece * 100_000).encode(), "FictionBook")

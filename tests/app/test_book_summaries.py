"""A book's summary is made from its chapters', is shorter, and is never these pasted together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from novels import novel
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidQuestion
from app.library import Library
from app.position import set_position
from app.storage.store import BOOK, Document, Summary
from app.summaries.condensed import AS_LONG, CHOSEN, chosen, how_made, is_pasted
from app.summaries.shown import Showing
from app.summaries.summarizer import BOOK_TOKENS, Summarizer
from app.summaries.told import Told
from app.summaries.wanted import chapters_since, wanted
from app.ui.texts import summaries_html

LONG = "Mara found the {} key in the harbour and Tobias painted the lamp by the mill."


def numbered(chapter: int, sentence: int) -> dict[str, Any]:
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    text = LONG.format(f"{words[chapter % 9]} {words[sentence % 9]} {words[chapter // 9]}")
    return {"text": text, "page_first": 1, "page_last": 1}


def told(library: Library, chapters: int, sentences: int) -> tuple[Document, list[Summary]]:
    """A document, and summaries of its chapters of so many sentences each."""
    document = library.add(novel(chapters=chapters, sentences=1), f"{chapters}.md").document
    made = []
    for number in range(1, chapters + 1):
        said = tuple(numbered(number, n) for n in range(sentences))
        text = " ".join(sentence["text"] for sentence in said)
        made.append(Summary(number, f"Chapter {number}", text, said))
        library.store.save_summary(document, made[-1])
    return document, made


@pytest.mark.parametrize(
    ("chapters", "sentences", "model"),
    [
        *((c, s, m) for m in ("tells", "echoes", "is silent") for c, s in ((1, 6), (2, 2), (2, 1))),
        (60, 3, "tells"),
        (12, 3, "is silent"),
    ],
)
def test_it_is_shorter_than_its_chapters(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    chapters: int,
    sentences: int,
    model: str,
) -> None:
    document, made = told(library, chapters, sentences)

    def each(self: Summarizer, memory: object, slots: Mapping[int, object]) -> list[str]:
        said = {"tells": "Mara sang.", "echoes": f"{LONG.format('old')} " * 9, "is silent": ""}
        return [said[model]] * len(slots)

    monkeypatch.setattr(Summarizer, "_each", each)
    monkeypatch.setattr("app.summaries.told.is_supported", lambda *_: True)
    book = Summarizer(library).book(document)
    pasted = " ".join(summary.summary for summary in made)
    assert book.summary and len(book.summary) < 0.8 * len(pasted)
    assert pasted not in book.summary and not is_pasted(book, made)
    assert library.backbone.tokenizer.count(book.summary) <= BOOK_TOKENS
    assert library.store.summaries(document)[BOOK] == book
    if model == "tells":
        assert set(book.summary.split(". ")) <= {"Mara sang", "Mara sang."}
        assert how_made(book, made) == ""
    elif model == "is silent":
        assert how_made(book, made) == CHOSEN
        sentences_of_chapters = {s["text"] for summary in made for s in summary.sentences}
        assert {s["text"] for s in book.sentences} < sentences_of_chapters


def test_the_model_itself_makes_one(library: Library) -> None:
    for chapters in (1, 2, 5):
        document = library.add(novel(chapters=chapters, sentences=4), f"{chapters}.md").document
        summarizer = Summarizer(library)
        made = list(summarizer.chapters(document))
        pasted = " ".join(summary.summary for summary in made if summary.summary)
        book = summarizer.book(document)
        several = sum(len(summary.sentences) for summary in made) > 1
        assert len(book.summary) < len(pasted) if several else book.summary == pasted
        assert is_pasted(book, made) is False


def test_one_sentence_cannot_be_shortened_and_this_is_said(library: Library) -> None:
    document, made = told(library, 1, 1)
    book = Summarizer(library).book(document)
    assert book.summary == made[0].summary and not is_pasted(book, made)
    assert how_made(book, made) == AS_LONG
    chapters = library.store.chapters(document.reading)
    stored = library.store.summaries(document)
    html = summaries_html(document, chapters, stored, Showing(library.store, document))
    assert AS_LONG.replace("'", "&#x27;") in html


def test_what_an_earlier_version_pasted_is_made_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, made = told(library, 2, 2)
    pasted = " ".join(summary.summary for summary in made)
    sentences = made[0].sentences + made[1].sentences
    library.store.save_summary(document, Summary(BOOK, document.title, pasted, sentences))
    book = Summarizer(library).book(document)
    assert len(book.summary) < len(pasted)
    monkeypatch.setattr(Summarizer, "_each", None)
    assert Summarizer(library).book(document) == book


def test_chosen_sentences_are_told_once_with_all_their_pages() -> None:
    home, song = "Mara went home over the hill.", "Tobias sang by the old mill."
    parts = [Told(home, 1, 1), Told(song, 2, 2), Told(home, 7, 8)]
    assert chosen(parts, 100, len) == [Told(home, 1, 8), Told(song, 2, 2)]
    assert len(chosen(parts, 1, len)) == 1


class TestSince:
    def test_it_is_what_was_read_after_a_chapter(self, library: Library) -> None:
        document = library.add(novel(chapters=5, sentences=1), "five.md").document
        assert chapters_since(library, document, 2) == [3, 4, 5]
        set_position(library, document, chapter=4)
        assert chapters_since(library, document, 2) == [3, 4]
        assert chapters_since(library, document, 2, whole_book=True) == [3, 4, 5]
        assert wanted(library, document, since=1) == [2, 3, 4]
        assert wanted(library, document) == [1, 2, 3, 4, BOOK]
        with pytest.raises(InvalidQuestion, match="no chapter after chapter 4"):
            chapters_since(library, document, 4)
        with pytest.raises(InvalidQuestion, match="chapters 1 to 5"):
            chapters_since(library, document, 6)
        with pytest.raises(InvalidQuestion, match="have not finished chapter 5"):
            wanted(library, document, 5)

    def test_the_page_shows_only_these(self, library: Library) -> None:
        document, made = told(library, 4, 1)
        stored = {summary.chapter: summary for summary in made}
        chapters = library.store.chapters(document.reading)
        showing = Showing(library.store, document)
        html = summaries_html(document, chapters, stored, showing, chapters[2].end, 1)
        assert [f"{n}. Chapter {n}" in html for n in (1, 2, 3, 4)] == [False, True, True, False]
        assert "The story so far" not in html

    def test_the_command_line_gives_them(
        self, tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"home": tmp_path, "backbone": tiny_backbone, "window": 32}.items():
            monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(value))
        file = tmp_path / "novel.md"
        file.write_bytes(novel(chapters=4, sentences=1))
        run = CliRunner().invoke
        known = json.loads(run(app, ["ingest", str(file), "--json"]).stdout)["id"]
        run(app, ["position", known, "--chapter", "3"])
        made = json.loads(run(app, ["summarize", known, "--since", "1", "--json"]).stdout)
        assert [summary["chapter"] for summary in made["summaries"]] == [2, 3]
        assert made["book"] is None
        assert run(app, ["summarize", known, "--since", "1", "--book"]).exit_code == 2
        refused = run(app, ["summarize", known, "--since", "3"])
        assert refused.exit_code == 1 and "no chapter after chapter 3" in refused.stderr

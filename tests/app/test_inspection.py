"""What is found in a file, and dividing it in another way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from document_makers import pdf
from novels import Interrupted, novel, read_novel
from typer.testing import CliRunner

from app.answering.language import language_of_text
from app.cli.main import app
from app.errors import InvalidSetting, OriginalNotKept
from app.intake.inspection import inspect
from app.intake.redividing import divide_again
from app.library import Library, ReadProgress
from app.ui.tabs.documents.found import found_html
from ingest.readers import read_book

GERMAN = "Die Fähre legte am Abend ab, und der alte Mann sah ihr vom Ufer aus noch lange nach. " * 9


def test_a_file_is_described_before_anything_reads_it() -> None:
    book = read_book(b"# One\n\nHello there, my friend, how are you?\n\n# Two\n\nBye.\n", "a.md")
    found = inspect(replace(book, warnings=("Page 3 cannot be read.",)))
    assert [(c.title, c.matter) for c in found.chapters] == [("One", "main"), ("Two", "main")]
    assert sum(c.characters for c in found.chapters) == found.characters == len(book.text)
    assert (found.format, found.warnings) == ("markdown", ("Page 3 cannot be read.",))


def test_pages_are_named_as_they_are_printed() -> None:
    found = inspect(read_book(pdf(["Chapter 1\nHello there.", "Chapter 2\nBye now."]), "a.pdf"))
    assert found.pages == 2
    assert found.chapters[0].page_first == "1"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("He saw the ferry leave in the evening, and the old man watched it go. " * 9, "en"),
        (GERMAN, "de"),
        ("渡し船は夕方に出た。老人は岸から長いあいだ見送っていた。" * 9, "ja"),
        ("3.14 2.71 1.41", None),
    ],
)
def test_the_language_of_a_document(text: str, language: str | None) -> None:
    assert language_of_text(text) == language
    assert language_of_text(text * 200) == language


def test_a_language_that_the_backbone_was_not_taught_is_said() -> None:
    found = inspect(read_book(GERMAN.encode(), "a.txt"))
    assert "German" in str(found.caution("smollm2-135m-instruct"))
    assert found.caution("some-other-model") is None
    shown = found_html(found, "smollm2-135m-instruct")
    assert "German, which smollm2-135m-instruct was not taught" in shown


def test_titles_from_a_file_are_text_in_the_page() -> None:
    book = read_book(b"# <img src=x onerror=alert(1)>\n\nHello.\n\n# Two\n\nBye.\n", "a.md")
    assert "<img" not in found_html(inspect(book), "x")


def test_inspect_prints_what_is_found_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTATE_HOME", str(tmp_path / "home"))
    file = tmp_path / "novel.md"
    file.write_bytes(novel())
    done = CliRunner().invoke(app, ["inspect", str(file), "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert set(found) >= {
        "format", "title", "chapters", "pages", "characters", "language", "warnings"
    }  # fmt: skip
    assert [c["title"] for c in found["chapters"]] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert set(found["chapters"][0]) >= {"title", "page_first", "characters"}
    assert found["language"] == "en"
    told = CliRunner().invoke(app, ["inspect", str(file)])
    assert "Chapter 2" in told.stdout and "English" in told.stdout
    assert not (tmp_path / "home" / "bookstate.db").exists()


def test_inspect_refuses_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"nothing")
    done = CliRunner().invoke(app, ["inspect", str(file)])
    assert done.exit_code == 1 and "not PDF" in " ".join(done.stderr.split())


def never(_: ReadProgress) -> None:
    raise AssertionError("read again")


def test_a_finished_document_is_divided_otherwise_and_back(library: Library) -> None:
    first = read_novel(library)
    made, known = divide_again(library, first.id, "parts")
    assert not known and made.id == first.id and not made.ready
    assert library.store.document(first.id).reading == first.reading  # until the new one is read
    done = library.finish((made, known), lambda _: None)
    assert done.chapters == 1
    assert library.store.document(first.id).reading.id == made.reading.id
    back, known = divide_again(library, first.id, "headings")
    assert known and back.reading.id == first.reading.id
    found, known = divide_again(library, first.id, "found")
    assert known and found.reading.id == first.reading.id
    assert library.finish((found, known), never).chapters == 3


def test_an_unfinished_reading_gives_way(library: Library) -> None:
    document, _ = library.register(novel(), "novel.md")

    def stop(progress: ReadProgress) -> None:
        if progress.segments_done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        library.read(document.reading.id, stop)
    made, _ = divide_again(library, document.id, "parts")
    assert [r.id for r in library.store.readings(document.id)] == [made.reading.id]
    assert library.store.document(document.id).reading.id == made.reading.id


def test_each_file_of_a_document_is_divided_by_itself(library: Library) -> None:
    first = read_novel(library)
    library.append(first.id, novel(2, seed=7), "more.md")
    made, known = divide_again(library, first.id, "parts")
    chapters = library.store.chapters(made.reading)
    text = library.store.text(made.reading.text_id)
    assert len(chapters) == 2 and text.sources == (0, 1)
    assert text.text[chapters[1].start :].startswith("# Chapter 1")
    again, known = divide_again(library, first.id, "found")
    assert known and len(library.store.chapters(again.reading)) == 5


def test_what_cannot_be_divided_is_refused(library: Library) -> None:
    first = read_novel(library)
    with pytest.raises(InvalidSetting, match="must be one of found, headings, parts"):
        divide_again(library, first.id, "nonsense")
    library.store.db.execute("DELETE FROM originals")
    with pytest.raises(OriginalNotKept):
        divide_again(library, first.id, "found")
    assert not divide_again(library, first.id, "parts")[1]

"""Files that are added are read in a process of its own, from the library and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from document_makers import epub, pdf, rewritten, xhtml
from typer.testing import CliRunner

from app.cli.main import app
from app.library import Library
from app.settings import Settings
from ingest.book import NeedsPassword, TooLarge
from ingest.isolation import parent

TEXT = b"CHAPTER I\n\nThe keeper lit the lamp.\n\nCHAPTER II\n\nThe cat slept.\n"
BREAKING = (
    "import os, ingest.child, ingest.readers\n"
    "def read_book(*_, **__): os.abort()\n"
    "ingest.readers.read_book = read_book\n"
    "ingest.child.main()"
)


@pytest.fixture(autouse=True)
def in_process() -> None:
    """The real child, which other tests do without."""


def test_books_passwords_and_refusals(library: Library) -> None:
    assert library.add(TEXT, "lamp.txt").document.title == "lamp"
    locked = rewritten(pdf(["The keeper lit the lamp."]), password="pw")
    with pytest.raises(NeedsPassword):
        library.add(locked, "a.pdf")
    document = library.add(locked, "a.pdf", password="pw").document
    library.append(document.id, TEXT, "more.txt")
    assert [d.format for d in library.list()] == ["pdf", "text"]


def test_the_setting_limits_the_memory(settings: Settings) -> None:
    library = Library(settings.model_copy(update={"parse_memory_mb": 128}))
    many = epub({"a.xhtml": xhtml("<p>The keeper lit the lamp.</p>" * 500_000)})
    with pytest.raises(TooLarge, match="memory"):
        library.add(many, "a.epub")
    assert library.list() == []
    library.close()


def test_a_file_that_breaks_its_reader_is_one_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "_CHILD", ("-c", BREAKING))
    for name in ("home", "backbone", "window", "keep_ratio"):
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(getattr(settings, name)))
    (tmp_path / "a.txt").write_bytes(TEXT)
    done = CliRunner().invoke(app, ["ingest", str(tmp_path / "a.txt")])
    assert done.exit_code == 1
    assert "breaks the program that reads it" in done.output
    assert "Traceback" not in done.output

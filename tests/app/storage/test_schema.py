"""A bit of the database's schema flips: every command says so in a sentence, or nothing changed."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from novels import QUESTION, novel
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import StoreFailed
from app.library import Library
from app.settings import Settings
from app.storage.store import Store


@pytest.fixture
def database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with one document, which the commands open."""
    for name in ("home", "backbone", "window", "keep_ratio", "answer_tokens"):
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(getattr(settings, name)))
    library = Library(settings)
    library.add(novel(sentences=3), "novel.md", title="The Novel")
    library.close()
    return settings.database


def schema_bytes(database: Path) -> list[int]:
    """Offsets of the file's header and of the pages that hold the schema, without free space."""
    connection = sqlite3.connect(database)
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    pages = [1]
    for page in range(2, connection.execute("PRAGMA page_count").fetchone()[0] + 1):
        start = (page - 1) * size
        data = database.read_bytes()[start : start + size]
        if b"CREATE TABLE" in data:
            pages.append(page)
    connection.close()
    whole = database.read_bytes()
    places = [at for page in pages for at in range((page - 1) * size, page * size)]
    return [at for at in places if whole[at]]


def flipped(whole: bytes, database: Path, at: int, bit: int) -> None:
    """The database with one other bit, and none of the files beside it."""
    for file in database.parent.glob(f"{database.name}-*"):
        file.unlink()
    data = bytearray(whole)
    data[at] ^= 1 << bit
    database.write_bytes(bytes(data))


@pytest.mark.parametrize("flips", [60, pytest.param(400, marks=pytest.mark.slow)])
def test_every_flip_is_one_sentence_or_harmless(database: Path, flips: int) -> None:
    whole, places, chance = database.read_bytes(), schema_bytes(database), random.Random(1)
    assert len(places) > 4000
    outcomes = Counter[str]()
    for number in range(flips):
        at, bit = chance.choice(places), chance.randrange(8)
        flipped(whole, database, at, bit)
        commands = [["list"], ["rename", "The Novel", "The Novel"]]
        commands += [["show", "The Novel"], ["ask", "The Novel", QUESTION]] * (number % 20 == 0)
        for command in commands:
            done = CliRunner().invoke(app, command)
            assert isinstance(done.exception, SystemExit | None), (at, bit, command)
            lines = done.stderr.strip().splitlines()
            assert done.exit_code == 0 or (done.exit_code == 1 and len(lines) == 1), (at, bit)
            outcomes[f"{command[0]} {done.exit_code}"] += 1
    assert outcomes["list 1"] > flips / 2  # a letter of the schema is noticed, whatever it means


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"title TEXT NOT NULL", b"titlf TEXT NOT NULL"),  # a column with another name
        (b"'queued', 'running'", b"'queuec', 'running'"),  # a check that nothing passes
        (b"segments_done INTEGER NOT NULL DEFAULT 0", b"segments_done INTEGER NOT NULL DEFAULT 9"),
        (b"INTEGER NOT NULL", b"\xc9NTEGER NOT NULL"),  # SQLite's own message is no text
    ],
)
def test_a_changed_definition_is_refused(database: Path, old: bytes, new: bytes) -> None:
    whole = database.read_bytes()
    assert old in whole
    database.write_bytes(whole.replace(old, new))
    with pytest.raises(StoreFailed, match="damaged") as caught:
        Store(database).documents()
    assert "backup" in str(caught.value) and "\n" not in str(caught.value)


def test_tables_of_other_programs_do_no_harm(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE mine_too (text TEXT)")
    connection.execute("CREATE INDEX mine ON documents (title)")
    connection.execute("ANALYZE")
    connection.close()
    for _ in range(2):
        store = Store(database)
        assert [d.title for d in store.documents()] == ["The Novel"]
        store.close()


def test_a_database_of_before_gets_its_checksum(database: Path) -> None:
    def version() -> int:
        connection = sqlite3.connect(database)
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("PRAGMA user_version = 0")
        connection.close()
        return int(found)

    first = version()
    assert first > 0
    Store(database).close()
    assert version() == first

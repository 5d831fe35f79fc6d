"""A database of version 0.3 is brought up to date: nothing is lost, whatever happens meanwhile."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from novels import QUESTION, kind_settings, novel

from app.errors import StoreFailed
from app.library import Library
from app.storage.migrations import migrations
from app.storage.store import Store
from app.summaries.summarizer import Summarizer
from ingest.readers import PARSER_VERSION

SQL = Path(__file__).parent / "data" / "version_0_3.sql"
BACKBONE = "f46bbeac355da8a94a683a996fea30e2f745f8d76c363b7b533adeac1b68c07a"
APPENDED, SAME_FILE, HALF, HALF_INFINI, UNREAD = (
    "e2c8303945f0",
    "9b4c49ff8f63",
    "e532aca50b3c",
    "1c067d3b34c0",
    "1db522268341",
)


def load(file: Path, backbone_sha256: str = BACKBONE) -> sqlite3.Connection:
    """The old database as a file; the tests' backbone has other bits on other processors."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file)
    connection.executescript(SQL.read_text("utf-8").replace(BACKBONE, backbone_sha256))
    return connection


@pytest.fixture
def old(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The old database as it was, to compare with."""
    connection = load(tmp_path / "old.db")
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


@pytest.fixture
def migrated(home: Path) -> Iterator[Store]:
    load(home / "bookstate.db").close()
    store = Store(home / "bookstate.db")
    yield store
    store.close()


def rows(connection: sqlite3.Connection, query: str, *values: object) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query, values)]


def test_documents_become_a_document_and_a_reading_with_the_same_id(
    old: sqlite3.Connection, migrated: Store
) -> None:
    for row in rows(old, "SELECT * FROM documents"):
        document = migrated.document(row["id"])
        assert document.id == document.reading.id == document.reading.document_id == row["id"]
        assert row.pop("paged") == document.paged
        for name, value in row.items():
            held_by = [part for part in (document, document.reading) if hasattr(part, name)]
            assert held_by and all(getattr(part, name) == value for part in held_by), name
        assert migrated.readings(row["id"]) == [document.reading]
    assert [d.id for d in migrated.documents()] == [
        row["id"]
        for row in rows(old, "SELECT id FROM documents ORDER BY created_at DESC, rowid DESC")
    ]
    assert migrated.document("'); drop table documents; --").id == UNREAD


def test_texts_are_the_same(old: sqlite3.Connection, migrated: Store) -> None:
    for row in rows(old, "SELECT id FROM documents"):
        reading = migrated.document(row["id"]).reading
        where = "WHERE document_id = ? ORDER BY number"
        segments = rows(old, f"SELECT * FROM segments {where}", row["id"])
        assert [
            {"document_id": row["id"], **{n: getattr(s, n) for n in s.__slots__}}
            for s in migrated.segments(reading)
        ] == segments
        assert [
            {"title": c.title, "start": c.start, "end": c.end} for c in migrated.chapters(reading)
        ] == rows(old, f"SELECT title, start, end FROM chapters {where}", row["id"])
        assert [
            {"number": p.number, "label": p.label, "start": p.start, "end": p.end}
            for p in migrated.pages(reading)
        ] == rows(old, f"SELECT number, label, start, end FROM pages {where}", row["id"])
        columns = "number, sha256, file_name, first_segment, created_at"
        assert migrated.sources(reading) == rows(
            old, f"SELECT {columns} FROM sources {where}", row["id"]
        )
        text = migrated.text(reading.text_id)
        assert text.parser == 0 and text.text == "".join(s["text"] for s in segments)


def test_states_are_the_same(old: sqlite3.Connection, migrated: Store) -> None:
    for row in rows(old, "SELECT id, state_sha256, state_bytes FROM documents"):
        reading = migrated.document(row["id"]).reading
        blobs = old.execute(
            "SELECT part, segment, blob FROM states WHERE document_id = ? ORDER BY part, segment",
            [row["id"]],
        ).fetchall()
        assert [
            (part, segment, migrated.blobs(reading, part, [segment])[0][1])
            for part, segment in migrated.state_index(reading)
        ] == [tuple(blob) for blob in blobs]
        if row["state_sha256"]:
            migrated.seal(reading)
            sealed = migrated.document(row["id"]).reading
            assert sealed.state_sha256 == row["state_sha256"]
            assert sealed.state_bytes == row["state_bytes"]


def test_what_was_done_with_documents_is_the_same(old: sqlite3.Connection, migrated: Store) -> None:
    jobs = rows(old, "SELECT * FROM jobs ORDER BY id")
    assert len(jobs) == 5
    assert [
        {n: getattr(job, n) for n in job.__slots__ if n != "reading_id"} for job in migrated.jobs()
    ] == jobs
    assert [job.reading_id for job in migrated.jobs()] == [job["document_id"] for job in jobs]
    for row in rows(old, "SELECT * FROM documents"):
        chats = rows(old, "SELECT * FROM chats WHERE document_id = ? ORDER BY id DESC", row["id"])
        found = migrated.chats(row["id"])
        assert [{n: getattr(chat, n) for n in chat.__slots__} for chat in found] == chats
        for chat in found:
            messages = rows(old, "SELECT * FROM messages WHERE chat_id = ? ORDER BY id", chat.id)
            assert [
                (m.role, m.text, m.confidence, m.sources, m.created_at)
                for m in migrated.messages(chat.id)
            ] == [
                (m["role"], m["text"], m["confidence"], json.loads(m["sources"]), m["created_at"])
                for m in messages
            ]
        summaries = rows(old, "SELECT * FROM summaries WHERE document_id = ?", row["id"])
        assert {
            (s.chapter, s.title, s.summary)
            for s in migrated.summaries(migrated.document(row["id"])).values()
        } == {(s["chapter"], s["title"], s["summary"]) for s in summaries}


def test_numbers_of_deleted_jobs_and_chats_are_not_given_again(
    old: sqlite3.Connection, migrated: Store
) -> None:
    last = {row["name"]: row["seq"] for row in rows(old, "SELECT * FROM sqlite_sequence")}
    assert last["chats"] > old.execute("SELECT max(id) FROM chats").fetchone()[0]
    assert migrated.start_chat(APPENDED, "One more") == last["chats"] + 1
    assert migrated.enqueue(APPENDED) == last["jobs"] + 1


def test_the_tables_are_as_those_of_a_new_database(migrated: Store, tmp_path: Path) -> None:
    query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'"
    new = Store(tmp_path / "new.db")
    found, expected = (dict(s.db.execute(query).fetchall()) for s in (migrated, new))
    new.close()
    assert found == expected
    assert not [name for name in found if name.endswith("_new")]
    assert not re.search(r"_new\b", " ".join(sql for sql in found.values() if sql))
    assert migrated.db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert migrated.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert migrated.db.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_a_document_goes_with_everything_that_it_had(migrated: Store) -> None:
    for document in migrated.documents():
        migrated.remove(document.id)
    tables = [name for name in migrated.db.table_names() if not name.startswith(("_", "sqlite_"))]
    assert len(tables) >= 17
    assert {name: migrated.db.table(name).count for name in tables} == dict.fromkeys(tables, 0)


# The program over such a database


@pytest.fixture
def library(home: Path, tiny_backbone: Path) -> Iterator[Library]:
    settings = kind_settings(home, tiny_backbone, "adaptive")
    opened = Library(settings)
    sha256 = opened.backbone.sha256
    opened.close()
    settings.database.unlink()
    for left in home.glob("bookstate.db-*"):
        left.unlink()
    load(settings.database, sha256).close()
    opened = Library(settings)
    yield opened
    opened.close()


def test_what_was_half_read_is_read_to_the_same_end(
    library: Library, tmp_path: Path, tiny_backbone: Path
) -> None:
    begun = {
        part: library.store.blobs(library.store.document(HALF).reading, part)
        for part in ("address", "slots")
    }
    document = library.read(HALF)
    undisturbed = Library(kind_settings(tmp_path / "undisturbed", tiny_backbone, "adaptive"))
    whole = undisturbed.add(novel(3, 5, seed=13), "half.md").document
    assert document.ready and document.reading.segments == whole.reading.segments
    for part, blobs in begun.items():
        assert len(blobs) == 4
        found = library.store.blobs(document.reading, part)
        # Windows are read by themselves; those that were there were read on another machine.
        assert found == blobs + undisturbed.store.blobs(whole.reading, part)[4:]
    undisturbed.close()


def test_a_carried_state_that_was_half_read_is_read_on(library: Library) -> None:
    document = library.read(HALF_INFINI)
    assert document.ready and document.reading.memory == "infini"
    assert library.answer(HALF_INFINI, _asked(library, HALF_INFINI)).answer


def _asked(library: Library, document_id: str) -> Any:
    stream = library.ask(document_id, QUESTION)
    for _ in stream:
        pass
    return stream


def test_documents_are_asked_summarised_continued_and_read(library: Library) -> None:
    assert library.answer(SAME_FILE, _asked(library, SAME_FILE)).answer
    answer = library.answer(APPENDED, _asked(library, APPENDED))
    assert answer.sources and all(source.text for source in answer.sources)
    before = library.store.summaries(library.store.document(APPENDED))
    made = list(Summarizer(library).chapters(library.store.document(APPENDED)))
    assert made == [before[number] for number in (1, 2, 3)]
    assert library.read(UNREAD).ready
    longer = library.append(SAME_FILE, novel(1, 3, seed=12), "more.md")
    assert longer.ready and len(library.store.sources(longer.reading)) == 2


def test_the_same_file_again_is_known_and_kept_from_now_on(library: Library) -> None:
    data, store = novel(2, 4, seed=11), library.store
    assert store.kept_originals(APPENDED) == store.kept_originals(SAME_FILE) == set()
    again = library.add(data, "novel.md", title="Other")
    assert again.already_known and again.document.id == APPENDED
    assert again.document.title != "Other"
    assert store.originals(APPENDED, [0]) == [("novel.md", data)]
    infini = library.add(data, "novel.md", memory="infini")
    assert infini.already_known and infini.document.id == SAME_FILE
    assert store.text(infini.document.reading.text_id).parser == PARSER_VERSION
    half = library.add(novel(3, 5, seed=13), "half.md")
    assert half.resumed and half.document.id == HALF
    assert len(library.list()) == 5


# Whatever happens meanwhile

KILL = """
import os, signal, sys
from pathlib import Path
import sqlite_utils
from app.storage.store import Store

execute, left = sqlite_utils.Database.execute, [int(sys.argv[2])]

def counted(self, *arguments):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(self, *arguments)

sqlite_utils.Database.execute = counted
Store(Path(sys.argv[1])).close()
print(left[0])
"""


def run_until(file: Path, statements: int) -> subprocess.CompletedProcess[str]:
    """Open the database in a process that is killed before its nth statement."""
    command = [sys.executable, "-c", KILL, str(file), str(statements)]
    where = Path(__file__).parents[3]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)


def test_killed_half_way_it_is_as_before_and_starts_again(
    old: sqlite3.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "killed.db"
    load(file).close()
    whole = tmp_path / "whole.db"
    load(whole).close()
    done = run_until(whole, 10**6)
    assert done.returncode == 0, done.stderr
    statements = 10**6 - int(done.stdout)
    before = "\n".join(old.iterdump())
    for at in (5, statements // 3, statements // 2, statements - 12, statements - 1):
        assert run_until(file, at).returncode == -signal.SIGKILL
        with sqlite3.connect(file) as connection:
            assert "\n".join(connection.iterdump()) == before
        connection.close()
    store, expected = Store(file), Store(whole)
    tables = [name for name in store.db.table_names() if not name.startswith("_")]
    for table in tables:
        assert list(store.db.query(f"SELECT * FROM {table}")) == list(
            expected.db.query(f"SELECT * FROM {table}")
        )
    store.close()
    expected.close()


def test_two_processes_that_open_it_at_once_migrate_it_once(tmp_path: Path) -> None:
    file = tmp_path / "both.db"
    load(file).close()
    command = [sys.executable, "-c", KILL, str(file), "0"]
    where = Path(__file__).parents[3]
    both = [subprocess.Popen(command, cwd=where, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, error = process.communicate()
        assert process.returncode == 0, error
    store = Store(file)
    assert len(store.documents()) == 5
    store.close()


def test_with_foreign_keys_it_is_refused_and_nothing_is_lost(
    old: sqlite3.Connection, tmp_path: Path
) -> None:
    """A dropped table would take along the states that refer to it."""
    connection = load(tmp_path / "enforced.db")
    connection.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(StoreFailed, match="without foreign keys"):
        migrations.apply(sqlite_utils.Database(connection))
    assert "\n".join(connection.iterdump()) == "\n".join(old.iterdump())
    connection.close()


def test_rows_without_a_document_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "broken.db"
    connection = load(file)
    connection.execute("INSERT INTO states VALUES ('nobody', 'slots', 0, x'00')")
    connection.commit()
    before = "\n".join(connection.iterdump())
    with pytest.raises(StoreFailed, match=r"states .* rows without a document"):
        Store(file)
    assert "\n".join(connection.iterdump()) == before
    connection.close()

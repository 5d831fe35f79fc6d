"""The store by itself: schema, transactions, look-ups, chats, summaries, jobs."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlite_utils
from novels import bare_document, shelve

from app.errors import StoreFailed, UnknownDocument
from app.storage.database import now
from app.storage.migrations import migrations
from app.storage.store import BOOK, Job, Message, Store, Summary

TABLES = {
    "accounts",
    "tokens",
    "documents",
    "texts",
    "readings",
    "sources",
    "originals",
    "chapters",
    "pages",
    "segments",
    "states",
    "checksums",
    "jobs",
    "chats",
    "messages",
    "summaries",
}

NAMES = (
    "0001_initial",
    "0002_ids_are_never_given_twice",
    "0003_documents_and_readings",
    "0004_evidence_of_messages",
    "0005_what_messages_used",
    "0006_checksums_of_states",
    "0007_accounts",
    "0008_matter_and_warnings",
    "0009_positions",
    "0010_sentences_of_summaries",
    "0011_removed",
    "0012_summary_jobs",
    "0013_notebook",
    "0014_tags",
    "0015_versions",
)


def count(store: Store, table: str) -> int:
    return int(store.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_migrations_apply_once_and_keep_what_is_there(store: Store) -> None:
    shelve(store, bare_document())
    again = Store(store.path)
    try:
        applied = [m.name for m in migrations.applied(again.db)]
        assert applied == list(NAMES)
        assert [d.title for d in again.documents()] == ["Bare"]
    finally:
        again.close()


def test_jobs_and_chats_of_an_older_file_are_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "older.db"
    older = sqlite_utils.Database(path)
    migrations.apply(older, stop_before="0002_ids_are_never_given_twice")
    older.close()
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO documents VALUES ('d', 's', 'Old', '', 'f', 'txt', 0, 'adaptive', '{}', "
            "'b', 'h', 't', NULL, 1, 0, 9, 9, 0, NULL, 0, 'now', 'now')"
        )
        db.execute("INSERT INTO jobs VALUES (7, 'd', 'failed', 'why', 2.5, 'then', 'now')")
        db.execute("INSERT INTO chats VALUES (4, 'd', 'About it', 'then')")
        db.execute("INSERT INTO messages VALUES (9, 4, 'user', 'Who?', NULL, '[]', 'then')")
    db.close()
    store = Store(path)
    try:
        assert store.jobs() == [Job(7, "d", "d", "failed", "why", 2.5, "then", "now")]
        assert [chat.id for chat in store.chats("d")] == [4]
        assert [message.text for message in store.messages(4)] == ["Who?"]
        assert store.enqueue("d") == 8
        store.remove("d")
        assert [count(store, table) for table in ("jobs", "chats", "messages")] == [0, 0, 0]
        assert store.db.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        store.close()


def test_what_a_deleted_document_had_is_not_another_ones(store: Store) -> None:
    deleted = shelve(store, bare_document())
    job, chat = store.enqueue(deleted.reading.id), store.start_chat(deleted.id, "Who?")
    store.remove(deleted.id)
    kept = shelve(store, bare_document("ffffffffffff", "Kept"))
    assert store.enqueue(kept.reading.id) != job
    assert store.start_chat(kept.id, "What?") != chat
    store.set_job(job, status="failed")
    assert [job.status for job in store.jobs()] == ["queued"]


def test_tables_are_strict_and_refuse_other_types(store: Store) -> None:
    rows = store.db.execute("SELECT name, strict FROM pragma_table_list").fetchall()
    assert {name for name, strict in rows if strict} >= TABLES
    shelve(store, bare_document())
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"):
        store.db.execute("UPDATE readings SET tokens = 'many'")


def test_every_connection_has_wal_and_foreign_keys(store: Store) -> None:
    seen: list[tuple[str, int]] = []

    def look() -> None:
        mode = store.db.execute("PRAGMA journal_mode").fetchone()[0]
        seen.append((mode, store.db.execute("PRAGMA foreign_keys").fetchone()[0]))

    look()
    thread = Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [("wal", 1)] * 2


def test_removing_a_document_takes_everything_with_it(store: Store) -> None:
    document = shelve(store, bare_document())
    kept = shelve(store, bare_document("ffffffffffff", "Kept"))
    for one in (document, kept):
        store.checkpoint(
            one.reading, segments_done=1, seconds=1.0, left={("slots", 0): b"x"}, carry=b"c"
        )
        store.enqueue(one.reading.id)
        store.say(store.start_chat(one.id, "chat"), Message("user", "hello"))
        store.save_summary(one, Summary(1, "First", "short"))
    tables = TABLES - {"accounts", "tokens"}
    before = {table: count(store, table) for table in tables}
    store.remove(document.id)
    assert all(number % 2 == 0 and number > 0 for number in before.values())
    assert {table: count(store, table) for table in tables} == {
        table: number // 2 for table, number in before.items()
    }
    with pytest.raises(UnknownDocument):
        store.document(document.id)


def test_text_of_a_deleted_document_cannot_be_referenced(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        store.add_blob(bare_document().reading, "slots", 0, b"x")


def test_nothing_is_written_about_a_deleted_document(store: Store) -> None:
    document = shelve(store, bare_document())
    chat = store.start_chat(document.id, "About days")
    store.remove(document.id)
    with pytest.raises(UnknownDocument, match="deleted"):
        store.save_summary(document, Summary(1, "t", "s"))
    with pytest.raises(UnknownDocument, match="deleted"):
        store.start_chat(document.id, "Again")
    with pytest.raises(UnknownDocument, match="deleted"):
        store.say(chat, Message("user", "Is anybody there?"))


@pytest.mark.parametrize("what", ["start_chat", "remove_chat", "say", "save_summary", "enqueue"])
def test_a_locked_database_is_refused_in_words(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    document = shelve(store, bare_document())
    chat = store.start_chat(document.id, "About days")
    given: dict[str, tuple[Any, ...]] = {
        "start_chat": (document.id, "t"),
        "remove_chat": (chat,),
        "say": (chat, Message("user", "t")),
        "save_summary": (document, Summary(1, "t", "s")),
        "enqueue": (document.id,),
    }
    store.db.conn.execute("PRAGMA busy_timeout=50")
    other = Store(store.path)
    with other.writing(), pytest.raises(StoreFailed, match=r"bookstate\.db .*locked.* try again"):
        getattr(store, what)(*given[what])
    other.close()


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "odd.db"
    file.write_bytes(b"This is a letter, not a database. " * 100)
    with pytest.raises(
        StoreFailed, match=r"odd\.db is damaged or is not a database .* move it away"
    ):
        Store(file)


def test_a_data_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFailed, match=r"data folder .*file.* BOOKSTATE_HOME"):
        Store(tmp_path / "file" / "bookstate.db")


def test_a_database_that_is_damaged_inside_is_refused_when_it_is_read(store: Store) -> None:
    for number in range(40):
        shelve(store, bare_document(f"{number:012d}", "Bare " * 200))
    size = store.db.execute("PRAGMA page_size").fetchone()[0]
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    data = bytearray(store.path.read_bytes())
    data[2 * size :] = b"\xa5" * (len(data) - 2 * size)
    store.path.write_bytes(data)
    with pytest.raises(StoreFailed, match="damaged"):
        damaged = Store(store.path)
        try:
            damaged.documents()
        finally:
            damaged.close()


def test_a_checkpoint_is_all_or_nothing(store: Store) -> None:
    document = shelve(store, bare_document())
    store.checkpoint(
        document.reading, segments_done=1, seconds=1.0, left={("slots", 0): b"one"}, carry=b"first"
    )
    with pytest.raises(sqlite3.IntegrityError):
        store.checkpoint(
            document.reading,
            segments_done=2,
            seconds=2.0,
            left={("slots", 1): b"two", ("nonsense", 1): b"refused by the schema"},
            carry=b"second",
        )
    assert store.document(document.id).reading.segments_done == 1
    assert store.blobs(document.reading, "slots") == [(0, b"one")]
    assert store.blobs(document.reading, "carry") == [(0, b"first")]


def test_an_exception_inside_a_transaction_leaves_the_old_state(store: Store) -> None:
    document = shelve(store, bare_document())
    with pytest.raises(KeyboardInterrupt), store.writing():
        store.update(document.id, title="Changed")
        store.checkpoint(document.reading, segments_done=2, seconds=1, left={}, carry=b"new")
        raise KeyboardInterrupt
    unchanged = store.document(document.id)
    assert (unchanged.title, unchanged.reading.segments_done) == ("Bare", 0)
    assert store.blobs(document.reading, "carry") == []


def test_a_checkpoint_keeps_one_carry_and_all_snapshots(store: Store) -> None:
    document = shelve(store, bare_document())
    for done in (1, 2):
        store.checkpoint(
            document.reading,
            segments_done=done,
            seconds=1.0,
            left={("snapshot", done - 1): b"snap%d" % done},
            carry=b"carry%d" % done,
        )
    assert store.blobs(document.reading, "carry") == [(1, b"carry2")]
    assert store.blobs(document.reading, "snapshot") == [(0, b"snap1"), (1, b"snap2")]
    assert store.latest_blob(document.reading, "snapshot", before=0) == (0, b"snap1")


def test_documents_are_found_by_a_unique_beginning_of_their_id(store: Store) -> None:
    shelve(store, bare_document("abc000000000", "A"))
    shelve(store, bare_document("abd000000000", "B"))
    assert store.document("abc").title == "A"
    assert store.document(" abd000000000 ").title == "B"
    with pytest.raises(UnknownDocument, match="2 documents"):
        store.document("ab")
    for missing in ("zzz", "", "%", "abc0000000000"):
        with pytest.raises(UnknownDocument, match="No document"):
            store.document(missing)


def test_documents_are_found_by_their_title_too(store: Store) -> None:
    shelve(store, bare_document("abc000000000", "The Lighthouse"))
    shelve(store, bare_document("1984aaaaaaaa", "Animal Farm"))
    assert store.document("the lighthouse ").id == "abc000000000"
    shelve(store, bare_document("fff000000000", "1984"))  # is it the title, or another one's id?
    with pytest.raises(UnknownDocument, match="2 documents"):
        store.document("1984")
    assert store.document("1984aaaaaaaa").title == "Animal Farm"
    with pytest.raises(UnknownDocument, match="No document"):
        store.document("Lighthouse")


def test_documents_added_in_one_second_are_listed_newest_first(store: Store) -> None:
    ids = ("cccccccccccc", "aaaaaaaaaaaa", "bbbbbbbbbbbb")
    moment = now()
    for document_id in ids:
        bare = bare_document(document_id)
        shelve(store, replace(bare, created_at=moment, source_sha256="d" * 64))
    assert [d.id for d in store.documents()] == list(reversed(ids))
    assert [d.id for d in store.documents_of_file("d" * 64)] == list(reversed(ids))


def test_search_looks_at_title_author_and_file_and_takes_signs_literally(store: Store) -> None:
    shelve(store, bare_document("aaaaaaaaaaaa", "100% Wool"))
    shelve(store, bare_document("bbbbbbbbbbbb", "Under_score"))
    store.update("bbbbbbbbbbbb", author="Ilse Amsel", file_name="odd.epub")
    found = {text: [d.title for d in store.documents(text)] for text in ("100%", "r_s", "amsel")}
    assert found == {"100%": ["100% Wool"], "r_s": ["Under_score"], "amsel": ["Under_score"]}
    assert [d.title for d in store.documents("ODD.EPUB")] == ["Under_score"]
    assert store.documents("0%0") == []
    assert len(store.documents("  ")) == 2


def test_chats_keep_their_messages_in_order(store: Store) -> None:
    document = shelve(store, bare_document())
    chat = store.start_chat(document.id, "About days")
    later = store.start_chat(document.id, "Later")
    store.say(chat, Message("user", "How many?"))
    store.say(chat, Message("assistant", "Two.", 0.75, [{"segment": 1, "text": "Two days.\n"}]))
    assert [c.title for c in store.chats(document.id)] == ["Later", "About days"]
    said = store.messages(chat)
    assert [(m.role, m.text, m.confidence) for m in said] == [
        ("user", "How many?", None),
        ("assistant", "Two.", 0.75),
    ]
    assert said[1].sources == [{"segment": 1, "text": "Two days.\n"}]
    store.remove_chat(chat)
    assert [c.id for c in store.chats(document.id)] == [later]
    assert count(store, "messages") == 0


def test_a_summary_is_replaced_and_the_book_has_number_zero(store: Store) -> None:
    document = shelve(store, bare_document())
    for summary in (
        Summary(1, "First", "old"),
        Summary(BOOK, "Bare", "all"),
        Summary(1, "F", "new"),
    ):
        store.save_summary(document, summary)
    assert store.summaries(document) == {0: Summary(0, "Bare", "all"), 1: Summary(1, "F", "new")}


def test_a_document_has_one_open_job(store: Store) -> None:
    document = shelve(store, bare_document())
    job = store.enqueue(document.reading.id)
    assert store.enqueue(document.reading.id) == job
    assert store.start_job(job)
    assert not store.start_job(job)
    assert store.enqueue(document.reading.id) == job
    store.cancel_job(document.reading.id)
    assert store.job_status(job) == "cancelling"
    assert store.enqueue(document.reading.id) != job


def test_a_cancelled_job_does_not_start(store: Store) -> None:
    document = shelve(store, bare_document())
    job = store.enqueue(document.reading.id)
    store.cancel_job(document.reading.id)
    assert not store.start_job(job)
    assert store.job_status(job) == "cancelled"


@pytest.mark.parametrize(("cancel", "then"), [(False, "queued"), (True, "cancelled")])
def test_a_job_is_put_back_unless_it_was_to_stop(store: Store, cancel: bool, then: str) -> None:
    document = shelve(store, bare_document())
    job = store.enqueue(document.reading.id)
    assert store.start_job(job)
    if cancel:
        store.cancel_job(document.reading.id)
    store.put_back_job(job)
    assert store.job_status(job) == then


def test_two_threads_write_at_once(store: Store) -> None:
    document = shelve(store, bare_document())
    failures: list[sqlite3.Error] = []

    def write(name: str) -> None:
        try:
            chat = store.start_chat(document.id, name)
            for number in range(40):
                store.say(chat, Message("user", f"{name} {number}"))
                store.update_reading(document.reading.id, seconds=float(number))
        except sqlite3.Error as error:
            failures.append(error)

    threads = [Thread(target=write, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    said = {c.title: [m.text for m in store.messages(c.id)] for c in store.chats(document.id)}
    assert said == {name: [f"{name} {n}" for n in range(40)] for name in ("one", "two")}


def test_reading_sees_one_moment(store: Store) -> None:
    document = shelve(store, bare_document())
    other = Store(store.path)
    try:
        with store.reading():
            assert store.document(document.id).title == "Bare"
            other.update(document.id, title="Changed")
            assert store.document(document.id).title == "Bare"
        assert store.document(document.id).title == "Changed"
    finally:
        other.close()


def test_connections_of_ended_threads_are_closed(tmp_path: Path) -> None:
    store = Store(tmp_path / "many.db")
    for _ in range(5):
        thread = Thread(target=store.documents)
        thread.start()
        thread.join()
    store.documents()
    assert len(store._opened) <= 2
    store.close()

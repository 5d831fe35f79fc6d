"""The schema, as numbered migrations: append new ones, never edit one that has shipped."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from app.errors import StoreFailed
from app.storage.checksums import checksum
from app.storage.migrations.documents_and_readings import MOVE_ROWS, NEW_TABLES

migrations = Migrations("bookstate")


def _execute(db: Database, script: str) -> None:
    for statement in script.split(";\n"):  # executescript would end the migration's transaction
        db.execute(statement)


@migrations(name="0001_initial")
def _initial(db: Database) -> None:
    _execute(db, _INITIAL)


@migrations(name="0002_ids_are_never_given_twice")
def _ids_are_never_given_twice(db: Database) -> None:
    _execute(db, _AUTOINCREMENT)


@migrations(name="0003_documents_and_readings")
def _documents_and_readings(db: Database) -> None:
    """Each document becomes a document with one text and one reading, which keeps its id.

    States are not copied, because they are most of the file. Instead, the old table of documents is
    renamed to `readings`, and SQLite updates all references to it. Foreign keys must be off: else
    dropping a table would delete the rows that refer to it.
    """
    if db.execute("PRAGMA foreign_keys").fetchone()[0]:
        raise StoreFailed(
            "This database can only be migrated without foreign keys; run `PRAGMA "
            "foreign_keys=OFF` on this connection first."
        )
    _execute(db, NEW_TABLES)
    for (document_id,) in db.execute("SELECT id FROM readings ORDER BY rowid").fetchall():
        segments = db.execute(
            "SELECT text FROM segments WHERE document_id = ? ORDER BY number", [document_id]
        )
        text = "".join(row[0] for row in segments)  # SQL would end it at a null character
        db.execute(
            "INSERT INTO texts (document_id, parser, paged, text) "
            "SELECT id, 0, paged, ? FROM readings WHERE id = ?",
            [text, document_id],
        )
    _execute(db, MOVE_ROWS)
    if broken := db.execute("PRAGMA foreign_key_check").fetchone():
        raise StoreFailed(
            f"The table {broken[0]} of this database has rows without a document, so it was not "
            "changed; replace the database with a backup."
        )


@migrations(name="0004_evidence_of_messages")
def _evidence_of_messages(db: Database) -> None:
    db.execute("ALTER TABLE messages ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]'")


@migrations(name="0005_what_messages_used")
def _what_messages_used(db: Database) -> None:
    for name, default in (("word", "''"), ("about", "''"), ("reading_id", "''"), ("items", "'[]'")):
        db.execute(f"ALTER TABLE messages ADD COLUMN {name} TEXT NOT NULL DEFAULT {default}")


@migrations(name="0006_checksums_of_states")
def _checksums_of_states(db: Database) -> None:
    """Every blob gets its checksum, one blob in memory at a time.

    The checksums have a table of their own: in a new column behind the blobs, each would have all
    of its blob written again.
    """
    db.execute(_CHECKSUMS)
    for reading_id, part, segment, blob in db.execute(
        "SELECT reading_id, part, segment, blob FROM states"
    ):
        db.execute(
            "INSERT INTO checksums (reading_id, part, segment, crc32) VALUES (?, ?, ?, ?)",
            [reading_id, part, segment, checksum(part, segment, blob)],
        )


@migrations(name="0007_accounts")
def _accounts(db: Database) -> None:
    """Documents belong to nobody until there is an account."""
    _execute(db, _ACCOUNTS)


@migrations(name="0008_matter_and_warnings")
def _matter_and_warnings(db: Database) -> None:
    """What is not the work itself, and what could not be read."""
    db.execute("ALTER TABLE chapters ADD COLUMN matter TEXT NOT NULL DEFAULT 'main'")
    db.execute("ALTER TABLE texts ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]'")


@migrations(name="0009_positions")
def _positions(db: Database) -> None:
    """How far the reader of a document is."""
    db.execute(_POSITIONS)


@migrations(name="0010_sentences_of_summaries")
def _sentences_of_summaries(db: Database) -> None:
    """The pages that each sentence of a summary came from; none for older summaries."""
    db.execute("ALTER TABLE summaries ADD COLUMN sentences TEXT NOT NULL DEFAULT '[]'")


@migrations(name="0011_removed")
def _removed(db: Database) -> None:
    """Documents and chats that were deleted a moment ago and can be brought back."""
    _execute(db, _REMOVED)


_REMOVED = """
CREATE TABLE removed_documents (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    removed_at TEXT NOT NULL
) STRICT;
CREATE TABLE removed_chats (
    chat_id INTEGER PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    removed_at TEXT NOT NULL
) STRICT
"""


@migrations(name="0012_summary_jobs")
def _summary_jobs(db: Database) -> None:
    """Summaries that are made in the background."""
    _execute(db, _SUMMARY_JOBS)


_SUMMARY_JOBS = """
CREATE TABLE summary_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    chapter INTEGER NOT NULL,
    since INTEGER NOT NULL,
    again INTEGER NOT NULL,
    whole_book INTEGER NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'cancelling', 'cancelled', 'done', 'failed')),
    wanted TEXT NOT NULL DEFAULT '[]',
    made TEXT NOT NULL DEFAULT '[]',
    share REAL NOT NULL DEFAULT 0,
    seconds_left REAL,
    error TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX summary_jobs_by_document ON summary_jobs (document_id, id);
CREATE INDEX summary_jobs_by_status ON summary_jobs (status, id)
"""


@migrations(name="0013_notebook")
def _notebook(db: Database) -> None:
    """What readers keep; and how many parts an answer looked in, 0 for as many as usual."""
    _execute(db, _NOTES)
    db.execute("ALTER TABLE messages ADD COLUMN looked INTEGER NOT NULL DEFAULT 0")


_NOTES = """
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('answer', 'passage', 'summary', 'note')),
    text TEXT NOT NULL,
    question TEXT NOT NULL DEFAULT '',
    remark TEXT NOT NULL DEFAULT '',
    citations TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX notes_by_document ON notes (document_id, id)
"""


@migrations(name="0014_tags")
def _tags(db: Database) -> None:
    """Names under which documents stand together on a shelf."""
    _execute(db, _TAGS)


@migrations(name="0015_versions")
def _versions(db: Database) -> None:
    """New versions of documents: being read, or in the old one's place."""
    _execute(db, _VERSIONS)


_VERSIONS = """
CREATE TABLE versions (
    text_id INTEGER PRIMARY KEY REFERENCES texts (id) ON DELETE CASCADE,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    author TEXT NOT NULL,
    changes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    adopted_at TEXT
) STRICT;
CREATE INDEX versions_by_document ON versions (document_id)
"""

# A tag is told from others by its key: the same letters, small or capital.
_TAGS = """
CREATE TABLE tags (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (document_id, key)
) STRICT;
CREATE INDEX tags_by_key ON tags (key)
"""

_POSITIONS = """
CREATE TABLE positions (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    read_to INTEGER NOT NULL CHECK (read_to > 0), updated_at TEXT NOT NULL
) STRICT
"""

_ACCOUNTS = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX tokens_by_account ON tokens (account_id);
ALTER TABLE documents ADD COLUMN account_id INTEGER REFERENCES accounts (id);
CREATE INDEX documents_by_account ON documents (account_id)
"""

_CHECKSUMS = """
CREATE TABLE checksums (
    reading_id TEXT NOT NULL,
    part TEXT NOT NULL,
    segment INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    PRIMARY KEY (reading_id, part, segment),
    FOREIGN KEY (reading_id, part, segment)
        REFERENCES states (reading_id, part, segment) ON DELETE CASCADE
) STRICT, WITHOUT ROWID
"""

_INITIAL = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    source_sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT NOT NULL DEFAULT '',
    file_name TEXT NOT NULL,
    format TEXT NOT NULL,
    paged INTEGER NOT NULL,
    memory TEXT NOT NULL,
    memory_config TEXT NOT NULL,
    backbone TEXT NOT NULL,
    backbone_sha256 TEXT NOT NULL,
    tokenizer_sha256 TEXT NOT NULL,
    adapter TEXT,
    segments INTEGER NOT NULL,
    segments_done INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL,
    kv_cache_bytes INTEGER NOT NULL,
    state_bytes INTEGER NOT NULL DEFAULT 0,
    state_sha256 TEXT,
    seconds REAL NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (source_sha256, memory, memory_config, backbone_sha256)
) STRICT;
CREATE TABLE sources (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    file_name TEXT NOT NULL,
    first_segment INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (document_id, number)
) STRICT;
CREATE TABLE chapters (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    PRIMARY KEY (document_id, number)
) STRICT;
CREATE TABLE pages (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    PRIMARY KEY (document_id, number)
) STRICT;
CREATE TABLE segments (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    chapter INTEGER NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    page_first INTEGER NOT NULL,
    page_last INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (document_id, number)
) STRICT;
CREATE TABLE states (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    part TEXT NOT NULL CHECK (part IN ('carry', 'slots', 'address', 'snapshot')),
    segment INTEGER NOT NULL,
    blob BLOB NOT NULL,
    PRIMARY KEY (document_id, part, segment)
) STRICT;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'cancelling', 'cancelled', 'done', 'failed')),
    error TEXT NOT NULL DEFAULT '',
    tokens_per_second REAL NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX chats_by_document ON chats (document_id, id);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    text TEXT NOT NULL,
    confidence REAL,
    sources TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_chat ON messages (chat_id, id);
CREATE TABLE summaries (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    chapter INTEGER NOT NULL,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (document_id, chapter)
) STRICT
"""

# Who ends a job, or writes into a chat, of a deleted document must not meet another's by its id.
_AUTOINCREMENT = """
CREATE TABLE jobs_anew (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    status TEXT NOT NULL
        CHECK (status IN ('queued', 'running', 'cancelling', 'cancelled', 'done', 'failed')),
    error TEXT NOT NULL DEFAULT '',
    tokens_per_second REAL NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
INSERT INTO jobs_anew SELECT * FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_anew RENAME TO jobs;
CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE TABLE chats_anew (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
INSERT INTO chats_anew SELECT * FROM chats;
CREATE TABLE messages_anew (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chats_anew (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    text TEXT NOT NULL,
    confidence REAL,
    sources TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL
) STRICT;
INSERT INTO messages_anew SELECT * FROM messages;
DROP TABLE messages;
DROP TABLE chats;
ALTER TABLE chats_anew RENAME TO chats;
ALTER TABLE messages_anew RENAME TO messages;
CREATE INDEX chats_by_document ON chats (document_id, id);
CREATE INDEX messages_by_chat ON messages (chat_id, id)
"""

"""The schema, as numbered migrations: append new ones, never edit one that has shipped."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

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

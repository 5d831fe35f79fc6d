"""The tables of migration 0003, which parted documents from the readings of them."""

from __future__ import annotations

NEW_TABLES = """
ALTER TABLE documents RENAME TO readings;
ALTER TABLE states RENAME COLUMN document_id TO reading_id;
ALTER TABLE jobs RENAME COLUMN document_id TO reading_id;
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    source_sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT NOT NULL DEFAULT '',
    file_name TEXT NOT NULL,
    format TEXT NOT NULL,
    reading_id TEXT REFERENCES readings (id) ON DELETE SET NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX documents_by_source ON documents (source_sha256);
CREATE INDEX documents_by_reading ON documents (reading_id);
CREATE TABLE texts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    parser INTEGER NOT NULL,
    paged INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX texts_by_document ON texts (document_id);
CREATE TABLE readings_new (
    id TEXT PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    text_id INTEGER NOT NULL REFERENCES texts (id),
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
    UNIQUE (text_id, memory, memory_config, backbone_sha256)
) STRICT;
CREATE INDEX readings_by_document ON readings_new (document_id);
CREATE TABLE segments_new (
    reading_id TEXT NOT NULL REFERENCES readings (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    chapter INTEGER NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    page_first INTEGER NOT NULL,
    page_last INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (reading_id, number)
) STRICT;
CREATE TABLE sources_new (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    file_name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (document_id, number)
) STRICT;
CREATE TABLE originals (
    document_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (document_id, number),
    FOREIGN KEY (document_id, number)
        REFERENCES sources (document_id, number) ON DELETE CASCADE
) STRICT;
CREATE TABLE chapters_new (
    text_id INTEGER NOT NULL REFERENCES texts (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    source INTEGER NOT NULL,
    made_up INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (text_id, number)
) STRICT;
CREATE TABLE pages_new (
    text_id INTEGER NOT NULL REFERENCES texts (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    PRIMARY KEY (text_id, number)
) STRICT;
CREATE TABLE chats_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE summaries_new (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    chapter INTEGER NOT NULL,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    reading_id TEXT REFERENCES readings (id) ON DELETE SET NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (document_id, chapter)
) STRICT
"""

# A chapter is from the last source that begins at or before its first segment.
MOVE_ROWS = """
INSERT INTO documents
    SELECT id, source_sha256, title, author, file_name, format, id, created_at, updated_at
    FROM readings ORDER BY rowid;
INSERT INTO readings_new
    SELECT r.id, r.id, t.id, r.memory, r.memory_config, r.backbone, r.backbone_sha256,
        r.tokenizer_sha256, r.adapter, r.segments, r.segments_done, r.tokens, r.kv_cache_bytes,
        r.state_bytes, r.state_sha256, r.seconds, r.created_at, r.updated_at
    FROM readings r JOIN texts t ON t.document_id = r.id ORDER BY r.rowid;
INSERT INTO sources_new
    SELECT document_id, number, sha256, file_name, created_at FROM sources;
INSERT INTO chapters_new
    SELECT t.id, c.number, c.title, c.start, c.end, coalesce((
        SELECT max(s.number) FROM sources s
        WHERE s.document_id = c.document_id AND s.first_segment <= (
            SELECT min(g.number) FROM segments g
            WHERE g.document_id = c.document_id AND g.chapter = c.number
        )
    ), 0), 0
    FROM chapters c JOIN texts t ON t.document_id = c.document_id;
INSERT INTO pages_new
    SELECT t.id, p.number, p.label, p.start, p.end
    FROM pages p JOIN texts t ON t.document_id = p.document_id;
INSERT INTO segments_new
    SELECT document_id, number, chapter, start, end, page_first, page_last, tokens FROM segments;
INSERT INTO chats_new SELECT id, document_id, title, created_at FROM chats;
INSERT INTO summaries_new
    SELECT document_id, chapter, title, summary, document_id, created_at FROM summaries;
DELETE FROM sqlite_sequence WHERE name = 'chats_new';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'chats_new', seq FROM sqlite_sequence WHERE name = 'chats';
DROP TABLE segments;
DROP TABLE pages;
DROP TABLE chapters;
DROP TABLE sources;
DROP TABLE chats;
DROP TABLE summaries;
DROP TABLE readings;
ALTER TABLE readings_new RENAME TO readings;
ALTER TABLE segments_new RENAME TO segments;
ALTER TABLE pages_new RENAME TO pages;
ALTER TABLE chapters_new RENAME TO chapters;
ALTER TABLE sources_new RENAME TO sources;
ALTER TABLE chats_new RENAME TO chats;
ALTER TABLE summaries_new RENAME TO summaries;
CREATE INDEX chats_by_document ON chats (document_id, id);
CREATE INDEX jobs_by_reading ON jobs (reading_id)
"""

"""A checksum of the schema: a damaged table definition is noticed before anything relies on it.

SQLite believes whatever its schema pages say: one changed letter in them gives a column another
name, or a check another meaning. The checksum is in the file's header (`user_version`).
"""

from __future__ import annotations

import zlib
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from app.errors import StoreFailed
from app.storage.migrations import migrations


def record_schema(db: Database) -> None:
    """Store the checksum of the schema as it is now."""
    db.execute(f"PRAGMA user_version = {_checksum(_objects(db))}")


def is_as_recorded(db: Database) -> bool:
    """True if the schema has the checksum that was recorded; False, too, if none was."""
    return _recorded(db) == _checksum(_objects(db))


def check_schema(db: Database, file: Path) -> None:
    """Raise StoreFailed if a schema that has changed since is not what the migrations make.

    A file of before there was a checksum is believed. What another program added does no harm.
    """
    if not _recorded(db):
        return
    with closing(Database(memory=True)) as fresh:
        migrations.apply(fresh)
        changed = set(_objects(fresh)) - set(_objects(db))
    if changed:
        kind, name, _ = min(changed)
        raise damaged_schema(file, f"its {kind} {name} is not defined as bookstate defines it")


def damaged_schema(file: Path, why: str) -> StoreFailed:
    """The error to raise; ``why`` completes its message."""
    return StoreFailed(
        f"{file} is damaged: {why}; replace the file with a backup, or move it away to start with "
        "an empty library."
    )


def _recorded(db: Database) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _objects(db: Database) -> list[tuple[str, str, str]]:
    rows = db.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name"
    ).fetchall()
    return [(str(kind), str(name), str(sql)) for kind, name, sql in rows]


def _checksum(objects: list[tuple[str, str, str]]) -> int:
    """Above 0, and no more than the header holds."""
    return zlib.crc32(repr(objects).encode()) % 0x7FFFFFFF + 1

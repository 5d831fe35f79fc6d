"""The database file: one connection per thread, transactions, and errors of SQLite."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlite_utils import Database
from sqlite_utils.db import Table

from app.errors import StoreFailed, UnknownDocument
from app.storage.database_schema import check_schema, damaged_schema, is_as_recorded, record_schema
from app.storage.migrations import migrations
from app.storage.room import Reserve

PATIENCE_SECONDS = 10  # how long a connection waits while another one writes
FOLDER_MODE, FILE_MODE = 0o700, 0o600  # the owner's alone
# Errors in our own SQL, not in the file.
OWN_FAULTS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)


def now() -> str:
    """The current time, in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Raise StoreFailed for SQLite's errors about the file; errors in our own SQL pass through."""
    try:
        yield
    except OWN_FAULTS:
        raise
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            raise StoreFailed(
                f"{file} is locked: another program has been writing to it for {PATIENCE_SECONDS} "
                "seconds; wait until it has finished or stop it, then try again."
            ) from error
        if code == sqlite3.SQLITE_FULL:
            raise StoreFailed(
                f"The disk of {file} is full; free some space, or delete a document with "
                "`bookstate rm`, then try again."
            ) from error
        if code == sqlite3.SQLITE_READONLY:
            raise StoreFailed(
                f"{file} is read-only, so nothing in it can be changed; make its folder writable, "
                "or choose another with BOOKSTATE_HOME."
            ) from error
        raise StoreFailed(
            f"{file} could not be used ({error}); check that the disk has free space, that the "
            "folder is writable and that no other program locks the file, then try again."
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter for its own message
        raise StoreFailed(
            f"{file} is damaged or is not a database ({error}); replace it with a backup, or move "
            "it away to start with an empty library."
        ) from error


class _Cursor(sqlite3.Cursor):
    """A cursor that raises StoreFailed for SQLite's errors about the file."""

    connection: _Connection

    def execute(self, *arguments: Any) -> Self:
        with _refusing(self.connection.file):
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Self:
        with _refusing(self.connection.file):
            return super().executemany(*arguments)

    def fetchone(self) -> Any:
        with _refusing(self.connection.file):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _refusing(self.connection.file):
            return super().fetchall()

    def __next__(self) -> Any:
        with _refusing(self.connection.file):
            return super().__next__()


class _Connection(sqlite3.Connection):
    """A connection that knows its file, which its cursors name in error messages."""

    file: Path

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, *arguments: Any) -> Any:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self.cursor().executemany(*arguments)


class DatabaseFile:
    """One database file; every thread gets its own connection.

    SQLite's errors about the file are raised as StoreFailed. `viewer` is the account whose
    documents are seen; None sees everybody's.
    """

    viewer: int | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(
                f"The data folder {path.parent} cannot be created ({error.strerror}); choose "
                "another with BOOKSTATE_HOME."
            ) from error
        self.reserve = Reserve(path)
        self._read_only = path.exists() and not os.access(path.parent, os.W_OK)
        if not self._read_only:
            self.reserve.give_up_if_short()
            self._make_private()
        self._local = threading.local()
        self._opened: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._opening = threading.Lock()
        try:
            self._migrate()
        except StoreFailed:
            self.close()
            raise
        if not self._read_only:
            self.reserve.keep()

    def _make_private(self) -> None:
        """Make the database the owner's alone; SQLite gives the files beside it the same mode."""
        try:
            self.path.touch(FILE_MODE)
            self.path.chmod(FILE_MODE)
        except OSError:
            return  # another user's, or a full disk: what is wrong shows when it is opened

    def _migrate(self) -> None:
        """Migrate the file to the newest schema, completely or not at all, in one process."""
        db = self.db
        sound = is_as_recorded(db)
        try:
            pending = migrations.pending(db)
        except (LookupError, TypeError, ValueError) as error:  # its table is not what it was
            raise damaged_schema(self.path, "its list of migrations cannot be read") from error
        if not pending:
            if not sound:
                check_schema(db, self.path)
            if not sound and not self._read_only:
                with suppress(StoreFailed):  # a full disk: the next start tries again
                    record_schema(db)
            return
        db.conn.execute("PRAGMA foreign_keys=OFF")  # else dropping a table deletes rows in others
        try:
            with self.writing():
                migrations.apply(db)  # checks again: another process may have done it by now
                record_schema(db)
        finally:
            db.conn.execute("PRAGMA foreign_keys=ON")

    @property
    def db(self) -> Database:
        """This thread's connection."""
        if not hasattr(self._local, "db"):
            connection = self._connect()
            self._close_finished()
            with self._opening:
                self._opened.append((threading.current_thread(), connection))
            self._local.db = Database(connection)
        db: Database = self._local.db
        return db

    def _connect(self) -> _Connection:
        where = str(self.path)
        if self._read_only:
            where = f"{self.path.absolute().as_uri()}?{self._read_only_mode()}"
        with _refusing(self.path):
            connection = sqlite3.connect(
                where,
                timeout=PATIENCE_SECONDS,
                check_same_thread=False,
                factory=_Connection,
                uri=self._read_only,
            )
        connection.file = self.path
        pragmas = ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL")
        try:
            for pragma in pragmas[1:] if self._read_only else pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except StoreFailed:
            connection.close()
            raise
        return connection

    def _read_only_mode(self) -> str:
        """How to open a database in a folder where SQLite cannot put its files beside it.

        If there is a journal, SQLite reads it; if there is none, nobody is writing.
        """
        journal = self.path.with_name(f"{self.path.name}-wal")
        return "mode=ro" if journal.exists() and journal.stat().st_size else "immutable=1"

    def close(self) -> None:
        """Close all connections that this store has opened."""
        for _, connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()

    def _close_finished(self) -> None:
        """Close the connections of threads that have ended; a web server starts many threads."""
        with self._opening:
            ended = [pair for pair in self._opened if not pair[0].is_alive()]
            self._opened = [pair for pair in self._opened if pair[0].is_alive()]
        for _, connection in ended:
            connection.close()

    def quick_check(self) -> str:
        """The first problem that SQLite finds in the file, or "ok"."""
        return str(self.db.execute("PRAGMA quick_check(1)").fetchone()[0])

    @property
    def size(self) -> int:
        """How many bytes the database has, with what is still in its journal."""
        names = (self.path.name, f"{self.path.name}-wal")
        files = [self.path.with_name(name) for name in names]
        return sum(file.stat().st_size for file in files if file.exists())

    def copy_to(self, file: Path) -> None:
        """Write a copy of the database as it is now to a new file, the owner's alone.

        Others may write meanwhile; the copy has all of what was committed before, and no more.
        """
        try:
            file.touch(FILE_MODE, exist_ok=False)
        except OSError as error:
            raise StoreFailed(f"{file} cannot be written ({error.strerror}).") from error
        with _refusing(file), closing(sqlite3.connect(file)) as target:
            self.db.conn.backup(target)
            target.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, without a journal

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """A write transaction; it takes the lock at the start, so it cannot fail for it later."""
        db = self.db
        if db.conn.in_transaction:
            yield db
            return
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.conn.execute("COMMIT")
        except BaseException:
            if db.conn.in_transaction:  # a full disk rolls back by itself
                db.conn.execute("ROLLBACK")
            raise

    @contextmanager
    def deleting(self) -> Iterator[Database]:
        """A write transaction that deletes much; on a full disk it needs little room itself.

        Where there is no room for a journal of all that is deleted, it is not overwritten.
        """
        if not self.reserve.is_short(self.path.stat().st_size):
            with self.writing() as db:
                yield db
            return
        self.reserve.give_up_if_short()
        (before,) = self.db.execute("PRAGMA secure_delete").fetchone()
        self.db.execute("PRAGMA secure_delete=FAST")
        try:
            with self.writing() as db:
                yield db
        finally:
            self.db.execute(f"PRAGMA secure_delete={int(before)}")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction: all reads in it see the same data, whatever others write."""
        if self.db.conn.in_transaction:
            yield
            return
        self.db.conn.execute("BEGIN")
        try:
            yield
        finally:
            self.db.conn.execute("ROLLBACK")

    def _table(self, name: str) -> Table:
        return self.db.table(name)

    def seen_by(self, account: int | None) -> Self:
        """This store as an account sees it: documents of others are as if they were not there."""
        other = copy(self)
        other.viewer = account
        return other

    def first_account(self) -> int | None:
        """The account that the data folder's owner has, or None if nobody has one."""
        row: tuple[int | None] = self.db.execute("SELECT min(id) FROM accounts").fetchone()
        return row[0]

    def _seen(self, column: str) -> str:
        """An SQL condition on a column of document ids: it holds for those that are seen."""
        there = f"{column} NOT IN (SELECT document_id FROM removed_documents)"
        if self.viewer is None:
            return there
        own = f"SELECT id FROM documents WHERE account_id = {self.viewer:d}"
        return f"({column} IN ({own}) AND {there})"

    def check_there(self, document_id: str) -> None:
        """Raise UnknownDocument if the document was deleted, or is another account's."""
        if not self._table("documents").count_where(
            f"id = ? AND {self._seen('id')}", [document_id]
        ):
            raise UnknownDocument(f"The document {document_id!r} has been deleted.")

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        """Add a row to a table whose rows SQLite numbers; returns the row's number."""
        key = self._table(table).insert(dict(row)).last_pk
        assert isinstance(key, int)
        return key

    def _set(self, table: str, key: str | int, values: Mapping[str, Any]) -> bool:
        columns = {**values, "updated_at": now()}
        sets = ", ".join(f"{name} = ?" for name in columns)
        with self.writing() as db:
            done = db.execute(f"UPDATE {table} SET {sets} WHERE id = ?", [*columns.values(), key])
            return bool(done.rowcount)

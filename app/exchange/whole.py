"""The whole library as one file: a copy of the database with its checksum, saved and restored.

A save may run while a server does. A restore needs the data folder for itself, changes nothing
before the whole file was checked, and keeps the library that was there in a folder of its own. The
file holds everything, password hashes and tokens' hashes of the accounts included; models are not
in it, because they can be fetched again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from app.errors import AlreadyServed, Busy, InvalidArchive, InvalidSetting, StoreFailed
from app.exchange.entries import Positive, Sha256, Strict, Time, Whole
from app.exchange.parts import noted_part, replacing
from app.storage.database import FILE_MODE, FOLDER_MODE
from app.storage.store import Store, now

MANIFEST, DATABASE = "library.json", "bookstate.db"
MOST_MANIFEST = 10_000  # bytes
CHUNK = 1 << 20
SPARE = 16 << 20  # bytes of room that stay free
BESIDE = ("-wal", "-shm")  # what SQLite may have put beside a database


class LibraryManifest(Strict):
    """What is in the file."""

    format: Literal["bookstate library 1"]
    created_at: Time
    documents: Whole
    size: Positive
    sha256: Sha256


def save_library(store: Store, out: Path) -> LibraryManifest:
    """Write everything to one file, all of it or nothing; a file that is there is replaced.

    Raises InvalidArchive where the disk has no room for it.
    """
    home = store.path.parent
    _check_room(out.absolute().parent, 2 * store.size, "save the library")
    with noted_part(home, out) as copied:
        store.copy_to(copied)
        with copied.open("rb") as whole:
            sha256 = hashlib.file_digest(whole, "sha256").hexdigest()
        made = LibraryManifest(
            format="bookstate library 1",
            created_at=now(),
            documents=len(store.documents()),
            size=copied.stat().st_size,
            sha256=sha256,
        )
        with replacing(out, home, FILE_MODE) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST), made.model_dump_json())
            with copied.open("rb") as source, archive.open(_entry(made.size), "w") as target:
                shutil.copyfileobj(source, target, CHUNK)
    return made


def _entry(size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(DATABASE)
    entry.file_size = size
    return entry


def restore_library(home: Path, file: Path, *, replace: bool = False) -> Path | None:
    """Put a saved library into a data folder; returns where the old one is kept, if there was one.

    replace: also where the data folder has documents already. Raises InvalidArchive for a file that
    is damaged, InvalidSetting where there are documents, AlreadyServed and Busy while another
    process uses the data folder.
    """
    with _alone(home):
        database = home / DATABASE
        if not replace and (count := _documents(database)):
            raise InvalidSetting(
                f"The library in {home} has {count} documents; restore with --replace to put the "
                "saved library in its place (the old one is kept), or set another BOOKSTATE_HOME."
            )
        with noted_part(home, database) as restored:
            _unpack(file, restored)
            return _swap(home, database, restored)


def _documents(database: Path) -> int:
    """How many documents a library has; one that cannot be read has some."""
    if not database.exists():
        return 0
    try:
        store = Store(database)
    except StoreFailed:
        return 1
    try:
        return len(store.documents())
    finally:
        store.close()


def _unpack(file: Path, restored: Path) -> None:
    """Check a saved library and write its database; it is also opened once, as any start would."""
    try:
        with zipfile.ZipFile(file) as archive:
            made = _manifest(archive)
            _check_room(restored.parent, made.size, "restore the library")
            _write(archive, made, restored)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(file, str(error)) from error
    try:
        store = Store(restored)
        try:
            said = store.quick_check()
        finally:
            store.close()
            store.reserve.file.unlink(missing_ok=True)
    except StoreFailed as error:
        raise _damaged(file, str(error)) from error
    if said != "ok":
        raise _damaged(file, said)


def _manifest(archive: zipfile.ZipFile) -> LibraryManifest:
    members = {info.filename: info for info in archive.infolist()}
    if set(members) != {MANIFEST, DATABASE} or len(members) != len(archive.infolist()):
        raise InvalidArchive(
            "This file is not a library that `bookstate library save` wrote; a single document is "
            "opened with `bookstate import`."
        )
    stored = all(info.compress_type == zipfile.ZIP_STORED for info in members.values())
    if not stored or members[MANIFEST].file_size > MOST_MANIFEST:
        raise InvalidArchive("This file was changed since it was saved; use another copy.")
    try:
        made = LibraryManifest.model_validate_json(archive.read(MANIFEST))
    except ValidationError as error:
        raise InvalidArchive(
            "This library was saved by another version of bookstate, or its description is "
            "damaged; use the version that wrote it, or another copy."
        ) from error
    if members[DATABASE].file_size != made.size:
        raise InvalidArchive("This file was changed since it was saved; use another copy.")
    return made


def _write(archive: zipfile.ZipFile, made: LibraryManifest, restored: Path) -> None:
    restored.touch(FILE_MODE, exist_ok=False)
    total = hashlib.sha256()
    with archive.open(DATABASE) as source, restored.open("wb") as target:
        while chunk := source.read(CHUNK):
            total.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if total.hexdigest() != made.sha256:
        raise InvalidArchive(
            f"The saved database has SHA-256 {total.hexdigest()[:12]}, but {made.sha256[:12]} was "
            "recorded when it was saved, so the file is damaged; use another copy."
        )


def _damaged(file: Path, why: str) -> InvalidArchive:
    return InvalidArchive(
        f"{file.name} cannot be restored ({why}), so nothing was changed; use another copy of it."
    )


def _swap(home: Path, database: Path, restored: Path) -> Path | None:
    """Put the restored database in place of the old one, which is kept; in one step."""
    try:
        kept = _keep_old(home, database) if database.exists() else None
        for ending in BESIDE:
            database.with_name(DATABASE + ending).unlink(missing_ok=True)
        restored.replace(database)
    except OSError as error:
        raise StoreFailed(
            f"The data folder {home} cannot be changed ({error.strerror}); make it writable and "
            "restore again."
        ) from error
    return kept


def _keep_old(home: Path, database: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S-%f")
    folder = home / f"library-before-{moment}"
    folder.mkdir(FOLDER_MODE)
    for name in (DATABASE, *(DATABASE + ending for ending in BESIDE)):
        old = database.with_name(name)
        if not old.exists():
            continue
        try:
            os.link(old, folder / name)
        except OSError:  # a file system without links
            _check_room(home, old.stat().st_size, "keep the old library")
            shutil.copy2(old, folder / name)
    return folder


def _check_room(folder: Path, wanted: int, what: str) -> None:
    """Raise InvalidArchive where a folder's disk has less room than wanted."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InvalidArchive(
            f"{folder} cannot be used ({error.strerror}); choose another folder."
        ) from error
    if free < wanted + SPARE:
        raise InvalidArchive(
            f"To {what}, {wanted / 1e6:,.0f} MB must be free on the disk of {folder}, and "
            f"{free / 1e6:,.0f} MB are; free some space or choose another disk."
        )


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold every lock of the data folder: no server runs, and nothing is being read."""
    folder = home / "locks"
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _hold(held, folder / "server.lock")
        except Timeout as error:
            raise AlreadyServed(
                f"A server is using the data folder {home}; stop it, then restore the library."
            ) from error
        except OSError as error:
            raise StoreFailed(
                f"The data folder {home} cannot be written ({error.strerror}); make it writable."
            ) from error
        try:
            for lock in sorted(folder.glob("*.lock")):
                if lock.name != "server.lock":
                    _hold(held, lock)
        except Timeout as error:
            raise Busy(
                f"A document in {home} is being read by another process; wait for it to finish, "
                "then restore the library."
            ) from error
        yield


def _hold(held: ExitStack, file: Path) -> None:
    lock = FileLock(file, timeout=0)
    lock.acquire()
    held.callback(lock.release)


def save_documents(store: Store, out: BinaryIO, folder: Path) -> int:
    """Write a zip of all finished documents that are seen, each as `export` writes it.

    folder: for one of them at a time. Returns how many there are.
    """
    from app.exchange.export import export_document

    ready = [document for document in store.documents() if document.ready]
    size = sum(document.reading.state_bytes for document in ready)
    _check_room(folder, 2 * size, "save the documents")
    with zipfile.ZipFile(out, "w") as archive:
        for document in ready:
            part = folder / f"{document.id}.bookstate"
            try:
                export_document(store, document.id, part)
                archive.write(part, part.name)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
    return len(ready)

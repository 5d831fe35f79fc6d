"""Unfinished exports: each is noted in the data folder while it is written.

A process that is killed cannot delete its half-written file, which lies in whatever folder the
person chose. The next start finds the note, sees that nobody holds its lock, and deletes the file.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from app.errors import InvalidArchive

FOLDER = "exports"  # in the data folder
_BESIDE = ("", "-wal", "-shm", "-reserve")  # a half-restored library has these, too
_PART = re.compile(r"\.[0-9a-f]{16}\.part")


@contextmanager
def noted_part(home: Path, out: Path) -> Iterator[Path]:
    """A name for a half-written file next to `out`; the file is gone after the block.

    A data folder that cannot be written gets no note: then a kill leaves the file.
    """
    mark = secrets.token_hex(8)
    part = out.with_name(f".{mark}.part")
    note = home / FOLDER / f"{mark}.note"
    lock = FileLock(note.with_suffix(".lock"), timeout=0)
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        note.write_text(str(part.absolute()), "utf-8")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        _forget(note, lock)


@contextmanager
def replacing(out: Path, home: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A temporary file next to `out` that replaces it if the block succeeds, else is deleted.

    home: the data folder, in which the file is noted, so that none is left by a kill.
    mode: who may read the file, before the system's umask.
    """
    if out.is_dir():
        raise InvalidArchive(f"{out} is a folder; give the name of a file.")
    try:
        with noted_part(home, out) as part:
            part.touch(mode, exist_ok=False)
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
    except OSError as error:
        raise InvalidArchive(
            f"{out} cannot be written ({error.strerror}); choose another place or free some space."
        ) from error


def delete_leftovers(home: Path) -> None:
    """Delete the half-written files of exports whose process has ended."""
    folder = home / FOLDER
    if not folder.is_dir():
        return
    for lock_file in folder.glob("*.lock"):
        note, lock = lock_file.with_suffix(".note"), FileLock(lock_file, timeout=0)
        with suppress(Timeout, OSError):  # an export that is running, or a read-only folder
            lock.acquire()
            try:
                part = Path(note.read_text("utf-8")) if note.is_file() else Path()
                if _PART.fullmatch(part.name):
                    for ending in _BESIDE:
                        part.with_name(part.name + ending).unlink(missing_ok=True)
            finally:
                _forget(note, lock)


def _forget(note: Path, lock: FileLock) -> None:
    with suppress(OSError):
        note.unlink(missing_ok=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)

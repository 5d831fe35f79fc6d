"""Room on the disk: a small file is kept so that a full disk can still be read and emptied.

SQLite needs a little room even to read, and a journal of what it changes to delete. Where the disk
is full, the file is given up for that. It is allocated, not written, and grows with the database.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

LEAST = 256 << 10
SHARE = 150  # deleting all of a database takes a journal of about 1/160 of its size
PLENTY = 8  # times as much must be free before the file is made


@dataclass(frozen=True, slots=True)
class Reserve:
    """The reserve of one database, in a file beside it."""

    database: Path

    @property
    def file(self) -> Path:
        """Where the reserve is."""
        return self.database.with_name(f"{self.database.name}-reserve")

    @property
    def wanted(self) -> int:
        """How many bytes are kept for a database of the present size."""
        size = self.database.stat().st_size if self.database.exists() else 0
        return LEAST + size // SHARE

    def is_short(self, needed: int = 0) -> bool:
        """True if the disk has less room than the reserve and so many bytes."""
        try:
            return shutil.disk_usage(self.database.parent).free < self.wanted + needed
        except OSError:
            return False

    def keep(self) -> None:
        """Make the reserve as large as it should be, if the disk has plenty of room."""
        wanted = self.wanted
        if self.is_short(PLENTY * wanted) or not hasattr(os, "posix_fallocate"):
            return
        try:
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return  # it is a convenience: everything works without it until the disk is full
        try:
            os.posix_fallocate(descriptor, 0, wanted)
        except OSError:
            self.file.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def give_up_if_short(self) -> None:
        """Free the reserve's room on a full disk."""
        if self.is_short():
            self.file.unlink(missing_ok=True)

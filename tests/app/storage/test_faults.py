"""A full disk, a folder that cannot be written, a locked database, and who may read the files."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from novels import QUESTION, kind_settings, read_novel

from app.errors import StoreFailed
from app.library import Library
from app.settings import Settings
from app.storage import database
from app.storage.room import Reserve
from app.storage.store import Store


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small(disk: Path, tiny_backbone: Path) -> Settings:
    """Settings of a library on that disk, with three novels in it."""
    settings = kind_settings(disk / "home", tiny_backbone, "adaptive")
    library = Library(settings)
    for seed in range(3):
        read_novel(library, seed)
    library.close()
    return settings


def answer(library: Library) -> str:
    return "".join(library.ask(library.list()[0].id, QUESTION))


def fill(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            with pytest.raises(OSError, match="No space"):
                while True:
                    file.write(b"x" * size)


class TestFullDisk:
    def test_it_is_listed_asked_and_emptied(self, disk: Path, small: Settings) -> None:
        fill(disk)
        library = Library(small)
        assert len(library.list()) == 3 and answer(library)
        for document in library.list()[:2]:
            library.remove(document.id)
        assert len(library.list()) == 1
        read_novel(library, seed=9)  # in the room that was freed
        library.close()

    def test_it_fills_up_while_the_library_is_open(self, disk: Path, small: Settings) -> None:
        library = Library(small)
        fill(disk)
        assert answer(library)
        library.remove(library.list()[0].id)
        assert len(library.list()) == 2
        library.close()

    def test_what_does_not_fit_is_refused_and_nothing_is_lost(
        self, disk: Path, small: Settings
    ) -> None:
        library = Library(small)
        fill(disk)
        library.store.reserve.file.unlink()
        fill(disk)
        with pytest.raises(StoreFailed, match=r"bookstate rm|free some space"):
            for seed in range(3, 30):
                read_novel(library, seed)
        assert answer(library) and library.store.quick_check() == "ok"
        library.close()


class TestReserve:
    def test_it_is_kept_while_there_is_plenty(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "a.db")
        size = store.reserve.file.stat().st_size
        assert size == store.reserve.wanted >= 256 << 10
        assert stat.S_IMODE(store.reserve.file.stat().st_mode) == 0o600
        store.close()

    @pytest.mark.parametrize(("free", "there"), [(100 << 10, False), (1 << 20, True)])
    def test_it_is_given_up_when_room_is_short(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, there: bool
    ) -> None:
        Store(tmp_path / "a.db").close()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 30, 0, free))
        Store(tmp_path / "a.db").close()
        assert Reserve(tmp_path / "a.db").file.exists() == there


class TestReadOnlyFolder:
    def closed(self, disk: Path) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    def test_it_is_listed_and_asked(self, disk: Path, small: Settings) -> None:
        self.closed(disk)
        library = Library(small)
        assert len(library.list()) == 3 and answer(library)
        for change in (
            lambda: library.remove(library.list()[0].id),
            lambda: library.rename(library.list()[0].id, "Another"),
            lambda: read_novel(library, seed=9),
        ):
            with pytest.raises(StoreFailed, match=r"read-only|cannot be written"):
                change()
        library.close()

    def test_what_another_process_has_written_last_is_seen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The journal of a process that runs, or was killed, is read as well."""
        writer = Store(tmp_path / "a.db")
        monkeypatch.setattr(os, "access", lambda *_: False)
        reader = Store(tmp_path / "a.db")
        assert reader.documents() == writer.documents() == []
        assert reader._read_only_mode() == "mode=ro"
        reader.close()
        writer.close()
        again = Store(tmp_path / "a.db")
        assert again._read_only_mode() == "immutable=1"
        again.close()


def test_a_locked_database_is_waited_for_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.PATIENCE_SECONDS <= 10
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.2)
    one, other = Store(tmp_path / "a.db"), Store(tmp_path / "a.db")
    start = time.monotonic()
    with one.writing(), pytest.raises(StoreFailed, match="locked: another program") as caught:
        other.enqueue("nothing")
    assert 0.1 < time.monotonic() - start < 5 and "a.db" in str(caught.value)
    one.close()
    other.close()


def test_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "home" / "a.db")
    store.start_job(1)
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    for file in (tmp_path / "home").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    store.close()


def test_an_older_database_becomes_the_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path / "a.db").close()
    (tmp_path / "a.db").chmod(0o644)
    Store(tmp_path / "a.db").close()
    assert stat.S_IMODE((tmp_path / "a.db").stat().st_mode) == 0o600

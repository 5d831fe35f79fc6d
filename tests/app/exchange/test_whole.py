"""The whole library as one file: round trips, damage, kills, and a library that is in use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archives import members, write
from filelock import FileLock
from novels import bare_document, shelve
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import AlreadyServed, Busy, InvalidArchive, InvalidSetting, StoreFailed
from app.exchange import whole
from app.exchange.parts import delete_leftovers
from app.exchange.whole import restore_library, save_library
from app.storage.store import Message, Note, Store

SECRET = "a long secret"


def filled(home: Path, title: str = "Diary") -> Store:
    """A library with a document, a chat, a note and an account."""
    store = Store(home / "bookstate.db")
    document = shelve(store, bare_document(title=title))
    store.say(store.start_chat(document.id, "Talk"), Message("user", "Secret question"))
    store.keep_note(document.id, Note("note", "A thought"))
    store.add_account("ada", SECRET)
    store.add_token("ada")
    return store


def rows(store: Store) -> dict[str, list[Any]]:
    names = [n for n in store.db.table_names() if not n.startswith("sqlite_")]
    return {n: list(store.db.execute(f"SELECT * FROM {n} ORDER BY 1, 2")) for n in names}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    store = filled(tmp_path / "saved-from")
    save_library(store, tmp_path / "library.zip")
    store.close()
    return tmp_path / "library.zip"


def test_everything_comes_back(home: Path, tmp_path: Path) -> None:
    store = filled(home)
    out = tmp_path / "library.zip"
    out.write_text("an older save")
    made = save_library(store, out)
    assert (made.documents, out.stat().st_mode & 0o777) == (1, 0o600)
    there = tmp_path / "there"
    assert restore_library(there, out) is None
    again = Store(there / "bookstate.db")
    assert rows(again) == rows(store)
    assert (there / "bookstate.db").stat().st_mode & 0o777 == 0o600
    assert {p.name.partition("-")[0] for p in there.iterdir()} == {
        "bookstate.db",
        "locks",
        "exports",
    }
    for each in (store, again):
        each.close()


def test_a_save_holds_what_was_committed_while_another_writes(home: Path, tmp_path: Path) -> None:
    store, other = filled(home), Store(home / "bookstate.db")
    with other.writing():
        other.keep_note("0123456789ab", Note("note", "not committed yet"))
        save_library(store, tmp_path / "library.zip")
    restore_library(tmp_path / "there", tmp_path / "library.zip")
    again = Store(tmp_path / "there" / "bookstate.db")
    assert [n.text for n in again.notes("0123456789ab")] == ["A thought"]
    for each in (store, other, again):
        each.close()


def test_a_library_with_documents_is_replaced_only_when_told_and_kept(
    home: Path, saved: Path
) -> None:
    filled(home, "Mine").close()
    with pytest.raises(InvalidSetting, match="has 1 documents; restore with --replace"):
        restore_library(home, saved)
    kept = restore_library(home, saved, replace=True)
    assert kept is not None
    for path, title in ((home, "Diary"), (kept, "Mine")):
        store = Store(path / "bookstate.db")
        assert [d.title for d in store.documents()] == [title]
        store.close()


def test_an_empty_or_damaged_library_is_replaced(home: Path, saved: Path) -> None:
    Store(home / "bookstate.db").close()
    assert restore_library(home, saved) is not None  # the empty one is kept, too
    (home / "bookstate.db").write_bytes(b"not a database")
    with pytest.raises(InvalidSetting, match="--replace"):
        restore_library(home, saved)
    kept = restore_library(home, saved, replace=True)
    assert kept and (kept / "bookstate.db").read_bytes() == b"not a database"


def flipped(content: dict[str, bytes]) -> dict[str, bytes]:
    data = bytearray(content["bookstate.db"])
    data[len(data) // 2] ^= 1
    return {**content, "bookstate.db": bytes(data)}


def described(**changes: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(content: dict[str, bytes]) -> dict[str, bytes]:
        made = json.loads(content["library.json"])
        return {**content, "library.json": json.dumps(made | changes).encode()}

    return change


def without_database(content: dict[str, bytes]) -> dict[str, bytes]:
    return {"library.json": content["library.json"]}


def not_sqlite(content: dict[str, bytes]) -> dict[str, bytes]:
    import hashlib

    data = b"x" * 5000
    told = described(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return told({**content, "bookstate.db": data})


@pytest.mark.parametrize(
    "change",
    [
        flipped,
        without_database,
        not_sqlite,
        described(size=7),
        described(sha256="0" * 64),
        described(format="bookstate library 2"),
        described(more=1),
        lambda content: {**content, "library.json": b"{"},
        lambda content: {**content, "../evil": b"x"},
    ],
)
def test_a_changed_file_is_one_sentence_and_changes_nothing(
    change: Any, home: Path, saved: Path, tmp_path: Path
) -> None:
    wrong = write(tmp_path / "wrong.zip", change(members(saved)))
    refused(home, wrong)


def test_other_files_are_refused(home: Path, saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    for number, wrong in enumerate((b"", b"text", data[:1000], data[:-40], data[len(data) // 2 :])):
        file = tmp_path / f"wrong{number}"
        file.write_bytes(wrong)
        refused(home, file)
    packed = write(tmp_path / "packed.zip", members(saved), zipfile.ZIP_DEFLATED)
    refused(home, packed)


def refused(home: Path, file: Path) -> None:
    if not home.exists():
        filled(home, "Mine").close()
    before = (home / "bookstate.db").read_bytes()
    with pytest.raises(InvalidArchive) as error:
        restore_library(home, file, replace=True)
    assert str(error.value).count("\n") == 0 and str(error.value).endswith(".")
    assert (home / "bookstate.db").read_bytes() == before
    assert not list(home.glob("library-before-*")) and not list(home.glob("*.part*"))


def test_a_library_in_use_is_not_replaced(home: Path, saved: Path) -> None:
    locks = home / "locks"
    locks.mkdir(parents=True)
    for name, error in (("server", AlreadyServed), ("0123456789ab", Busy)):
        with FileLock(locks / f"{name}.lock"), pytest.raises(error):
            restore_library(home, saved)
    assert not (home / "bookstate.db").exists()
    restore_library(home, saved)


def test_room_on_the_disk_is_checked_before(
    home: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(home)
    usage = shutil.disk_usage(home)._replace(free=1000)
    monkeypatch.setattr(whole.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InvalidArchive, match="MB must be free on the disk"):
        save_library(store, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()
    with pytest.raises(InvalidArchive, match="To restore the library"):
        restore_library(tmp_path / "there", saved)
    store.close()


def test_a_disk_that_fills_meanwhile_leaves_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(home)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole.shutil, "copyfileobj", full)
    with pytest.raises(InvalidArchive, match="No space left"):
        save_library(store, tmp_path / "out.zip")
    assert not list(tmp_path.glob("*.zip")) and not list(tmp_path.glob(".*part"))
    with pytest.raises((StoreFailed, InvalidArchive)):
        save_library(store, tmp_path / "missing" / "out.zip")
    store.close()


KILLED = """
import os, sys
from pathlib import Path
from app.exchange import whole
from app.storage.store import Store
home, file, place = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
die = lambda *a, **k: os._exit(9)
if place == "save":
    whole.shutil.copyfileobj = die
    whole.save_library(Store(home / "bookstate.db"), file)
elif place == "check":
    whole.Store.quick_check = die
    whole.restore_library(home, file, replace=True)
else:
    Path.replace = die
    whole.restore_library(home, file, replace=True)
"""


@pytest.mark.parametrize("place", ["save", "check", "swap"])
def test_a_kill_in_the_middle_loses_nothing(
    place: str, home: Path, saved: Path, tmp_path: Path
) -> None:
    filled(home, "Mine").close()
    file = tmp_path / "out.zip" if place == "save" else saved
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), str(file), place], cwd=Path.cwd(), check=False
    )
    assert ended.returncode == 9
    assert file == saved or not file.exists()
    delete_leftovers(home)
    store = Store(home / "bookstate.db")
    assert [d.title for d in store.documents()] == ["Mine"]
    store.close()
    assert not list(home.glob(".*part*")) and not list(tmp_path.glob(".*part*"))


def test_the_command_line(home: Path, saved: Path, tmp_path: Path) -> None:
    filled(home, "Mine").close()

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["library", *words])

    out = tmp_path / "mine.zip"
    assert json.loads(run("save", str(out), "--json").stdout)["documents"] == 1
    assert run("restore", str(saved)).exit_code == 1
    told = json.loads(run("restore", str(saved), "--replace", "--json").stdout)
    assert Path(told["kept"]).is_dir()
    assert run("restore", str(out), "--replace").exit_code == 0
    assert run("restore", str(tmp_path / "missing")).exit_code == 2

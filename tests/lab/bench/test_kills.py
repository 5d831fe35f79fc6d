"""The real commands, killed at random moments: nothing is lost, and they end the same."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from lab.bench.hard import kill_home, kills
from lab.bench.hard.kills import COMMANDS, Command, Runner, Scene

ROOT = Path(__file__).parents[3]


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_nothing_is_lost(count: int) -> None:
    """The fast one leaves out what takes long, which the slow one and the command have."""
    names = [] if count > 6 else ["ingest", "import", "rm", "migration"]
    found = kills.kills(count, names, 1, 0, preloaded=True, told=quiet)
    assert found["failures"] == []
    assert found["kills"] >= count and found["lost"] == 0
    assert {row["command"] for row in found["rows"]} == set(names or (c.name for c in COMMANDS))
    assert all(row["kills"] for row in found["rows"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills") / "base"
    folder.mkdir()
    kill_home.make_base(folder)
    return folder


@pytest.fixture
def scene(base: Path, tmp_path: Path) -> Scene:
    """What `rename` finds and leaves, without a process."""
    home = tmp_path / "home"
    shutil.copytree(base / "home", home)
    command = next(c for c in COMMANDS if c.name == "rename")
    made = Scene(command, base, home, kill_home.id_of(home, "First"))
    made.before = kill_home.prints(home, made.about, command.without)
    made.after = kill_home.contents(home)
    return made


def change(home: Path, *statements: str) -> None:
    connection = sqlite3.connect(home / "bookstate.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM documents WHERE title = 'Second'", "is gone"),
        ("DELETE FROM documents WHERE title = 'Another'", "is gone"),
        ("UPDATE states SET blob = CAST(blob || x'00' AS BLOB)", "has changed"),
        ("UPDATE messages SET text = 'x' WHERE id = 1", "has changed"),
        ("UPDATE originals SET data = x'00'", "has changed"),
        ("UPDATE documents SET title = 'x' WHERE title = 'Second'", "has changed"),
    ],
)
def test_what_is_lost_is_noticed(scene: Scene, statement: str, says: str) -> None:
    kills._check(scene, scene.home)
    change(scene.home, "UPDATE documents SET title = 'Another' WHERE title = 'First'")
    kills._check(scene, scene.home)  # that is what the command does
    change(scene.home, "PRAGMA foreign_keys = ON", statement)
    with pytest.raises(AssertionError, match=says):
        kills._check(scene, scene.home)


def test_another_end_and_leftovers_are_noticed(scene: Scene) -> None:
    kills._check_end(scene, scene.home)
    (scene.home / ".0123456789abcdef.part").touch()
    with pytest.raises(AssertionError, match="left behind"):
        kills._check_end(scene, scene.home)
    change(scene.home, "UPDATE readings SET state_sha256 = 'x'")
    with pytest.raises(AssertionError, match="it ends with"):
        kills._check_end(scene, scene.home)


def test_commands_run_in_new_interpreters_too(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "home", tmp_path / "home")
    runner = Runner(preloaded=False)
    given = kill_home.environment(base, tmp_path / "home")
    pid = runner.start(["list"], given, tmp_path / "said")
    assert runner.wait(pid) == 0
    said = (tmp_path / "said").read_text()
    assert "First" in said and "Second" in said
    runner.close()


def test_every_command_that_writes_is_among_them() -> None:
    """What the issue of kills names."""
    assert {c.name for c in COMMANDS} == {
        "ingest", "append", "import", "export", "summarize", "rm", "rename", "migration", "serve",
    }  # fmt: skip
    assert all(isinstance(c, Command) and c.arguments for c in COMMANDS)
    assert (ROOT / kill_home.OLD_DATABASE).is_file()
    assert os.name == "posix"

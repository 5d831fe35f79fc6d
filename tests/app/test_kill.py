"""kill -9 at any moment: the reading goes on from its last checkpoint to the same state."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from novels import novel

from app.library import Library
from app.settings import read_settings

SEED = 20261121
KILLS = 2
PATIENCE = 60  # seconds that a process may take to get further


def start(home: Path, backbone: Path, file: Path) -> subprocess.Popen[str]:
    """`bookstate ingest FILE --json` in its own data folder."""
    environment = {
        **os.environ,
        "BOOKSTATE_HOME": str(home),
        "BOOKSTATE_WINDOW": "64",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "app", "ingest", str(file), "--json"]
    command += ["--backbone", str(backbone)]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def segments_done(home: Path) -> int:
    """What is committed, looked at from outside."""
    database = home / "bookstate.db"
    if not database.is_file():
        return -1
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
    try:
        row = connection.execute("SELECT segments_done FROM readings").fetchone()
    except sqlite3.OperationalError:  # no table yet
        return -1
    finally:
        connection.close()
    return row[0] if row else -1


def kill_when_beyond(process: subprocess.Popen[str], home: Path, done: int, later: float) -> None:
    """SIGKILL, some time after more than `done` segments are committed."""
    until = time.monotonic() + PATIENCE
    while segments_done(home) <= done and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(later)
    assert process.poll() is None, process.communicate()[1]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_killed_at_random_moments_it_ends_in_the_same_state(
    tmp_path: Path, slow_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(SEED)
    file = tmp_path / "novel.md"
    file.write_bytes(novel(chapters=6, sentences=50, seed=1))
    home = tmp_path / "killed"
    done = [-1]
    for _ in range(KILLS):
        process = start(home, slow_backbone, file)
        further = done[-1] + chance.randrange(12)
        kill_when_beyond(process, home, further, chance.uniform(0, 0.05))
        done.append(segments_done(home))
    assert done == sorted(set(done)), "every run got further than the one before"
    process = start(home, slow_backbone, file)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    finished = json.loads(out)
    assert finished["resumed"] is True
    assert done[-1] < finished["segments"]

    monkeypatch.setenv("BOOKSTATE_WINDOW", "64")
    library = Library(read_settings(home=tmp_path / "undisturbed", backbone=str(slow_backbone)))
    whole = library.add(file.read_bytes(), file.name).document
    library.close()
    after = Library(read_settings(home=home, backbone=str(slow_backbone)))
    assert after.store.document(finished["id"]).reading.state_sha256 == whole.reading.state_sha256
    after.close()

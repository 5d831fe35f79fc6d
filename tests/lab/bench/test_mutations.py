"""Small files of every format, changed at random: each is read or refused, soon, and never more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from lab.bench.hard import mutation_child
from lab.bench.hard.mutate import corpus, mutated
from lab.bench.hard.mutations import Format, mutations, run_some

NAMES = sorted(corpus())


@pytest.mark.parametrize("many", [40, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_read_or_refused(name: str, many: int) -> None:
    found = mutations([name], many, 0, lambda *_: None)
    assert found["failures"] == []
    (row,) = found["rows"]
    assert row["files"] == many == row["read"] + row["refused"]
    assert many < 1000 or (row["read"] and row["refused"])


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_a_number_give_the_same_file_again(name: str) -> None:
    data = corpus()[name]
    made = [mutated(name, data, number) for number in range(30)]
    assert made == [mutated(name, data, number) for number in range(30)]
    assert len(set(made)) > 25 and sum(each == data for each in made) < 5


def test_what_goes_wrong_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A reader that raises, hangs, or breaks the process, each at one file."""
    script = tmp_path / "child.py"
    script.write_text(
        "import os, sys, time\n"
        "import lab.bench.hard.mutation_child as child\n"
        "child.SECONDS = 0.5\n"
        "def reader(name, stack):\n"
        "    count = iter((-1, *range(int(sys.argv[2]), 100)))\n"
        "    def read(data):\n"
        "        number = next(count)\n"
        "        if number == 3: raise KeyError('x')\n"
        "        if number == 5: time.sleep(60)\n"
        "        if number == 7: os.abort()\n"
        "    return read\n"
        "child._reader = reader\n"
        "child.main()\n"
    )
    started = subprocess.Popen

    def start(command: list[str], **given: object) -> object:
        return started([sys.executable, str(script), *command[-3:]], **given)  # type: ignore

    monkeypatch.setattr("lab.bench.hard.mutations.subprocess.Popen", start)
    monkeypatch.setenv("PYTHONPATH", str(Path(mutation_child.__file__).parents[3]))
    one = Format("text.txt")
    run_some(one, 0, 10)
    assert one.failures == [
        "3: exception KeyError: 'x'",
        "5: hang",
        "7: crash with -6",
    ]
    assert one.outcomes["read"] == 7 and one.outcomes.total() == 10


def test_the_command() -> None:
    arguments = ["bench", "mutations", "--names", "text.txt", "--count", "5", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"][0]["files"] == 5
    done = CliRunner().invoke(app, ["bench", "mutations", "--names", "a.b"])
    assert done.exit_code == 1 and "The corpus has no a.b" in done.stderr

"""Plans: from flags, from TOML files, and from both; every published plan file is valid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidSetting
from app.settings import read_settings
from lab.cli import bench, calibrate, evaluate, train
from lab.cli.plans import PLANS, plan_command
from lab.plan import check_data, make_plan, option, read_plan_file, under_root
from lab.train.training_file import FILES

PUBLISHED = sorted((Path(bench.__file__).parents[1] / "plans").glob("*.toml"))
COMMANDS = (bench, calibrate, evaluate, train)  # importing them registers their plans


@dataclass(frozen=True, slots=True)
class Example:
    """A plan with an option of every type."""

    data: Path = option(kind="data", help="A file.")
    more: tuple[str, ...] = option((), kind="data", help=f"Others: {FILES}.")
    names: tuple[str, ...] = option(("a", "b"), commas=True, help="Names.")
    counts: tuple[int, ...] = option((60,), commas=True, help="Counts.")
    rate: float = option(0.5, minimum=0, maximum=1, old=("pace",), help="A rate.")
    limit: int | None = option(None, minimum=1, help="A limit.")
    no_guess: bool = option(False, help="A switch.")
    out: Path = option(Path("out"), kind="output", help="A folder.")


seen: list[Any] = []
commands = typer.Typer()


@plan_command(commands, "try", Example, "attempt", group="some")
def try_command(plan: Example, settings: dict[str, Any], quick: bool = False) -> None:
    """Keep what the command was asked for."""
    seen.append((plan, settings, quick))


@commands.command()
def other() -> None:
    """A second command, so that the first is called by its name."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with data files, and the current folder."""
    for name in ("a.gz", "b.gz"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    seen.clear()
    return tmp_path


def run(*arguments: object) -> str:
    """What the command says of a refusal, empty where it ran."""
    result = CliRunner().invoke(commands, [str(a) for a in arguments])
    assert result.exit_code in (0, 1, 2)
    return result.stderr


def write_plan(path: Path, *lines: str, command: str = "some try") -> Path:
    path.write_text("\n".join((f"command = {json.dumps(command)}", *lines)), "utf-8")
    return path


def test_flags_fill_a_plan(folder: Path) -> None:
    assert not run("try", "--data", "a.gz", "--more", "b.gz:2", "--more", "a.gz:1:train",
                   "--names", "x, y", "--counts", "5,6", "--limit", 3, "--no-guess", "--quick",
                   "--backbone", "some/model")  # fmt: skip
    ((plan, settings, quick),) = seen
    assert plan == Example(
        Path("a.gz"), ("b.gz:2", "a.gz:1:train"), ("x", "y"), (5, 6), limit=3, no_guess=True
    )
    assert (settings, quick) == ({"backbone": "some/model"}, True)


def test_a_plan_file_fills_a_plan_and_flags_win(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "elsewhere"
    data.mkdir()
    for name in ("a.gz", "c.gz"):
        (data / name).write_bytes(b"")
    file = write_plan(
        folder / "p.toml", "[settings]", "adapters = false", "[plan]", 'data = "a.gz"',
        'more = ["c.gz:1:train"]', 'names = ["x"]', "counts = [7]", "rate = 1", "no_guess = true",
    )  # fmt: skip
    assert not run("try", "--plan", file, "--data-root", data, "--counts", "8", "--guess")
    plan, settings, _ = seen.pop()
    more = (str(data / "c.gz:1:train"),)
    assert plan == Example(data / "a.gz", more, ("x",), (8,), rate=1.0)
    assert settings == {"adapters": False}
    assert not run("try", "--plan", file, "--data-root", data, "--data", "b.gz")
    assert seen[-1][0].data == Path("b.gz")  # the flag's path is that of the current folder


def test_the_environment_names_the_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_plan(folder / "p.toml", "[plan]", 'data = "a.gz"')
    monkeypatch.setenv("BOOKSTATE_DATA", str(folder / "nowhere"))
    assert "nowhere/a.gz' is not a file" in " ".join(run("try", "--plan", file).split())
    monkeypatch.setenv("BOOKSTATE_DATA", str(folder))
    assert not run("try", "--plan", file)


def test_old_names_are_understood_and_not_shown(folder: Path) -> None:
    assert not run("attempt", "--data", "a.gz", "--pace", "0.25")
    assert seen.pop()[0].rate == 0.25
    shown = CliRunner().invoke(commands, ["try", "--help"]).stdout
    assert "--rate" in shown and "--pace" not in shown
    assert "attempt" not in CliRunner().invoke(commands, ["--help"]).stdout


@pytest.mark.parametrize(
    "command",
    [
        "evaluate --made-to-answer",
        "train reader --numbers 1",
        "train retrieved",
        "train teller",
        "train infini --silence 0.1 --sharpen 1.5",
    ],
)
def test_commands_and_flags_of_version_0_3_are_understood(command: str) -> None:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 1  # not 2, wrong usage: only the data is missing
    assert "--" in result.stderr and "No such" not in result.stderr


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("[plan]",), "--data is missing"),
        (("[plan]", 'data = "none.gz"'), "is not a file"),
        (("[plan]", 'data = "a.gz"', 'more = ["none.gz:1"]'), "'none.gz' is not a file"),
        (("[plan]", 'data = "a.gz"', "lim = 3"), "no field 'lim'"),
        (("[plan]", 'data = "a.gz"', "limit = 0"), "at least 1"),
        (("[plan]", 'data = "a.gz"', "rate = 2.0"), "0 to 1"),
        (("[plan]", 'data = "a.gz"', "limit = true"), "type int"),
        (("[plan]", 'data = "a.gz"', 'counts = "5"'), "must be a list"),
        (("[plan]", 'data = "a.gz"', "names = [1]"), "type str"),
        (("[plan]", "data = 3"), "type Path"),
        (("[plans]",), "not a plan file"),
        (("[plan",), "cannot be read as TOML"),
    ],
)
def test_what_is_no_plan_is_one_line(folder: Path, lines: tuple[str, ...], says: str) -> None:
    refused = " ".join(run("try", "--plan", write_plan(folder / "p.toml", *lines)).split())
    assert says in refused and not seen


def test_a_plan_for_another_command_is_refused(folder: Path) -> None:
    file = write_plan(folder / "p.toml", command="evaluate")
    assert "is a plan for `bookstate evaluate`" in " ".join(run("try", "--plan", file).split())


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_every_published_plan_is_valid(file: Path, tmp_path: Path) -> None:
    read = read_plan_file(file)
    assert read_settings(**read.settings).model_fields_set >= read.settings.keys()
    plan = make_plan(PLANS[read.command], under_root(PLANS[read.command], read.plan, tmp_path))
    with_data = any(part in read.plan for part in ("data", "books"))
    if with_data:
        with pytest.raises(InvalidSetting, match="is not a file"):
            check_data(plan)


def test_there_are_plans_for_every_kind_of_table() -> None:
    assert {read_plan_file(file).command for file in PUBLISHED} >= {
        "evaluate", "calibrate", "train infini", "bench planted", "bench summaries",
    }  # fmt: skip

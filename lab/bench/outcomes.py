"""Record what the product's commands print for one text, and compare two records.

Moving code must change no outcome. This script runs the commands and writes what they print,
without times, to one JSON file:

    python lab/bench/outcomes.py record BOOK.txt before.json --models FOLDER
    ... change the code ...
    python lab/bench/outcomes.py record BOOK.txt after.json --models FOLDER
    python lab/bench/outcomes.py compare before.json after.json

Make both records on one machine: other processors give other bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

QUESTIONS = (
    "Who has taken Netherfield Park?",
    "What is Mr. Bennet's wife anxious about?",
    "Where does the ball take place?",
    "What does Mr. Darcy say about Elizabeth?",
    "Who is the captain of the whaling ship?",
)
READINGS: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("adaptive", ("--memory", "adaptive"), {}),
    ("adaptive-exact", ("--memory", "adaptive", "--preset", "exact"), {}),
    ("adaptive-plain", ("--memory", "adaptive"), {"adapters": "false"}),
    ("infini-delta", ("--memory", "infini"), {"infini_update": "delta"}),
    ("infini-linear", ("--memory", "infini"), {"infini_update": "linear"}),
    ("melodi", ("--memory", "melodi"), {}),
)
Outcomes = Iterator[tuple[str, Any]]
TIMES = ("seconds", "first_token_seconds", "created_at", "updated_at", "tokens_per_second")


class Program:
    """The program under test, with its own data folder and the backbones of another one."""

    def __init__(self, command: str, home: Path, models: Path) -> None:
        self._command = shlex.split(command)
        home.mkdir(parents=True)
        (home / "models").symlink_to(models)
        self._environment = {**os.environ, "BOOKSTATE_HOME": str(home), "HF_HUB_OFFLINE": "1"}

    def run(self, *arguments: str, **settings: str) -> Any:
        """What a command prints with --json, without times."""
        environment = self._environment | {f"BOOKSTATE_{k.upper()}": v for k, v in settings.items()}
        done = subprocess.run(
            [*self._command, *arguments, "--json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return {"refused": done.stderr.strip().splitlines()[-1:]}
        lines = [_without_times(json.loads(line)) for line in done.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in TIMES}
    return [_without_times(v) for v in value] if isinstance(value, list) else value


def outcomes(open_home: Callable[[str], Program], book: Path, folder: Path) -> Outcomes:
    """(name, outcome) of every recorded command, in the order in which they run.

    open_home: the program in a new data folder; each memory has its own.
    """
    homes: dict[str, Program] = {}
    ids: dict[str, str] = {}
    for name, arguments, settings in READINGS:
        homes[name] = open_home(name)
        read = homes[name].run("ingest", str(book), *arguments, **settings)
        ids[name] = read["id"]
        yield f"state of {name}", {"ingest": read, "show": homes[name].run("show", read["id"])}

    def run(name: str, command: str, *arguments: str, **settings: str) -> Any:
        return homes[name].run(command, ids[name], *arguments, **settings)

    for question in QUESTIONS:
        yield f"ask adaptive: {question}", run("adaptive", "ask", question)
    for name in ("adaptive-exact", "infini-delta", "infini-linear", "melodi"):
        yield f"ask {name}", run(name, "ask", QUESTIONS[0])
    plain = run("adaptive-plain", "ask", QUESTIONS[0], adapters="false")
    yield "ask adaptive-plain", plain
    for name in ("adaptive", "infini-linear"):
        yield f"ask {name}, chapter 3", run(name, "ask", QUESTIONS[2], "--chapter", "3")
    early = run("adaptive", "ask", QUESTIONS[3], "--as-of-chapter", "2")
    yield "ask adaptive as of chapter 2", early
    for name in ("adaptive", "infini-linear"):
        yield f"summarize {name}", run(name, "summarize", "--chapter", "2")
    out = folder / "export.bookstate"
    run("adaptive", "export", str(out))
    yield "export", dict(_state_hashes(out))
    other = open_home("other")
    imported = other.run("import", str(out))
    yield "import", imported
    yield "ask imported", other.run("ask", imported["id"], QUESTIONS[0])


def _state_hashes(file: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(file) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("state/"):
                yield name, hashlib.sha256(archive.read(name)).hexdigest()


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Places where two records differ; what only the later one has is not a difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield f"{where}/{key}: gone (was {value!r:.100})"
            else:
                yield from differences(value, after[key], f"{where}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for n, (one, two) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, two, f"{where}/{n}")
    elif before != after:
        yield f"{where}: {before!r:.100} -> {after!r:.100}"


def main() -> int:
    """The command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command_name", required=True)
    record = commands.add_parser("record")
    record.add_argument("book", type=Path)
    record.add_argument("out", type=Path)
    record.add_argument("--command", default="bookstate")
    record.add_argument("--models", type=Path, required=True, help="folder of fetched backbones")
    compare = commands.add_parser("compare")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command_name == "record":
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def open_home(home: str) -> Program:
                return Program(given.command, folder / home, given.models.resolve())

            recorded = dict(outcomes(open_home, given.book.resolve(), folder))
        given.out.write_text(json.dumps(recorded, indent=1, ensure_ascii=False), "utf-8")
        print(f"{len(recorded)} outcomes in {given.out}")  # noqa: T201
        return 0
    before, after = (json.loads(f.read_text("utf-8")) for f in (given.before, given.after))
    found = list(differences(before, after))
    print("\n".join(found) or f"{len(before)} outcomes are the same")  # noqa: T201
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

"""`bookstate bench mutations`: small files of every format, changed at random, thousands of times.

Each is read, or refused as the product refuses, within a minute; anything else is a failure, which
is named by its file and number. Every 500 have a process of their own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from app.errors import InvalidSetting
from lab.bench.hard.mutate import corpus

AT_ONCE = 500  # files that share a process
_PATIENCE = 120  # seconds that a child may say nothing
_FAILURES = ("exception", "hang", "crash")
_LINE = re.compile(r"(\d+) (read|refused|memory|hang|exception .*)")

Told = Callable[[str, int, int], None]


@dataclass(slots=True)
class Format:
    """What came of the changed files of one format."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """A row of the table."""
        kinds = ("read", "refused", "memory", *_FAILURES)
        return {
            "file": self.name,
            "files": self.outcomes.total(),
            **{kind: self.outcomes[kind] for kind in kinds},
            "seconds": round(self.seconds, 1),
        }


def mutations(names: list[str], count: int, first: int, told: Told) -> dict[str, Any]:
    """Run `count` changed files of each of these files of the corpus; none: of all."""
    known = corpus()
    if unknown := set(names) - known.keys():
        raise InvalidSetting(
            f"The corpus has no {', '.join(sorted(unknown))}; choose from {', '.join(known)}."
        )
    found = []
    for name in names or known:
        one = Format(name)
        for start in range(first, first + count, AT_ONCE):
            began = monotonic()
            run_some(one, start, min(start + AT_ONCE, first + count))
            one.seconds += monotonic() - began
            told(name, one.outcomes.total(), count)
        found.append(one)
    return {
        "rows": [one.row() for one in found],
        "failures": [f"{one.name} {failure}" for one in found for failure in one.failures],
    }


def run_some(one: Format, first: int, last: int) -> None:
    """Read the files from `first` to before `last`, starting again after each that crashes."""
    while first < last:
        number = first - 1
        for number, outcome in _outcomes(one.name, first, last):
            kind = outcome.partition(" ")[0]
            one.outcomes[kind] += 1
            if kind in _FAILURES:
                one.failures.append(f"{number}: {outcome}")
        first = number + 1


def _outcomes(name: str, first: int, last: int) -> Iterator[tuple[int, str]]:
    """(number, what came of it) from one child; a crash is the outcome of the file it was at."""
    command = [sys.executable, "-W", "ignore", "-m", "lab.bench.hard.mutation_child"]
    child = subprocess.Popen(
        [*command, name, str(first), str(last)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    expected = first
    assert child.stdout
    try:
        for line in child.stdout:
            match = _LINE.fullmatch(line.strip())
            if match is None or int(match[1]) != expected:
                break
            expected += 1
            yield int(match[1]), match[2]
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            yield expected, "hang"
            return
        if expected < last:
            yield expected, f"crash with {child.returncode}"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()

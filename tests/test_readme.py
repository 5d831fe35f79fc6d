"""The README is short, and CI runs the test command that it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MOST_BYTES = 12_288  # what one reads in five minutes


def test_it_is_short() -> None:
    assert len(README.encode()) <= MOST_BYTES


def test_ci_runs_its_test_command() -> None:
    commands = re.findall(r"^```sh\n(.+)\n```$", README, re.M)
    (tests,) = (command for command in commands if command.endswith("pytest"))
    assert tests in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()

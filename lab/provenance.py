"""Provenance: the command, version, commit and machine that a figure was made with."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def provenance(command: str = "") -> dict[str, Any]:
    """The command (by default that of this process), and what ran it; paths are left out."""
    return {
        "command": command or " ".join(["bookstate", *map(_name, sys.argv[1:])]),
        "version": version("bookstate"),
        "commit": _commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def provenance_line(made: dict[str, Any]) -> str:
    """The same as a line under a table."""
    commit = f" at {made['commit']}" if made["commit"] else ""
    return (
        f"`{made['command']}`, bookstate {made['version']}{commit}, {made['machine']}, "
        f"{made['threads']} threads, torch {made['torch']}"
    )


def _name(argument: str) -> str:
    return Path(argument).name if os.sep in argument else argument


def _commit() -> str | None:
    """The commit of the checkout that this runs from; None for an installed package."""
    here = Path(__file__).parent
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # no git on this machine
        return None
    return asked.stdout.strip() or None

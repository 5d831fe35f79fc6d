"""Figures as Markdown: every one of them is there, whatever it stands in."""

from __future__ import annotations

import subprocess

import pytest

from lab.markdown import figures_markdown
from lab.provenance import provenance, provenance_line


def test_every_figure_and_row_is_told() -> None:
    found = {
        "seconds": 1.23456,
        "tokens": 1_234_567.0,
        "heads": [[1, 2], [3, 4]],
        "scores": {"recall": 0.5, "by depth": {"10%": None}},
        "answers": [{"q": "a | b", "a": "two\nlines"}, {"q": "c", "a": True}],
        "files": {"novel.txt": {"windows": 3, "answers": [{"q": "d", "a": "e"}]}},
        "none": [],
    }
    assert figures_markdown(found).split("\n") == [
        "| figure | value |",
        "|---|---|",
        "| seconds | 1.235 |",
        "| tokens | 1,234,567 |",
        "| heads | 1, 2, 3, 4 |",
        "| scores recall | 0.5 |",
        "| scores by depth 10% | - |",
        "| files novel.txt windows | 3 |",
        "| none |  |",
        "",
        "answers",
        "",
        "| q | a |",
        "|---|---|",
        r"| a \| b | two lines |",
        "| c | True |",
        "",
        "files novel.txt answers",
        "",
        "| q | a |",
        "|---|---|",
        "| d | e |",
    ]


def test_rows_alone_have_no_empty_table_of_figures() -> None:
    assert figures_markdown({"rows": [{"a": 1}]}) == "rows\n\n| a |\n|---|\n| 1 |"


def test_what_made_a_table_is_told_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    monkeypatch.setattr("sys.argv", ["bookstate", "evaluate", "--data", "/home/a/b.jsonl.gz"])
    made = provenance()
    assert made["command"] == "bookstate evaluate --data b.jsonl.gz"
    assert made["commit"] is None
    assert provenance_line(made).startswith(f"`{made['command']}`, bookstate {made['version']}, ")

"""Plots: the right series, in SVG that parses and is the same every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.evaluate.harness import Outcome
from lab.evaluate.plots import against_length, against_size, write_plots
from lab.evaluate.table import Row, groups_markdown, make_rows, row_json, to_markdown


def outcome(f1: float, state_bytes: int = 0, contains: float = 0.0) -> Outcome:
    return Outcome(
        "", f1, 0.0, 0.0, 1.0, 1.0, 0.0, -0.5, state_bytes, 1000, None, None, contains, 0.0
    )


def rows() -> list[Row]:
    found: list[Row] = []
    for tokens, loss in ((32_000, 0.0), (1_000_000, 0.2)):
        outcomes = {
            "none": [outcome(0.1)],
            "gold": [outcome(0.9, contains=1.0)],
            "adaptive": [outcome(0.8 - loss, 100, contains=0.5)],
            "adaptive@0.05": [outcome(0.6 - loss, 30)],
            "a<b": [outcome(0.3, 5)],
        }
        setting = f"{tokens:,} tokens"
        found += make_rows(outcomes, setting=setting, document_tokens=tokens, group="qa1")
    return found


def test_plots_name_every_memory_and_are_the_same_every_time(tmp_path: Path) -> None:
    files = write_plots(rows(), "f1", tmp_path / "plots")
    again = write_plots(rows(), "f1", tmp_path / "again")
    assert len(files) == 2
    for file, other in zip(files, again, strict=True):
        root = ElementTree.fromstring(file.read_text("utf-8"))
        texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {"none", "gold", "adaptive", "a<b"} <= texts
        assert file.read_bytes() == other.read_bytes()


def test_length_is_drawn_against_the_score() -> None:
    chart = against_length(rows(), "f1")
    adaptive = next(s for s in chart.series if s.name == "adaptive")
    assert adaptive.points == ((32_000, 0.8), (1_000_000, 0.6000))
    assert chart.top == 0.9


def test_matplotlib_is_only_loaded_to_draw() -> None:
    script = (
        "import sys, lab.cli.evaluate, lab.cli.train, lab.cli.calibrate; "
        "heavy = {'matplotlib', 'accelerate', 'rouge_score', 'bm25s'} & sys.modules.keys(); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_shares_of_one_memory_are_one_line_of_the_longest_documents() -> None:
    chart = against_size(rows(), "f1")
    lines = {s.name: s.points for s in chart.series if s.level is None}
    assert lines["adaptive"] == ((0.1, 0.6), (0.03, 0.4))
    levels = {s.name: s.level for s in chart.series if s.level is not None}
    assert levels == {"none": 0.1, "gold": 0.9}


def test_one_length_alone_is_drawn_too(tmp_path: Path) -> None:
    one = [row for row in rows() if row.document_tokens == 32_000]
    for file in write_plots(one, "contains", tmp_path):
        ElementTree.fromstring(file.read_text("utf-8"))


def test_tables_name_settings_where_there_are_several() -> None:
    table = to_markdown(rows()).splitlines()
    assert len(table) == 2 + 10 and "1,000,000 tokens" in table[-1]
    assert len({line.count("|") for line in table}) == 1
    alone = to_markdown(rows()[:5]).splitlines()
    assert "tokens" not in alone[-1] and len({line.count("|") for line in alone}) == 1
    groups = groups_markdown(rows(), "contains").splitlines()
    assert groups[2].startswith("| 32,000 tokens, qa1 (1) | 0.00 | 1.00 | 0.50 |")


def test_rows_name_the_gain_in_f1() -> None:
    found = {row.memory: row_json(row) for row in rows()[:5]}
    assert found["adaptive"]["recovered_gain_f1"] == pytest.approx(0.875)
    assert found["adaptive"]["recovered_gain"] == found["adaptive"]["recovered_gain_f1"]
    assert found["adaptive"]["interval_f1"] == found["adaptive"]["interval"]
    assert found["adaptive"]["share_of_gold"] == 0.5 and found["gold"]["share_of_gold"] == 1.0

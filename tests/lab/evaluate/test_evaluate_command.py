"""`bookstate evaluate`: the command's JSON, table and plots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli.main import app

ROW = {
    "memory",
    "n",
    "f1",
    "exact_match",
    "rouge_l",
    "nats_per_token",
    "recovered_gain",
    "interval",
    "state_bytes",
    "kv_cache_bytes",
    "recovered_gain_f1",
    "interval_f1",
    "contains",
    "abstained",
    "share_of_gold",
    "document_tokens",
    "setting",
}


@pytest.fixture
def tiny_settings(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "backbone": str(tiny_backbone),
        "window": "96",
        "keep_ratio": "0.25",
        "answer_tokens": "6",
    }.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", value)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *(str(a) for a in arguments)])


@pytest.mark.usefixtures("tiny_settings")
def test_records_keep_the_commands_contract(records: Path) -> None:
    command = ("--data", records, "--split", "val", "--distractors", 3, "--limit", 2, "--json")
    result = run(
        *command, "--memories", "none,gold,wrong,random,truncated@64,full,rag@32x2,adaptive"
    )
    assert result.exit_code == 0, result.stderr or result.exception
    printed = json.loads(result.stdout, parse_constant=pytest.fail)
    rows = {row["memory"]: row for row in printed["rows"]}
    shown = {"none", "gold", "truncated@64", "full", "rag@32x2"}
    assert set(rows) == shown | {"wrong", "random", "adaptive"}
    assert all(row.keys() >= ROW and row["n"] == 2 for row in rows.values())
    for name in ("wrong", "random", "adaptive"):
        assert 0 < rows[name]["state_bytes"] < rows[name]["kv_cache_bytes"]
    assert rows["rag@32x2"]["recall_at_4"] is not None
    assert rows["full"]["nats_per_token"] != rows["truncated@64"]["nats_per_token"]
    made = printed["provenance"]
    assert made["command"].startswith("bookstate") and str(records.parent) not in str(made)
    assert made.keys() == {"command", "version", "commit", "machine", "threads", "torch"}


@pytest.mark.usefixtures("tiny_settings")
def test_quick_needs_no_data_for_a_pass_key(tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    result = run("--task", "passkey", "--quick", "--limit", 1, "--memories", "none,rag,infini",
                 "--answers", "--plots", plots)  # fmt: skip
    assert result.exit_code == 0, result.stderr or result.exception
    assert "| infini | 1 |" in result.stdout and "| contains of | none | rag | infini |" in (
        result.stdout
    )
    assert "Q: What is the pass key?" in result.stderr and "[rank 0]" in result.stderr
    assert len(list(plots.glob("*.svg"))) == 2


@pytest.mark.usefixtures("tiny_settings")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--task", "songs"),
        ("--distractors", "many", "--task", "passkey"),
        ("--tokens", "1K", "--task", "passkey"),
        (),
    ],
)
def test_refusals_are_one_line(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.strip().splitlines()) == 1

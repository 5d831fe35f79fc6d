"""Files made to do harm: a few of each format in the child, and two at a running server."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bench.hard.hostile import Withstood, apart, files, hostile
from lab.bench.hard.kinds import KINDS

SOME = [
    "comments.txt",
    "brackets.md",
    "tables.html",
    "laughs.epub",
    "same_member.epub",
    "deep.docx",
    "hidden.docx",
    "arrays.pdf",
    "cycle.pdf",
    "ranges.pdf",
    "deep.bookstate",
    "lists.gguf",
]


def test_there_are_many_kinds_and_no_large_files() -> None:
    assert len(KINDS) >= 50
    assert {name.rpartition(".")[2] for name in KINDS} == {
        "txt", "md", "html", "epub", "docx", "pdf", "bookstate", "gguf",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", [*SOME, *(pytest.param(n, marks=pytest.mark.slow) for n in KINDS if n not in SOME)]
)
def test_it_is_read_or_refused(name: str, tmp_path: Path) -> None:
    ((_, data),) = files(None, [name])
    assert len(data) < 10 << 20
    one = apart(name, data, tmp_path)
    assert one.failure(served=False) == ""
    assert one.outcome and one.peak_mib > 5


@pytest.mark.slow  # two servers start
def test_the_server_answers_others_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests run beside this one; a server that stands still would take a minute."""
    monkeypatch.setattr("lab.bench.hard.hostile.CONFIG_SECONDS", 5.0)
    found = hostile(None, ["comments.txt", "arrays.pdf"], serve=True, told=lambda *_: None)
    assert found["failures"] == []
    assert [row["served"].partition(":")[0] for row in found["rows"]] == ["read", "refused"]
    assert all(row["slowest_config"] > 0 for row in found["rows"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outcome": "KeyError: 'x'"}, "KeyError"),
        ({"outcome": "no sentence: 'x'"}, "no sentence"),
        ({"seconds": 70.0}, "70 s"),
        ({"peak_mib": 1025}, "1025 MiB"),
        ({"slowest_config": 1.1}, "took 1.1 s"),
        ({"served": "ConnectionError"}, "the server said"),
    ],
)
def test_what_is_not_withstood_is_said(change: dict[str, object], says: str) -> None:
    fine = {"outcome": "read: 1", "served": "read"}
    assert Withstood("a.txt", 10, **fine).failure(served=True) == ""  # type: ignore[arg-type]
    one = Withstood("a.txt", 10, **{**fine, **change})  # type: ignore[arg-type]
    assert says in one.failure(served=True)

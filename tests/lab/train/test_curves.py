"""Curves of a run: what its log says, as plots."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.train.curves import write_curves


def write_log(folder: Path, steps: int, judged: dict[str, float]) -> None:
    lines: list[dict[str, float]] = []
    for step in range(1, steps + 1):
        at = {"step": step, "total_tokens": 100 * step}
        lines.append({"loss": 6.0 / step, "weight": 2.0, **at})
        if step % 50 == 0:
            lines.append({**at, **judged})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def drawn(file: Path) -> tuple[set[str | None], int]:
    root = ElementTree.fromstring(file.read_text("utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    texts = {element.text for element in root.iter(f"{space}text")}
    return texts, len(list(root.iter(f"{space}circle")))


def test_losses_and_shares_are_two_plots(tmp_path: Path) -> None:
    write_log(tmp_path, 120, {"score": 0.4, "window_f1": 0.5, "window_first_nats": 3.0})
    loss, validation = write_curves(tmp_path)
    assert (loss.name, validation.name) == ("loss.svg", "validation.svg")
    texts, points = drawn(loss)
    assert {"training loss", "window_first_nats"} <= texts and "score" not in texts
    assert points == 60 + 2  # two steps a point; two validations
    texts, points = drawn(validation)
    assert {"score", "window_f1"} <= texts and points == 4


def test_a_score_below_zero_is_a_loss(tmp_path: Path) -> None:
    write_log(tmp_path, 50, {"score": -1.5})
    (loss,) = write_curves(tmp_path)
    assert "validation loss" in drawn(loss)[0]


@pytest.mark.parametrize("steps", [1, 7])
def test_a_run_that_was_never_judged_has_its_loss(tmp_path: Path, steps: int) -> None:
    write_log(tmp_path, steps, {})
    (loss,) = write_curves(tmp_path)
    assert drawn(loss)[1] == steps

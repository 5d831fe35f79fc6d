"""Curves of a run: what its log says, as plots."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.evaluate.plots import Chart, write_svg
from lab.train.curves import write_curves


def write_log(folder: Path, steps: int, judged: dict[str, float]) -> None:
    lines: list[dict[str, float]] = []
    for step in range(1, steps + 1):
        at = {"step": step, "total_tokens": 100 * step}
        lines.append({"loss": 6.0 / step, "weight": 2.0, **at})
        if step % 50 == 0:
            lines.append({**at, **judged})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def names(file: Path) -> set[str | None]:
    root = ElementTree.fromstring(file.read_text("utf-8"))
    return {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each chart has, in the order in which they are drawn."""
    counts: list[int] = []

    def counted(chart: Chart, path: Path) -> Path:
        counts.append(sum(len(series.points) for series in chart.series))
        return write_svg(chart, path)

    monkeypatch.setattr("lab.train.curves.write_svg", counted)
    return counts


def test_losses_and_shares_are_two_plots(tmp_path: Path, points: list[int]) -> None:
    write_log(tmp_path, 120, {"score": 0.4, "window_f1": 0.5, "window_first_nats": 3.0})
    loss, validation = write_curves(tmp_path)
    assert (loss.name, validation.name) == ("loss.svg", "validation.svg")
    assert {"training loss", "window_first_nats"} <= names(loss) and "score" not in names(loss)
    assert {"score", "window_f1"} <= names(validation)
    assert points == [60 + 2, 4]  # two steps a point; two validations


def test_a_score_below_zero_is_a_loss(tmp_path: Path) -> None:
    write_log(tmp_path, 50, {"score": -1.5})
    (loss,) = write_curves(tmp_path)
    assert "validation loss" in names(loss)


@pytest.mark.parametrize("steps", [1, 7])
def test_a_run_that_was_never_judged_has_its_loss(
    tmp_path: Path, points: list[int], steps: int
) -> None:
    write_log(tmp_path, steps, {})
    (loss,) = write_curves(tmp_path)
    assert points == [steps] and "training loss" in names(loss)

"""The queue of the papers' runs, its tables, and the commands, on a tiny size and tiny books."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidSetting
from lab.papers.charts import page
from lab.papers.configs import ABLATIONS, SIZES, SYSTEMS, Size
from lab.papers.runs import Job, Papers, jobs, table_json, table_markdown, work
from lab.papers.table import Result, make_rows, to_markdown
from lab.papers.train import Recipe
from memory_models.errors import InvalidRequest

SENTENCES = (
    "The lighthouse keeper lit the lamp every evening before the fog came in.",
    "A grey cat slept on the warm stones beside the harbour wall.",
)
NAMES = ("Mara", "Tobias", "Ilse", "Anton", "Greta", "Joren")


def story(seed: int) -> str:
    rng = random.Random(seed)
    lines = []
    for _ in range(60):
        line = rng.choice(SENTENCES)
        lines.append(f"{line} There {rng.choice(NAMES)} met {rng.choice(NAMES)}, who slept.")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "books.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for number in range(6):
            split = "val" if number > 3 else "train"
            record = {"id": str(number), "title": "", "split": split, "text": story(number)}
            out.write(json.dumps(record) + "\n")
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Size:
    """A size that trains in a second."""
    mini = SIZES["mini"]
    decoder = replace(
        mini.decoder,
        vocab_size=330,
        hidden_size=16,
        intermediate_size=32,
        layers=3,
        heads=2,
        kv_heads=2,
        head_size=8,
    )
    recipe = Recipe(steps=20, rows=2, windows=2, passage=8, warmup=2, renamed=0.4, echoed=0.4)
    size = Size("tiny", decoder, 16, 4, 4, recipe, read_tokens=400, read_rows=2)
    monkeypatch.setitem(SIZES, "tiny", size)
    return size


@pytest.fixture
def papers(tiny: Size, home: Path, books: Path) -> Papers:
    return Papers(home, tiny, books)


def test_a_queue_trains_what_is_missing_and_fills_the_table(papers: Papers) -> None:
    queue = jobs(["window", "melodi_s128_l64"], [0, 1], papers.size)
    assert [job.seed for job in queue] == [0, 0, 1, 1]
    said: list[str] = []
    steps: list[tuple[str, int, int]] = []
    work(papers, queue[:3], said.append, lambda *at: steps.append(at))
    assert steps[-1] == ("window-s1", 20, 20)
    assert [Job(r.system, r.seed) for r in papers.results()] == [queue[1], queue[0], queue[2]]
    assert "| window | 2 |" in (papers.folder / "table.md").read_text("utf-8")
    said.clear()
    work(papers, queue, said.append, lambda *_at: None)
    assert len(said) == 2  # the last run alone: begun, ended
    rows = table_json(papers)["rows"]
    assert [row["system"] for row in rows] == ["window", "melodi_s128_l64"]
    assert rows[0]["floats"] == 0
    assert rows[1]["floats"] > 0
    for row in rows:
        assert row["seeds"] == (0, 1)
        assert 1 < row["perplexity"] < 1000
        assert row["perplexity_spread"] >= 0
        assert row["name_perplexity"] > 1
    html = (papers.folder / "charts.html").read_text("utf-8")
    assert "Perplexity by place in the book" in html
    assert "Perplexity of passages that come again" in html
    assert "Gates of melodi_s128_l64" in html


def test_a_table_is_made_where_there_is_no_git(
    papers: Papers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    made_by = table_json(papers)["provenance"]
    assert made_by["commit"] is None and made_by["torch"]


def test_a_stopped_run_goes_on_and_a_changed_one_is_refused(
    papers: Papers, tiny: Size, home: Path, books: Path
) -> None:
    class Stop(Exception):
        pass

    def stop(_name: str, step: int, _steps: int) -> None:
        if step == 10:
            raise Stop

    job = Job("xl", 0)
    with pytest.raises(Stop):
        work(papers, [job], lambda _text: None, stop)
    assert papers.result(job) is None
    assert "xl-s0: step 10 of 20" in table_markdown(papers)
    other = Papers(home, replace(tiny, recipe=replace(tiny.recipe, rate=0.5)), books)
    with pytest.raises(InvalidSetting, match="another recipe"):
        work(other, [job], lambda _text: None, lambda *_at: None)
    work(papers, [job], lambda _text: None, lambda *_at: None)
    found = papers.result(job)
    assert found is not None
    assert found.tokens == 20 * 2 * 2 * 16
    assert found.echoes
    assert Result.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_two_queues_do_not_make_the_same_run(papers: Papers) -> None:
    job = Job("window", 0)
    papers.run_folder(job).mkdir()
    said: list[str] = []
    with FileLock(papers.run_folder(job) / "lock"):
        work(papers, [job], said.append, lambda *_at: None)
    assert said == ["window-s0: another queue is at it"]
    assert papers.results() == []


def test_results_made_elsewhere_are_taken_in(
    papers: Papers, tiny: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = jobs(["window", "xl"], [0], papers.size)
    work(papers, queue, lambda _text: None, lambda *_at: None)
    file = tmp_path / "tiny.json"
    file.write_text(json.dumps(table_json(papers)), "utf-8")
    monkeypatch.setenv("BOOKSTATE_HOME", str(tmp_path / "elsewhere"))
    other = Papers(tmp_path / "elsewhere", tiny)
    code, out = run("papers", "import", str(file), "--size", "tiny", "--json")
    assert (code, json.loads(out)) == (0, {"imported": ["window-s0", "xl-s0"]})
    assert other.results() == papers.results()
    said: list[str] = []
    work(other, queue, said.append, lambda *_at: None)
    assert said == []  # nothing is made again
    assert run("papers", "import", str(file), "--size", "tiny") == (0, "0 results: \n")
    assert run("papers", "import", str(file), "--size", "mini")[0] == 1
    file.write_text('{"results": [{"system": "xl"}]}', "utf-8")
    assert run("papers", "import", str(file), "--size", "tiny")[0] == 1


def test_results_that_ship_can_be_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's table is made of these and of the two seeds before them."""
    monkeypatch.setenv("BOOKSTATE_HOME", str(home))
    file = files("assets") / "papers" / "mini.json"
    code, out = run("papers", "import", str(file), "--json")
    assert code == 0
    assert "melodi_s128_l64-s2" in json.loads(out)["imported"]
    code, out = run("papers", "table", "--json")
    rows = {row["system"]: row for row in json.loads(out)["rows"]}
    assert code == 0
    assert rows["memorizing"]["floats"] == 8 * rows["melodi_s128_l64"]["floats"]
    assert rows["memorizing"]["floats"] == 128 * rows["infini_delta"]["floats"]
    assert all(60 < row["perplexity"] < 80 for row in rows.values())


def test_books_are_needed_once(papers: Papers, tiny: Size, home: Path) -> None:
    with pytest.raises(InvalidSetting, match="--data"):
        _ = Papers(home, tiny).tokenizer
    made = papers.corpus("val", renamed=True)
    again = Papers(home, tiny).corpus("val", renamed=True)
    assert (made.tokens == again.tokens).all()
    assert (made.distance > 0).any()


def test_names_of_systems_are_checked_before_anything_is_made(tiny: Size) -> None:
    with pytest.raises(InvalidRequest, match="elephant"):
        jobs(["window", "elephant"], [0], tiny)


def test_memory_is_given_against_memorizing(papers: Papers) -> None:
    queue = jobs(["memorizing", "infini_delta"], [0], papers.size)
    work(papers, queue, lambda _text: None, lambda *_at: None)
    rows = make_rows(papers.results(), tuple(SYSTEMS))
    assert [row.system for row in rows] == ["memorizing", "infini_delta"]
    assert rows[0].of_memorizing == 1.0
    assert rows[1].of_memorizing == pytest.approx(rows[1].floats / rows[0].floats, abs=1e-5)
    assert rows[0].perplexity_spread is None
    assert "± " not in to_markdown(rows)
    assert "share taken from memory" in page(papers.results(), tuple(SYSTEMS))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout


def test_commands(tiny: Size, books: Path) -> None:
    code, out = run("papers", "tokenizer", "--size", "tiny", "--data", str(books), "--json")
    assert code == 0
    assert json.loads(out)["vocabulary"] == 330
    code, out = run("papers", "train", "--size", "tiny", "--systems", "rmt", "--seeds", "0")
    assert code == 0
    assert "rmt seed 0: perplexity" in out
    code, out = run(
        "papers", "train", "--size", "tiny", "--systems", "rmt", "--seeds", "0", "--json"
    )
    assert [(r["system"], r["seed"]) for r in json.loads(out)["results"]] == [("rmt", 0)]
    systems = "rmt,melodi_s128_l64@queue=2;memory=long"
    code, out = run(
        "bench", "papers", "--size", "tiny", "--systems", systems, "--seeds", "0", "--json"
    )
    assert code == 0
    found = json.loads(out)
    names = [row["system"] for row in found["rows"]]
    assert names == ["rmt", "melodi_s128_l64@queue=2,memory=long"]
    assert found["provenance"]["command"].startswith("bookstate bench papers")
    code, out = run("papers", "table", "--size", "tiny")
    assert code == 0
    assert "Ablations" in out
    assert run("papers", "table", "--size", "huge") == (1, "")
    assert run("papers", "train", "--size", "tiny", "--seeds", "one")[0] == 1
    assert run("papers", "train", "--size", "tiny", "--systems", "xl@speed=2")[0] == 1
    code, out = run("papers", "speed", "--size", "tiny", "--systems", "window", "--json")
    assert code == 0
    (speed,) = json.loads(out)["systems"]
    assert speed["system"] == "window" and speed["trained"] > 0


def test_ablations_are_known() -> None:
    assert len(set(ABLATIONS)) == len(ABLATIONS)
    assert not set(ABLATIONS) & set(SYSTEMS)

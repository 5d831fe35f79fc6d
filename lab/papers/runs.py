"""The papers' systems: tokens, a queue of training runs, and tables of the finished ones.

Everything is kept under `papers/` in the data folder:
    tokenizer-4096.model  tokens/*.npz                     made once from a file of books
    mini/SYSTEM-sSEED/    run.json checkpoint.safetensors progress.json result.json lock
    mini/                 table.json table.md charts.html

A run has a lock, so that several queues can work on one list. A killed run continues from its last
checkpoint; a run that has a result is not trained again. `assets/papers/mini.json` has the results
of the published runs, as `papers table --json` prints them; `papers import` imports them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from app.errors import InvalidSetting
from lab.evaluate.cases.records import Record, read_records
from lab.papers.configs import ABLATIONS, SYSTEMS, Size, build, parse, recipe_of
from lab.papers.data import (
    BookTokenizer,
    Corpus,
    StreamPlan,
    Streams,
    echoed,
    train_tokenizer,
)
from lab.papers.evaluate import (
    Reading,
    by_distance,
    by_position,
    names_after_first,
    names_beyond,
    overall,
    read_books,
)
from lab.papers.names import rename
from lab.papers.table import Result, distances_markdown, make_rows, to_markdown
from lab.papers.train import (
    Progress,
    Recipe,
    Trainer,
    busy_seconds,
    load_trained,
    precision,
    product_dtype,
    train,
)
from lab.provenance import provenance
from memory_models.papers.system import AnySystem, parameters_of, state_floats

RENAMING = "0"  # seed of the invented names
ECHOES = 0  # seed of the echoes in held-out books
ORDER = (*SYSTEMS, *ABLATIONS)
PROGRESS_EVERY = 10  # steps
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the queue."""

    system: str
    seed: int

    @property
    def folder(self) -> str:
        return f"{self.system}-s{self.seed}"


def jobs(systems: Sequence[str], seeds: Sequence[int], size: Size) -> list[Job]:
    """All systems with the first seed, then all with the next; names are checked."""
    for system in systems:
        parse(system, size)
    return [Job(system, seed) for seed in seeds for system in systems]


class Papers:
    """The folder of one size."""

    def __init__(self, home: Path, size: Size, data: Path | None = None) -> None:
        self.size, self.data = size, data
        self.shared = home / "papers"
        self.folder = self.shared / size.name
        (self.shared / "tokens").mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)

    # Books

    def _records(self, split: str) -> list[Record]:
        if self.data is None:
            raise InvalidSetting("Token files are missing; give the books with --data.")
        return read_records(self.data, split)

    @property
    def tokenizer_path(self) -> Path:
        return self.shared / f"tokenizer-{self.size.decoder.vocab_size}.model"

    @cached_property
    def tokenizer(self) -> BookTokenizer:
        """The size's tokenizer, trained on the training books when it is first needed."""
        with FileLock(self.tokenizer_path.with_suffix(".lock")):
            if not self.tokenizer_path.exists():
                texts = (record.text for record in self._records("train"))
                train_tokenizer(texts, self.size.decoder.vocab_size, self.tokenizer_path)
        return BookTokenizer(self.tokenizer_path)

    def corpus(self, split: str, *, renamed: bool) -> Corpus:
        """Tokens of a split, with its own or with invented names; encoded when first needed."""
        tokenizer = self.tokenizer
        mark = hashlib.sha256(self.tokenizer_path.read_bytes()).hexdigest()[:12]
        kind = f"renamed{RENAMING}" if renamed else "plain"
        path = self.shared / "tokens" / f"{split}-{kind}-{mark}.npz"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                records = self._records(split)
                texts = (rename(r.text, RENAMING + r.id) if renamed else r.text for r in records)
                Corpus.encode(tokenizer, texts).save(path)
        return Corpus.load(path)

    def streams(self, recipe: Recipe, window: int, seed: int) -> Streams:
        """Training streams; renamed books are opened only where the recipe wants them."""
        plan = StreamPlan(window, recipe.rows, recipe.steps * recipe.windows, recipe.passage, seed)
        corpora = [self.corpus("train", renamed=False)]
        weights = [1 - recipe.renamed - recipe.echoed]
        if recipe.renamed or recipe.echoed:
            renamed = self.corpus("train", renamed=True)
            corpora += [renamed, echoed(renamed, seed)]
            weights += [recipe.renamed, recipe.echoed]
        return Streams(corpora, weights, plan)

    # Runs

    def run_folder(self, job: Job) -> Path:
        return self.folder / job.folder

    def result(self, job: Job) -> Result | None:
        """What a finished run measured."""
        path = self.run_folder(job) / "result.json"
        return Result.from_json(json.loads(path.read_text("utf-8"))) if path.exists() else None

    def results(self) -> list[Result]:
        """All finished runs of this size."""
        paths = sorted(self.folder.glob("*/result.json"))
        return [Result.from_json(json.loads(path.read_text("utf-8"))) for path in paths]

    def unfinished(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Runs that are started but not finished, with their progress."""
        for path in sorted(self.folder.glob("*/progress.json")):
            if not (path.parent / "result.json").exists():
                yield path.parent.name, json.loads(path.read_text("utf-8"))


def take_in(papers: Papers, path: Path) -> list[Job]:
    """Import results of `table_json`, as if the runs had been made here; own results stay."""
    try:
        results = [Result.from_json(raw) for raw in json.loads(path.read_bytes())["results"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidSetting(
            f"{path.name} is not what `papers table --json` prints ({error!r}); give such a file."
        ) from error
    others = {result.size for result in results} - {papers.size.name}
    if others:
        raise InvalidSetting(
            f"{path.name} holds runs of size {', '.join(sorted(others))}; import them with --size."
        )
    taken: list[Job] = []
    for result in results:
        (job,) = jobs([result.system], [result.seed], papers.size)
        folder = papers.run_folder(job)
        folder.mkdir(exist_ok=True)
        with FileLock(folder / "lock"):
            if papers.result(job) is None:
                _write(folder / "result.json", result.to_json())
                taken.append(job)
    return taken


def work(
    papers: Papers, queue: Sequence[Job], say: Say, on_step: Callable[[str, int, int], None]
) -> None:
    """Train every run of the queue that has no result and that no other process is training."""
    for job in queue:
        folder = papers.run_folder(job)
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            with lock.acquire(timeout=0):
                if papers.result(job) is None:
                    say(f"{job.folder}: begins")
                    result = _run(papers, job, on_step)
                    say(_line(result))
                    write_table(papers)
        except Timeout:
            say(f"{job.folder}: another queue is at it")


def _line(result: Result) -> str:
    return (
        f"{result.system} seed {result.seed}: perplexity {result.plain.perplexity:.2f}, names "
        f"{result.names.perplexity:.1f}, {result.seconds / 60:.0f} minutes"
    )


def _run(papers: Papers, job: Job, on_step: Callable[[str, int, int], None]) -> Result:
    """Train one run to its end, from its last checkpoint on, and measure it."""
    folder, recipe = papers.run_folder(job), recipe_of(job.system, papers.size)
    system = build(job.system, papers.size, job.seed)
    _check_plan(folder / "run.json", papers.size, job, recipe, system)

    def watch(trainer: Trainer, loss: float) -> None:
        step = trainer.progress.step
        if step % PROGRESS_EVERY == 0:
            notes = {"step": step, "steps": recipe.steps, "loss": round(loss, 4)}
            _write(folder / "progress.json", notes)
            on_step(job.folder, step, recipe.steps)

    checkpoint = folder / "checkpoint.safetensors"
    trainer = Trainer(system, papers.streams(recipe, system.window, job.seed), recipe)
    train(trainer, checkpoint, watch)
    result = measure(papers, job, system, load_trained(system, checkpoint))
    _write(folder / "result.json", result.to_json())
    return result


def _products(system: AnySystem, recipe: Recipe) -> str:
    return str(product_dtype(system, recipe.bfloat16)).removeprefix("torch.")


def _check_plan(path: Path, size: Size, job: Job, recipe: Recipe, system: AnySystem) -> None:
    """Raise InvalidSetting for a run that was started with another recipe."""
    plan = {
        "system": job.system,
        "seed": job.seed,
        "size": size.name,
        "decoder": asdict(size.decoder),
        "recipe": asdict(recipe),
        "threads": torch.get_num_threads(),
        "products": _products(system, recipe),
    }
    if not path.exists():
        _write(path, plan)
        return
    begun = json.loads(path.read_text("utf-8"))
    differing = sorted(name for name in plan if begun.get(name) != plan[name])
    if differing:
        raise InvalidSetting(
            f"{path.parent.name} was started with another {', '.join(differing)}; continue with "
            f"that, or remove {path.parent} to start again."
        )


def measure(papers: Papers, job: Job, system: AnySystem, progress: Progress) -> Result:
    """Read the held-out books: plain, with invented names, and with echoes."""
    size, recipe = papers.size, recipe_of(job.system, papers.size)
    plain = papers.corpus("val", renamed=False)
    renamed = papers.corpus("val", renamed=True)
    repeating = echoed(renamed, ECHOES)
    before, after, again = (
        read_books(system, corpus, size.read_tokens, recipe.bfloat16, size.read_rows)
        for corpus in (plain, renamed, repeating)
    )
    tokens = progress.step * recipe.rows * recipe.windows * system.window
    return Result(
        system=job.system,
        seed=job.seed,
        size=size.name,
        window=system.window,
        parameters=parameters_of(system),
        floats=before.floats,
        tokens=tokens,
        train_tokens_per_second=round(tokens / progress.busy, 1),
        read_tokens_per_second=round(before.tokens_per_second, 1),
        seconds=round(progress.seconds, 1),
        threads=torch.get_num_threads(),
        products=_products(system, recipe),
        plain=overall(before),
        names=names_after_first(after, renamed),
        far_names=names_beyond(after, renamed, 2 * size.window),
        positions=tuple(by_position(before, size.window)),
        distances=tuple(by_distance(after, renamed, size.window)),
        echoes=tuple(by_distance(again, repeating, size.window)),
        gates={name: gate.tolist() for name, gate in system.gates().items()},
        curve=tuple(progress.curve),
    )


# Tables


def table_json(papers: Papers) -> dict[str, Any]:
    """What `bench papers --json` prints: rows, every run's result, and provenance."""
    results = papers.results()
    return {
        "rows": [asdict(row) for row in make_rows(results, ORDER)],
        "results": [result.to_json() for result in results],
        "unfinished": dict(papers.unfinished()),
        "provenance": provenance(f"bookstate bench papers --size {papers.size.name}"),
    }


def table_markdown(papers: Papers) -> str:
    """Systems, then ablations, then names by distance; then the unfinished runs."""
    results = papers.results()
    main = [r for r in results if "@" not in r.system]
    changed = [r for r in results if "@" in r.system]
    parts = [to_markdown(make_rows(main, ORDER))]
    if changed:
        bases = {r.system.partition("@")[0] for r in changed}
        beside = [r for r in main if r.system in bases] + changed
        parts += ["Ablations", to_markdown(make_rows(beside, ORDER))]
    names = distances_markdown(results, ORDER, lambda result: result.distances)
    echoes = distances_markdown(results, ORDER, lambda result: result.echoes)
    parts += ["Perplexity of invented names, by windows since their last mention", names]
    parts += ["Perplexity of passages that come again, by windows since", echoes]
    for name, notes in papers.unfinished():
        parts.append(f"{name}: step {notes['step']} of {notes['steps']}, loss {notes['loss']}")
    return "\n\n".join(parts)


def write_table(papers: Papers) -> Path:
    """Write table.json, table.md and charts.html; returns the charts' path."""
    from lab.papers.charts import page

    _write(papers.folder / "table.json", table_json(papers))
    (papers.folder / "table.md").write_text(table_markdown(papers) + "\n", "utf-8")
    charts = papers.folder / "charts.html"
    charts.write_text(page(papers.results(), ORDER), "utf-8")
    return charts


def _write(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    partial.replace(path)


# Speed


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one system."""

    system: str
    parameters: int
    floats: int
    trained: float  # tokens a second of one core, or of a GPU
    read: float


def speed(size: Size, system: str, steps: int = 2) -> Speed:
    """Train and read random tokens, the memory full."""
    model, recipe = build(system, size), recipe_of(system, size)
    rows, window = recipe.rows, model.window
    first = -(-size.queue // recipe.windows)  # step at which the memory is full
    windows = (first + steps) * recipe.windows
    length = 1 + windows * window
    tokens = torch.randint(size.decoder.vocab_size, (rows * length,)).numpy()
    starts = torch.arange(rows + 1).numpy() * length
    book = Corpus(tokens.astype("uint16"), starts, tokens.astype("int32"))
    reading: Reading = read_books(model, book, length, recipe.bfloat16, rows)
    plan = StreamPlan(window, rows, windows, windows, 0)
    trainer = Trainer(model, Streams([book], [1.0], plan), replace(recipe, steps=steps))
    _fill(trainer, first)
    started, before = busy_seconds(model), trainer.tokens
    for _ in range(steps):
        trainer.step()
    trained = (trainer.tokens - before) / (busy_seconds(model) - started)
    return Speed(
        system,
        parameters_of(model),
        state_floats(model, trainer.state),
        round(trained),
        round(reading.tokens_per_second),
    )


@torch.no_grad()
def _fill(trainer: Trainer, steps: int) -> None:
    """Read the tokens of this many steps without learning, and continue after them."""
    tokens, _ = trainer.streams.windows(0, steps * trainer.recipe.windows)
    for window in tokens:
        with precision(trainer.system, trainer.recipe.bfloat16):
            _, trainer.state = trainer.system(window[:, :-1], trainer.state)
    trainer.progress.step = steps

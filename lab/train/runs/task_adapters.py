"""`bookstate train retrieved` and `teller`: a few more weights over the reader, for one task each.

They are kept apart and merged in where they are needed, so that what answers questions stays as it
is. Both are for the reader they were trained over, and refused beside another one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState  # type: ignore[import-untyped]

from app.adapters import RAG, SUMMARIES
from app.engine import Engine
from app.errors import InvalidSetting
from app.trained import AdaptedDecoder
from lab.evaluate.cases.passages import MOST, TOKENS
from lab.evaluate.cases.records import read_records
from lab.train.answering.answer_adapter import Shares
from lab.train.answering.rag import Retrieved
from lab.train.answering.summaries import Told, read_summarised
from lab.train.examples import Material, Mix, Source, draw_units
from lab.train.loop import Budget, train
from lab.train.loop import Unit as Thunk
from lab.train.material import Share, read_source
from lab.train.runs.adapters import OnStep, quiet, split_windows
from lab.train.runs.answer_adapter import CODED, Lessons, best_weights, training_notes
from memory_models.adapter import Adapter, LoraConfig, save_adapter, to_float8

VALIDATED = 1  # seed of the units for validation
OVER = "over.txt"  # in a run's folder: the reader that it was begun over


@dataclass(frozen=True, slots=True)
class OverPlan:
    """How weights over the reader are trained, whatever for."""

    budget: Budget
    lora: LoraConfig = field(default_factory=lambda: LoraConfig(rank=1))
    start: Path | None = None  # weights to begin with
    probes: int = 24  # units for validation


@dataclass(frozen=True, slots=True)
class Pages:
    """Questions whose retrieved passages the comparator learns to answer from."""

    shares: tuple[Share, ...]
    books: Path
    validation: Path


def train_retrieved(
    engine: Engine, pages: Pages, plan: OverPlan, folder: Path, out: Path, on_step: OnStep = quiet
) -> dict[str, Any]:
    """Who answers from what BM25 retrieves, for `evaluate`."""
    count = engine.backbone.tokenizer.count
    sources = [read_source(share) for share in pages.shares]
    if not all(isinstance(source, Source) for source in sources):
        raise InvalidSetting("Passages are retrieved for questions and facts; give no other data.")
    records = read_records(pages.validation, "val")
    answered = tuple(r for r in records if any(q.answers for q in r.questions))

    def retrieved(source: Source) -> Material:
        return Retrieved(source, count, TOKENS, MOST)

    drawing = _Drawing(
        [retrieved(source) for source in sources if isinstance(source, Source)],
        [retrieved(Source(answered, 1.0))],
        [r.text for r in read_records(pages.books, "train")],
    )
    data = [[share.path.name, share.weight] for share in pages.shares]
    notes = {"kind": RAG, "data": data}
    return _train(engine, drawing, notes, plan, folder, out, on_step)


def train_teller(
    engine: Engine, stories: Path, plan: OverPlan, folder: Path, out: Path, on_step: OnStep = quiet
) -> dict[str, Any]:
    """Who tells what happens in a window, for summaries: learnt from stories people summed up."""
    trained, held = (tuple(read_summarised(stories, held=held)) for held in (False, True))
    drawing = _Drawing([Told(trained, 1.0)], [Told(held, 1.0)], [])
    notes = {"kind": SUMMARIES, "data": [[stories.name, len(trained)]]}
    return _train(engine, drawing, notes, plan, folder, out, on_step)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Where units come from."""

    sources: Sequence[Material]
    validation: Sequence[Material]
    books: Sequence[str]


def _train(
    engine: Engine,
    drawing: _Drawing,
    notes: dict[str, Any],
    plan: OverPlan,
    folder: Path,
    out: Path,
    on_step: OnStep,
) -> dict[str, Any]:
    """Train (or go on training) in `folder`, and write the best to the file `out`."""
    backbone, budget = engine.backbone, plan.budget
    over = _reader(engine, folder)
    lessons = Lessons(engine, over.decoder, plan.lora, budget.seed, plan.start)
    split = partial(split_windows, engine)

    def each(sources: Sequence[Material], seed: int, first: int) -> Iterator[Thunk]:
        drawn = draw_units(sources, drawing.books, split, Mix(), seed, first)
        return lessons.each(drawn, first, seed, Shares(), CODED)

    judged = list(itertools.islice(each(drawing.validation, VALIDATED, 0), plan.probes))
    progress = train(
        lessons.reader,
        partial(each, drawing.sources, budget.seed),
        budget,
        folder,
        partial(_judge, judged),
        on_step,
    )
    notes = notes | training_notes(backbone, plan.lora, budget, progress, folder)
    weights, notes["scale"] = to_float8(best_weights(folder), plan.lora.scale)
    notes["over"] = over.name
    if PartialState().is_main_process:
        save_adapter(out, Adapter(weights, notes))
    return notes


def _reader(engine: Engine, folder: Path) -> AdaptedDecoder:
    """The reader in use; a run that was begun over another one is refused."""
    reader = engine.trained.answers()
    if reader is None:
        raise InvalidSetting(
            "These weights are trained over the reader, and this backbone has none; run "
            "`bookstate train reader` first."
        )
    begun = folder / OVER
    if begun.is_file() and begun.read_text("utf-8") != reader.name:
        raise InvalidSetting(
            f"The run in {folder.name} was begun over reader {begun.read_text('utf-8')}, installed "
            f"is {reader.name}; take another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    begun.write_text(reader.name, "utf-8")
    return reader


@torch.no_grad()
def _judge(units: Sequence[Thunk]) -> dict[str, float]:
    """Nats of the answers to be learnt, weighed as in training."""
    made = [unit() for unit in units]
    nats = sum(float(m.loss) for m in made) / sum(m.weight for m in made)
    first = sum(m.watched["first_nats"] for m in made)
    answerable = sum(m.watched["answerable"] for m in made)
    return {"score": -nats, "first_nats": first / max(1.0, answerable)}

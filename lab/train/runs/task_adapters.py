"""`bookstate train rag` and `train summaries`: small adapters on top of the answer adapter.

Each is kept in its own file and merged in where it is needed, so that answers stay as they are.
Each belongs to the answer adapter that it was trained over; with another one it is not used.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState  # type: ignore[import-untyped]

from app.engine import Engine
from app.errors import InvalidSetting
from app.trained import AdaptedDecoder
from lab.evaluate.cases.passages import MOST, TOKENS
from lab.evaluate.cases.records import read_records
from lab.train.answering.answer_adapter import KeepRatios
from lab.train.answering.rag import RagUnits
from lab.train.answering.summaries import SummaryUnits, read_summarised
from lab.train.examples import Material, Mix, Source, draw_units
from lab.train.loop import Unit as Thunk
from lab.train.loop import train
from lab.train.material import read_source
from lab.train.plans import RagPlan, SummariesPlan
from lab.train.runs.adapters import OnStep, quiet, split_windows
from lab.train.runs.answer_adapter import CODED, Lessons, Shares, best_weights, training_notes
from memory_models.adapter import Adapter, LoraConfig, save_adapter, to_float8

PROBES = 24  # units to validate with
VALIDATED = 1  # their seed
OVER = "over.txt"  # in the folder of a run: the answer adapter that it was started over


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Where the units of a run come from, and the data that its notes name."""

    sources: Sequence[Material]
    validation: Sequence[Material]
    books: Sequence[str]
    data: list[list[str | float]]


def train_rag(engine: Engine, plan: RagPlan, on_step: OnStep = quiet) -> dict[str, Any]:
    """Train the retrieval adapter, which answers from the passages that BM25 finds."""
    count = engine.backbone.tokenizer.count
    sources = [read_source(file) for file in plan.files]
    if not all(isinstance(source, Source) for source in sources):
        raise InvalidSetting("Passages are retrieved for questions and facts; give no other data.")
    records = read_records(plan.validation, "val")
    answered = tuple(r for r in records if any(q.answers for q in r.questions))

    def retrieved(source: Source) -> Material:
        return RagUnits(source, count, TOKENS, MOST)

    drawing = _Drawing(
        [retrieved(source) for source in sources if isinstance(source, Source)],
        [retrieved(Source(answered, 1.0))],
        [r.text for r in read_records(plan.books, "train")],
        [[file.path.name, file.weight] for file in plan.files],
    )
    return _train(engine, drawing, plan, on_step)


def train_summaries(engine: Engine, plan: SummariesPlan, on_step: OnStep = quiet) -> dict[str, Any]:
    """Train the summary adapter on stories that people summarized."""
    trained, held = (tuple(read_summarised(plan.summaries, held=held)) for held in (False, True))
    data: list[list[str | float]] = [[plan.summaries.name, len(trained)]]
    drawing = _Drawing([SummaryUnits(trained, 1.0)], [SummaryUnits(held, 1.0)], [], data)
    return _train(engine, drawing, plan, on_step)


def _train(
    engine: Engine, drawing: _Drawing, plan: RagPlan | SummariesPlan, on_step: OnStep
) -> dict[str, Any]:
    """Train, or continue in the folder of the run, and write the best; returns its notes."""
    over, lora = _answers(engine, plan.folder), LoraConfig(plan.rank)
    lessons = Lessons(engine, over.decoder, lora, plan.seed, plan.weights)
    split = partial(split_windows, engine)

    def each(sources: Sequence[Material], seed: int, first: int) -> Iterator[Thunk]:
        drawn = draw_units(sources, drawing.books, split, Mix(), seed, first)
        return lessons.each(drawn, first, seed, KeepRatios(), Shares(CODED))

    judged = list(itertools.islice(each(drawing.validation, VALIDATED, 0), PROBES))
    progress = train(
        lessons.adapted,
        partial(each, drawing.sources, plan.seed),
        plan.budget,
        plan.folder,
        partial(_judge, judged),
        on_step,
    )
    notes = training_notes(engine, plan, lora, progress) | {"data": drawing.data}
    weights, notes["scale"] = to_float8(best_weights(plan.folder), lora.scale)
    notes["over"] = over.name
    if PartialState().is_main_process:
        save_adapter(plan.adapter_file, Adapter(weights, notes))
    return notes


def _answers(engine: Engine, folder: Path) -> AdaptedDecoder:
    """The answer adapter in use; a run that was started over another one is refused."""
    answers = engine.trained.answers()
    if answers is None:
        raise InvalidSetting(
            "This adapter is trained over the answer adapter, and none is installed for this "
            "backbone; run `bookstate train answers` and install the result first."
        )
    begun = folder / OVER
    if begun.is_file() and begun.read_text("utf-8") != answers.name:
        raise InvalidSetting(
            f"The run in {folder.name} was started over answer adapter "
            f"{begun.read_text('utf-8')}, but {answers.name} is in use; choose another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    begun.write_text(answers.name, "utf-8")
    return answers


@torch.no_grad()
def _judge(units: Sequence[Thunk]) -> dict[str, float]:
    """Nats of the answers to be learned, weighted as in training."""
    made = [unit() for unit in units]
    nats = sum(float(m.loss) for m in made) / sum(m.weight for m in made)
    first = sum(m.watched["first_nats"] for m in made)
    answerable = sum(m.watched["answerable"] for m in made)
    return {"score": -nats, "first_nats": first / max(1.0, answerable)}

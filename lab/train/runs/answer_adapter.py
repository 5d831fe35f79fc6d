"""`bookstate train reader`: who answers from windows."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from safetensors.torch import load_file
from torch import Tensor

from app.adapters import ANSWERS
from app.engine import Engine
from lab.evaluate.cases.records import read_records
from lab.provenance import made_by
from lab.train.answering.answer_adapter import Shares, unit_loss, write_windows
from lab.train.answering.passkeys import Numbers
from lab.train.examples import Mix, Unit, draw_units
from lab.train.loop import Budget, Progress, UnitResult, train
from lab.train.loop import Unit as Thunk
from lab.train.material import Share, make_probes, read_source
from lab.train.runs.adapters import OnStep, quiet, split_windows, trained_gate
from lab.train.validation import Validation
from memory_models.adapter import Adapter, LoraConfig, load_lora, save_adapter, with_lora
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.prompt import ABSTAINED

CODED_BITS_TRAINED = 2  # a number, of the slots that a reader learns on
CODED = 0.6  # share of a reader's windows whose slots go through the codec, where there is one
TOGETHER = 0.3  # share of a reader's units that are several windows
DECLINING_THRESHOLD = 0.5  # until `bookstate calibrate` has fitted it


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """What a reader is trained on and how."""

    shares: tuple[Share, ...]
    books: Path
    validation: Path
    budget: Budget
    lora: LoraConfig = field(default_factory=LoraConfig)
    probes: int = 24
    mix: Mix = field(default_factory=lambda: Mix(together=TOGETHER))
    slots: Shares = field(default_factory=Shares)
    coded: float = CODED
    numbers: float = 0.0  # how often numbers to find are drawn, beside the shares' weights
    start: Path | None = None  # weights to begin with


class Lessons:
    """Units as a reader meets them: windows read by the backbone, thinned, coded, and asked."""

    def __init__(
        self, engine: Engine, decoder: Decoder, lora: LoraConfig, seed: int, start: Path | None
    ) -> None:
        """The reader begins as `decoder` with low-rank weights, `start`'s where it is given."""
        backbone = engine.backbone
        self._writer, self._tokenizer = backbone.decoder, backbone.tokenizer
        self._gate, self._window = trained_gate(engine), engine.settings.window
        coding = engine.trained.codec()
        self._code = coding.at(CODED_BITS_TRAINED) if coding is not None else None
        self._sink = list(backbone.tokenizer.chat.opening)
        self._declined = backbone.tokenizer.encode(ABSTAINED)[0]
        torch.manual_seed(seed)
        self.reader = with_lora(decoder, lora)
        if start is not None:
            load_lora(self.reader, load_file(start))

    def thunk(self, unit: Unit, share: float, *, coded: bool = False) -> Thunk:
        """Reads the unit's windows, of which `share` is kept, and asks its questions."""
        code = self._code if coded else None

        def compute() -> UnitResult:
            read = [self._tokenizer.encode(text)[: self._window] for text in unit.windows]
            slate = write_windows(
                self._writer, self._gate, self._sink, read, self._window, share, code
            )
            place = len(self._sink) + self._window
            made = unit_loss(self.reader, self._tokenizer, slate, unit, place, self._declined)
            watched = {
                "first_nats": made.first_nats,
                "answerable": float(made.answerable),
                "told_apart": float(made.told_apart),
            }
            return UnitResult(made.loss, made.branches, made.tokens, watched)

        return compute

    def each(
        self, units: Iterable[Unit], first: int, seed: int, slots: Shares, coded: float
    ) -> Iterator[Thunk]:
        """Units from number `first` on, each with a share of its slots and coded or not."""
        for number, unit in enumerate(units, start=first):
            rng = random.Random(f"{seed}/share/{number}")
            share = 1.0 if unit.is_page else slots.draw(rng, len(unit.windows))
            is_coded = not unit.is_page and rng.random() < coded
            yield self.thunk(unit, share, coded=is_coded)


def train_reader(
    engine: Engine, plan: ReaderPlan, folder: Path, out: Path, on_step: OnStep = quiet
) -> dict[str, Any]:
    """Train (or go on training) a reader in `folder`, and write the best to the file `out`."""
    backbone, budget = engine.backbone, plan.budget
    lessons = Lessons(engine, backbone.decoder, plan.lora, budget.seed, plan.start)
    sources = [*map(read_source, plan.shares), Numbers(plan.numbers)]
    books = [r.text for r in read_records(plan.books, "train")]
    split = partial(split_windows, engine)

    def units(first: int) -> Iterator[Thunk]:
        drawn = draw_units(sources, books, split, plan.mix, budget.seed, first)
        return lessons.each(drawn, first, budget.seed, plan.slots, plan.coded)

    validate = partial(_validation(engine, plan), lessons.reader)
    progress = train(lessons.reader, units, budget, folder, validate, on_step)
    notes = training_notes(backbone, plan.lora, budget, progress, folder) | {
        "kind": ANSWERS,
        "together": plan.mix.most if plan.mix.together else 1,
        "declining_threshold": DECLINING_THRESHOLD,
        "data": [[share.path.name, share.weight] for share in plan.shares],
        "numbers": plan.numbers,
    }
    if PartialState().is_main_process:
        save_adapter(out, Adapter(best_weights(folder), notes))
    return notes


def best_weights(folder: Path) -> dict[str, Tensor]:
    """What a run's validation liked best."""
    found = load_file(folder / "best.safetensors")
    return {name.removeprefix("model."): value for name, value in found.items()}


def training_notes(
    backbone: Backbone, lora: LoraConfig, budget: Budget, progress: Progress, folder: Path
) -> dict[str, Any]:
    """What every adapter says of its training."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    judged = [line for line in lines if "score" in line]
    return {
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "rank": lora.rank,
        "scale": lora.scale,
        "seed": budget.seed,
        "tokens": progress.tokens,
        "steps": progress.step,
        "validation": max(judged, key=lambda line: float(line["score"]), default={}),
        "made_by": made_by(),
    }


def _validation(engine: Engine, plan: ReaderPlan) -> Validation:
    backbone = engine.backbone
    gate = engine.trained.write_gate()
    config = engine.new_adaptive().config
    whole = AdaptiveConfig(config.address_heads, config.window, 1.0, gate=config.gate)
    records = read_records(plan.validation, "val")
    probes = make_probes(records, partial(split_windows, engine), plan.probes)
    memory, page = (
        AdaptiveMemory(backbone, c, gate, codec=engine.trained.codec()) for c in (config, whole)
    )
    return Validation(memory, page, probes)

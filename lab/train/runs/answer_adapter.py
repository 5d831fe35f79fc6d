"""`bookstate train answers`: the answer adapter, which answers and abstains from windows' slots."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from safetensors.torch import load_file
from torch import Tensor

from app.engine import Engine
from lab.evaluate.cases.records import read_records
from lab.provenance import provenance
from lab.train.answering.answer_adapter import (
    KeepRatios,
    LayerSlate,
    unit_loss,
    write_window,
    write_windows,
)
from lab.train.answering.mixture_loss import mixture_loss
from lab.train.answering.papers.source import Papers
from lab.train.answering.passkeys import PasskeyUnits
from lab.train.answering.second_look import second_look
from lab.train.examples import Material, Mix, Unit, draw_units
from lab.train.loop import Progress, UnitResult, train
from lab.train.loop import Unit as Thunk
from lab.train.material import make_paper_probes, make_probes, read_source
from lab.train.plans import AnswersPlan, LoopPlan
from lab.train.runs.adapters import OnStep, quiet, split_windows, trained_gate
from lab.train.validation import Validation
from memory_models.adapter import Adapter, LoraConfig, load_lora, save_adapter, with_lora
from memory_models.decoder import Decoder
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.prompt import ABSTAINED

CODED_BITS_TRAINED = 2  # bits a number of the coded slots that the adapter is trained on
CODED = 0.6  # fraction of windows whose slots go through the codec, where there is one
TOGETHER = 0.3  # fraction of units that are several windows
MIXED_QUESTIONS = 6  # of a unit whose windows are rows: each is asked of each window
ABSTAIN_BELOW = 0.5  # answerability, until `bookstate calibrate` has fitted it


@dataclass(frozen=True, slots=True)
class Shares:
    """How often a unit is read in some way: fractions, 0 to 1."""

    coded: float = 0.0  # its slots go through the codec, where there is one
    second_looks: float = 0.0  # only one sentence's slots are seen
    mixed: float = 0.0  # of units with several windows: each window is a row


class Lessons:
    """Turns units into losses: the backbone reads the windows, some slots are kept and coded."""

    def __init__(
        self, engine: Engine, decoder: Decoder, lora: LoraConfig, seed: int, start: Path | None
    ) -> None:
        """`adapted` starts as `decoder` with low-rank weights: those of `start` where given."""
        backbone = engine.backbone
        self._writer, self._tokenizer = backbone.decoder, backbone.tokenizer
        self._gate, self._window = trained_gate(engine), engine.settings.window
        codec = engine.trained.codec()
        self._code = codec.at(CODED_BITS_TRAINED) if codec is not None else None
        self._sink = list(backbone.tokenizer.chat.opening)
        self._abstain_token = backbone.tokenizer.encode(ABSTAINED)[0]
        torch.manual_seed(seed)
        self.adapted = with_lora(decoder, lora)
        if start is not None:
            load_lora(self.adapted, load_file(start))

    def thunk(
        self,
        unit: Unit,
        keep_ratio: float,
        *,
        coded: bool = False,
        visible: range | None = None,
        mixed: bool = False,
    ) -> Thunk:
        """Reads the unit's windows, keeps that ratio of their slots, and asks its questions.

        visible: the tokens of its only window that are seen; mixed: each window is a row.
        """
        code = self._code if coded else None
        place = len(self._sink) + self._window

        def write(read: list[list[int]]) -> list[LayerSlate]:
            if visible is not None:
                (tokens,) = read
                return write_window(
                    self._writer, self._gate, self._sink, tokens, keep_ratio, code, visible=visible
                )
            return write_windows(
                self._writer, self._gate, self._sink, read, self._window, keep_ratio, code
            )

        def compute() -> UnitResult:
            read = [self._tokenizer.encode(text)[: self._window] for text in unit.windows]
            asked = (self.adapted, self._tokenizer)
            if mixed:
                slates = [write([tokens]) for tokens in read]
                made = mixture_loss(*asked, slates, unit, place, self._abstain_token)
            else:
                made = unit_loss(*asked, write(read), unit, place, self._abstain_token)
            watched = {
                "first_nats": made.first_nats,
                "answerable": float(made.answerable),
                "decided_right": float(made.decided_right),
            }
            return UnitResult(made.loss, made.branches, made.tokens, watched)

        return compute

    def each(
        self, units: Iterable[Unit], first: int, seed: int, ratios: KeepRatios, shares: Shares
    ) -> Iterator[Thunk]:
        """Units from number `first` on, each with its keep ratio, in a way drawn from `shares`."""
        for number, unit in enumerate(units, start=first):
            rng = random.Random(f"{seed}/share/{number}")
            keep_ratio = 1.0 if unit.is_page else ratios.draw(rng, len(unit.windows))
            is_coded = not unit.is_page and rng.random() < shares.coded
            look = None
            if not unit.is_page and rng.random() < shares.second_looks:
                look = second_look(unit, self._tokenizer.offsets, self._window, rng)
            if look is not None:
                yield self.thunk(look.unit, keep_ratio, coded=is_coded, visible=look.visible)
            elif len(unit.windows) > 1 and rng.random() < shares.mixed:
                count = min(MIXED_QUESTIONS, len(unit.asked))
                fewer = replace(unit, asked=tuple(rng.sample(unit.asked, count)))
                yield self.thunk(fewer, keep_ratio, coded=is_coded, mixed=True)
            else:
                yield self.thunk(unit, keep_ratio, coded=is_coded)


def train_answers(engine: Engine, plan: AnswersPlan, on_step: OnStep = quiet) -> dict[str, Any]:
    """Train the answer adapter, or continue in its folder, and write the best."""
    budget, lora = plan.budget, LoraConfig(plan.rank)
    lessons = Lessons(engine, engine.backbone.decoder, lora, plan.seed, plan.weights)
    sources: list[Material] = [*map(read_source, plan.files), PasskeyUnits(plan.passkeys)]
    sources.append(Papers(plan.papers))
    books = [r.text for r in read_records(plan.books, "train")]
    split, mix = partial(split_windows, engine), Mix(together=TOGETHER)
    shares = Shares(CODED, plan.second_looks, plan.mixed)

    def units(first: int) -> Iterator[Thunk]:
        drawn = draw_units(sources, books, split, mix, plan.seed, first)
        return lessons.each(drawn, first, plan.seed, KeepRatios(), shares)

    validate = partial(_validation(engine, plan), lessons.adapted)
    progress = train(lessons.adapted, units, budget, plan.folder, validate, on_step)
    notes = training_notes(engine, plan, lora, progress) | {
        "together": mix.most,
        "abstain_below": ABSTAIN_BELOW,
        "data": [[file.path.name, file.weight] for file in plan.files],
        "passkeys": plan.passkeys,
        "papers": plan.papers,
        "second_looks": plan.second_looks,
        "mixed": plan.mixed,
        "begun_with": plan.weights.stem if plan.weights is not None else "",
    }
    if PartialState().is_main_process:
        save_adapter(plan.adapter_file, Adapter(best_weights(plan.folder), notes))
    return notes


def best_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a run that validated best."""
    found = load_file(folder / "best.safetensors")
    return {name.removeprefix("model."): value for name, value in found.items()}


def training_notes(
    engine: Engine, plan: LoopPlan, lora: LoraConfig, progress: Progress
) -> dict[str, Any]:
    """What the notes of every low-rank adapter say about its training."""
    log = (plan.folder / "log.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    judged = [line for line in lines if "score" in line]
    return {
        "kind": plan.kind,
        "backbone": engine.backbone.name,
        "backbone_sha256": engine.backbone.sha256,
        "rank": lora.rank,
        "scale": lora.scale,
        "seed": plan.seed,
        "tokens": progress.tokens,
        "steps": progress.step,
        "validation": max(judged, key=lambda line: float(line["score"]), default={}),
        "provenance": provenance(),
    }


def _validation(engine: Engine, plan: AnswersPlan) -> Validation:
    backbone, trained = engine.backbone, engine.trained
    config = engine.new_adaptive().config
    whole = AdaptiveConfig(config.address_heads, config.window, 1.0, gate=config.gate)
    split = partial(split_windows, engine)
    probes = {"stories": make_probes(read_records(plan.validation, "val"), split, plan.probes)}
    if plan.papers:
        books = [r.text for r in read_records(plan.books, "train")]
        probes["papers"] = make_paper_probes(books, split, plan.probes)
    memory, page = (
        AdaptiveMemory(backbone, c, trained.write_gate(), codec=trained.codec())
        for c in (config, whole)
    )
    return Validation(memory, page, probes)

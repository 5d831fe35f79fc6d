"""`bookstate train infini` and `train melodi`: the papers' memories fitted to this backbone."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import fmean
from types import MappingProxyType
from typing import Any, Literal

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from safetensors.torch import load_file

from app.adapters import INFINI_DELTA, MELODI
from app.engine import Engine
from lab.evaluate.cases.records import read_records
from lab.provenance import provenance
from lab.train.examples import Asked, Unit
from lab.train.loop import Progress, train
from lab.train.material import make_probes
from lab.train.memories.infini import InfiniRetrofit, scaled_strengths
from lab.train.memories.melodi import MelodiTraining
from lab.train.memories.retrofit import Retrofit
from lab.train.plans import RetrofitPlan
from lab.train.runs.adapters import OnStep, split_windows
from lab.train.runs.episodes import Episodes
from memory_models.adapter import Adapter, load_learned, save_adapter
from memory_models.memories.infini import InfiniConfig, InfiniGates, InfiniMaps
from memory_models.memories.melodi import MelodiConfig
from memory_models.memories.melodi_retrofit import MelodiRetrofit, long_layer

WINDOW = 512  # tokens of Infini's segment; with the paper's 2,048 a run has a quarter of the steps
START = -1.0  # beta; the memory's weight is then 0.27
MELODI_CONFIG = MelodiConfig(window=128, long=16, queue=16_384, parallel=True)
FASTER = {
    "infini": MappingProxyType({"beta": 10.0, "maps.write": 10.0, "maps.bias": 30.0}),
    "melodi": MappingProxyType({"gate": 10.0}),
}
PROBES = 16  # questions to validate with
JUDGED = {"1K": 1e3, "16K": 16e3, "32K": 32e3, "1M": 1e6}  # tokens of filler in validation
NATS_WEIGHT = 0.1  # of the logarithm of nats in the score, where right pass keys weigh 1
LEAST_NATS = 1e-6  # what the score takes for nats that are zero


def start_retrofit(engine: Engine, plan: RetrofitPlan) -> Retrofit[Any, Any]:
    """The memory of a plan before its training; the answer adapter answers, where there is one."""
    backbone = engine.backbone
    writer, shape = backbone.decoder, backbone.config
    answers = engine.trained.answers()
    answering = answers.decoder if answers else writer
    torch.manual_seed(plan.seed)
    if plan.kind == MELODI:
        config = replace(MELODI_CONFIG, long_layer=long_layer(shape.layers))
        learned = MelodiRetrofit(shape, config)
        return MelodiTraining(writer, answering, learned.to(writer.device))
    maps = InfiniMaps(shape.layers, shape.heads, shape.kv_heads, shape.head_size)
    gates = InfiniGates(shape.layers, shape.heads, START, maps).to(writer.device)
    update: Literal["linear", "delta"] = "delta" if plan.kind == INFINI_DELTA else "linear"
    infini = InfiniConfig(WINDOW, update, parallel=True)
    return InfiniRetrofit(writer, answering, gates, infini)


def score(right: float, figures: Mapping[str, float], passkeys: float) -> float:
    """What the best weights are chosen by.

    right: fraction of right pass keys; figures: the mean nats of pass keys and of windows, whose
    logarithms count as much as their units were drawn; passkeys: the fraction of pass keys.
    """
    weights = {"key_nats": passkeys, "window_nats": 1 - passkeys}
    logs = (w * math.log(max(figures[name], LEAST_NATS)) for name, w in weights.items())
    return right - NATS_WEIGHT * sum(logs)


def train_retrofit(engine: Engine, plan: RetrofitPlan, on_step: OnStep) -> dict[str, Any]:
    """Train, or continue in the folder of the run, and write the best; returns its notes."""
    retrofit = start_retrofit(engine, plan)
    if plan.weights is not None:
        load_learned(retrofit.learned, load_file(plan.weights))
    episodes = Episodes(engine, plan, retrofit)
    records = read_records(plan.validation, "val")
    probes = make_probes(records, partial(split_windows, engine), PROBES)
    asked = [Unit((p.window,), (Asked(p.question, p.answers[0]),)) for p in probes]

    @torch.no_grad()
    def validate() -> dict[str, float]:
        keys = {
            name: episodes.passkeys(random.Random(f"validation/{name}"), tokens)
            for name, tokens in JUDGED.items()
            if tokens <= plan.longest
        }
        figures = {f"key_{name}": judged.right / judged.rows for name, judged in keys.items()}
        right = fmean(figures.values())
        figures["key_nats"] = fmean(float(judged.loss) / judged.rows for judged in keys.values())
        nats = [episodes.window(u, random.Random(n)).first_nats for n, u in enumerate(asked)]
        figures["window_nats"] = fmean(nats)
        return {**figures, "score": score(right, figures, plan.passkeys)}

    faster = FASTER[plan.kind.partition("-")[0]]
    progress = train(
        retrofit.learned, episodes.units, plan.budget, plan.folder, validate, on_step, faster
    )
    notes = _notes(engine, plan, retrofit, progress)
    best = scaled_strengths(load_file(plan.folder / "best.safetensors"), plan.write_scale)
    if PartialState().is_main_process:
        weights = {name: value.to(torch.float16) for name, value in best.items()}
        save_adapter(plan.adapter_file, Adapter(weights, notes))
    return notes


def _notes(
    engine: Engine, plan: RetrofitPlan, retrofit: Retrofit[Any, Any], progress: Progress
) -> dict[str, Any]:
    answers = engine.trained.answers()
    notes = {
        "kind": plan.kind,
        "backbone": engine.backbone.name,
        "backbone_sha256": engine.backbone.sha256,
        "window": retrofit.window,
        "data": [[file.path.name, file.weight] for file in plan.files],
        "passkeys": plan.passkeys,
        "longest": plan.longest,
        "write_penalty": plan.write_penalty,
        "write_scale": plan.write_scale,
        "seed": plan.seed,
        "tokens": progress.tokens,
        "steps": progress.step,
        "score": progress.best,
        "answers": answers.name if answers else None,
        "provenance": provenance(),
    }
    return notes | retrofit.notes

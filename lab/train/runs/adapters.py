"""`bookstate train gate`, `addressing` and `codec`: adapters that are fitted in one go."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.engine import Engine
from app.errors import InvalidSetting
from ingest.segments import split_text
from lab.evaluate.cases.records import read_records
from lab.provenance import provenance
from lab.train.examples import Mix, Split, Unit, draw_units, excerpt
from lab.train.feature_cache import FeatureCache
from lab.train.material import read_source
from lab.train.memories.addressing import (
    AddressingPlan,
    Fitting,
    Place,
    fit_addresser,
    observe_question,
    observe_window,
    places_of,
)
from lab.train.memories.addressing import Example as Question
from lab.train.memories.codec import CodecPlan, measure_codec
from lab.train.memories.gate import Example, GatePlan, fit_gate, observe
from lab.train.plans import AddressingFit, CodecFit, GateFit
from memory_models.adapter import (
    Adapter,
    save_adapter,
)
from memory_models.memories.addresser import Addresser
from memory_models.memories.write_gate import WriteGate

ASKED_OF_A_WINDOW = 6
ASKED_FOR_A_CODEC = 8
PLAIN = 4  # windows that answer questions for each window of a book
OnStep = Callable[[int, int, float], None]


def quiet(done: int, total: int, figure: float) -> None:
    """Ignore progress."""


def train_gate(
    engine: Engine, plan: GateFit, on_window: OnStep = quiet, on_step: OnStep = quiet
) -> dict[str, Any]:
    """Score windows in two passes, fit the gate to them, and write it; returns its notes.

    The folder of the run grows by some 30 MB a window.
    """
    backbone = engine.backbone
    memory = engine.changed(adapters=False).new_adaptive()
    run = {"kind": plan.kind, "backbone": backbone.name, "backbone_sha256": backbone.sha256}
    cache = FeatureCache(plan.folder, run)

    def seen(text: str) -> dict[str, Tensor]:
        return observe(memory, torch.tensor(backbone.tokenizer.encode(text)))._asdict()

    def examples() -> Iterator[Example]:
        for number, text in enumerate(_windows(engine, plan.data, plan.windows, plan.seed)):
            on_window(number + 1, plan.windows, 0.0)
            yield Example(**cache.get(text, partial(seen, text)))

    fit = GatePlan(epochs=plan.epochs, seed=plan.seed)
    weights, scores = fit_gate(backbone.config, examples(), fit, on_step)
    notes = run | {
        "data": [path.name for path in plan.data],
        "windows": plan.windows,
        "plan": asdict(fit),
        "scores": asdict(scores),
        "provenance": provenance(),
    }
    save_adapter(plan.out, Adapter(weights, notes))
    return notes


def train_addressing(
    engine: Engine, plan: AddressingFit, on_window: OnStep = quiet, on_step: OnStep = quiet
) -> dict[str, Any]:
    """Ask questions of windows that answer them, fit the addresser, and write it.

    `windows` of the plan answer questions; a quarter as many more are of books and answer none.
    """
    backbone = engine.backbone
    memory = engine.new_adaptive()
    c = backbone.config
    memory.addresser = Addresser(memory.config.address_heads, c.hidden_size, c.head_size)
    places = _places(engine, plan)
    run = {
        "kind": plan.kind,
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "heads": [list(head) for head in memory.config.address_heads],
        "codec": memory.config.codec,
    }
    cache = FeatureCache(plan.folder, run | {"window": engine.settings.window})
    bundles, examples = [], []
    for number, place in enumerate(places):
        window = cache.get(f"window {place.text}", partial(observe_window, memory, place.text))
        bundles.append((number, window))
        for question in place.questions:
            seen = cache.get(f"question {question}", partial(observe_question, memory, question))
            examples.append(Question(number, **seen))
        on_window(len(bundles), len(places), 0.0)
    fitting = Fitting(memory, memory.address_book(bundles), places)
    fit = AddressingPlan(epochs=plan.epochs, seed=plan.seed)
    weights, trained, untrained = fit_addresser(fitting, examples, fit, on_step)
    notes = run | {
        "data": [[file.path.name, file.weight] for file in plan.files],
        "windows": len(places),
        "questions": len(examples),
        "plan": asdict(fit),
        "scores": {"trained": asdict(trained), "untrained": asdict(untrained)},
        "provenance": provenance(),
    }
    save_adapter(plan.out, Adapter(weights, notes))
    return notes


def _places(engine: Engine, plan: AddressingFit) -> list[Place]:
    """Windows that answer questions, and windows of books."""
    texts = [r.text for r in read_records(plan.books, "train")]
    mix = Mix(questions=ASKED_OF_A_WINDOW, pages=0.0)
    units = list(_units(engine, plan, texts, mix))
    rng, split = random.Random(plan.seed), partial(split_windows, engine)
    plain = [_window_of(rng.choice(texts), split, rng) for _ in range(plan.windows // PLAIN)]
    return places_of(units, plain)


def _units(
    engine: Engine, plan: AddressingFit | CodecFit, books: Sequence[str], mix: Mix
) -> Iterator[Unit]:
    sources = [read_source(file) for file in plan.files]
    drawn = draw_units(sources, books, partial(split_windows, engine), mix, plan.seed, 0)
    return itertools.islice(drawn, plan.windows)


def _window_of(book: str, split: Split, rng: random.Random) -> str:
    text = excerpt(book, rng)
    start, end = split(text)[0]
    return text[start:end]


def _windows(engine: Engine, files: Sequence[Path], count: int, seed: int) -> Iterator[str]:
    """Windows of random records of the files in turn; validation splits are left out."""
    rng = random.Random(seed)
    piles = [[r for r in read_records(path) if r.split != "val"] for path in files]
    for number in range(count):
        record = rng.choice(piles[number % len(piles)])
        start = rng.randrange(max(1, len(record.text) - 8 * engine.settings.window))
        excerpt = record.text[start : start + 12 * engine.settings.window]
        a, b = rng.choice(split_windows(engine, excerpt)[:-1] or [(0, len(excerpt))])
        yield excerpt[a:b]


def train_codec(engine: Engine, plan: CodecFit, on_window: OnStep = quiet) -> dict[str, Any]:
    """Trace answers back to slots, make the codec from what is found, and write it."""
    backbone = engine.backbone
    memory = engine.changed(slot_bits=16).new_adaptive()
    gate = trained_gate(engine)
    texts = [r.text for r in read_records(plan.books, "train")]
    fit = CodecPlan()
    run = {
        "kind": plan.kind,
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "data": [[file.path.name, file.weight] for file in plan.files],
        "windows": plan.windows,
        "seed": plan.seed,
        "plan": asdict(fit),
    }
    depends_on = {
        "window": engine.settings.window,
        "gate": gate.name,
        "heads": [list(head) for head in memory.config.address_heads],
        "answers": engine.answers,
        "addresser": memory.addresser.name if memory.addresser is not None else "",
        "books": plan.books.name,
    }
    weights, pairs = measure_codec(
        memory,
        gate,
        _units(engine, plan, texts, Mix(questions=ASKED_FOR_A_CODEC, pages=0.0)),
        fit,
        FeatureCache(plan.folder, run | depends_on),
        lambda done: on_window(done, plan.windows, 0.0),
    )
    notes = run | {"address_pairs": [list(pair) for pair in pairs], "provenance": provenance()}
    save_adapter(plan.out, Adapter(weights, notes))
    return notes


def trained_gate(engine: Engine) -> WriteGate:
    """The write gate, whose choice of slots the codec and the answer adapter are trained on."""
    gate = engine.trained.write_gate()
    if gate is None:
        raise InvalidSetting(
            "No write gate for this backbone yet; run `bookstate train gate` and install it first."
        )
    return gate


def split_windows(engine: Engine, text: str) -> list[tuple[int, int]]:
    """Character ranges of a text's windows."""
    return split_text(text, engine.backbone.tokenizer.count, engine.settings.window)

"""`bookstate train`: adapters for this backbone, kept beside its weights."""

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

from app.adapters import ADDRESSER, CODEC, WRITE_GATE
from app.engine import Engine
from app.errors import InvalidSetting
from ingest.segments import split_text
from lab.evaluate.cases.records import read_records
from lab.provenance import made_by
from lab.train.examples import Mix, Split, draw_units, excerpt
from lab.train.feature_cache import Observed
from lab.train.material import Share, read_source
from lab.train.memories.addressing import (
    AddressingPlan,
    Fitting,
    fit_addresser,
    observe_question,
    observe_window,
    places_of,
)
from lab.train.memories.addressing import Example as Question
from lab.train.memories.codec import CodecPlan, measure_codec
from lab.train.memories.gate import Example, GatePlan, fit_gate, observe
from memory_models.adapter import (
    Adapter,
    save_adapter,
)
from memory_models.memories.addresser import Addresser
from memory_models.memories.write_gate import WriteGate

ASKED_OF_A_WINDOW = 6
PLAIN = 4  # one window of a book for so many that answer questions
OnStep = Callable[[int, int, float], None]


def quiet(done: int, total: int, figure: float) -> None:
    """Ignore progress."""


def train_gate(
    engine: Engine,
    files: Sequence[Path],
    windows: int,
    plan: GatePlan,
    out: Path,
    folder: Path | None = None,
    on_window: OnStep = quiet,
    on_step: OnStep = quiet,
) -> dict[str, Any]:
    """Score windows in two passes, fit the gate to them, and write it to the file `out`.

    folder: of the run, to go on in; some 30 MB a window.
    """
    backbone = engine.backbone
    memory = engine.changed(adapters=False).new_adaptive()
    run = {
        "kind": WRITE_GATE,
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
    }
    kept = Observed(folder, run)

    def seen(text: str) -> dict[str, Tensor]:
        return observe(memory, torch.tensor(backbone.tokenizer.encode(text)))._asdict()

    def observed() -> Iterator[Example]:
        for number, text in enumerate(_windows(engine, files, windows, plan.seed)):
            on_window(number + 1, windows, 0.0)
            yield Example(**kept.of(text, partial(seen, text)))

    weights, scores = fit_gate(backbone.config, observed(), plan, on_step)
    notes = run | {
        "data": [path.name for path in files],
        "windows": windows,
        "plan": asdict(plan),
        "scores": asdict(scores),
        "made_by": made_by(),
    }
    save_adapter(out, Adapter(weights, notes))
    return notes


def train_addressing(
    engine: Engine,
    shares: Sequence[Share],
    books: Path,
    windows: int,
    plan: AddressingPlan,
    out: Path,
    folder: Path | None = None,
    on_window: OnStep = quiet,
    on_step: OnStep = quiet,
) -> dict[str, Any]:
    """Ask questions of windows that answer them, fit the addresser, and write it to the file `out`.

    `windows` answer questions; a quarter as many more are of books, and are there to be mistaken.
    folder: of the run, to go on in.
    """
    backbone = engine.backbone
    memory = engine.new_adaptive()
    c = backbone.config
    memory.addresser = Addresser(memory.config.address_heads, c.hidden_size, c.head_size)
    sources = [read_source(share) for share in shares]
    texts = [r.text for r in read_records(books, "train")]
    split = partial(split_windows, engine)
    mix = Mix(questions=ASKED_OF_A_WINDOW, pages=0.0)
    units = list(itertools.islice(draw_units(sources, texts, split, mix, plan.seed, 0), windows))
    rng = random.Random(plan.seed)
    plain = [_window_of(rng.choice(texts), split, rng) for _ in range(windows // PLAIN)]
    places = places_of(units, plain)
    run = {
        "kind": ADDRESSER,
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "heads": [list(head) for head in memory.config.address_heads],
        "codec": memory.config.codec,
    }
    kept = Observed(folder, run | {"window": engine.settings.window})
    bundles, examples = [], []
    for number, place in enumerate(places):
        window = kept.of(f"window {place.text}", partial(observe_window, memory, place.text))
        bundles.append((number, window))
        for question in place.questions:
            seen = kept.of(f"question {question}", partial(observe_question, memory, question))
            examples.append(Question(number, **seen))
        on_window(len(bundles), len(places), 0.0)
    fitting = Fitting(memory, memory.address_book(bundles), places)
    weights, trained, untrained = fit_addresser(fitting, examples, plan, on_step)
    notes = run | {
        "data": [[share.path.name, share.weight] for share in shares],
        "windows": len(places),
        "questions": len(examples),
        "plan": asdict(plan),
        "scores": {"trained": asdict(trained), "untrained": asdict(untrained)},
        "made_by": made_by(),
    }
    save_adapter(out, Adapter(weights, notes))
    return notes


def _window_of(book: str, split: Split, rng: random.Random) -> str:
    text = excerpt(book, rng)
    start, end = split(text)[0]
    return text[start:end]


def _windows(engine: Engine, files: Sequence[Path], count: int, seed: int) -> Iterator[str]:
    """Windows of random records of the files in turn; validation splits are left alone."""
    rng = random.Random(seed)
    piles = [[r for r in read_records(path) if r.split != "val"] for path in files]
    for number in range(count):
        record = rng.choice(piles[number % len(piles)])
        start = rng.randrange(max(1, len(record.text) - 8 * engine.settings.window))
        excerpt = record.text[start : start + 12 * engine.settings.window]
        a, b = rng.choice(split_windows(engine, excerpt)[:-1] or [(0, len(excerpt))])
        yield excerpt[a:b]


def train_codec(
    engine: Engine,
    shares: Sequence[Share],
    books: Path,
    windows: int,
    plan: CodecPlan,
    out: Path,
    seed: int = 0,
    folder: Path | None = None,
    on_window: OnStep = quiet,
) -> dict[str, Any]:
    """Trace answers back to slots, make the codec from them, and write it to the file `out`.

    folder: of the run, to go on in.
    """
    backbone = engine.backbone
    memory = engine.changed(slot_bits=16).new_adaptive()
    gate = trained_gate(engine)
    sources = [read_source(share) for share in shares]
    texts = [r.text for r in read_records(books, "train")]
    mix = Mix(questions=8, pages=0.0)
    drawn = draw_units(sources, texts, partial(split_windows, engine), mix, seed, 0)
    units = itertools.islice(drawn, windows)
    run = {
        "kind": CODEC,
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "data": [[share.path.name, share.weight] for share in shares],
        "windows": windows,
        "seed": seed,
        "plan": asdict(plan),
    }
    behind = {
        "window": engine.settings.window,
        "gate": gate.name,
        "heads": [list(head) for head in memory.config.address_heads],
        "reader": engine.answers,
        "addresser": memory.addresser.name if memory.addresser is not None else "",
        "books": books.name,
    }
    kept = Observed(folder, run | behind)
    weights, pairs = measure_codec(
        memory, gate, units, plan, kept, lambda done: on_window(done, windows, 0.0)
    )
    notes = run | {"address_pairs": [list(pair) for pair in pairs], "made_by": made_by()}
    save_adapter(out, Adapter(weights, notes))
    return notes


def trained_gate(engine: Engine) -> WriteGate:
    """The write gate, which the codec and the answer adapter are trained behind."""
    gate = engine.trained.write_gate()
    if gate is None:
        raise InvalidSetting(
            "No write gate for this backbone yet; run `bookstate train gate` and install it first."
        )
    return gate


def split_windows(engine: Engine, text: str) -> list[tuple[int, int]]:
    """Character ranges of a text's windows."""
    return split_text(text, engine.backbone.tokenizer.count, engine.settings.window)

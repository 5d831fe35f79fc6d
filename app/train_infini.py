"""`bookstate train infini`: what Infini-attention writes and reads on this backbone."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from safetensors.torch import load_file

from app.adapters import infini_kind, own_folder, trained_reader
from app.library import Library
from app.train import OnStep, split_windows
from memory_models.adapter import Adapter, save_adapter
from memory_models.decoder import Decoder
from memory_models.evaluate.background import Measure
from memory_models.evaluate.data import read_records
from memory_models.evaluate.tasks import filler_windows
from memory_models.memories.adaptive import read_tokens
from memory_models.memories.infini import InfiniConfig, InfiniGates, InfiniMaps, InfiniState
from memory_models.tokenizer import Tokenizer
from memory_models.train.infini import (
    Judged,
    Passkeys,
    Repeated,
    answer_logits,
    judge_rows,
    pack_rows,
    stacked,
    write_segments,
)
from memory_models.train.loop import Budget, UnitResult, train
from memory_models.train.loop import Unit as Thunk
from memory_models.train.material import Share, make_probes, read_source
from memory_models.train.units import Asked, Mix, Unit, draw_units

WINDOW = 512  # tokens of a segment; the paper's 2,048 would be trained on a quarter as often
START = -1.0  # beta; memory weighs 0.27
FASTER = {"beta": 10.0, "maps.write": 10.0, "maps.bias": 30.0}
MOST_BESIDE = 6  # other windows around one that is asked about
JUDGED_TIMES = (1.0, 60.0, 2000.0)
NATS_WEIGH = 0.1  # of the first token's nats against the share of pass keys, to choose the best


@dataclass(frozen=True, slots=True)
class InfiniPlan:
    """What the maps are trained on and how."""

    update: Literal["linear", "delta"]
    shares: tuple[Share, ...]
    books: Path
    validation: Path
    budget: Budget
    probes: int = 16
    passkeys: Passkeys = field(default_factory=Passkeys)
    passkey_share: float = 0.5  # of all units
    mix: Mix = field(default_factory=lambda: Mix(pages=0.0))

    @property
    def config(self) -> InfiniConfig:
        """What is trained."""
        return InfiniConfig(WINDOW, self.update, parallel=True)


class Episodes:
    """Makes units: pass keys in filler, and questions about windows among others."""

    def __init__(self, library: Library, plan: InfiniPlan, gates: InfiniGates) -> None:
        reader = trained_reader(library.backbone)
        self._plan, self._gates = plan, gates
        self._writer = library.backbone.decoder
        self._reader: Decoder = reader.decoder if reader else self._writer
        self._tokenizer: Tokenizer = library.backbone.tokenizer
        self._split = partial(split_windows, library)
        self._empty = InfiniState.empty(self._writer, 1)
        self._filler = self._read(passkey_filler(self._tokenizer))
        self._known: deque[Repeated] = deque([self._filler], maxlen=24)

    def _read(self, text: str) -> Repeated:
        with torch.no_grad():
            tokens = torch.tensor(self._tokenizer.encode(text)[:WINDOW])
            return Repeated(read_tokens(self._writer, tokens.to(self._writer.device)))

    def _judge(self, asked: Sequence[Asked], state: InfiniState, even: bool = False) -> Judged:
        rows = pack_rows(self._tokenizer, asked, even)
        logits = answer_logits(self._reader, self._gates, self._plan.config, rows, state)
        return judge_rows(rows, logits)

    def _write(self, segments: Sequence[Repeated], state: InfiniState) -> InfiniState:
        return write_segments(self._gates, segments, self._plan.config, state)

    def passkeys(self, rng: random.Random, times: float | None = None) -> Judged:
        """Pass keys in texts of their own, behind and before the same filler: `times` windows."""
        texts, asked, drawn = self._plan.passkeys.draw(rng)
        times = drawn if times is None else times
        before = times * rng.random()
        early = self._write([Repeated(self._filler.read, before)], self._empty)
        states = stacked([self._write([self._read(text)], early) for text in texts])
        behind = Repeated(self._filler.read, times - before)
        return self._judge(asked, self._write([behind], states), even=True)  # every digit is a find

    def window(self, unit: Unit, rng: random.Random) -> Judged:
        """Questions about a unit's windows, with some that were read lately beside them."""
        own = [self._read(text) for text in unit.windows]
        beside = rng.sample(list(self._known), min(len(self._known), rng.randint(0, MOST_BESIDE)))
        self._known.extend(own)
        cut = rng.randint(0, len(beside))
        state = self._write([*beside[:cut], *own, *beside[cut:]], self._empty)
        return self._judge(unit.asked, state)

    def units(self, first: int) -> Iterator[Thunk]:
        """Endless units from number `first` on."""
        plan = self._plan
        sources = [read_source(share) for share in plan.shares]
        books = [r.text for r in read_records(plan.books, "train")]
        drawn = draw_units(sources, books, self._split, plan.mix, plan.budget.seed, first)
        for number, unit in enumerate(drawn, start=first):
            rng = random.Random(f"{plan.budget.seed}/episode/{number}")
            is_passkey = rng.random() < plan.passkey_share
            made = partial(self.passkeys, rng) if is_passkey else partial(self.window, unit, rng)
            yield partial(_result, made, "key" if is_passkey else "window")


def _result(make: partial[Judged], kind: str) -> UnitResult:
    made = make()
    watched = dict.fromkeys(("key_rows", "key_right", "window_rows", "window_nats"), 0.0)
    watched[f"{kind}_rows"] = float(made.rows)
    if kind == "key":
        watched["key_right"] = float(made.right)
    else:
        watched["window_nats"] = made.first_nats
    return UnitResult(made.loss, made.rows, made.tokens, watched)


def passkey_filler(tokenizer: Tokenizer) -> str:
    """A window of the pass key task's filler, as the evaluation's documents have it."""
    measure = Measure(lambda text: [(0, len(text))], tokenizer.count, WINDOW)
    return filler_windows(measure, WINDOW)[0]


def train_infini(
    library: Library, plan: InfiniPlan, folder: Path, on_step: OnStep
) -> dict[str, Any]:
    """Train (or go on training) in `folder`, and install the best for this backbone."""
    backbone = library.backbone
    shape = backbone.config
    maps = InfiniMaps(shape.layers, shape.heads, shape.kv_heads, shape.head_size)
    gates = InfiniGates(shape.layers, shape.heads, START, maps).to(backbone.decoder.device)
    episodes = Episodes(library, plan, gates)
    records = read_records(plan.validation, "val")
    probes = make_probes(records, partial(split_windows, library), plan.probes)
    asked = [Unit((p.window,), (Asked(p.question, p.answers[0]),)) for p in probes]

    @torch.no_grad()
    def validate() -> dict[str, float]:
        figures = {}
        for times in JUDGED_TIMES:
            judged = episodes.passkeys(random.Random("validation"), times)
            figures[f"key_{times:.0f}"] = judged.right / judged.rows
        nats = [episodes.window(u, random.Random(n)).first_nats for n, u in enumerate(asked)]
        figures["window_nats"] = sum(nats) / len(nats)
        keys = sum(v for name, v in figures.items() if name.startswith("key")) / len(JUDGED_TIMES)
        return {**figures, "score": keys - NATS_WEIGH * figures["window_nats"]}

    progress = train(gates, episodes.units, plan.budget, folder, validate, on_step, faster=FASTER)
    weights = {n: w.to(torch.float16) for n, w in load_file(folder / "best.safetensors").items()}
    notes = {
        "kind": infini_kind(plan.update),
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "window": WINDOW,
        "update": plan.update,
        "data": [[share.path.name, share.weight] for share in plan.shares],
        "passkey_share": plan.passkey_share,
        "seed": plan.budget.seed,
        "tokens": progress.tokens,
        "steps": progress.step,
        "score": progress.best,
    }
    if PartialState().is_main_process:
        save_adapter(
            own_folder(backbone) / f"{infini_kind(plan.update)}.safetensors",
            Adapter(weights, notes),
        )
    return notes

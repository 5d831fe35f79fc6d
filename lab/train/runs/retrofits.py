"""`bookstate train infini` and `train melodi`: the papers' memories fitted to this backbone."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any, Literal, get_args

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from safetensors.torch import load_file

from app.engine import Engine
from app.errors import InvalidSetting
from ingest.segments import split_text
from lab.evaluate.cases.background import Measure
from lab.evaluate.cases.records import read_records
from lab.evaluate.cases.tasks import filler_windows
from lab.provenance import made_by
from lab.train.examples import Asked, Mix, Unit, draw_units
from lab.train.loop import Budget, UnitResult, train
from lab.train.loop import Unit as Thunk
from lab.train.material import Share, make_probes, read_source
from lab.train.memories.infini import InfiniRetrofit, sharpened
from lab.train.memories.melodi import MelodiTraining
from lab.train.memories.retrofit import Judged, Passkeys, Repeated, Retrofit, judge_rows, pack_rows
from lab.train.runs.adapters import OnStep, split_windows
from memory_models.adapter import Adapter, load_learned, save_adapter
from memory_models.memories.infini import InfiniConfig, InfiniGates, InfiniMaps
from memory_models.memories.melodi import MelodiConfig
from memory_models.memories.melodi_retrofit import MelodiRetrofit, long_layer
from memory_models.tokenizer import Tokenizer

Kind = Literal["infini-linear", "infini-delta", "melodi"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WINDOW = 512  # tokens of Infini's segment; the paper's 2,048 would be trained a quarter as often
START = -1.0  # beta; memory weighs 0.27
MELODI = MelodiConfig(window=128, long=16, queue=16_384, parallel=True)
FASTER = {
    "infini": MappingProxyType({"beta": 10.0, "maps.write": 10.0, "maps.bias": 30.0}),
    "melodi": MappingProxyType({"gate": 10.0}),
}
MOST_BESIDE = 6  # other windows around one that is asked about
JUDGED = {"1K": 1e3, "16K": 16e3, "32K": 32e3, "1M": 1e6}  # tokens
NATS_WEIGH = 0.1  # of the logs of nats, against the share of right pass keys


@dataclass(frozen=True, slots=True)
class RetrofitPlan:
    """What is trained on what."""

    kind: Kind
    shares: tuple[Share, ...]
    books: Path
    validation: Path
    budget: Budget
    probes: int = 16
    passkeys: Passkeys = field(default_factory=Passkeys)
    passkey_share: float = 0.5  # of all units
    silence: float = 0.0  # weight of the loudness of filler, a pass key; infini only
    sharpen: float = 1.0  # of the logits of write strengths, once trained; infini only
    mix: Mix = field(default_factory=lambda: Mix(pages=0.0))
    start: Path | None = None  # weights to begin with, of this kind or of the other update

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidSetting(f"Retrofit {self.kind!r} is not known; use one of {KINDS}.")
        if self.silence < 0 or (self.silence and self.kind == "melodi"):
            raise InvalidSetting(
                f"Silence weighs {self.silence} for {self.kind!r}; it is at least 0, and 0 for "
                "melodi, which writes every window alike."
            )
        if self.sharpen <= 0 or (self.sharpen != 1 and self.kind == "melodi"):
            raise InvalidSetting(
                f"Write strengths sharpened {self.sharpen} times for {self.kind!r}; it is above 0, "
                "and 1 for melodi, which has none."
            )


def start_retrofit(engine: Engine, plan: RetrofitPlan) -> Retrofit[Any, Any]:
    """The memory of a plan before its training; the trained reader answers, where there is one."""
    backbone = engine.backbone
    writer, shape = backbone.decoder, backbone.config
    trained = engine.trained.answers()
    reader = trained.decoder if trained else writer
    torch.manual_seed(plan.budget.seed)
    if plan.kind == "melodi":
        config = replace(MELODI, long_layer=long_layer(shape.layers))
        learned = MelodiRetrofit(shape, config)
        return MelodiTraining(writer, reader, learned.to(writer.device))
    update: Literal["linear", "delta"] = "delta" if plan.kind == "infini-delta" else "linear"
    maps = InfiniMaps(shape.layers, shape.heads, shape.kv_heads, shape.head_size)
    gates = InfiniGates(shape.layers, shape.heads, START, maps).to(writer.device)
    return InfiniRetrofit(writer, reader, gates, InfiniConfig(WINDOW, update, parallel=True))


class Episodes:
    """Makes units: pass keys in filler, and questions about windows among others."""

    def __init__(self, engine: Engine, plan: RetrofitPlan, retrofit: Retrofit[Any, Any]) -> None:
        self._plan, self._retrofit, self._window = plan, retrofit, engine.settings.window
        self._device = engine.backbone.decoder.device
        self._tokenizer: Tokenizer = engine.backbone.tokenizer
        self._split = partial(split_windows, engine)
        filler = passkey_filler(self._tokenizer, engine.settings.window)
        self._filler = [window.read for window in self._read(self._parts(filler))]
        self._known: deque[Repeated[Any]] = deque(map(Repeated, self._filler), maxlen=24)

    def _parts(self, text: str) -> list[str]:
        """The segments of a text, as the product cuts them for this memory."""
        ranges = split_text(text, self._tokenizer.count, self._retrofit.window)
        return [text[a:b] for a, b in ranges]

    def _read(self, parts: Sequence[str]) -> list[Repeated[Any]]:
        encoded = (torch.tensor(self._tokenizer.encode(p), device=self._device) for p in parts)
        return [Repeated(self._retrofit.read(tokens)) for tokens in encoded]

    def _around(self, text: str, key: str) -> list[str]:
        """Two segments from the first one with the key on, or the last two, or the only one."""
        parts = self._parts(text)
        first = next(n for n, part in enumerate(parts) if key in part)
        return parts[max(0, min(first, len(parts) - 2)) :][:2]

    def _written(self, times: float, state: Any) -> Any:
        """The filler, so many times."""
        return self._retrofit.write([Repeated(read, times) for read in self._filler], state)

    def _judge(self, asked: Sequence[Asked], state: Any, *, even: bool = False) -> Judged:
        rows = pack_rows(self._tokenizer, asked, even=even)
        return judge_rows(rows, self._retrofit.logits(rows, state))

    def passkeys(
        self, rng: random.Random, tokens: float | None = None, silence: float = 0.0
    ) -> Judged:
        """Pass keys in texts of their own, behind and before the same filler: `tokens` in all."""
        texts, asked, drawn = self._plan.passkeys.draw(rng)
        times = (drawn if tokens is None else tokens) / self._window
        before = times * rng.random()
        early = self._written(before, self._retrofit.empty())
        around = [self._around(text, a.answer) for text, a in zip(texts, asked, strict=True)]
        own = [self._read(parts) for parts in around]
        states = [self._retrofit.write(windows, early) for windows in own]
        state = self._written(times - before, self._retrofit.stacked(states))
        judged = self._judge(asked, state, even=True)  # every digit is a find
        if not (silence and isinstance(self._retrofit, InfiniRetrofit)):
            return judged
        texts_read = [[window.read for window in windows] for windows in own]
        loud = self._retrofit.loudness(self._filler, texts_read, self._plan.passkeys.most)
        return judged._replace(loss=judged.loss + silence * judged.rows * loud)

    def window(self, unit: Unit, rng: random.Random) -> Judged:
        """Questions about a unit's windows, with some that were read lately beside them."""
        own = self._read([part for text in unit.windows for part in self._parts(text)])
        beside = rng.sample(list(self._known), min(len(self._known), rng.randint(0, MOST_BESIDE)))
        self._known.extend(own)
        cut = rng.randint(0, len(beside))
        windows = [*beside[:cut], *own, *beside[cut:]]
        return self._judge(unit.asked, self._retrofit.write(windows, self._retrofit.empty()))

    def units(self, first: int) -> Iterator[Thunk]:
        """Endless units from number `first` on."""
        plan = self._plan
        sources = [read_source(share) for share in plan.shares]
        books = [r.text for r in read_records(plan.books, "train")]
        drawn = draw_units(sources, books, self._split, plan.mix, plan.budget.seed, first)
        for number, unit in enumerate(drawn, start=first):
            rng = random.Random(f"{plan.budget.seed}/episode/{number}")
            is_passkey = rng.random() < plan.passkey_share
            if is_passkey:
                yield partial(_result, partial(self.passkeys, rng, silence=plan.silence), "key")
            else:
                yield partial(_result, partial(self.window, unit, rng), "window")


def _result(make: partial[Judged], kind: str) -> UnitResult:
    made = make()
    watched = dict.fromkeys(("key_rows", "key_right", "window_rows", "window_nats"), 0.0)
    watched[f"{kind}_rows"] = float(made.rows)
    if kind == "key":
        watched["key_right"] = float(made.right)
    else:
        watched["window_nats"] = made.first_nats
    return UnitResult(made.loss, made.rows, made.tokens, watched)


def passkey_filler(tokenizer: Tokenizer, window: int) -> str:
    """A window of the pass key task's filler, as the evaluation's documents have it."""
    measure = Measure(lambda text: [(0, len(text))], tokenizer.count, window)
    return filler_windows(measure, window)[0]


def score(right: float, figures: Mapping[str, float], passkey_share: float) -> float:
    """What the best weights are chosen by: nats count by how much they fell and were trained.

    right: share of right pass keys.
    """
    nats = {"key_nats": passkey_share, "window_nats": 1 - passkey_share}
    return right - NATS_WEIGH * sum(w * math.log(figures[name]) for name, w in nats.items())


def train_retrofit(
    engine: Engine, plan: RetrofitPlan, folder: Path, out: Path, on_step: OnStep
) -> dict[str, Any]:
    """Train (or go on training) in `folder`, and write the best to the file `out`."""
    backbone = engine.backbone
    retrofit = start_retrofit(engine, plan)
    if plan.start is not None:
        load_learned(retrofit.learned, load_file(plan.start))
    episodes = Episodes(engine, plan, retrofit)
    records = read_records(plan.validation, "val")
    probes = make_probes(records, partial(split_windows, engine), plan.probes)
    asked = [Unit((p.window,), (Asked(p.question, p.answers[0]),)) for p in probes]

    @torch.no_grad()
    def validate() -> dict[str, float]:
        keys = {
            name: episodes.passkeys(random.Random(f"validation/{name}"), tokens)
            for name, tokens in JUDGED.items()
            if tokens <= plan.passkeys.most
        }
        figures = {f"key_{name}": judged.right / judged.rows for name, judged in keys.items()}
        right = fmean(figures.values())
        figures["key_nats"] = fmean(float(judged.loss) / judged.rows for judged in keys.values())
        nats = [episodes.window(u, random.Random(n)).first_nats for n, u in enumerate(asked)]
        figures["window_nats"] = fmean(nats)
        return {**figures, "score": score(right, figures, plan.passkey_share)}

    faster = FASTER[plan.kind.partition("-")[0]]
    progress = train(
        retrofit.learned, episodes.units, plan.budget, folder, validate, on_step, faster
    )
    best = sharpened(load_file(folder / "best.safetensors"), plan.sharpen)
    notes = {
        "kind": plan.kind,
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
        "window": retrofit.window,
        "data": [[share.path.name, share.weight] for share in plan.shares],
        "passkey_share": plan.passkey_share,
        "longest": int(plan.passkeys.most),
        "silence": plan.silence,
        "sharpen": plan.sharpen,
        "seed": plan.budget.seed,
        "tokens": progress.tokens,
        "steps": progress.step,
        "score": progress.best,
        "reader": trained.name if (trained := engine.trained.answers()) else None,
        "made_by": made_by(),
    }
    if isinstance(retrofit.learned, MelodiRetrofit):
        notes["config"] = asdict(retrofit.learned.config)
    if PartialState().is_main_process:
        weights = {name: value.to(torch.float16) for name, value in best.items()}
        save_adapter(out, Adapter(weights, notes))
    return notes

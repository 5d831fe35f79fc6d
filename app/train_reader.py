"""`bookstate train reader` and `mean`: who answers from windows, or from what BM25 retrieves."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from safetensors.torch import load_file
from torch import Tensor

from app.adapters import (
    READER,
    RETRIEVAL_READER,
    codec,
    find_adapter,
    own_folder,
    trained_reader,
    write_gate,
)
from app.errors import InvalidSetting
from app.library import Library
from app.models import new_memory
from app.train import OnStep, quiet, split_windows, trained_gate
from memory_models.adapter import (
    Adapter,
    LoraConfig,
    added,
    averaged,
    load_adapter,
    load_lora,
    save_adapter,
    with_lora,
)
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.evaluate.data import read_records
from memory_models.evaluate.passages import MOST, TOKENS
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.codec import SlotCode
from memory_models.prompt import DECLINED
from memory_models.train.loop import Budget, Progress, UnitResult, train
from memory_models.train.loop import Unit as Thunk
from memory_models.train.material import Share, make_probes, read_source
from memory_models.train.numbers import Numbers
from memory_models.train.reader import Shares, unit_loss, write_windows
from memory_models.train.retrieved import Retrieved
from memory_models.train.units import Material, Mix, Source, Unit, draw_units
from memory_models.train.validation import Validation

CODED_BITS_TRAINED = 2  # a number, of the slots that a reader learns on
TOGETHER = 0.3  # share of a reader's units that are several windows
VALIDATED = 1  # seed of the units that a reader of retrieved passages is validated on
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
    coded: float = 0.6  # share of windows whose slots go through the codec, where there is one
    numbers: float = 0.0  # how often numbers to find are drawn, beside the shares' weights
    start: Path | None = None  # weights to begin with
    further: bool = False  # low-rank weights over the reader that is installed, then joined to it
    retrieved: bool = False  # the same over what BM25 retrieves, kept apart: the comparator


def train_reader(
    library: Library, plan: ReaderPlan, folder: Path, on_step: OnStep = quiet
) -> dict[str, Any]:
    """Train (or go on training) a reader in `folder`, and install the best for this backbone."""
    backbone = library.backbone
    gate = trained_gate(backbone)
    sources = _sources(library, plan)
    books = [r.text for r in read_records(plan.books, "train")]
    torch.manual_seed(plan.budget.seed)
    trained_over = plan.retrieved or plan.further
    over = _installed(backbone, plan.lora.scale, folder) if trained_over else None
    reader = with_lora(over.decoder if over else backbone.decoder, plan.lora)
    if plan.start is not None:
        load_lora(reader, load_file(plan.start))
    coding = codec(backbone)
    code = coding.at(CODED_BITS_TRAINED) if coding is not None else None
    tokenizer, window = backbone.tokenizer, library.settings.window
    sink = list(tokenizer.chat.opening)
    declined = tokenizer.encode(DECLINED)[0]

    def thunk(unit: Unit, share: float, code: SlotCode | None) -> Thunk:
        def compute() -> UnitResult:
            read = [tokenizer.encode(text)[:window] for text in unit.windows]
            slate = write_windows(backbone.decoder, gate, sink, read, window, share, code)
            made = unit_loss(reader, tokenizer, slate, unit, len(sink) + window, declined)
            watched = {
                "first_nats": made.first_nats,
                "answerable": float(made.answerable),
                "told_apart": float(made.told_apart),
            }
            return UnitResult(made.loss, made.branches, made.tokens, watched)

        return compute

    def units(first: int) -> Iterator[Thunk]:
        drawn = _draw(library, sources, books, plan, first)
        for number, unit in enumerate(drawn, start=first):
            rng = random.Random(f"{plan.budget.seed}/share/{number}")
            share = 1.0 if unit.is_page else plan.slots.draw(rng, len(unit.windows))
            is_coded = not unit.is_page and rng.random() < plan.coded
            yield thunk(unit, share, code if is_coded else None)

    if plan.retrieved:
        validate = _of_retrieved(library, plan, books, thunk)
    else:
        validate = partial(_validation(library, plan), reader)
    progress = train(reader, units, plan.budget, folder, validate, on_step)
    notes, weights = _notes(library, plan, progress, folder), _best(folder)
    if over is not None:
        notes, weights = _over(over, plan, notes, weights)
    if PartialState().is_main_process:
        path = own_folder(backbone) / f"{notes['kind']}.safetensors"
        save_adapter(path, Adapter(weights, notes))
    return notes


def _best(folder: Path) -> dict[str, Tensor]:
    found = load_file(folder / "best.safetensors")
    return {name.removeprefix("model."): value for name, value in found.items()}


def _over(
    over: _Installed, plan: ReaderPlan, notes: dict[str, Any], weights: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Weights for retrieved passages stay apart, half as exact; others join the reader's."""
    if plan.retrieved:
        halves = {name: value.half() for name, value in weights.items()}
        return notes | {"kind": RETRIEVAL_READER, "over": over.name}, halves
    before = over.adapter
    kept = {
        "rank": before.notes["rank"],
        "further_rank": plan.lora.rank,
        "tells": notes["tells"] or before.notes.get("tells", False),
        "over": before.notes,
    }
    return notes | kept, added(before.weights, weights)


def _sources(library: Library, plan: ReaderPlan) -> list[Material]:
    found = [read_source(share) for share in plan.shares]
    if not plan.retrieved:
        return [*found, Numbers(plan.numbers)]
    if plan.numbers or not all(isinstance(source, Source) for source in found):
        raise InvalidSetting(
            "A reader of retrieved passages learns from --data and --facts; --stories, --summaries "
            "and --numbers are of windows, so leave them out."
        )
    count = library.backbone.tokenizer.count
    return [Retrieved(s, count, TOKENS, MOST) for s in found if isinstance(s, Source)]


@dataclass(frozen=True, slots=True)
class _Installed:
    """The reader that further weights are trained over."""

    name: str
    decoder: Decoder
    adapter: Adapter


def _installed(backbone: Backbone, scale: float, folder: Path) -> _Installed:
    """The reader in use; a run that was begun over another one is refused."""
    reader, adapter = trained_reader(backbone), find_adapter(backbone, READER)
    if reader is None or adapter is None:
        raise InvalidSetting(
            "Further weights are trained over the reader, and this backbone has none; run "
            "`bookstate train reader` without --further and --retrieved first."
        )
    if adapter.notes["scale"] != scale:
        raise InvalidSetting(
            f"The installed reader's weights are added {adapter.notes['scale']} times, these "
            f"{scale} times; train with the same scale."
        )
    begun = folder / "over.txt"
    if begun.is_file() and begun.read_text("utf-8") != reader.name:
        raise InvalidSetting(
            f"The run in {folder.name} was begun over reader {begun.read_text('utf-8')}, installed "
            f"is {reader.name}; take another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    begun.write_text(reader.name, "utf-8")
    return _Installed(reader.name, reader.decoder, adapter)


def _of_retrieved(
    library: Library,
    plan: ReaderPlan,
    books: Sequence[str],
    thunk: Callable[[Unit, float, SlotCode | None], Thunk],
) -> Callable[[], dict[str, float]]:
    """Nats of the answers to validation questions from what is retrieved for them."""
    records = read_records(plan.validation, "val")
    answered = tuple(r for r in records if any(q.answers for q in r.questions))
    material = Retrieved(Source(answered, 1.0), library.backbone.tokenizer.count, TOKENS, MOST)
    drawn = draw_units([material], books, partial(split_windows, library), plan.mix, VALIDATED, 0)
    units = list(itertools.islice(drawn, plan.probes))

    @torch.no_grad()
    def validate() -> dict[str, float]:
        made = [thunk(unit, 1.0, None)() for unit in units]
        nats = sum(float(m.loss) for m in made) / sum(m.weight for m in made)
        first = sum(m.watched["first_nats"] for m in made)
        answerable = sum(m.watched["answerable"] for m in made)
        return {"score": -nats, "first_nats": first / max(1.0, answerable)}

    return validate


def average_readers(library: Library, files: Sequence[Path]) -> dict[str, Any]:
    """Install the mean of trained readers for this backbone."""
    backbone = library.backbone
    found = [load_adapter(path, backbone.sha256) for path in files]
    if any(a.notes.get("kind") != READER for a in found):
        raise InvalidSetting("Not all of these are readers; give reader.safetensors files.")
    if len({(a.notes["rank"], a.notes["scale"]) for a in found}) > 1:
        raise InvalidSetting("These readers have other ranks or scales; average like with like.")
    weights = averaged([a.weights for a in found])
    shared = ("kind", "backbone", "backbone_sha256", "rank", "scale", "together")
    notes = {name: found[0].notes[name] for name in shared} | {
        "declining_threshold": DECLINING_THRESHOLD,
        "tells": all(a.notes.get("tells", False) for a in found),
        "mean_of": [a.notes for a in found],
    }
    save_adapter(own_folder(backbone) / f"{READER}.safetensors", Adapter(weights, notes))
    return notes


def _draw(
    library: Library,
    sources: Sequence[Material],
    books: Sequence[str],
    plan: ReaderPlan,
    first: int,
) -> Iterator[Unit]:
    return draw_units(
        sources, books, partial(split_windows, library), plan.mix, plan.budget.seed, first
    )


def _validation(library: Library, plan: ReaderPlan) -> Validation:
    backbone = library.backbone
    gate = write_gate(backbone)
    config = new_memory("adaptive", backbone, library.settings).config
    assert isinstance(config, AdaptiveConfig)
    whole = AdaptiveConfig(config.address_heads, config.window, 1.0, gate=config.gate)
    records = read_records(plan.validation, "val")
    probes = make_probes(records, partial(split_windows, library), plan.probes)
    memory, page = (
        AdaptiveMemory(backbone, c, gate, codec=codec(backbone)) for c in (config, whole)
    )
    return Validation(memory, page, probes)


def _notes(library: Library, plan: ReaderPlan, progress: Progress, folder: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    judged = [line for line in lines if "score" in line]
    return {
        "kind": READER,
        "backbone": library.backbone.name,
        "backbone_sha256": library.backbone.sha256,
        "rank": plan.lora.rank,
        "scale": plan.lora.scale,
        "together": plan.mix.most if plan.mix.together else 1,
        "declining_threshold": DECLINING_THRESHOLD,
        "data": [[share.path.name, share.weight] for share in plan.shares],
        "numbers": plan.numbers,
        "tells": any(share.kind == "summaries" for share in plan.shares),
        "seed": plan.budget.seed,
        "tokens": progress.tokens,
        "steps": progress.step,
        "validation": max(judged, key=lambda line: float(line["score"]), default={}),
    }

"""Conditions over adaptive MELODI's states: the right document, a wrong one, and random numbers."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor

from lab.evaluate.cases.case import Case, Window
from lab.evaluate.conditions import Answerer, Opened
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.codec import SlotCode
from memory_models.memories.slots import unpack
from memory_models.memory import Bundle, from_bytes, to_bytes
from memory_models.prompt import build_prompt
from memory_models.recall import Chosen, Ranked

FEW = 8  # slots; the mean and the deviation of fewer would give them away


class WindowStates:
    """Adaptive MELODI's windows, each read once and kept in a folder."""

    def __init__(self, memory: AdaptiveMemory, folder: Path) -> None:
        self.memory = memory
        decoder = memory.backbone.decoder
        written_by = {
            "config": _settings(memory.config),
            "backbone": memory.backbone.sha256,
            "dtype": str(decoder.dtype),
            "device": decoder.device.type,
            "sink": list(memory.sink),
            "request": list(memory.request),
        }
        identity = json.dumps(written_by, sort_keys=True)
        self._folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def files(self, text: str) -> tuple[Path, Path]:
        """Where a window's slots and address keys are once it was read; keys are written last."""
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        return self._folder / f"{key}.slots", self._folder / f"{key}.address"

    def read(self, text: str) -> tuple[Path, Path]:
        """Files with the slots and the address keys of a window."""
        files = self.files(text)
        if not files[1].is_file():
            tokens = self.memory.backbone.tokenizer.encode(text)
            left = self.memory.write(torch.tensor(tokens), {}).left
            for path, part in zip(files, ("slots", "address"), strict=True):
                scratch = path.with_suffix(f".{part}.part")
                scratch.write_bytes(to_bytes(left[part]))
                scratch.rename(path)
        return files


def _settings(config: AdaptiveConfig) -> dict[str, object]:
    """The settings that are not the default, so that a new one leaves older files valid."""
    named = {field.name: (getattr(config, field.name), field.default) for field in fields(config)}
    return {name: value for name, (value, default) in named.items() if value != default}


class _WindowCondition:
    """What the conditions over adaptive MELODI's states share."""

    def __init__(self, name: str, states: WindowStates, answerer: Answerer, windows: int) -> None:
        self.name = name
        self.answerer = answerer
        self._states = states
        self._windows = windows

    @property
    def variant(self) -> str:
        """The configuration of the states, the addresser, and how many windows are opened."""
        addresser = self._states.memory.addresser
        parts = {
            "config": _settings(self._states.memory.config),
            "addresser": addresser.name if addresser else "",
            "windows": self._windows,
        }
        return json.dumps(parts, sort_keys=True)

    def document(self, case: Case) -> tuple[Window, ...]:
        """The case's long document."""
        return case.windows

    def unread(self, case: Case) -> Mapping[Path, str]:
        """Windows of the document that no run has read yet."""
        files = {self._states.files(w.text)[1]: w.text for w in self.document(case)}
        return {file: text for file, text in files.items() if not file.is_file()}

    def read(self, text: str) -> None:
        """Read a window into the folder."""
        self._states.read(text)

    def _files(self, case: Case) -> list[tuple[Path, Path]]:
        return [self._states.read(window.text) for window in self.document(case)]


class AdaptiveCondition(_WindowCondition):
    """Adaptive MELODI over the case's windows."""

    def open(self, case: Case) -> Opened:
        """Address the windows and open the best of them."""
        memory, files = self._states.memory, self._files(case)
        book = memory.address_book(
            [(i, from_bytes(address.read_bytes())) for i, (_, address) in enumerate(files)]
        )
        ranked = memory.rank(case.question.question, book, torch.arange(len(files)))
        chosen = self._choose(ranked)
        slots = {s: from_bytes(files[s][0].read_bytes()) for s in chosen.segments}
        decoder = self.answerer.backbone.decoder
        tokens = int(book.lengths.sum())
        return Opened(
            reading=lambda: memory.recall(slots, chosen.prior, rows=chosen.rows, decoder=decoder),
            prompt=build_prompt(self.answerer.tokenizer, case.question.question),
            state_bytes=sum(path.stat().st_size for pair in files for path in pair),
            kv_cache_bytes=tokens * memory.backbone.config.kv_bytes_per_token,
            segments=chosen.segments if len(chosen.rows) == len(chosen.segments) else (),
            rank=self._rank(ranked.segments, case),
        )

    def _choose(self, ranked: Ranked) -> Chosen:
        return self._states.memory.choose(ranked, self._windows)

    def _rank(self, order: Sequence[int], case: Case) -> int | None:
        return min((order.index(g) for g in case.gold), default=None)


class TogetherCondition(AdaptiveCondition):
    """Adaptive MELODI with the best windows as one row, in the order of the document."""

    def _choose(self, ranked: Ranked) -> Chosen:
        return self._states.memory.choose(ranked, self._windows, together=True)


class WrongDocumentCondition(AdaptiveCondition):
    """Adaptive MELODI over as many windows without the right document."""

    def document(self, case: Case) -> tuple[Window, ...]:
        """The windows without the right document."""
        return case.wrong

    def _rank(self, order: Sequence[int], case: Case) -> int | None:
        return None


class RandomStateCondition(_WindowCondition):
    """Adaptive MELODI over random windows whose slots are random numbers.

    A state has exactly the counts and places of the right document's, so also its size. Keys and
    values are normal numbers with the mean and the deviation that each channel has over the slots
    of its layer in that window; where a layer has few slots, with their common size alone.
    """

    def open(self, case: Case) -> Opened:
        """Open as many windows as adaptive MELODI does, all with the same weight."""
        memory, files = self._states.memory, self._files(case)
        chance = random.Random(case.question.question)
        segments = chance.sample(range(len(files)), min(self._windows, len(files)))
        code = memory.code
        slots = {s: noise(from_bytes(files[s][0].read_bytes()), s, code) for s in segments}
        decoder = self.answerer.backbone.decoder
        count = memory.backbone.tokenizer.count
        tokens = sum(count(window.text) for window in case.windows)
        return Opened(
            reading=lambda: memory.recall(slots, torch.zeros(len(slots)), decoder=decoder),
            prompt=build_prompt(self.answerer.tokenizer, case.question.question),
            state_bytes=sum(path.stat().st_size for pair in files for path in pair),
            kv_cache_bytes=tokens * memory.backbone.config.kv_bytes_per_token,
        )


def noise(packed: Bundle, seed: int, code: SlotCode | None = None) -> Bundle:
    """Slots of one window with random numbers for keys and values, as 16-bit slots."""
    slots = unpack(packed, torch.float32, code)
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name, rows in (("keys", slots.keys), ("values", slots.values)):
        layers = rows.split([sum(counts) for counts in slots.counts])
        made[name] = torch.cat([_alike(layer, generator) for layer in layers]).bfloat16()
    counts = torch.tensor(slots.counts, dtype=torch.int16)
    return {"counts": counts, "places": slots.places.to(torch.int16), **made}


def _alike(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Normal numbers [n,d] with the statistics of rows [n,d]."""
    drawn = torch.randn(rows.shape, generator=generator)
    if len(rows) < FEW:
        return drawn * rows.square().mean().sqrt() if len(rows) else drawn
    return rows.mean(0) + drawn * rows.std(0)

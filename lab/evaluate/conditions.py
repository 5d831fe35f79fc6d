"""Conditions: the ways in which the same question is asked, one row of the table each.

    none      nothing but the question
    gold      the passage that answers it in the prompt (the ceiling)
    truncated the last tokens of the long document in the prompt
    full      the same, as many as the backbone has positions for
    rag       the passages that BM25 finds, in document order, in the prompt
    adaptive  adaptive MELODI over the document's windows
    together  the same with the best four windows as one row instead of eight rows
    wrong     adaptive MELODI over as many windows without the right document
    random    adaptive MELODI's machinery over random numbers of the state's shape
    infini, melodi   the recurrent memories, read over the whole sequence of windows

Who reads a state or a prompt and answers (`Reader`) may differ from the backbone that wrote the
state: a trained reader has the same tokenizer and configuration, other weights and another hash.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from lab.evaluate.cases.case import Case, Split, Window
from lab.evaluate.cases.passages import Cutter, Index, page_of
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.generate import ANSWERABILITY_WEIGHT, PRIOR_WEIGHT, Abstention
from memory_models.memories.adaptive import WORD_WEIGHT, AdaptiveConfig, AdaptiveMemory
from memory_models.memories.codec import SlotCode
from memory_models.memories.slot_reading import Contexts, LayerContext, SlotReading
from memory_models.memories.slots import unpack
from memory_models.memory import Bundle, Reading, from_bytes, to_bytes
from memory_models.prompt import Prompt, build_prompt
from memory_models.recall import Chosen, Ranked
from memory_models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Reader:
    """Who answers, and how it declines where it was trained to."""

    backbone: Backbone
    declining: Abstention | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        return self.backbone.tokenizer

    @property
    def identity(self) -> str:
        """What its outcomes are told apart by."""
        return self.backbone.sha256


@dataclass(frozen=True, slots=True)
class Opened:
    """A reading for a case with its prompt and its cost."""

    reading: Callable[[], Reading]
    prompt: Prompt
    state_bytes: int = 0
    kv_cache_bytes: int = 0
    segments: tuple[int, ...] = ()  # windows of the case that are read, where the rows are windows
    rank: int | None = None


class Condition(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str: ...

    @property
    def reader(self) -> Reader: ...

    @property
    def variant(self) -> str:
        """What an outcome depends on beside the name, the reader and the case; usually nothing."""
        ...

    def unread(self, case: Case) -> Mapping[Path, str]:
        """Windows to read before the case can be opened: the file that each leaves, its text."""
        ...

    def read(self, text: str) -> None:
        """Read one of them."""
        ...

    def open(self, case: Case) -> Opened: ...


def plain_reading(backbone: Backbone) -> SlotReading:
    """The backbone without any memory: a reading whose one row sees nothing but the prompt."""
    c = backbone.config
    empty = torch.zeros(
        2, c.kv_heads, 0, c.head_size, dtype=backbone.decoder.dtype, device=backbone.decoder.device
    )
    bias = torch.zeros(2, c.kv_heads, 0, device=backbone.decoder.device)
    layer = LayerContext(empty, empty, bias, bias[:1].long())
    contexts = Contexts([layer] * c.layers, (0,), 1, window=1)
    return SlotReading(backbone.decoder, contexts, torch.zeros(1), 0)


class _NothingAhead:
    """Conditions that read no window ahead."""

    @property
    def variant(self) -> str:
        return ""

    def unread(self, case: Case) -> Mapping[Path, str]:
        return {}

    def read(self, text: str) -> None:
        """Never asked to."""


@dataclass(frozen=True)
class PromptOnly(_NothingAhead):
    """none, gold or truncated: what is shown stands in the prompt."""

    name: str
    reader: Reader
    show: Callable[[Case], str]

    def open(self, case: Case) -> Opened:
        """The prompt with what this condition shows, and no state."""
        prompt = build_prompt(self.reader.tokenizer, case.question.question, self.show(case))
        return Opened(lambda: plain_reading(self.reader.backbone), prompt)


class Page(_NothingAhead):
    """The same for a trained reader, which learned to answer from what the backbone itself read.

    What is shown is read by the backbone and kept whole, 16 bits a number; the reader sees it as
    it sees a window. Nothing shown is a window without slots.
    """

    def __init__(
        self, name: str, memory: AdaptiveMemory, reader: Reader, show: Callable[[Case], str]
    ) -> None:
        self.name = name
        self.reader = reader
        self._memory = memory
        self._show = show

    def open(self, case: Case) -> Opened:
        """The prompt alone, over one window that is what this condition shows."""
        decoder = self.reader.backbone.decoder
        return opened_page(self._memory, decoder, self._show(case), case.question.question)


def opened_page(
    memory: AdaptiveMemory,
    decoder: Decoder,
    shown: str,
    question: str,
    rank: int | None = None,
) -> Opened:
    """A text, kept whole, as the only window of a reading that `decoder` answers from."""
    tokenizer = memory.backbone.tokenizer
    tokens = torch.tensor(tokenizer.encode(shown), dtype=torch.long)
    longer = max(memory.window, len(tokens))
    whole = replace(memory.config, window=longer, keep_ratio=1.0, slot_bits=16, gate="", codec="")
    page = AdaptiveMemory(memory.backbone, whole)
    slots = page.whole(tokens)
    return Opened(
        lambda: page.recall({0: slots}, torch.zeros(1), decoder=decoder),
        build_prompt(tokenizer, question),
        rank=rank,
    )


class Retrieved(_NothingAhead):
    """rag: the best `most` passages of `tokens` tokens, in document order, in the prompt.

    With `page`, for a trained reader, they are shown as `Page` shows its text.
    """

    def __init__(
        self,
        name: str,
        reader: Reader,
        tokens: int,
        most: int,
        page: AdaptiveMemory | None = None,
    ) -> None:
        self.name = name
        self.reader = reader
        self._most = most
        self._page = page
        self._cutter = Cutter(reader.tokenizer.count, tokens)
        self._known: tuple[object, Index | None] = (None, None)

    def open(self, case: Case) -> Opened:
        """The prompt with the passages; the rank is that of the best gold one among all."""
        index = self._index(case.windows)
        ranked = index.ranked(case.question.question)
        text = page_of(index.in_order(ranked[: self._most]))
        ordered = (index.passages[i] for i in ranked)
        gold = (n for n, p in enumerate(ordered) if case.is_gold(p.record, p.start, p.end))
        rank = next(gold, None)
        if self._page is not None:
            decoder = self.reader.backbone.decoder
            return opened_page(self._page, decoder, text, case.question.question, rank)
        prompt = build_prompt(self.reader.tokenizer, case.question.question, text)
        return Opened(lambda: plain_reading(self.reader.backbone), prompt, rank=rank)

    def _index(self, windows: tuple[Window, ...]) -> Index:
        known, index = self._known
        if index is None or known != windows:
            index = Index(self._cutter.cut(windows))
            self._known = (windows, index)
        return index


class WindowStates:
    """Adaptive MELODI's windows, each read once and kept in a folder."""

    def __init__(self, memory: AdaptiveMemory, folder: Path) -> None:
        self.memory = memory
        settings = {**_named(memory.config), **_beside(memory.config)}
        made_by = json.dumps([settings, memory.backbone.sha256], sort_keys=True)
        self._folder = folder / hashlib.sha256(made_by.encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def files(self, text: str) -> tuple[Path, Path]:
        """Where the slots and the address keys of a window are once it was read; keys come last."""
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


NAMED = ("address_heads", "window", "keep_ratio", "slot_bits")


def _named(config: AdaptiveConfig) -> dict[str, object]:
    """What states and outcomes were always told apart by."""
    return {name: getattr(config, name) for name in NAMED}


def _beside(config: AdaptiveConfig) -> dict[str, object]:
    """Newer settings, where they are not the default: older files stay what they were."""
    return {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if field.name not in NAMED and getattr(config, field.name) != field.default
    }


class _Windowed:
    """What the conditions over adaptive MELODI's states share."""

    def __init__(self, name: str, states: WindowStates, reader: Reader, windows: int) -> None:
        self.name = name
        self.reader = reader
        self._states = states
        self._windows = windows

    @property
    def variant(self) -> str:
        newer = _beside(self._states.memory.config)
        if self._states.memory.config.words:
            newer["word_weight"] = WORD_WEIGHT
        if addresser := self._states.memory.addresser:
            newer["addresser"] = addresser.name
        if self.reader.declining is not None:
            newer["weighing"] = (PRIOR_WEIGHT, ANSWERABILITY_WEIGHT)
        return json.dumps(newer, sort_keys=True) if newer else ""

    def _document(self, case: Case) -> tuple[Window, ...]:
        return case.windows

    def unread(self, case: Case) -> Mapping[Path, str]:
        files = {self._states.files(w.text)[1]: w.text for w in self._document(case)}
        return {file: text for file, text in files.items() if not file.is_file()}

    def read(self, text: str) -> None:
        self._states.read(text)

    def _files(self, case: Case) -> list[tuple[Path, Path]]:
        return [self._states.read(window.text) for window in self._document(case)]


class Adaptive(_Windowed):
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
        tokens = int(book.lengths.sum())
        return Opened(
            reading=lambda: memory.recall(slots, chosen.prior, rows=chosen.rows),
            prompt=build_prompt(self.reader.tokenizer, case.question.question),
            state_bytes=sum(path.stat().st_size for pair in files for path in pair),
            kv_cache_bytes=tokens * memory.backbone.config.kv_bytes_per_token,
            segments=chosen.segments if len(chosen.rows) == len(chosen.segments) else (),
            rank=self._rank(ranked.segments, case),
        )

    def _choose(self, ranked: Ranked) -> Chosen:
        return self._states.memory.choose(ranked, self._windows)

    def _rank(self, order: Sequence[int], case: Case) -> int | None:
        return min((order.index(g) for g in case.gold), default=None)


class Together(Adaptive):
    """Adaptive MELODI with the best windows as one row, in the order of the document."""

    def _choose(self, ranked: Ranked) -> Chosen:
        return self._states.memory.choose(ranked, self._windows, together=True)


class Wrong(Adaptive):
    """Adaptive MELODI over as many windows without the right document."""

    def _document(self, case: Case) -> tuple[Window, ...]:
        return case.wrong

    def _rank(self, order: Sequence[int], case: Case) -> int | None:
        return None


class Random(_Windowed):
    """Adaptive MELODI's machinery over random windows whose slots are random numbers.

    A state has exactly the counts and places of the right document's, so also its size. Keys and
    values are normal numbers with the mean and deviation that each channel has over the slots of
    its layer in that window; where a layer has few slots, with their common size alone.
    """

    def open(self, case: Case) -> Opened:
        """Open as many windows as adaptive MELODI does, all as likely."""
        memory, files = self._states.memory, self._files(case)
        chance = random.Random(case.question.question)
        segments = chance.sample(range(len(files)), min(self._windows, len(files)))
        code = memory.code
        slots = {s: noise(from_bytes(files[s][0].read_bytes()), s, code) for s in segments}
        count = self._states.memory.backbone.tokenizer.count
        tokens = sum(count(window.text) for window in case.windows)
        return Opened(
            reading=lambda: memory.recall(slots, torch.zeros(len(slots))),
            prompt=build_prompt(self.reader.tokenizer, case.question.question),
            state_bytes=sum(path.stat().st_size for pair in files for path in pair),
            kv_cache_bytes=tokens * memory.backbone.config.kv_bytes_per_token,
        )


FEW = 8  # slots; fewer would give themselves away by their mean and deviation


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


class Carried(Protocol):
    """A recurrent memory (Infini-attention, MELODI)."""

    window: int

    def empty(self) -> Bundle: ...
    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle: ...
    def recall(self, carry: Bundle) -> Reading: ...


class Recurrent(_NothingAhead):
    """A recurrent memory over the whole long document; one state for all questions about it."""

    def __init__(
        self, name: str, reader: Reader, memory: Carried, split: Split, variant: str = ""
    ) -> None:
        """split: a window's segments for this memory, as the product cuts them."""
        self.name = name
        self.reader = reader
        self._memory, self._split = memory, split
        self._variant = variant
        self._known: tuple[object, Bundle, int] = (None, {}, 0)

    @property
    def variant(self) -> str:
        return self._variant

    def open(self, case: Case) -> Opened:
        """Read the windows in order, then ask the carry that results."""
        if self._known[0] != case.windows:
            self._known = (case.windows, *self._read(case.windows))
        _, carry, tokens = self._known
        return Opened(
            reading=lambda: self._memory.recall(carry),
            prompt=build_prompt(self.reader.tokenizer, case.question.question),
            state_bytes=len(to_bytes(carry)),
            kv_cache_bytes=tokens * self.reader.backbone.config.kv_bytes_per_token,
        )

    def _read(self, windows: Sequence[Window]) -> tuple[Bundle, int]:
        cut = cache(self._cut)  # filler is thousands of times the same window
        segments = [segment for window in windows for segment in cut(window.text)]
        if self._memory.window >= 2 * max(map(len, segments)):
            segments = list(torch.cat(segments).split(self._memory.window))
        carry = self._memory.write_repeating(segments, self._memory.empty())
        return carry, sum(map(len, segments))

    def _cut(self, text: str) -> list[Tensor]:
        encode = self.reader.tokenizer.encode
        return [torch.tensor(encode(text[a:b])) for a, b in self._split(text)]

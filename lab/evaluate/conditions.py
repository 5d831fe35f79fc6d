"""Conditions: the ways in which one question is asked. Each is a row of the table.

    none      nothing but the question
    gold      the passage that answers it is in the prompt (the ceiling)
    truncated the last tokens of the long document are in the prompt
    full      the same, with as many tokens as the backbone has positions for
    rag       the passages that BM25 finds are in the prompt, in document order
    adaptive  adaptive MELODI over the document's windows
    together  the same, with the best four windows as one row instead of eight rows
    wrong     adaptive MELODI over as many windows without the right document
    random    adaptive MELODI over random numbers of the state's shape
    infini, melodi   the recurrent memories, which read all windows in order

This file has the conditions that show text; `window_conditions` and `recurrent_condition` have the
others. The backbone writes every state. What answers from it (`Answerer`) may have other weights:
an answer adapter has the same tokenizer and configuration, and another hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch

from lab.evaluate.cases.case import Case, Window
from lab.evaluate.cases.passages import Cutter, Index, page_of
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.generate import Abstention
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memories.slot_reading import Contexts, LayerContext, SlotReading
from memory_models.memory import Reading
from memory_models.prompt import Prompt, build_prompt
from memory_models.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Answerer:
    """The weights that answer, and how they abstain if they were trained to."""

    backbone: Backbone
    abstention: Abstention | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of prompts and answers."""
        return self.backbone.tokenizer

    @property
    def identity(self) -> str:
        """Names the weights in the key of an outcome."""
        return self.backbone.sha256


@dataclass(frozen=True, slots=True)
class Opened:
    """A reading for a case, with its prompt and what its state costs."""

    reading: Callable[[], Reading]
    prompt: Prompt
    state_bytes: int = 0
    kv_cache_bytes: int = 0
    segments: tuple[int, ...] = ()  # the case's windows that are read, where each row is one
    rank: int | None = None


class Condition(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str: ...

    @property
    def answerer(self) -> Answerer: ...

    @property
    def variant(self) -> str:
        """What an outcome depends on besides the name, the answerer and the case."""
        ...

    def document(self, case: Case) -> tuple[Window, ...]:
        """The windows that this condition reads for a case."""
        ...

    def unread(self, case: Case) -> Mapping[Path, str]:
        """Windows to read before the case can be opened: the file that each leaves -> its text."""
        ...

    def read(self, text: str) -> None:
        """Read one of them."""
        ...

    def open(self, case: Case) -> Opened: ...


def plain_reading(backbone: Backbone) -> SlotReading:
    """A reading without memory: its only row sees nothing but the prompt."""
    c = backbone.config
    empty = torch.zeros(
        2, c.kv_heads, 0, c.head_size, dtype=backbone.decoder.dtype, device=backbone.decoder.device
    )
    bias = torch.zeros(2, c.kv_heads, 0, device=backbone.decoder.device)
    layer = LayerContext(empty, empty, bias, bias[:1].long())
    contexts = Contexts([layer] * c.layers, (0,), 1, window=1)
    return SlotReading(backbone.decoder, contexts, torch.zeros(1), 0)


class NothingAhead:
    """What conditions share that read no window ahead."""

    @property
    def variant(self) -> str:
        """Nothing."""
        return ""

    def document(self, case: Case) -> tuple[Window, ...]:
        """The case's long document."""
        return case.windows

    def unread(self, case: Case) -> Mapping[Path, str]:
        """No window."""
        return {}

    def read(self, text: str) -> None:
        """Do nothing; `unread` names no window."""


@dataclass(frozen=True)
class PromptCondition(NothingAhead):
    """none, gold or truncated: what is shown is in the prompt."""

    name: str
    answerer: Answerer
    show: Callable[[Case], str]

    def open(self, case: Case) -> Opened:
        """The prompt with what this condition shows, and no state."""
        prompt = build_prompt(self.answerer.tokenizer, case.question.question, self.show(case))
        return Opened(lambda: plain_reading(self.answerer.backbone), prompt)


class PageCondition(NothingAhead):
    """none, gold or truncated for an answer adapter, which was trained on what the backbone read.

    The backbone reads what is shown and keeps all of it at 16 bits a number; the answer adapter
    sees it as it sees a window. Where nothing is shown it sees a window without slots.
    """

    def __init__(
        self, name: str, memory: AdaptiveMemory, answerer: Answerer, show: Callable[[Case], str]
    ) -> None:
        self.name = name
        self.answerer = answerer
        self._memory = memory
        self._show = show

    def open(self, case: Case) -> Opened:
        """The prompt alone, over one window that holds what this condition shows."""
        decoder = self.answerer.backbone.decoder
        return opened_page(self._memory, decoder, self._show(case), case.question.question)


def opened_page(
    memory: AdaptiveMemory,
    decoder: Decoder,
    shown: str,
    question: str,
    rank: int | None = None,
) -> Opened:
    """A reading whose only window is a text, kept whole; `decoder` answers from it."""
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


class RagCondition(NothingAhead):
    """rag: the best `most` passages of `tokens` tokens, in document order, in the prompt.

    With `page`, for an answer adapter, they are shown as `PageCondition` shows its text.
    """

    def __init__(
        self,
        name: str,
        answerer: Answerer,
        tokens: int,
        most: int,
        page: AdaptiveMemory | None = None,
    ) -> None:
        self.name = name
        self.answerer = answerer
        self._most = most
        self._page = page
        self._cutter = Cutter(answerer.tokenizer.count, tokens)
        self._known: tuple[object, Index | None] = (None, None)

    def open(self, case: Case) -> Opened:
        """The prompt with the passages; the rank is that of the best gold passage among all."""
        index = self._index(case.windows)
        ranked = index.ranked(case.question.question)
        text = page_of(index.in_order(ranked[: self._most]))
        ordered = (index.passages[i] for i in ranked)
        gold = (n for n, p in enumerate(ordered) if case.is_gold(p.record, p.start, p.end))
        rank = next(gold, None)
        if self._page is not None:
            decoder = self.answerer.backbone.decoder
            return opened_page(self._page, decoder, text, case.question.question, rank)
        prompt = build_prompt(self.answerer.tokenizer, case.question.question, text)
        return Opened(lambda: plain_reading(self.answerer.backbone), prompt, rank=rank)

    def _index(self, windows: tuple[Window, ...]) -> Index:
        known, index = self._known
        if index is None or known != windows:
            index = Index(self._cutter.cut(windows))
            self._known = (windows, index)
        return index

"""The condition over a recurrent memory: one state serves all questions about a document."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from lab.evaluate.cases.case import Case, Split, Window
from lab.evaluate.conditions import Answerer, NothingAhead, Opened
from memory_models.memory import Bundle, Reading, to_bytes
from memory_models.prompt import build_prompt


class Carried(Protocol):
    """What this condition needs of a recurrent memory."""

    window: int

    def empty(self) -> Bundle: ...
    def write_repeating(self, segments: Sequence[Tensor], carry: Bundle) -> Bundle: ...
    def recall(self, carry: Bundle) -> Reading: ...


class RecurrentCondition(NothingAhead):
    """A recurrent memory (Infini-attention, MELODI) over the whole long document."""

    def __init__(
        self, name: str, answerer: Answerer, memory: Carried, split: Split, variant: str = ""
    ) -> None:
        """split: a window's segments for this memory, as the product cuts them."""
        self.name = name
        self.answerer = answerer
        self._memory, self._split = memory, split
        self._variant = variant
        self._known: tuple[object, Bundle, int] = (None, {}, 0)

    @property
    def variant(self) -> str:
        """The memory's configuration."""
        return self._variant

    def open(self, case: Case) -> Opened:
        """Read the windows in order, then ask the resulting carry."""
        if self._known[0] != case.windows:
            self._known = (case.windows, *self._read(case.windows))
        _, carry, tokens = self._known
        return Opened(
            reading=lambda: self._memory.recall(carry),
            prompt=build_prompt(self.answerer.tokenizer, case.question.question),
            state_bytes=len(to_bytes(carry)),
            kv_cache_bytes=tokens * self.answerer.backbone.config.kv_bytes_per_token,
        )

    def _read(self, windows: Sequence[Window]) -> tuple[Bundle, int]:
        cut = cache(self._cut)  # filler is the same window thousands of times
        segments = [segment for window in windows for segment in cut(window.text)]
        if self._memory.window >= 2 * max(map(len, segments)):
            segments = list(torch.cat(segments).split(self._memory.window))
        carry = self._memory.write_repeating(segments, self._memory.empty())
        return carry, sum(map(len, segments))

    def _cut(self, text: str) -> list[Tensor]:
        encode = self.answerer.tokenizer.encode
        return [torch.tensor(encode(text[a:b])) for a, b in self._split(text)]

"""Units for the papers' memories: pass keys in filler, and questions about windows among others."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from app.engine import Engine
from ingest.segments import split_text
from lab.evaluate.cases.background import Measure
from lab.evaluate.cases.records import read_records
from lab.evaluate.cases.tasks import filler_windows
from lab.train.examples import Asked, Mix, Unit, draw_units
from lab.train.loop import Unit as Thunk
from lab.train.loop import UnitResult
from lab.train.material import read_source
from lab.train.memories.retrofit import Judged, Passkeys, Repeated, Retrofit, judge_rows, pack_rows
from lab.train.plans import RetrofitPlan
from lab.train.runs.adapters import split_windows
from memory_models.tokenizer import Tokenizer

MOST_OTHERS = 6  # other windows around the one that is asked about
REMEMBERED = 24  # windows read lately, from which those others are drawn


class Episodes:
    """Makes the units that a retrofit is trained on and validated with."""

    def __init__(self, engine: Engine, plan: RetrofitPlan, retrofit: Retrofit[Any, Any]) -> None:
        self.lengths = Passkeys(most=plan.longest)
        self._plan, self._retrofit, self._window = plan, retrofit, engine.settings.window
        self._device = engine.backbone.decoder.device
        self._tokenizer: Tokenizer = engine.backbone.tokenizer
        self._split = partial(split_windows, engine)
        filler = passkey_filler(self._tokenizer, engine.settings.window)
        self._filler = [window.read for window in self._read(self._parts(filler))]
        self._known: deque[Repeated[Any]] = deque(map(Repeated, self._filler), maxlen=REMEMBERED)

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
        """The state after the filler was written `times` times."""
        return self._retrofit.write([Repeated(read, times) for read in self._filler], state)

    def _judge(self, asked: Sequence[Asked], state: Any, *, even: bool = False) -> Judged:
        rows = pack_rows(self._tokenizer, asked, even=even)
        return judge_rows(rows, self._retrofit.logits(rows, state))

    def passkeys(
        self, rng: random.Random, tokens: float | None = None, write_penalty: float = 0.0
    ) -> Judged:
        """Pass keys in texts of their own, with the same filler before and after each.

        tokens: of filler in all, drawn without it.
        """
        texts, asked, drawn = self.lengths.draw(rng)
        times = (drawn if tokens is None else tokens) / self._window
        before = times * rng.random()
        early = self._written(before, self._retrofit.empty())
        around = [self._around(text, a.answer) for text, a in zip(texts, asked, strict=True)]
        own = [self._read(parts) for parts in around]
        states = [self._retrofit.write(windows, early) for windows in own]
        state = self._written(times - before, self._retrofit.stacked(states))
        judged = self._judge(asked, state, even=True)  # every digit has to be found
        if not write_penalty:
            return judged
        texts_read = [[window.read for window in windows] for windows in own]
        loud = self._retrofit.loudness(self._filler, texts_read, self.lengths.most)
        return judged._replace(loss=judged.loss + write_penalty * judged.rows * loud)

    def window(self, unit: Unit, rng: random.Random) -> Judged:
        """Questions about a unit's windows, which are written among some that were read lately."""
        own = self._read([part for text in unit.windows for part in self._parts(text)])
        others = rng.sample(list(self._known), min(len(self._known), rng.randint(0, MOST_OTHERS)))
        self._known.extend(own)
        cut = rng.randint(0, len(others))
        windows = [*others[:cut], *own, *others[cut:]]
        return self._judge(unit.asked, self._retrofit.write(windows, self._retrofit.empty()))

    def units(self, first: int) -> Iterator[Thunk]:
        """Endless units from number `first` on."""
        plan = self._plan
        sources = [read_source(file) for file in plan.files]
        books = [r.text for r in read_records(plan.books, "train")]
        drawn = draw_units(sources, books, self._split, Mix(pages=0.0), plan.seed, first)
        for number, unit in enumerate(drawn, start=first):
            rng = random.Random(f"{plan.seed}/episode/{number}")
            if rng.random() < plan.passkeys:
                keys = partial(self.passkeys, rng, write_penalty=plan.write_penalty)
                yield partial(_result, keys, "key")
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

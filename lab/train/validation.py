"""Validation of the answer adapter: short answers, generated as the product does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from lab.evaluate.scores import mean, token_f1
from memory_models.decoder import Decoder
from memory_models.generate import Decoding, Mixture, Trace, generate, score
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memory import Bundle
from memory_models.prompt import ABSTAINED, build_prompt

LONGEST = 24  # tokens of an answer


@dataclass(frozen=True, slots=True)
class Probe:
    """A question with a text that answers it and one of the same length that does not."""

    question: str
    answers: tuple[str, ...]
    window: str
    passage: str
    other: str


class Validation:
    """Asks each probe of a window's kept slots, of the whole passage and of another text."""

    def __init__(
        self,
        memory: AdaptiveMemory,
        page: AdaptiveMemory,
        probes: Mapping[str, Sequence[Probe]],
    ) -> None:
        """probes: those of each kind, all kinds of the same weight."""
        self._memory = memory
        self._page = page
        self._probes = probes

    @cached_property
    def _states(self) -> list[tuple[str, Probe, dict[str, Bundle]]]:
        encode = self._memory.backbone.tokenizer.encode
        return [
            (
                kind,
                probe,
                {
                    name: m.write(torch.tensor(encode(text)[: m.window]), {}).left["slots"]
                    for name, m, text in (
                        ("window", self._memory, probe.window),
                        ("page", self._page, probe.passage),
                        ("other", self._memory, probe.other),
                    )
                },
            )
            for kind, probes in self._probes.items()
            for probe in probes
        ]

    def __call__(self, adapted: Decoder) -> dict[str, float]:
        """F1, first-token nats and abstentions by kind and state.

        `score`: the mean F1 of window and page, over all kinds.
        """
        figures: dict[str, list[float]] = {}
        for kind, probe, states in self._states:
            for state, slots in states.items():
                name = f"{kind}_{state}"
                answer, first = self._ask(probe, slots, adapted)
                figures.setdefault(f"{name}_f1", []).append(token_f1(answer, probe.answers))
                figures.setdefault(f"{name}_first_nats", []).append(first)
                abstained = float(answer.startswith(ABSTAINED[:6]))
                figures.setdefault(f"{name}_abstained", []).append(abstained)
        means = {name: mean(values) for name, values in figures.items()}
        known = [means[f"{k}_{state}_f1"] for k in self._probes for state in ("window", "page")]
        return means | {"score": mean(known)}

    def _ask(self, probe: Probe, slots: Bundle, adapted: Decoder) -> tuple[str, float]:
        memory = self._memory
        tokenizer = memory.backbone.tokenizer
        prompt = build_prompt(tokenizer, probe.question)
        alone = torch.zeros(1)
        mixture = Mixture(memory.recall({0: slots}, alone, decoder=adapted))
        mixture.prefill(prompt.tokens, prompt.question)
        trace = Trace()
        for _ in generate(mixture, tokenizer.chat.stops, Decoding(LONGEST), trace):
            pass
        gold = probe.answers[0].strip()
        target = tokenizer.encode(gold[:1].upper() + gold[1:])
        reading = memory.recall({0: slots}, alone, decoder=adapted)
        forced = score(reading, prompt.tokens, prompt.question, target)
        return tokenizer.decode(trace.tokens).strip(), -forced.log_probs[0]

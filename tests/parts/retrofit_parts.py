"""What the tests of both retrofits share."""

from __future__ import annotations

import torch

from lab.train.examples import Asked
from memory_models.backbone import Backbone
from memory_models.memory import Bundle, Reading
from memory_models.prompt import build_prompt

ASKED = [Asked("Where was the key?", "Under the lamp"), Asked("Who?", "The miller of the mill")]
WINDOW = 30


def some_tokens(backbone: Backbone, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, backbone.config.vocab_size, (count,), generator=generator)


def answered_by_the_product(backbone: Backbone, memory: object, carry: Bundle) -> torch.Tensor:
    """Logits [M,vocabulary] of the tokens of ASKED's answers, and of what follows each."""
    parts = []
    for asked in ASKED:
        prompt = build_prompt(backbone.tokenizer, asked.question)
        answer = backbone.tokenizer.encode(asked.answer)
        reading: Reading = memory.recall(carry)  # type: ignore[attr-defined]
        tokens = torch.tensor([*prompt.tokens, *answer])
        parts.append(reading.step(tokens, len(answer) + 1)[0])
    return torch.cat(parts)

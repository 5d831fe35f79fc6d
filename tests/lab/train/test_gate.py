"""The write gate learns what the second pass would have said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lab.train.memories.gate import Example, GatePlan, fit_gate, judge, observe
from memory_models import backbone as backbones
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory, read_scored
from memory_models.memories.write_gate import WriteGate


@pytest.fixture(scope="module")
def examples(tiny_backbone: Path) -> tuple[AdaptiveMemory, list[Example]]:
    memory = AdaptiveMemory(
        backbones.load(tiny_backbone, dtype=torch.float32), AdaptiveConfig(((1, 0),), 48)
    )
    generator = torch.Generator().manual_seed(0)
    vocabulary = memory.backbone.config.vocab_size
    windows = [torch.randint(5, vocabulary, (48,), generator=generator) for _ in range(24)]
    return memory, [observe(memory, window) for window in windows]


def test_a_fitted_gate_agrees_more_than_a_guess(
    examples: tuple[AdaptiveMemory, list[Example]],
) -> None:
    memory, seen = examples
    plan = GatePlan(hidden=16, epochs=60, batch=256, learning_rate=1e-2)
    _, scores = fit_gate(memory.backbone.config, seen, plan)
    assert scores.windows == 3
    torch.manual_seed(0)
    guess = judge(WriteGate(memory.backbone.config, 16), seen[7::8])
    assert scores.overlap > guess.overlap + 0.2
    assert scores.importance_kept > guess.importance_kept


def test_folded_weights_predict_in_the_pass_what_was_fitted(
    examples: tuple[AdaptiveMemory, list[Example]],
) -> None:
    memory, seen = examples
    plan = GatePlan(hidden=16, epochs=60, batch=256, learning_rate=1e-2)
    weights, scores = fit_gate(memory.backbone.config, seen, plan)
    gate = WriteGate.from_weights(memory.backbone.config, weights)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, memory.backbone.config.vocab_size, (48,), generator=generator)
    sequence = torch.cat((torch.tensor(memory.sink), tokens))
    _, guessed = read_scored(memory.backbone.decoder, sequence, gate, len(memory.sink))
    again = judge(gate, seen[7::8])
    assert again == scores
    assert guessed.shape == seen[0].importance.shape
    ours = torch.corrcoef(torch.stack((guessed.flatten(), seen[0].importance.log().flatten())))
    assert ours[0, 1] > 0.5


def test_too_few_windows_are_refused(examples: tuple[AdaptiveMemory, list[Example]]) -> None:
    with pytest.raises(InvalidRequest, match="3 windows are too few"):
        fit_gate(examples[0].backbone.config, examples[1][:3], GatePlan())

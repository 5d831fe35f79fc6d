"""The retrofit of Infini-attention: what training writes and reads is what the product does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from memory_models import backbone as backbones
from memory_models.backbone import Backbone
from memory_models.memories.adaptive import read_tokens
from memory_models.memories.infini import (
    UPDATES,
    InfiniConfig,
    InfiniGates,
    InfiniMaps,
    InfiniMemory,
    InfiniState,
)
from memory_models.prompt import build_prompt
from memory_models.train.infini import (
    Passkeys,
    Repeated,
    answer_logits,
    judge_rows,
    pack_rows,
    stacked,
    write_segments,
)
from memory_models.train.units import Asked

ASKED = [Asked("Where was the key?", "Under the lamp"), Asked("Who?", "The miller of the mill")]
WINDOW = 30


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    loaded.decoder.double()
    return loaded


def some_gates(backbone: Backbone) -> InfiniGates:
    c = backbone.config
    torch.manual_seed(3)
    gates = InfiniGates(
        c.layers, c.heads, -1.0, InfiniMaps(c.layers, c.heads, c.kv_heads, c.head_size)
    )
    with torch.no_grad():
        for parameter in gates.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return gates.double()


def some_tokens(backbone: Backbone, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, backbone.config.vocab_size, (count,), generator=generator)


@pytest.mark.parametrize("rule", UPDATES)
def test_training_writes_and_reads_as_the_product_does(backbone: Backbone, rule: str) -> None:
    gates = some_gates(backbone)
    config = InfiniConfig(WINDOW, rule, parallel=True)  # type: ignore[arg-type]
    memory = InfiniMemory(backbone.decoder, gates, config)
    texts = [some_tokens(backbone, WINDOW, seed) for seed in (1, 2)]
    carry = memory.empty()
    for text in texts:
        carry = memory.write(text, carry).carry
    again = memory.write_repeating([*texts, texts[0]], memory.empty())
    torch.testing.assert_close(dict(again), dict(memory.write(texts[0], carry).carry))
    segments = [Repeated(read_tokens(backbone.decoder, text)) for text in texts]
    empty = InfiniState.empty(backbone.decoder, 1)
    with torch.no_grad():
        state = write_segments(gates, segments, config, empty)
        torch.testing.assert_close(state._asdict(), dict(carry))
        rows = pack_rows(backbone.tokenizer, ASKED)
        logits = answer_logits(backbone.decoder, gates, config, rows, state)
    at = 0
    for asked in ASKED:
        prompt = build_prompt(backbone.tokenizer, asked.question)
        answer = backbone.tokenizer.encode(asked.answer)
        want = memory.recall(carry).step(torch.tensor([*prompt.tokens, *answer]), len(answer) + 1)[
            0
        ]
        torch.testing.assert_close(logits[at : at + len(answer) + 1], want)
        at += len(answer) + 1
    assert at == len(rows.targets)


def test_a_repeated_segment_is_one_written_as_often(backbone: Backbone) -> None:
    gates, config = some_gates(backbone), InfiniConfig(WINDOW, parallel=True)
    read = read_tokens(backbone.decoder, some_tokens(backbone, 9, 1))
    empty = InfiniState.empty(backbone.decoder, 1)
    often = write_segments(gates, [Repeated(read)] * 5, config, empty)
    once = write_segments(gates, [Repeated(read, 5.0)], config, empty)
    torch.testing.assert_close(often, once)


def test_the_gradient_reaches_every_map(backbone: Backbone) -> None:
    gates, config = some_gates(backbone), InfiniConfig(WINDOW, parallel=True)
    texts, asked, times = Passkeys(rows=2).draw(random.Random(0))
    empty = InfiniState.empty(backbone.decoder, 1)
    states = []
    for text in texts:
        tokens = torch.tensor(backbone.tokenizer.encode(text)[:WINDOW])
        segment = Repeated(read_tokens(backbone.decoder, tokens), times)
        states.append(write_segments(gates, [segment], config, empty))
    rows = pack_rows(backbone.tokenizer, asked)
    judged = judge_rows(rows, answer_logits(backbone.decoder, gates, config, rows, stacked(states)))
    judged.loss.backward()
    assert judged.rows == 2 and 0 <= judged.right <= 2
    for name, parameter in gates.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


def test_maps_at_their_start_are_the_paper_at_half_strength(backbone: Backbone) -> None:
    c = backbone.config
    maps = InfiniMaps(c.layers, c.heads, c.kv_heads, c.head_size)
    text = some_tokens(backbone, WINDOW, 1)
    carries = []
    for given in (None, maps):
        gates = InfiniGates(c.layers, c.heads, maps=given).double()
        memory = InfiniMemory(backbone.decoder, gates, InfiniConfig(WINDOW))
        carries.append(memory.write(text, memory.empty()).carry)
    torch.testing.assert_close(carries[0]["M"], 2 * carries[1]["M"])
    torch.testing.assert_close(carries[0]["z"], 2 * carries[1]["z"])

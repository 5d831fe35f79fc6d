"""The retrofit of Infini-attention: what training writes and reads is what the product does."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch
from retrofit_parts import ASKED, WINDOW, answered_by_the_product, some_tokens

from lab.train.memories.infini import (
    QUIET,
    STRONGEST,
    InfiniRetrofit,
    add_often,
    runs,
    scaled_strengths,
)
from lab.train.memories.retrofit import Passkeys, Repeated, judge_rows, pack_rows
from memory_models import backbone as backbones
from memory_models.backbone import Backbone
from memory_models.errors import InvalidRequest
from memory_models.memories.infini import (
    UPDATES,
    InfiniConfig,
    InfiniGates,
    InfiniMaps,
    InfiniState,
    add,
    addition,
)
from memory_models.memories.infini_memory import InfiniMemory


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


def retrofit(backbone: Backbone, rule: str = "linear") -> InfiniRetrofit:
    config = InfiniConfig(WINDOW, rule, parallel=True)  # type: ignore[arg-type]
    return InfiniRetrofit(backbone.decoder, backbone.decoder, some_gates(backbone), config)


@pytest.mark.parametrize("rule", UPDATES)
def test_training_writes_and_reads_as_the_product_does(backbone: Backbone, rule: str) -> None:
    training = retrofit(backbone, rule)
    memory = InfiniMemory(backbone.decoder, training.learned, training.config)
    texts = [some_tokens(backbone, WINDOW, seed) for seed in (1, 2)]
    carry = memory.empty()
    for text in texts:
        carry = memory.write(text, carry).carry
    again = memory.write_repeating([*texts, texts[0]], memory.empty())
    torch.testing.assert_close(dict(again), dict(memory.write(texts[0], carry).carry))
    often = memory.empty()
    for text in [texts[0]] * 3 + texts:
        often = memory.write(text, often).carry
    runs = memory.write_repeating([texts[0]] * 3 + texts, memory.empty())
    torch.testing.assert_close(dict(runs), dict(often))
    with torch.no_grad():
        windows = [Repeated(training.read(text)) for text in texts]
        state = training.write(windows, training.empty())
        torch.testing.assert_close(state._asdict(), dict(carry))
        rows = pack_rows(backbone.tokenizer, ASKED)
        logits = training.logits(rows, state)
    torch.testing.assert_close(logits, answered_by_the_product(backbone, memory, carry))
    assert len(logits) == len(rows.targets)


@pytest.mark.parametrize("rule", UPDATES)
def test_rows_are_written_as_if_each_were_alone(backbone: Backbone, rule: str) -> None:
    training = retrofit(backbone, rule)
    own = [Repeated(training.read(some_tokens(backbone, 9, seed))) for seed in (1, 2)]
    common = Repeated(training.read(some_tokens(backbone, WINDOW, 3)), 2.0)
    with torch.no_grad():
        apart = [training.write([one, common], training.empty()) for one in own]
        early = training.stacked([training.write([one], training.empty()) for one in own])
        together = training.write([common], early)
    torch.testing.assert_close(together, training.stacked(apart))


def test_a_repeated_window_is_one_written_as_often(backbone: Backbone) -> None:
    training = retrofit(backbone)
    read = training.read(some_tokens(backbone, 9, 1))
    often = training.write([Repeated(read)] * 5, training.empty())
    once = training.write([Repeated(read, 5.0)], training.empty())
    torch.testing.assert_close(often, once)


def test_the_gradient_reaches_every_map(backbone: Backbone) -> None:
    training = retrofit(backbone)
    texts, asked, times = Passkeys(rows=2).draw(random.Random(0))
    states = []
    for text in texts:
        tokens = torch.tensor(backbone.tokenizer.encode(text)[:WINDOW])
        window = Repeated(training.read(tokens), times)
        states.append(training.write([window], training.empty()))
    rows = pack_rows(backbone.tokenizer, asked)
    judged = judge_rows(rows, training.logits(rows, training.stacked(states)))
    judged.loss.backward()
    assert judged.rows == 2 and 0 <= judged.right <= 2
    for name, parameter in training.learned.named_parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any()), name


@torch.no_grad()
def test_loudness_is_the_filler_beside_the_strongest_tokens(backbone: Backbone) -> None:
    training = retrofit(backbone)
    filler = [training.read(some_tokens(backbone, 12, 1))]
    texts = [[training.read(some_tokens(backbone, 20, n)) for n in (2, 3)], [*filler, *filler]]
    loud = training.loudness(filler, texts, 1000.0)
    maps, expected = training.learned.maps, []
    assert maps is not None
    for layer in range(backbone.config.layers):
        for head in range(backbone.config.kv_heads):

            def strength(key: torch.Tensor, layer: int = layer, head: int = head) -> float:
                logit = float(maps.write[layer, head] @ key + maps.bias[layer, head])
                return 1 / (1 + math.exp(-logit))

            noise = [strength(key) for key in filler[0].keys[layer, head]]
            signal = []
            for windows in texts:
                own = [strength(key) for w in windows for key in w.keys[layer, head]]
                signal.append(math.log(sum(sorted(own)[-STRONGEST:])))
            ratio = math.log(1000 * sum(noise) / len(noise)) - sum(signal) / len(signal)
            expected.append(max(ratio, QUIET))
    assert float(loud) == pytest.approx(sum(expected) / len(expected), rel=1e-12)


def test_quieter_filler_is_learnt(backbone: Backbone) -> None:
    training = retrofit(backbone)
    filler, text = ([training.read(some_tokens(backbone, 20, n))] for n in (1, 2))
    before = training.loudness(filler, [text], 1000.0)
    before.backward()
    with torch.no_grad():
        for parameter in training.learned.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
        assert training.loudness(filler, [text], 1000.0) < before


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


def test_gates_without_maps_are_nothing_to_train(backbone: Backbone) -> None:
    gates = InfiniGates(backbone.config.layers, backbone.config.heads)
    with pytest.raises(InvalidRequest, match="no maps"):
        InfiniRetrofit(backbone.decoder, backbone.decoder, gates, InfiniConfig(WINDOW))


def test_even_weights_are_even(backbone: Backbone) -> None:
    rows = pack_rows(backbone.tokenizer, ASKED, even=True)
    for number in range(len(ASKED)):
        own = rows.weights[rows.row == number]
        torch.testing.assert_close(own, torch.full_like(own, 1 / len(own)))


@pytest.mark.parametrize("times", [0, 1, 2, 3, 4, 9, 10, 100, 2001])
def test_runs_cover_every_addition_once(times: int) -> None:
    covered = [n for first, count in runs(times) for n in range(first, first + count)]
    assert covered == list(range(times))
    assert len(list(runs(times))) < 13


@pytest.mark.parametrize("strength", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("times", [1, 3, 40, 1000])
def test_many_equal_additions_of_the_delta_rule_in_few_steps(strength: float, times: int) -> None:
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    config = InfiniConfig(WINDOW, "delta")
    empty = InfiniState(some(2, 4, 3, 16, 16) * 0, some(2, 4, 3, 16) * 0)
    state = add(addition(some(2, 4, 3, 8, 16), some(2, 4, 3, 8, 16), torch.float64), empty, config)
    weak = torch.full((2, 1, 3, 1, 1), strength, dtype=torch.float64)
    new = addition(some(2, 1, 3, 40, 16), some(2, 1, 3, 40, 16), torch.float64, weak)
    exact = state
    for _ in range(times):
        exact = add(new, exact, config)
    M, z = add_often(new, state, config, times)
    torch.testing.assert_close(z, exact.z)
    assert float((M - exact.M).norm()) < (0.07 if times > 3 else 1e-12) * float(exact.M.norm())
    if times > 3:
        assert float((M - exact.M).norm()) < 0.1 * float((exact.M - state.M).norm())


def test_filler_is_as_long_as_asked_for() -> None:
    rng = random.Random(0)
    lengths = [Passkeys(rows=1, most=4000).draw(rng)[2] for _ in range(200)]
    assert 512 <= min(lengths) < 700 and 3000 < max(lengths) <= 4000
    with pytest.raises(InvalidRequest, match="512 or more"):
        Passkeys(most=100)


def test_sharpened_strengths_are_those_of_larger_logits(backbone: Backbone) -> None:
    gates, c = some_gates(backbone), backbone.config
    k = torch.randn(c.layers, c.kv_heads, 7, c.head_size, dtype=torch.float64)
    before = gates.strength(slice(None), k)
    assert before is not None
    gates.load_state_dict(scaled_strengths(gates.state_dict(), 1.5))
    after = gates.strength(slice(None), k)
    torch.testing.assert_close(after, (1.5 * before.logit()).sigmoid())

"""The retrofit of MELODI: what training writes and reads is what the product does."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from retrofit_parts import ASKED, WINDOW, answered_by_the_product, some_tokens
from tiny import literal_finish, literal_norm, literal_project, literal_rope, literal_softmax
from torch import Tensor

from lab.train.memories.melodi import MelodiTraining
from lab.train.memories.retrofit import Passkeys, Repeated, judge_rows, pack_rows
from memory_models import backbone as backbones
from memory_models.adapter import load_learned
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder, causal_attention
from memory_models.errors import BrokenCheckpoint, InvalidRequest
from memory_models.memories.melodi import MelodiConfig
from memory_models.memories.melodi_retrofit import (
    MelodiRetrofit,
    RetrofitMemory,
    read_text,
    summarise,
)

SIZES = MelodiConfig(window=WINDOW, short=1, long=4, queue=8, parallel=True)


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    loaded.decoder.double()
    return loaded


def some_learned(backbone: Backbone) -> MelodiRetrofit:
    torch.manual_seed(3)
    learned = MelodiRetrofit(backbone.config, SIZES).double()
    with torch.no_grad():
        for parameter in learned.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return learned


def training_of(backbone: Backbone) -> MelodiTraining:
    return MelodiTraining(backbone.decoder, backbone.decoder, some_learned(backbone))


# -- the literal reference -------------------------------------------------------------------------


def literal_layer(
    decoder: Decoder,
    layer: int,
    xs: Sequence[Tensor],
    cross: Sequence[Sequence[Tensor]] = (),
    gate: Tensor | None = None,
) -> list[Tensor]:
    """One layer over tokens x [D]; cross: what each token's heads [d] find in the queue, if any."""
    c = decoder.config
    parts = [literal_project(decoder, layer, x) for x in xs]
    out = []
    for t, x in enumerate(xs):
        heads = []
        for h in range(c.heads):
            g = h // c.group
            seen = range(t + 1)
            keys = [literal_rope(parts[s][1][g], s, c.rope_theta) for s in seen]
            values = [parts[s][2][g] for s in seen]
            query = literal_rope(parts[t][0][h], t, c.rope_theta)
            heads.append(literal_softmax(query, keys, values))
        if gate is not None:
            weights = 1 / (1 + torch.exp(-gate))  # [H,d]
            heads = [
                a * far + (1 - a) * near
                for a, far, near in zip(weights, cross[t], heads, strict=True)
            ]
        out.append(literal_finish(decoder, layer, x, heads))
    return out


def literal_summary(
    decoder: Decoder, learned: MelodiRetrofit, tokens: Tensor
) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Long-term tokens of a window, each as the keys and values of its heads."""
    xs = [decoder.model.embed_tokens.weight[int(t)] for t in tokens]
    for layer in range(learned.long_layer):
        xs = literal_layer(decoder, layer, xs)
    mixer = learned.mixer
    left = []
    for wanted in mixer.queries:
        scores = []
        for x in xs:
            size = math.sqrt(sum(float(c) ** 2 for c in x) / len(x) + torch.finfo(x.dtype).eps)
            scores.append(math.exp(float(wanted @ (x / size @ mixer.keys))))
        m = sum(score * x for score, x in zip(scores, xs, strict=True)) / sum(scores)
        _, keys, values = literal_project(decoder, learned.long_layer, m)
        left.append((keys, values))
    return left


@torch.no_grad()
def test_equals_the_literal_formulas(backbone: Backbone) -> None:
    decoder, learned = backbone.decoder, some_learned(backbone)
    texts = [some_tokens(backbone, count, seed) for count, seed in ((7, 1), (4, 2))]
    memory = RetrofitMemory(decoder, learned)
    carry = memory.write_repeating(texts, memory.empty())
    queue = [slot for text in texts for slot in literal_summary(decoder, learned, text)]
    kept = carry["keys"][0].flatten(1, 2)  # [G,n*L,d]
    for number, (keys, _) in enumerate(queue):
        torch.testing.assert_close(kept[:, number], torch.stack(keys), atol=1e-5, rtol=1e-5)

    prompt = some_tokens(backbone, 5, 3)
    c = decoder.config
    xs = [decoder.model.embed_tokens.weight[int(t)] for t in prompt]
    for layer in range(c.layers):
        if layer != learned.long_layer:
            xs = literal_layer(decoder, layer, xs)
            continue
        cross = [
            [
                literal_softmax(
                    query @ learned.q[h],
                    [keys[h // c.group] for keys, _ in queue],
                    [values[h // c.group] for _, values in queue],
                )
                for h, query in enumerate(literal_project(decoder, layer, x)[0])
            ]
            for x in xs
        ]
        xs = literal_layer(decoder, layer, xs, cross, learned.gate)
    weight = decoder.lm_head.weight
    expected = torch.stack([weight @ literal_norm(decoder.model.norm, x) for x in xs])
    logits = memory.recall(carry).step(prompt, 5)
    torch.testing.assert_close(logits[0], expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(logits[1], expected, atol=1e-3)  # without the memory


# -- training and the product ----------------------------------------------------------------------


def test_training_writes_and_reads_as_the_product_does(backbone: Backbone) -> None:
    training = training_of(backbone)
    memory = RetrofitMemory(backbone.decoder, training.learned)
    texts = [some_tokens(backbone, count, seed) for count, seed in ((WINDOW, 1), (11, 2))]
    carry = memory.empty()
    for text in texts:
        carry = memory.write(text, carry).carry
    again = memory.write_repeating([*texts, texts[0]], memory.empty())
    torch.testing.assert_close(dict(again), dict(memory.write(texts[0], carry).carry))
    rows = pack_rows(backbone.tokenizer, ASKED)
    with torch.no_grad():
        windows = [Repeated(training.read(text)) for text in texts]
        state = training.write(windows, training.empty())
        torch.testing.assert_close(state.keys, carry["keys"].flatten(2, 3))
        logits = training.logits(rows, state)
    torch.testing.assert_close(logits, answered_by_the_product(backbone, memory, carry))


def test_a_repeated_window_weighs_as_often(backbone: Backbone) -> None:
    training = training_of(backbone)
    rows = pack_rows(backbone.tokenizer, ASKED)
    with torch.no_grad():
        read, other = (training.read(some_tokens(backbone, 9, seed)) for seed in (1, 2))
        states = [
            training.write([*windows, Repeated(other)], training.empty())
            for windows in ([Repeated(read)] * 5, [Repeated(read, 5.0), Repeated(other, 0.0)])
        ]
        often, once = (training.logits(rows, state) for state in states)
        alone = training.logits(rows, training.write([Repeated(other)], training.empty()))
    torch.testing.assert_close(often, once, atol=1e-5, rtol=1e-3)  # log(times) is float32
    assert not torch.allclose(often, alone, atol=1e-4)


def test_the_gradient_reaches_all_that_is_learned(backbone: Backbone) -> None:
    training = training_of(backbone)
    texts, asked, times = Passkeys(rows=2).draw(random.Random(0))
    states = []
    for text in texts:
        tokens = torch.tensor(backbone.tokenizer.encode(text)[:WINDOW])
        windows = [Repeated(training.read(tokens)), Repeated(training.read(tokens[:7]), times)]
        states.append(training.write(windows, training.empty()))
    rows = pack_rows(backbone.tokenizer, asked)
    judge_rows(rows, training.logits(rows, training.stacked(states))).loss.backward()
    learned = dict(training.learned.named_parameters())
    assert [n for n, p in learned.items() if p.grad is None or not p.grad.any()] == []
    assert not any(p.requires_grad and p.grad is not None for p in backbone.decoder.parameters())


@torch.no_grad()
def test_the_backbone_reads_as_ever(backbone: Backbone) -> None:
    tokens = some_tokens(backbone, 12, 1)
    read = read_text(backbone.decoder, tokens, backbone.config.layers)
    plain = backbone.decoder.hidden(tokens[None], causal_attention(backbone.decoder.rope))
    torch.testing.assert_close(read, plain[0])


@torch.no_grad()
def test_a_window_of_one_token_leaves_that_token_in_every_slot(backbone: Backbone) -> None:
    learned = some_learned(backbone)
    read = read_text(backbone.decoder, some_tokens(backbone, 1, 4), learned.long_layer)
    slots = summarise(backbone.decoder, learned, read)
    block = backbone.decoder.layer(learned.long_layer)
    _, keys, values = block.self_attn.project(block.input_layernorm(read[None]))
    torch.testing.assert_close(slots.keys, keys.expand(-1, -1, SIZES.long, -1))
    torch.testing.assert_close(slots.values, values.expand(-1, -1, SIZES.long, -1))


@pytest.mark.parametrize("steps", [(8,), (3, 5)])
def test_a_question_sees_no_token_behind_it(backbone: Backbone, steps: tuple[int, ...]) -> None:
    memory = RetrofitMemory(backbone.decoder, some_learned(backbone))
    texts = [some_tokens(backbone, 9, seed) for seed in (1, 2)]
    carry = memory.write_repeating(texts, memory.empty())
    tokens = some_tokens(backbone, 8, 3)
    changed = tokens.clone()
    changed[5] = 5 + (tokens[5] - 4) % 100
    found = []
    for text in (tokens, changed):
        reading = memory.recall(carry)
        found.append(torch.cat([reading.step(part, len(part)) for part in text.split(steps)], 1))
    one, two = found
    torch.testing.assert_close(one[:, :5], two[:, :5], atol=0, rtol=0)
    assert not any(torch.allclose(one[:, t], two[:, t]) for t in range(5, 8))
    assert not torch.allclose(one[0, :5], one[1, :5], atol=1e-4)


def test_a_window_leaves_the_same_whatever_stands_behind_it(backbone: Backbone) -> None:
    learned = some_learned(backbone)
    memory = RetrofitMemory(backbone.decoder, learned)
    first, *others = (some_tokens(backbone, 9, seed) for seed in (1, 2, 3))
    one, two = (memory.write_repeating([first, other], memory.empty()) for other in others)
    assert torch.equal(one["keys"][:, :, 0], two["keys"][:, :, 0])
    assert torch.equal(one["values"][:, :, 0], two["values"][:, :, 0])
    assert not torch.allclose(one["keys"][:, :, 1], two["keys"][:, :, 1])
    with torch.no_grad():
        read, longer = (
            read_text(backbone.decoder, text, learned.long_layer)
            for text in (first, torch.cat((first, others[0])))
        )
    torch.testing.assert_close(read, longer[:9])


def test_the_oldest_windows_drop_out_of_the_queue(backbone: Backbone) -> None:
    memory = RetrofitMemory(backbone.decoder, some_learned(backbone))
    texts = [some_tokens(backbone, 5, seed) for seed in range(10)]
    all_of_them = memory.write_repeating(texts, memory.empty())
    last = memory.write_repeating(texts[2:], memory.empty())
    torch.testing.assert_close(all_of_them["keys"], last["keys"])
    assert int(all_of_them["windows_written"]) == 10
    assert set(memory.recall(all_of_them).attended([])) == set()
    reading = memory.recall(all_of_them)
    reading.step(texts[0], 1)
    attended = reading.attended([1.0])
    assert min(attended) == 2 and sum(attended.values()) == pytest.approx(1.0, abs=1e-5)


def test_what_does_not_fit_is_refused(backbone: Backbone) -> None:
    memory = RetrofitMemory(backbone.decoder, some_learned(backbone))
    with pytest.raises(InvalidRequest, match="MELODI takes 1 to 30"):
        memory.write(some_tokens(backbone, 31, 1), memory.empty())
    with pytest.raises(InvalidRequest, match="take layer 1 up"):
        MelodiRetrofit(backbone.config, MelodiConfig(WINDOW, 4, 4, long_layer=0))
    learned = some_learned(backbone)
    weights = dict(learned.named_parameters())
    load_learned(learned, weights)
    with pytest.raises(BrokenCheckpoint, match="not those of this backbone"):
        load_learned(learned, {**weights, "gate": weights["gate"][:1]})

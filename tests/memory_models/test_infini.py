"""Infini-attention against its formulas, written out with loops, and its properties."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import (
    fill,
    literal_finish,
    literal_project,
    literal_rope,
    literal_softmax,
    some_tokens,
    tiny_decoder,
)
from torch import Tensor

from memory_models.decoder import Decoder, padded
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memories.infini import (
    InfiniConfig,
    InfiniGates,
    InfiniMaps,
    InfiniState,
    gated,
    infini_segment,
    retrieve,
    sigma,
    subtract,
    update,
)
from memory_models.memories.infini_memory import InfiniMemory
from memory_models.memory import from_bytes, to_bytes

torch.set_num_threads(1)
UPDATES = ["linear", "delta"]


def random_gates(decoder: Decoder, seed: int = 5, *, mapped: bool = False) -> InfiniGates:
    """mapped: with maps of queries and keys, and a write strength, as those that ship."""
    c = decoder.config
    maps = InfiniMaps(c.layers, c.heads, c.kv_heads, c.head_size) if mapped else None
    gates = InfiniGates(c.layers, c.heads, maps=maps).to(decoder.dtype)
    fill(gates, seed, scale=1.0)
    return gates


# -- the literal reference -------------------------------------------------------------------------


def feature(x: Tensor) -> list[float]:
    """sigma of one vector, channel by channel."""
    return [float(c) + 1 if c > 0 else math.exp(float(c)) for c in x]


def read_one(x: Tensor, M: list[list[float]], z: list[float], eps: float) -> Tensor:
    """sigma(x) M / (sigma(x) z + eps) for one vector."""
    s = feature(x)
    d = range(len(s))
    norm = sum(s[i] * z[i] for i in d) + eps
    return torch.tensor([sum(s[i] * M[i][j] for i in d) / norm for j in d], dtype=torch.float64)


def write_all(keys, strengths, values, M, z, config: InfiniConfig):
    """All tokens of a segment into one head's memory; every retrieval is of the old memory."""
    new_M, new_z = [row[:] for row in M], z[:]
    for key, strength, value in zip(keys, strengths, values, strict=True):
        s = [strength * channel for channel in feature(key)]
        wanted = value - read_one(key, M, z, config.eps) if config.update == "delta" else value
        for i in range(len(s)):
            new_z[i] += s[i]
            for j in range(len(s)):
                new_M[i][j] += s[i] * float(wanted[j])
    return new_M, new_z


def asks(gates: InfiniGates, layer: int, h: int, query: Tensor) -> Tensor:
    """What a head's query is to the memory: channel j is the sum of query[i] map[i,j]."""
    if gates.maps is None:
        return query
    turn, d = gates.maps.q[layer, h], range(len(query))
    return torch.stack([sum(query[i] * turn[i, j] for i in d) for j in d])


def is_written(gates: InfiniGates, layer: int, g: int, key: Tensor) -> tuple[Tensor, float]:
    """What a head's key is to the memory, and how strongly it is written."""
    if gates.maps is None:
        return key, 1.0
    turn, d = gates.maps.k[layer, g], range(len(key))
    told = sum(float(key[i] * gates.maps.write[layer, g, i]) for i in d)
    strength = 1 / (1 + math.exp(-told - float(gates.maps.bias[layer, g])))
    return torch.stack([sum(key[i] * turn[i, j] for i in d) for j in d]), strength


def literal_segment(decoder: Decoder, gates, tokens: Tensor, state: dict, config, reads=True):
    """One row, tokens [T]; state {(layer, g): (M, z)} is replaced; returns hidden [T,D]."""
    c = decoder.config
    xs = [decoder.model.embed_tokens.weight[t] for t in tokens]
    for layer in range(c.layers):
        parts = [literal_project(decoder, layer, x) for x in xs]
        out = []
        for t, (queries, _, _) in enumerate(parts):
            heads = []
            for h in range(c.heads):
                g = h // (c.heads // c.kv_heads)
                keys = [literal_rope(parts[s][1][g], s) for s in range(t + 1)]
                values = [parts[s][2][g] for s in range(t + 1)]
                head = literal_softmax(literal_rope(queries[h], t), keys, values)
                M, z = state[layer, g]
                if any(z) and reads:
                    a = 1 / (1 + math.exp(-float(gates.beta[layer, h])))
                    asked = asks(gates, layer, h, queries[h])
                    head = a * read_one(asked, M, z, config.eps) + (1 - a) * head
                heads.append(head)
            out.append(literal_finish(decoder, layer, xs[t], heads))
        for g in range(c.kv_heads):
            pairs = [is_written(gates, layer, g, p[1][g]) for p in parts]
            keys, strengths = zip(*pairs, strict=True)
            values = [p[2][g] for p in parts]
            state[layer, g] = write_all(keys, strengths, values, *state[layer, g], config)
        xs = out
    return torch.stack(xs)


@pytest.mark.parametrize("update_rule", UPDATES)
@torch.no_grad()
def test_equals_the_literal_formulas_over_segments(update_rule) -> None:
    decoder = tiny_decoder(layers=2, head_size=4, width=12, dtype=torch.float64)
    gates, config = random_gates(decoder), InfiniConfig(window=8, update=update_rule)
    c, d = decoder.config, decoder.config.head_size
    segments = [some_tokens(2, T, seed=T) for T in (5, 3, 4)]
    state = InfiniState.empty(decoder, 2)
    literal = [
        {(i, g): ([[0.0] * d] * d, [0.0] * d) for i in range(c.layers) for g in range(c.kv_heads)}
        for _ in range(2)
    ]
    for tokens in segments:
        hidden, state = infini_segment(decoder, gates, tokens, state, config)
        for b in range(2):
            expected = literal_segment(decoder, gates, tokens[b], literal[b], config)
            torch.testing.assert_close(hidden[b], expected, atol=1e-11, rtol=1e-11)
            for (layer, g), (M, z) in literal[b].items():
                wide = {"dtype": torch.float64}
                torch.testing.assert_close(state.M[layer, b, g], torch.tensor(M, **wide))
                torch.testing.assert_close(state.z[layer, b, g], torch.tensor(z, **wide))


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("update_rule", UPDATES)
@torch.no_grad()
def test_what_ships_equals_the_literal_formulas(update_rule, parallel) -> None:
    """Trained maps and write strength, through the product: three segments, then a question."""
    decoder = tiny_decoder(layers=2, head_size=4, width=12, dtype=torch.float64)
    gates = random_gates(decoder, mapped=True)
    config = InfiniConfig(window=8, update=update_rule, parallel=parallel)
    memory, c, d = InfiniMemory(decoder, gates, config), decoder.config, decoder.config.head_size
    literal = {
        (i, g): ([[0.0] * d] * d, [0.0] * d) for i in range(c.layers) for g in range(c.kv_heads)
    }
    segments = [some_tokens(T, seed=T) for T in (5, 3, 4)]
    carry = memory.empty()
    for tokens in segments:
        carry = memory.write(tokens, carry).carry
        literal_segment(decoder, gates, tokens, literal, config, reads=not parallel)
        for (layer, g), (M, z) in literal.items():
            torch.testing.assert_close(carry["M"][layer, 0, g], torch.tensor(M).double())
            torch.testing.assert_close(carry["z"][layer, 0, g], torch.tensor(z).double())
    at_once = memory.write_repeating(segments, memory.empty())
    torch.testing.assert_close(dict(at_once), dict(carry))
    question = some_tokens(6, seed=9)
    found = memory.recall(carry).step(question, 6)
    expected = literal_segment(decoder, gates, question, dict(literal), config)
    torch.testing.assert_close(found[0], decoder.logits(expected), atol=1e-10, rtol=1e-9)
    torch.testing.assert_close(found[1], decoder(question[None])[0], atol=1e-10, rtol=1e-9)
    assert not torch.allclose(found[0], found[1], atol=1e-2)


# -- properties ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@torch.no_grad()
def test_empty_state_is_the_backbone_bit_for_bit(dtype) -> None:
    decoder = tiny_decoder(dtype=dtype)
    gates, tokens = random_gates(decoder), some_tokens(2, 8)
    state = InfiniState.empty(decoder, 2)
    hidden, state = infini_segment(decoder, gates, tokens, state, InfiniConfig())
    assert torch.equal(decoder.logits(hidden), decoder(tokens))
    assert state.M.dtype == torch.promote_types(dtype, torch.float32)
    # one row empty, the other written
    state = InfiniState(state.M.clone(), state.z.clone())
    state.M[:, 1], state.z[:, 1] = 0, 0
    logits = decoder.logits(infini_segment(decoder, gates, tokens, state, InfiniConfig())[0])
    assert torch.equal(logits[1], decoder(tokens)[1])
    assert not torch.allclose(logits[0], decoder(tokens)[0], atol=1e-2)


def test_a_length_that_is_padded_is_read_like_the_backbone() -> None:
    decoder = tiny_decoder(dtype=torch.float64)
    gates, tokens = random_gates(decoder), some_tokens(2, 9)
    assert padded(tokens, 2048).shape == (2, 16)
    empty = InfiniState.empty(decoder, 2)
    hidden, state = infini_segment(decoder, gates, tokens, empty, InfiniConfig())
    torch.testing.assert_close(decoder.logits(hidden), decoder(tokens), atol=1e-11, rtol=1e-9)
    _, whole = infini_segment(decoder, gates, tokens, empty, InfiniConfig(window=9))  # no room
    torch.testing.assert_close(state, whole, atol=1e-11, rtol=1e-9)


def test_grouped_queries_read_the_memory_of_their_own_head() -> None:
    B, H, G, T, d = 2, 6, 2, 3, 4
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(B, H, T, d, generator=generator)
    keys, values = torch.randn(2, B, G, T, d, generator=generator)
    empty = InfiniState(torch.zeros(B, G, d, d), torch.zeros(B, G, d))
    for written in range(G):
        only = torch.zeros(B, G, 1, 1)
        only[:, written] = 1
        state = update(keys, values * only, *empty, InfiniConfig())
        read = retrieve(q, *state, 1e-6).abs().amax(dim=(0, 2, 3))  # [H]
        own = [h // (H // G) == written for h in range(H)]
        assert (read > 0).tolist() == own
        # a head that is empty, its neighbour not: the gate applies to the written one alone
        z = state.z * only[..., 0]
        mixed = gated(torch.zeros_like(q), q, z, torch.zeros(H))
        assert [torch.equal(mixed[:, h], q[:, h] / 2) for h in range(H)] == own
        assert [torch.equal(mixed[:, h], q[:, h]) for h in range(H)] == [not o for o in own]


@torch.no_grad()
def test_a_head_that_ships_reads_what_its_own_keys_wrote() -> None:
    """Through the product, with maps; only one query head's output is let through at a time."""
    decoder = tiny_decoder(heads=6, kv_heads=2, layers=1, head_size=4, dtype=torch.float64)
    memory = InfiniMemory(decoder, random_gates(decoder, mapped=True), InfiniConfig(parallel=True))
    carry = memory.write(some_tokens(8), memory.empty()).carry
    out = decoder.layer(0).self_attn.o_proj.weight
    whole = out.clone()
    for written in range(2):
        only = {name: torch.zeros_like(tensor) for name, tensor in carry.items()}
        for name in carry:
            only[name][:, :, written] = carry[name][:, :, written]
        for head in range(6):
            out.zero_()[:, 4 * head : 4 * head + 4] = whole[:, 4 * head : 4 * head + 4]
            on, off = memory.recall(only).step(some_tokens(3, seed=2), 3)
            assert torch.allclose(on, off, atol=1e-9) is (head // 3 != written)


def test_sigma_is_elu_plus_one() -> None:
    x = torch.linspace(-12, 12, 101, dtype=torch.float64)
    torch.testing.assert_close(sigma(x), torch.nn.functional.elu(x) + 1)
    assert (sigma(torch.tensor([-80.0])) > 0).all()


@pytest.mark.parametrize("update_rule", UPDATES)
def test_gradient_reaches_the_writer_of_an_earlier_segment(update_rule) -> None:
    config = InfiniConfig(window=8, update=update_rule)
    for layers in (1, 3):  # with one layer, the gradient has no way but through M from end to end
        decoder = tiny_decoder(layers=layers)
        writer = tiny_decoder(layers=layers)  # the same weights; only the first segment is written
        gates, state = random_gates(decoder), InfiniState.empty(decoder, 1)
        for model, seed in ((writer, 1), (decoder, 2)):
            _, state = infini_segment(model, gates, some_tokens(1, 6, seed=seed), state, config)
        hidden, _ = infini_segment(decoder, gates, some_tokens(1, 6, seed=3), state, config)
        hidden.square().mean().backward()
        for layer in range(layers):
            attention = writer.layer(layer).self_attn
            assert attention.k_proj.weight.grad.abs().max() > 0
            assert attention.v_proj.weight.grad.abs().max() > 0
        assert (gates.beta.grad.abs() > 0).all()
    cut = state.detach()
    assert not cut.M.requires_grad
    assert state.M.requires_grad


@torch.no_grad()
def test_no_leak_from_the_future() -> None:
    decoder, config = tiny_decoder(), InfiniConfig()
    gates = random_gates(decoder)
    _, state = infini_segment(
        decoder, gates, some_tokens(1, 6), InfiniState.empty(decoder, 1), config
    )
    tokens = some_tokens(1, 8, seed=2)
    changed = tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 37
    one, _ = infini_segment(decoder, gates, tokens, state, config)
    two, _ = infini_segment(decoder, gates, changed, state, config)
    assert torch.equal(one[:, :5], two[:, :5])
    assert not torch.equal(one[:, 5:], two[:, 5:])


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("update_rule", UPDATES)
@torch.no_grad()
def test_what_ships_has_no_leak_from_the_future(update_rule, parallel) -> None:
    decoder = tiny_decoder(dtype=torch.float64)
    gates = random_gates(decoder, mapped=True)
    config = InfiniConfig(window=8, update=update_rule, parallel=parallel)
    memory = InfiniMemory(decoder, gates, config)
    carry = memory.write(some_tokens(8, seed=3), memory.empty()).carry
    tokens = some_tokens(8, seed=2)
    changed = tokens.clone()
    changed[5] = (changed[5] + 1) % 37
    one, two = (memory.recall(carry).step(text, 8) for text in (tokens, changed))
    assert torch.equal(one[:, :5], two[:, :5]) and not torch.allclose(one[0, :5], one[1, :5])
    assert not any(torch.allclose(one[:, t], two[:, t]) for t in range(5, 8))
    state = InfiniState(**carry)
    one, two = (
        infini_segment(decoder, gates, text[None], state, config)[0] for text in (tokens, changed)
    )
    assert torch.equal(one[:, :5], two[:, :5])
    assert not any(torch.allclose(one[:, t], two[:, t]) for t in range(5, 8))


def test_delta_does_not_write_what_it_knows() -> None:
    generator = torch.Generator().manual_seed(0)
    k, v = torch.randn(2, 1, 2, 1, 8, generator=generator, dtype=torch.float64)
    state = InfiniState(torch.zeros(1, 2, 8, 8).double(), torch.zeros(1, 2, 8).double())
    for rule, same in (("delta", True), ("linear", False)):
        config = InfiniConfig(update=rule, eps=1e-9)
        once = update(k, v, *state, config)
        twice = update(k, v, *once, config)
        assert torch.allclose(once.M, twice.M, atol=1e-8) is same
        torch.testing.assert_close(twice.z, 2 * once.z)
        torch.testing.assert_close(retrieve(k, *once, 1e-9), v, atol=1e-8, rtol=1e-8)


@torch.no_grad()
def test_linear_updates_add_up_and_subtract() -> None:
    B, G, T, d = 1, 2, 12, 8
    k, v = torch.randn(2, B, G, T, d, generator=torch.Generator().manual_seed(0)).double()
    empty = InfiniState(torch.zeros(B, G, d, d).double(), torch.zeros(B, G, d).double())
    config = InfiniConfig()
    start = update(k[:, :, :5], v[:, :, :5], *empty, config)
    end = update(k[:, :, 5:], v[:, :, 5:], *start, config)
    whole, chapter = update(k, v, *empty, config), update(k[:, :, 5:], v[:, :, 5:], *empty, config)
    for left, right in zip((*end, *subtract(end, start)), (*whole, *chapter), strict=True):
        torch.testing.assert_close(left, right)


@torch.no_grad()
def test_accumulates_in_float32_under_bfloat16_and_autocast() -> None:
    decoder = tiny_decoder(dtype=torch.bfloat16)
    gates = random_gates(decoder)
    state = InfiniState.empty(decoder, 1)
    for seed in range(2):
        _, state = infini_segment(decoder, gates, some_tokens(1, 6, seed=seed), state, CONFIG)
    assert state.M.dtype == state.z.dtype == torch.float32
    k, v = torch.randn(2, 1, 2, 6, 8, generator=torch.Generator().manual_seed(0))
    plain = update(k, v, state.M[0], state.z[0], CONFIG)
    with torch.autocast("cpu", torch.bfloat16):
        cast = update(k, v, state.M[0], state.z[0], CONFIG)
    assert torch.equal(plain.M, cast.M)
    many = InfiniState(torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 8))
    tiny_k, ones = torch.zeros(1, 2, 1, 8).bfloat16(), torch.ones(1, 2, 1, 8).bfloat16()
    for _ in range(600):  # bfloat16 would stop at 256
        many = update(tiny_k, ones, *many, CONFIG)
    assert float(many.z[0, 0, 0]) == 600


# -- the product's wrapper -------------------------------------------------------------------------

CONFIG = InfiniConfig(window=8)


def wrapper(dtype: torch.dtype = torch.float32, **options) -> InfiniMemory:
    decoder = tiny_decoder(dtype=dtype)
    return InfiniMemory(decoder, random_gates(decoder), InfiniConfig(window=8, **options))


@pytest.mark.parametrize("update_rule", UPDATES)
def test_saved_and_loaded_goes_on_bit_for_bit(update_rule) -> None:
    memory = wrapper(update=update_rule)
    carry = memory.empty()
    for seed in range(3):
        written = memory.write(some_tokens(8 - seed, seed=seed), carry)
        loaded = memory.write(some_tokens(8 - seed, seed=seed), from_bytes(to_bytes(carry)))
        assert written.left == {}
        assert to_bytes(written.carry) == to_bytes(loaded.carry)
        carry = written.carry


def test_reading_step_by_step_equals_the_whole() -> None:
    memory, decoder = wrapper(dtype=torch.float64), tiny_decoder(dtype=torch.float64)
    carry = memory.write(some_tokens(8), memory.empty()).carry
    before = to_bytes(carry)
    tokens = some_tokens(11, seed=4)  # longer than the window
    whole = memory.recall(carry).step(tokens, 11)
    reading = memory.recall(carry)
    parts = [reading.step(tokens[:4], 4)]
    parts += [reading.step(tokens[t : t + 1], 1) for t in range(4, 11)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-11, rtol=1e-9)
    assert to_bytes(carry) == before
    assert reading.prior.tolist() == [0.0]
    assert reading.attended([1.0]) == {}
    # row 1 is the backbone, row 0 a segment that reads the state
    torch.testing.assert_close(whole[1], decoder(tokens[None])[0], atol=1e-11, rtol=1e-9)
    state = InfiniState(carry["M"], carry["z"])
    with torch.no_grad():
        hidden, _ = infini_segment(
            decoder, random_gates(decoder), tokens[None], state, InfiniConfig(window=11)
        )
    torch.testing.assert_close(whole[0], decoder.logits(hidden)[0], atol=1e-11, rtol=1e-9)
    assert not torch.allclose(whole[0], whole[1], atol=1e-2)


def test_chapter_memory_of_the_wrapper() -> None:
    memory = wrapper(dtype=torch.float64)
    start = memory.write(some_tokens(8, seed=1), memory.empty()).carry
    end = memory.write(some_tokens(8, seed=2), start).carry
    chapter = memory.subtract(end, start)
    torch.testing.assert_close(chapter["M"] + start["M"], end["M"])
    assert torch.equal(memory.subtract(end, end)["z"], torch.zeros_like(end["z"]))
    with pytest.raises(InvalidRequest, match="earlier one"):
        memory.subtract(start, end)
    with pytest.raises(InvalidRequest, match="linear"):
        wrapper(update="delta").subtract(end, start)


def test_refusals_name_the_value_and_the_limit() -> None:
    memory = wrapper()
    for make in (
        lambda: InfiniConfig(window=0),
        lambda: InfiniConfig(update="square"),
        lambda: InfiniConfig(eps=0.0),
        lambda: memory.write(some_tokens(9), memory.empty()),
        lambda: memory.write(some_tokens(0), memory.empty()),
        lambda: memory.recall(memory.empty()).step(some_tokens(3), 4),
        lambda: InfiniMemory(tiny_decoder(), InfiniGates(3, 5), CONFIG),
    ):
        with pytest.raises(InvalidRequest):
            make()
    with pytest.raises(BrokenState, match="M of shape None"):
        memory.recall({"z": memory.empty()["z"]})
    with pytest.raises(BrokenState):
        memory.recall(InfiniMemory(*other(), CONFIG).empty())


def other() -> tuple[Decoder, InfiniGates]:
    decoder = tiny_decoder(layers=2)
    return decoder, random_gates(decoder)

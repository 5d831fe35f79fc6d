"""Each rival against its formulas, written out with loops in float64; and against full attention.

MELODI's and Infini's formulas are proved in test_melodi.py and test_infini.py; here it is shown
that the systems trained from scratch compute the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from tiny import (
    fill,
    literal_finish,
    literal_norm,
    literal_project,
    literal_rope,
    literal_softmax,
)
from tiny_systems import MAKERS, W, config, make, run, widened, windows
from torch import Tensor

from memory_models.decoder import Decoder, rotate
from memory_models.memories.melodi import MelodiState, melodi_segment
from memory_models.papers.block_recurrent import BlockRecurrentSystem
from memory_models.papers.compressive import CompressiveConfig, CompressiveSystem
from memory_models.papers.local import LocalConfig, LocalSystem
from memory_models.papers.memorizing import MemorizingConfig, MemorizingSystem, top_attention
from memory_models.papers.rmt import RmtSystem
from memory_models.papers.system import COPYING, AnySystem

torch.set_num_threads(1)
CLOSE = {"atol": 1e-9, "rtol": 1e-9}
PLAIN = replace(config(), qk_norm=False, family="llama")  # the literal parts have no such norm

Slot = tuple[list[Tensor], list[Tensor], int]  # keys, values (heads inside), place


def ready(system: AnySystem) -> AnySystem:
    fill(system, 5)
    return widened(system)


def full(decoder: Decoder, tokens: list[Tensor], see: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The decoder over all windows at once; see(query place, key place) -> may attend.

    Tokens enter window by window: the first of a window has no token before it.
    """
    x = torch.cat([decoder.embed(window) for window in tokens], dim=1)
    places = torch.arange(x.shape[1])
    visible = see(places[:, None], places) & (places <= places[:, None])
    cos, sin = decoder.rope.angles(places)

    def attend(_layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.nn.functional.scaled_dot_product_attention(
            rotate(q, cos, sin), rotate(k, cos, sin), v, attn_mask=visible, enable_gqa=True
        )

    for layer in range(decoder.config.layers):
        x = decoder.layer(layer)(x, layer, attend)
    return decoder.logits(x)


def everything(query: Tensor, key: Tensor) -> Tensor:
    return query >= key


# -- against attention over everything ----------------------------------------------------------


@torch.no_grad()
def test_a_cache_that_holds_all_is_full_causal_attention() -> None:
    system = ready(LocalSystem(config(), W, LocalConfig(4 * W)))
    logits, _ = run(system, windows(4))
    torch.testing.assert_close(logits, full(system.decoder, windows(4), everything), **CLOSE)


@torch.no_grad()
def test_windows_of_any_size_give_the_same_sliding_attention() -> None:
    system = make("sliding", torch.float64)
    torch.nn.init.zeros_(system.decoder.shift.linear.weight)  # it ends where a window does
    tokens = windows(4)
    expected = full(system.decoder, tokens, lambda query, key: query - key <= W)
    torch.testing.assert_close(run(system, tokens)[0], expected, **CLOSE)
    uneven = list(torch.cat(tokens, dim=1).split([1, 5, 6, 2, 4, 6], dim=1))
    torch.testing.assert_close(run(system, uneven)[0], expected, **CLOSE)


@torch.no_grad()
def test_xl_sees_its_window_and_the_one_before() -> None:
    """One layer: what a cached key has seen itself does not matter, so a mask says it all."""
    system = ready(LocalSystem(config(layers=1), W, LocalConfig(W)))
    expected = full(system.decoder, windows(4), lambda query, key: query // W - key // W <= 1)
    torch.testing.assert_close(run(system, windows(4))[0], expected, **CLOSE)


@torch.no_grad()
def test_compression_by_one_is_full_causal_attention() -> None:
    system = ready(CompressiveSystem(config(), W, CompressiveConfig(1, 3 * W)))
    for part in system.compress:
        part.linear.weight.copy_(torch.eye(24))
        part.linear.bias.zero_()
    expected = full(system.decoder, windows(4), everything)
    torch.testing.assert_close(run(system, windows(4))[0], expected, **CLOSE)
    read = system.read(windows(4)[0], run(system, windows(3))[1])
    assert float(read.extra) < 1e-20  # nothing is lost, so there is nothing to mend


@torch.no_grad()
def test_retrieving_everything_is_attention_to_everything() -> None:
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, 4, 5, 8, generator=generator).double()
    keys, values = torch.randn(2, 2, 2, 9, 8, generator=generator).double()
    held = torch.ones(2, 9, dtype=torch.bool)
    held[1, :4] = False
    expected = torch.nn.functional.scaled_dot_product_attention(
        q, keys, values, attn_mask=held[:, None, None], enable_gqa=True
    )
    for top in (9, 50):
        torch.testing.assert_close(top_attention(q, keys, values, held, top), expected, **CLOSE)
    assert not torch.allclose(top_attention(q, keys, values, held, 2), expected, atol=1e-3)


# -- against loops -------------------------------------------------------------------------------


def literal_words(decoder: Decoder, window: Tensor) -> list[Tensor]:
    """Each token's embedding at length sqrt(D), and the one before it through the shift."""
    words = [decoder.model.embed_tokens.weight[t] for t in window]
    words = [word * math.sqrt(len(word)) / word.norm() for word in words]
    shift = decoder.shift.linear.weight
    return words[:1] + [x + shift @ past for past, x in pairwise(words)]


def literal_slots(decoder: Decoder, layer: int, xs: list[Tensor], first: int) -> list[Slot]:
    """Keys and values of vectors at places first, first + 1, ..."""
    projected = [literal_project(decoder, layer, x) for x in xs]
    return [(k, v, first + i) for i, (_, k, v) in enumerate(projected)]


def literal_heads(
    decoder: Decoder, layer: int, x: Tensor, place: int, slots: list[Slot]
) -> tuple[list[Tensor], list[Tensor]]:
    """Attention of one vector over all slots given -> its heads, and its queries before RoPE."""
    c = decoder.config
    queries = literal_project(decoder, layer, x)[0]
    heads = []
    for h, query in enumerate(queries):
        g = h // c.group
        keys = [literal_rope(k[g], at) for k, _, at in slots]
        heads.append(literal_softmax(literal_rope(query, place), keys, [v[g] for _, v, _ in slots]))
    return heads, queries


@torch.no_grad()
def test_memorizing_equals_the_formulas() -> None:
    system = ready(MemorizingSystem(PLAIN, W, MemorizingConfig(2 * W, 3, 1)))
    tokens = windows(4, rows=1)
    logits, _ = run(system, tokens)
    decoder, layers = system.decoder, range(PLAIN.layers)
    cache: list[list[Slot]] = [[] for _ in layers]
    memory: list[Slot] = []
    out = []
    for window in tokens:
        xs = literal_words(decoder, window[0])
        for layer in layers:
            own = literal_slots(decoder, layer, xs, 0)
            new = []
            for t, x in enumerate(xs):
                seen = cache[layer] + own[: t + 1]
                heads, queries = literal_heads(decoder, layer, x, t, seen)
                if layer == 1 and memory:
                    heads = [
                        far_and_near(system, h, q, heads[h], memory) for h, q in enumerate(queries)
                    ]
                new.append(literal_finish(decoder, layer, x, heads))
            cache[layer] = [(k, v, at - W) for k, v, at in own]
            if layer == 1:
                memory = (memory + own)[-2 * W :]
            xs = new
        out += xs
    torch.testing.assert_close(logits[0], decoder.logits(torch.stack(out)), **CLOSE)


def far_and_near(
    system: MemorizingSystem, h: int, query: Tensor, near: Tensor, memory: list[Slot]
) -> Tensor:
    g = h // PLAIN.group
    best = sorted(memory, key=lambda slot: -float(query @ slot[0][g]))[:3]
    far = literal_softmax(query, [k[g] for k, _, _ in best], [v[g] for _, v, _ in best])
    gate = 1 / (1 + math.exp(-float(system.gate[h])))
    return gate * far + (1 - gate) * near


@torch.no_grad()
def test_rmt_equals_the_formulas() -> None:
    system = ready(RmtSystem(PLAIN, W, 2))
    tokens = [*windows(2, rows=1), windows(1, rows=1, size=4)[0]]
    logits, state = run(system, tokens)
    decoder = system.decoder
    memory, out = list(system.first), []
    for window in tokens:
        words = literal_words(decoder, window[0])
        xs = memory + words + memory
        for layer in range(PLAIN.layers):
            slots = literal_slots(decoder, layer, xs, -2)
            xs = [
                literal_finish(
                    decoder, layer, x, literal_heads(decoder, layer, x, i - 2, slots[: i + 1])[0]
                )
                for i, x in enumerate(xs)
            ]
        out += xs[2:-2]
        memory = [literal_norm(decoder.model.norm, x) for x in xs[-2:]]
    torch.testing.assert_close(logits[0], decoder.logits(torch.stack(out)), **CLOSE)
    torch.testing.assert_close(state.memory[0], torch.stack(memory), **CLOSE)


@torch.no_grad()
def test_compressive_equals_the_formulas() -> None:
    system = ready(CompressiveSystem(PLAIN, W, CompressiveConfig(2, 4)))
    tokens = windows(4, rows=1)
    logits, state = run(system, tokens)
    decoder, layers = system.decoder, range(PLAIN.layers)
    exact: list[list[Tensor]] = [[] for _ in layers]
    compressed: list[list[Tensor]] = [[] for _ in layers]
    out = []
    for window in tokens:
        xs = literal_words(decoder, window[0])
        for layer in layers:
            old, made = exact[layer], compressed[layer]
            before = literal_slots(decoder, layer, made + old, -len(made + old))
            own = literal_slots(decoder, layer, xs, 0)
            f = system.compress[layer].linear
            pairs = [torch.cat(old[i : i + 2]) for i in range(0, len(old), 2)]
            compressed[layer] = (made + [f.weight @ p + f.bias for p in pairs])[-4:]
            exact[layer] = xs
            xs = [
                literal_finish(
                    decoder,
                    layer,
                    x,
                    literal_heads(decoder, layer, x, t, before + own[: t + 1])[0],
                )
                for t, x in enumerate(xs)
            ]
        out += xs
    torch.testing.assert_close(logits[0], decoder.logits(torch.stack(out)), **CLOSE)
    kept = torch.stack([torch.stack(tokens) for tokens in compressed])
    torch.testing.assert_close(state.compressed[0], kept, **CLOSE)


def test_reconstruction_trains_the_compression_and_nothing_else() -> None:
    system = make("compressive")
    tokens = windows(4)
    _, state = run(system, tokens[:3])
    read = system.read(tokens[3], state.detach())
    read.extra.backward(retain_graph=True)
    for name, parameter in system.named_parameters():
        trained = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert trained is name.startswith("compress."), name
    system.zero_grad()
    read.logits.square().mean().backward()
    for name, parameter in system.named_parameters():
        trained = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert trained is not name.startswith("compress."), name


@torch.no_grad()
def test_block_recurrent_equals_the_formulas() -> None:
    system = ready(BlockRecurrentSystem(PLAIN, W, 4, 1))
    for queries in (system.cell.to_states, system.cell.to_tokens):
        queries.q_norm = torch.nn.Identity()  # the literal parts have no such norm
    tokens = windows(3, rows=1)
    logits, state = run(system, tokens)
    decoder, layers = system.decoder, range(PLAIN.layers)
    cache: list[list[Slot]] = [[] for _ in layers]
    states, out = list(system.cell.first), []
    for window in tokens:
        xs = literal_words(decoder, window[0])
        for layer in layers:
            own = literal_slots(decoder, layer, xs, 0)
            heads = [
                literal_heads(decoder, layer, x, t, cache[layer] + own[: t + 1])[0]
                for t, x in enumerate(xs)
            ]
            cache[layer] = [(k, v, at - W) for k, v, at in own]
            if layer == 1:
                xs, states = literal_cell(system, xs, heads, own, states)
            else:
                pairs = zip(xs, heads, strict=True)
                xs = [literal_finish(decoder, layer, x, h) for x, h in pairs]
        out += xs
    torch.testing.assert_close(logits[0], decoder.logits(torch.stack(out)), **CLOSE)
    torch.testing.assert_close(state.states[0], torch.stack(states), **CLOSE)


def literal_cell(
    system: BlockRecurrentSystem,
    xs: list[Tensor],
    heads: list[list[Tensor]],
    own: list[Slot],
    states: list[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Token side and state side of the recurrent layer."""
    cell, block = system.cell, system.decoder.layer(1)
    d = PLAIN.head_size
    named = [literal_norm(cell.norm, c) + i for c, i in zip(states, cell.ids, strict=True)]
    q_c, k_c, v_c = (
        [list((linear.weight @ x).split(d)) for x in named]
        for linear in (cell.attention.q_proj, cell.attention.k_proj, cell.attention.v_proj)
    )
    state_slots: list[Slot] = [(k, v, 0) for k, v in zip(k_c, v_c, strict=True)]
    after_tokens = []
    for x, found in zip(xs, heads, strict=True):
        normed = literal_norm(block.input_layernorm, x)
        q2 = list((cell.to_states.q_proj.weight @ normed).split(d))
        y = x + block.self_attn.o_proj.weight @ torch.cat(found)
        y = y + cell.to_states.o_proj.weight @ unplaced(q2, state_slots)
        nothing = [torch.zeros_like(head) for head in found]
        after_tokens.append(literal_finish(system.decoder, 1, y, nothing))
    after_states = []
    for i, c in enumerate(states):
        q2 = list((cell.to_tokens.q_proj.weight @ named[i]).split(d))
        h = cell.attention.o_proj.weight @ unplaced(q_c[i], state_slots)
        h = h + cell.to_tokens.o_proj.weight @ unplaced(q2, own)
        g = 1 / (1 + torch.exp(-cell.gate))
        after_states.append(g * c + (1 - g) * h)
    return after_tokens, after_states


def unplaced(queries: list[Tensor], slots: list[Slot]) -> Tensor:
    """Attention without positions over all slots, heads joined."""
    return torch.cat(
        [
            literal_softmax(
                q,
                [k[h // PLAIN.group] for k, _, _ in slots],
                [v[h // PLAIN.group] for _, v, _ in slots],
            )
            for h, q in enumerate(queries)
        ]
    )


@torch.no_grad()
def test_melodi_from_scratch_is_the_same_memory() -> None:
    system = make("melodi", torch.float64)
    state = same = MelodiState.empty(system.decoder, 2, system.memory)
    for window in (*windows(4), windows(1, size=4)[0]):
        logits, state = system(window, state)
        hidden, same = melodi_segment(system.decoder, system.mixers, window, same, system.memory)
        torch.testing.assert_close(logits, system.decoder.logits(hidden), **CLOSE)
        for one, two in zip(state, same, strict=True):
            torch.testing.assert_close(one, two, **CLOSE)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2)])
@torch.no_grad()
def test_attention_starts_as_a_search_for_what_followed_the_same_token(heads, kv_heads) -> None:
    torch.manual_seed(0)
    shape = replace(
        config(heads, kv_heads, layers=1), hidden_size=128, head_size=128 // heads, vocab_size=500
    )
    decoder = LocalSystem(shape, W, LocalConfig()).decoder
    tokens = torch.randperm(500)[:32].repeat(2)[None]
    x = decoder.embed(tokens)
    q, k, v = decoder.layer(0).self_attn.project(x)
    first = q[:, :: heads // kv_heads]  # of each group
    best = (first @ k.mT)[0, :, 32:, 1:33].argmax(-1)
    assert float((best == torch.arange(32)).double().mean()) > 0.6
    if heads == kv_heads:
        handed = decoder.layer(0).self_attn.o_proj(v.transpose(1, 2).flatten(2))
        torch.testing.assert_close(handed, COPYING * x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", MAKERS)
def test_equal_seeds_give_equal_decoders(name) -> None:
    torch.manual_seed(4)
    one = MAKERS[name](config()).decoder
    torch.manual_seed(4)
    two = MAKERS["window"](config()).decoder
    for first, second in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(first, second)

"""MELODI against its formulas, written out with loops, and its properties."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import (
    fill,
    literal_finish,
    literal_norm,
    literal_project,
    literal_rope,
    literal_softmax,
    some_tokens,
    tiny_decoder,
)
from torch import Tensor

from memory_models.decoder import Decoder
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memories.melodi import (
    ContentMixer,
    MelodiConfig,
    MelodiMixers,
    MelodiState,
    TokenMixer,
    melodi_segment,
    pooling,
)
from memory_models.memories.melodi_memory import MelodiMemory
from memory_models.memory import from_bytes, to_bytes

torch.set_num_threads(1)
CONFIG = MelodiConfig(window=6, short=3, long=2, queue=2)


def random_mixers(decoder: Decoder, config: MelodiConfig, seed: int = 5) -> MelodiMixers:
    mixers = MelodiMixers(decoder.config, config).to(decoder.dtype)
    fill(mixers, seed)
    for module in mixers.modules():
        if isinstance(module, TokenMixer) and module.norm_x is not None:
            wide = type(decoder.model.norm)  # float64 decoders bring their own norm
            module.norm_x.__class__ = module.norm_u.__class__ = wide
    return mixers


# -- the literal reference -------------------------------------------------------------------------


def literal_mix(mixer: TokenMixer, xs: list[Tensor], us: list[Tensor]) -> list[Tensor]:
    """One dense map over the tokens, x stretched to the window first; weights summed one by one."""
    W, T = mixer.window, len(xs)
    left, right = xs, us
    if mixer.norm_x is not None:
        left = [literal_norm(mixer.norm_x, x) for x in xs]
        right = [literal_norm(mixer.norm_u, u) for u in us]
    stretched = []
    for i in range(W):
        low, high = i * T / W, (i + 1) * T / W
        shares = [max(0.0, min(high, t + 1) - max(low, t)) for t in range(T)]
        stretched.append(
            sum(share * x for share, x in zip(shares, left, strict=True)) / (high - low)
        )
    out = []
    for o in range(len(mixer.linear.bias)):
        token = mixer.linear.bias[o] * torch.ones_like(xs[0])
        for weight, source in zip(mixer.linear.weight[o], stretched + right, strict=True):
            token = token + weight * source
        out.append(token if mixer.norm_u is None else token + us[o])
    return out


class Literal:
    """One row's state as lists; `segment` follows the formulas token by token."""

    def __init__(self, decoder: Decoder, mixers: MelodiMixers, config: MelodiConfig) -> None:
        self.decoder, self.mixers, self.config = decoder, mixers, config
        self.z: list[list[Tensor]] = [[] for _ in range(decoder.config.layers)]
        self.queue: list[list[tuple]] = []  # windows of slots (keys, values), heads inside

    def segment(self, tokens: Tensor) -> Tensor:
        decoder, mixers = self.decoder, self.mixers
        layers = decoder.config.layers
        xs = [decoder.model.embed_tokens.weight[t] for t in tokens]
        us = list(mixers.summary_tokens)
        m: list[Tensor] = []
        for layer in range(layers):
            both = self.layer(layer, xs, us)
            xs, us = both[: len(xs)], both[len(xs) :]
            self.z[layer] = literal_mix(mixers.short[layer], xs, us)
            if layer == self.config.long_layer_of(layers):
                m = literal_mix(mixers.long, xs, us)
            if layer + 1 < layers:
                us = literal_mix(mixers.summary[layer], xs, us)
        long_layer = self.config.long_layer_of(layers)
        self.queue.append([literal_project(decoder, long_layer, token)[1:] for token in m])
        self.queue = self.queue[-self.config.queue :]
        return torch.stack(xs)

    def layer(self, layer: int, xs: list[Tensor], us: list[Tensor]) -> list[Tensor]:
        c, S = self.decoder.config, len(self.z[layer])
        before = [literal_project(self.decoder, layer, token) for token in self.z[layer]]
        now = [literal_project(self.decoder, layer, token) for token in xs + us]
        place = [*range(-S, 0), *range(len(now))]
        slots = before + now
        out = []
        for t, (queries, _, _) in enumerate(now):
            heads = []
            for h in range(c.heads):
                g = h // (c.heads // c.kv_heads)
                seen = range(S + t + 1)
                keys = [literal_rope(slots[s][1][g], place[s]) for s in seen]
                values = [slots[s][2][g] for s in seen]
                head = literal_softmax(literal_rope(queries[h], t), keys, values)
                if layer == self.config.long_layer_of(c.layers) and self.queue:
                    head = self.cross(h, g, queries[h], head)
                heads.append(head)
            out.append(literal_finish(self.decoder, layer, (xs + us)[t], heads))
        return out

    def cross(self, h: int, g: int, query: Tensor, local: Tensor) -> Tensor:
        keys = [slot[0][g] for window in self.queue for slot in window]
        values = [slot[1][g] for window in self.queue for slot in window]
        a = [1 / (1 + math.exp(-float(x))) for x in self.mixers.gate[h]]
        a = torch.tensor(a, dtype=torch.float64)
        return a * literal_softmax(query, keys, values) + (1 - a) * local


@pytest.mark.parametrize("mixing", ["plain", "released"])
@torch.no_grad()
def test_equals_the_literal_formulas_over_windows(mixing) -> None:
    decoder = tiny_decoder(layers=3, head_size=4, width=12, dtype=torch.float64)
    config = MelodiConfig(window=6, short=3, long=2, queue=2, mixing=mixing)
    mixers = random_mixers(decoder, config)
    state = MelodiState.empty(decoder, 2, config)
    literal = [Literal(decoder, mixers, config) for _ in range(2)]
    close = {"atol": 1e-10, "rtol": 1e-10}
    for k, T in enumerate((6, 4, 6, 1)):  # whole, short, beyond the queue, one token
        tokens = some_tokens(2, T, seed=k)
        hidden, state = melodi_segment(decoder, mixers, tokens, state, config)
        for b, row in enumerate(literal):
            torch.testing.assert_close(hidden[b], row.segment(tokens[b]), **close)
            z = torch.stack([torch.stack(tokens) for tokens in row.z])
            torch.testing.assert_close(state.z[:, b], z, **close)
            keys = [torch.stack([torch.stack(slot[0]) for slot in w]) for w in row.queue]
            values = [torch.stack([torch.stack(slot[1]) for slot in w]) for w in row.queue]
            # [n,L,G,d] -> [G,n,L,d]
            keys, values = torch.stack(keys).movedim(2, 0), torch.stack(values).movedim(2, 0)
            torch.testing.assert_close(state.keys[b], keys, **close)
            torch.testing.assert_close(state.values[b], values, **close)


# -- properties ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@torch.no_grad()
def test_empty_state_is_the_backbone_bit_for_bit(dtype) -> None:
    decoder = tiny_decoder(dtype=dtype)
    mixers, tokens = random_mixers(decoder, CONFIG), some_tokens(2, 5)
    state = MelodiState.empty(decoder, 2, CONFIG)
    hidden, state = melodi_segment(decoder, mixers, tokens, state, CONFIG)
    assert torch.equal(decoder.logits(hidden), decoder(tokens))
    assert state.z.dtype == state.keys.dtype == dtype


@torch.no_grad()
def test_rows_of_a_batch_have_their_own_history() -> None:
    decoder = tiny_decoder(dtype=torch.float64)
    mixers = random_mixers(decoder, CONFIG)
    none = MelodiState.empty(decoder, 1, CONFIG)
    _, one = melodi_segment(decoder, mixers, some_tokens(1, 6, seed=1), none, CONFIG)
    _, two = melodi_segment(decoder, mixers, some_tokens(1, 6, seed=2), one, CONFIG)
    z, keys, values, written = (list(parts) for parts in zip(none, one, two, strict=True))
    for padded in (keys, values):  # free slots may hold anything
        padded[:2] = (torch.cat((two.keys[:, :, p.shape[2] :], p), dim=2) for p in padded[:2])
    together = MelodiState(torch.cat(z, dim=1), *(map(torch.cat, (keys, values, written))))
    assert together.windows_written.tolist() == [0, 1, 2]
    tokens = some_tokens(3, 5, seed=9)
    hidden, _ = melodi_segment(decoder, mixers, tokens, together, CONFIG)
    for b, row in enumerate((none, one, two)):
        alone, _ = melodi_segment(decoder, mixers, tokens[b : b + 1], row, CONFIG)
        torch.testing.assert_close(hidden[b], alone[0])


def test_gradient_reaches_the_writer_of_an_earlier_window() -> None:
    decoder, writer = tiny_decoder(), tiny_decoder()  # the same weights, only one writes
    mixers = random_mixers(decoder, CONFIG)
    state = MelodiState.empty(decoder, 1, CONFIG)
    _, first = melodi_segment(writer, mixers, some_tokens(1, 6, seed=1), state, CONFIG)
    _, state = melodi_segment(decoder, mixers, some_tokens(1, 6, seed=2), first, CONFIG)
    hidden, _ = melodi_segment(decoder, mixers, some_tokens(1, 6, seed=3), state, CONFIG)
    through = torch.autograd.grad(state.keys[:, :, 0].sum(), first.keys, retain_graph=True)
    assert torch.equal(through[0], torch.ones_like(first.keys))  # the queue itself is not cut
    hidden.square().mean().backward()
    for layer in range(3):
        attention = writer.layer(layer).self_attn
        assert attention.k_proj.weight.grad.abs().max() > 0
        assert attention.v_proj.weight.grad.abs().max() > 0
    for name, parameter in mixers.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    assert not state.detach().z.requires_grad
    assert state.z.requires_grad


def test_untrained_mixers_are_strided_means_and_get_gradients() -> None:
    mixers = MelodiMixers(tiny_decoder().config, CONFIG)
    x, u = torch.randn(2, 6, 24), torch.randn(2, 3, 24)
    torch.testing.assert_close(mixers.short[0](x, u), x.view(2, 3, 2, 24).mean(2))
    torch.testing.assert_close(mixers.long(x, u), x.view(2, 2, 3, 24).mean(2))
    torch.testing.assert_close(mixers.short[0](x[:, :1], u), x[:, :1].expand(2, 3, 24))
    torch.testing.assert_close(mixers.short[0](x[:, :3], u), x[:, :3])
    released = MelodiMixers(
        tiny_decoder().config, MelodiConfig(window=6, short=3, long=2, queue=2, mixing="released")
    )
    released.summary[0](x, u).square().sum().backward()
    assert released.summary[0].norm_x.weight.grad.abs().min() > 0


@pytest.mark.parametrize(("out", "into"), [(3, 6), (6, 6), (6, 4), (128, 512), (192, 512), (5, 1)])
def test_pooling_averages(out, into) -> None:
    weights = pooling(out, into)
    assert weights.shape == (out, into)
    torch.testing.assert_close(weights.sum(1), torch.ones(out, dtype=torch.float64))
    covered = torch.full((into,), out / into, dtype=torch.float64)
    torch.testing.assert_close(weights.sum(0), covered)  # every token counts the same
    if out == into:
        assert torch.equal(weights, torch.eye(out, dtype=torch.float64))


@torch.no_grad()
def test_no_leak_from_the_future() -> None:
    decoder = tiny_decoder()
    mixers = random_mixers(decoder, CONFIG)
    state = MelodiState.empty(decoder, 1, CONFIG)
    _, state = melodi_segment(decoder, mixers, some_tokens(1, 6), state, CONFIG)
    tokens = some_tokens(1, 6, seed=2)
    changed = tokens.clone()
    changed[0, 4] = (changed[0, 4] + 1) % 37
    one, _ = melodi_segment(decoder, mixers, tokens, state, CONFIG)
    two, _ = melodi_segment(decoder, mixers, changed, state, CONFIG)
    assert torch.equal(one[:, :4], two[:, :4])
    assert not torch.equal(one[:, 4:], two[:, 4:])
    mixers.summary_tokens += 1  # x never sees u
    three, after = melodi_segment(decoder, mixers, tokens, state, CONFIG)
    assert torch.equal(one, three)
    assert not torch.equal(after.z, state.z)


@torch.no_grad()
def test_grouped_queries_read_the_queue_of_their_own_head() -> None:
    decoder = tiny_decoder(heads=6, kv_heads=2)
    mixers = random_mixers(decoder, CONFIG)
    state = MelodiState.empty(decoder, 1, CONFIG)
    _, state = melodi_segment(decoder, mixers, some_tokens(1, 6), state, CONFIG)
    block = decoder.layer(1).self_attn
    inputs: list[Tensor] = []
    hook = block.o_proj.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    changed = state.values.clone()
    changed[:, 1] += 1
    for values in (state.values, changed):
        melodi_segment(
            decoder, mixers, some_tokens(1, 6, seed=3), state._replace(values=values), CONFIG
        )
    hook.remove()
    moved = (inputs[2] - inputs[0]).view(6, 6, 8).abs().amax(dim=(0, 2))  # [H]
    assert (moved > 1e-6).tolist() == [False] * 3 + [True] * 3


@torch.no_grad()
def test_the_queue_drops_the_oldest_window() -> None:
    decoder = tiny_decoder()
    mixers = random_mixers(decoder, CONFIG)
    state, kept = MelodiState.empty(decoder, 1, CONFIG), []
    for k in range(5):
        _, state = melodi_segment(decoder, mixers, some_tokens(1, 6, seed=k), state, CONFIG)
        kept.append(state.keys[:, :, -1])
        assert state.keys.shape[2] == min(k + 1, CONFIG.queue)
        assert state.windows_written.tolist() == [k + 1]
    assert torch.equal(state.keys, torch.stack(kept[-2:], dim=2))


# -- the product's wrapper -------------------------------------------------------------------------


def wrapper(dtype: torch.dtype = torch.float32, config: MelodiConfig = CONFIG) -> MelodiMemory:
    decoder = tiny_decoder(dtype=dtype)
    return MelodiMemory(decoder, random_mixers(decoder, config), config)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_saved_and_loaded_goes_on_bit_for_bit(dtype) -> None:
    memory = wrapper(dtype)
    carry = memory.empty()
    for seed in range(4):
        tokens = some_tokens(6 - seed, seed=seed)
        written = memory.write(tokens, carry)
        loaded = memory.write(tokens, from_bytes(to_bytes(carry)))
        assert written.left == {}
        assert to_bytes(written.carry) == to_bytes(loaded.carry)
        assert written.carry["z"].dtype == written.carry["keys"].dtype == dtype
        carry = written.carry


def test_reading_step_by_step_equals_the_whole() -> None:
    memory, decoder = wrapper(torch.float64), tiny_decoder(dtype=torch.float64)
    carry = memory.empty()
    for seed in range(3):
        carry = memory.write(some_tokens(6, seed=seed), carry).carry
    before, tokens = to_bytes(carry), some_tokens(9, seed=7)  # longer than the window
    whole = memory.recall(carry).step(tokens, 9)
    reading = memory.recall(carry)
    parts = [reading.step(tokens[:4], 4)]
    parts += [reading.step(tokens[t : t + 1], 1) for t in range(4, 9)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-11, rtol=1e-9)
    assert to_bytes(carry) == before
    assert reading.prior.tolist() == [0.0]
    assert list(reading.attended([1.0])) == [1, 2]  # window 0 has left the queue of two
    assert sum(reading.attended([1.0]).values()) == pytest.approx(1)
    # row 1 is the backbone, row 0 a window that reads the state
    torch.testing.assert_close(whole[1], decoder(tokens[None])[0], atol=1e-11, rtol=1e-9)
    with torch.no_grad():
        hidden, _ = melodi_segment(
            decoder, random_mixers(decoder, CONFIG), tokens[None, :6], MelodiState(**carry), CONFIG
        )
    torch.testing.assert_close(whole[0, :6], decoder.logits(hidden)[0], atol=1e-11, rtol=1e-9)
    assert not torch.allclose(whole[0], whole[1], atol=1e-2)


def test_reading_an_empty_state_is_the_backbone() -> None:
    memory, decoder = wrapper(torch.float64), tiny_decoder(dtype=torch.float64)
    reading, tokens = memory.recall(memory.empty()), some_tokens(7)
    logits = reading.step(tokens, 7)
    expected = decoder(tokens[None]).expand(2, -1, -1)
    torch.testing.assert_close(logits, expected, atol=1e-11, rtol=1e-9)
    assert reading.attended([1.0]) == {}


def test_attention_share_follows_the_keys() -> None:
    memory = wrapper(torch.float64)
    carry = dict(memory.empty())
    for seed in range(2):
        carry = dict(memory.write(some_tokens(6, seed=seed), carry).carry)
    even = dict(carry, keys=torch.zeros_like(carry["keys"]))
    reading = memory.recall(even)
    reading.step(some_tokens(3), 1)
    assert reading.attended([1.0]) == pytest.approx({0: 0.5, 1: 0.5})


def test_sizes_and_refusals() -> None:
    sizes = MelodiConfig()  # the paper's S128+L64
    assert (sizes.short, sizes.long, sizes.queue, sizes.window) == (128, 64, 128, 512)
    assert sizes.long_layer_of(30) == 15
    memory, decoder = wrapper(), tiny_decoder()
    for make in (
        lambda: MelodiConfig(window=4, short=5, long=1),
        lambda: MelodiConfig(window=4, short=1, long=0),
        lambda: MelodiConfig(queue=0),
        lambda: MelodiConfig(mixing="other"),
        lambda: MelodiMixers(decoder.config, MelodiConfig(long_layer=3)),
        lambda: memory.write(some_tokens(7), memory.empty()),
        lambda: memory.write(some_tokens(0), memory.empty()),
        lambda: memory.recall(memory.empty()).step(some_tokens(2), 0),
    ):
        with pytest.raises(InvalidRequest):
            make()
    carry = memory.write(some_tokens(6), memory.empty()).carry
    for broken in (
        {"z": carry["z"]},
        dict(carry, windows_written=torch.tensor([2])),
        dict(carry, windows_written=torch.tensor([-1])),
        dict(carry, keys=carry["keys"][..., :4]),
        dict(carry, z=carry["z"][:, :, :2]),
    ):
        with pytest.raises(BrokenState):
            memory.recall(broken)


@torch.no_grad()
def test_a_content_mixer_weighs_tokens_by_what_they_are() -> None:
    torch.manual_seed(5)
    D = 12
    mixer = ContentMixer(D, 3).double()
    x, u = torch.randn(1, 7, D, dtype=torch.float64), torch.randn(1, 4, D, dtype=torch.float64)
    m, tokens = mixer(x, u), torch.cat((x, u), dim=1)[0]
    eps = torch.finfo(torch.float64).eps
    for slot, query in enumerate(mixer.queries):
        scores = []
        for token in tokens:
            known = token / (sum(float(c) ** 2 for c in token) / D + eps) ** 0.5
            scores.append(sum(known[i] * mixer.keys[i] for i in range(D)) @ query)
        weights = [torch.exp(score - max(scores)) for score in scores]
        literal = sum(w * token for w, token in zip(weights, tokens, strict=True)) / sum(weights)
        torch.testing.assert_close(m[0, slot], literal)
    torch.testing.assert_close(mixer(tokens[torch.randperm(11)][None]), m)

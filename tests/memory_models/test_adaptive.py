"""Adaptive MELODI: slots, importance, addressing and readings against literal references."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from memory_models import backbone as backbones
from memory_models.address import AddressBook, matches, pack_address, standardize
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.generate import (
    Decoding,
    Mixture,
    Trace,
    contrasted,
    generate,
    generate_each,
    score,
)
from memory_models.memories.adaptive import (
    AdaptiveConfig,
    AdaptiveMemory,
    keep,
    read_tokens,
    reconstruction_importance,
)
from memory_models.memories.slots import (
    dequantize,
    hadamard,
    pack,
    pack_nibbles,
    quantize,
    slot_shape,
    unpack,
    unpack_nibbles,
)
from memory_models.memory import from_bytes, to_bytes

WINDOW = 24


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    loaded = backbones.load(tiny_backbone)
    loaded.decoder.double()
    return loaded


def a_memory(backbone: Backbone, share: float = 1.0, bits: int = 16) -> AdaptiveMemory:
    config = AdaptiveConfig(((1, 0), (2, 3)), window=WINDOW, keep_ratio=share, slot_bits=bits)
    return AdaptiveMemory(backbone, config)


def some_tokens(backbone: Backbone, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, backbone.config.vocab_size, (count,), generator=generator)


def exact_slots(backbone: Backbone, tokens: Tensor, sink: int) -> dict[str, Tensor]:
    """All slots of a window in full precision, as `pack` orders them."""
    keys, values = read_tokens(backbone.decoder, tokens)
    own_keys, own_values = keys[:, :, sink:], values[:, :, sink:]
    every = torch.ones(own_keys.shape[:3], dtype=torch.bool)
    packed = pack(own_keys, own_values, every, 16)
    return {**packed, "keys": own_keys[every], "values": own_values[every]}


def test_a_window_kept_whole_reads_like_the_text_itself(backbone: Backbone) -> None:
    """[sink | window | prompt] through the plain decoder == the reading of the kept window."""
    memory = a_memory(backbone)
    sink = torch.tensor(memory.sink)
    window, prompt = some_tokens(backbone, WINDOW), some_tokens(backbone, 7, seed=1)
    whole = torch.cat((sink, window, prompt))
    with torch.inference_mode():
        expected = backbone.decoder(whole.unsqueeze(0))[0, -7:]
        slots = exact_slots(backbone, torch.cat((sink, window)), len(sink))
        reading = memory.recall({0: slots}, torch.zeros(1))
        found = reading.step(prompt, last=7)
    assert (found[0].double() - expected).abs().max() < 1e-4  # norms work in float32


def test_the_last_row_is_memory_off(backbone: Backbone) -> None:
    memory = a_memory(backbone)
    prompt = some_tokens(backbone, 7, seed=1)
    empty = pack(*[torch.zeros(3, 2, 0, 8)] * 2, torch.zeros(3, 2, 0, dtype=torch.bool), 16)
    with torch.inference_mode():
        slots = memory.write(some_tokens(backbone, WINDOW), {}).left["slots"]
        one = memory.recall({0: slots}, torch.zeros(1)).step(prompt, last=7)
        other = memory.recall({4: empty, 9: empty}, torch.zeros(2)).step(prompt, last=7)
    assert torch.allclose(one[-1], other[-1], atol=1e-4)
    assert torch.allclose(other[0], other[-1], atol=1e-4)
    assert (one[0] - one[-1]).abs().max() > 1e-3


def test_rows_do_not_see_one_another(backbone: Backbone) -> None:
    memory = a_memory(backbone, share=0.4, bits=8)
    prompt = some_tokens(backbone, 5, seed=3)
    with torch.inference_mode():
        slots = {
            i: memory.write(some_tokens(backbone, 10 + i, i), {}).left["slots"] for i in (0, 1)
        }
        both = memory.recall(slots, torch.zeros(2)).step(prompt, last=5)
        alone = [memory.recall({i: slots[i]}, torch.zeros(1)).step(prompt, last=5) for i in (0, 1)]
    for i in (0, 1):
        assert torch.allclose(both[i], alone[i][0], atol=1e-4)


def test_steps_equal_one_call(backbone: Backbone) -> None:
    memory = a_memory(backbone, share=0.5, bits=8)
    prompt = some_tokens(backbone, 9, seed=2)
    with torch.inference_mode():
        slots = {0: memory.write(some_tokens(backbone, WINDOW), {}).left["slots"]}
        whole = memory.recall(slots, torch.zeros(1)).step(prompt, last=9)
        stepwise = memory.recall(slots, torch.zeros(1))
        parts = [stepwise.step(part, last=len(part)) for part in prompt.split(2)]
    assert torch.allclose(whole, torch.cat(parts, dim=1), atol=1e-4)


def literal_importance(decoder: Decoder, tokens: Tensor, first: int, T: int) -> Tensor:
    """Every attention probability by loops: the whole text in one pass, no cache, no batching."""
    c = decoder.config
    N = tokens.shape[0]
    out = torch.zeros(c.layers, c.kv_heads, T, dtype=torch.float64)

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        places = torch.arange(N)
        q, k = decoder.rope(q, places)[0], decoder.rope(k, places)[0]
        mixed = torch.zeros_like(q)
        for head in range(c.heads):
            group = head // c.group
            for t in range(N):
                scores = torch.stack([q[head, t] @ k[group, s] for s in range(t + 1)])
                weights = (scores / c.head_size**0.5).softmax(0)
                mixed[head, t] = sum(weights[s] * v[0, group, s] for s in range(t + 1))
                if t >= N - T:
                    for slot in range(T):
                        seen = float(weights[first + slot])
                        out[layer, group, slot] = max(seen, float(out[layer, group, slot]))
        return mixed.unsqueeze(0)

    with torch.inference_mode():
        decoder.hidden(tokens.unsqueeze(0), attend)
    return out


def test_importance_equals_the_literal_definition(backbone: Backbone) -> None:
    sink, window = torch.tensor([1, 2, 3]), some_tokens(backbone, 6)
    request = some_tokens(backbone, 3, seed=9)
    probe = torch.cat((request, window))
    with torch.inference_mode():
        context = read_tokens(backbone.decoder, torch.cat((sink, window)))
        found = reconstruction_importance(backbone.decoder, context, probe, first=3)
    whole = torch.cat((sink, window, probe))
    expected = literal_importance(backbone.decoder, whole, first=3, T=6)
    assert (found.double() - expected).abs().max() < 1e-5


@given(st.lists(st.floats(0, 1, width=16), min_size=12, max_size=60), st.floats(0.01, 1))
def test_keep_takes_the_largest_and_the_exact_count(values: list[float], share: float) -> None:
    importance = torch.tensor(values[: len(values) // 6 * 6]).view(3, 2, -1)
    mask = keep(importance, share)
    assert int(mask.sum()) == max(1, round(share * importance.numel()))
    if not mask.all():
        assert importance[mask].min() >= importance[~mask].max()
    assert torch.equal(mask, keep(importance.clone(), share))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1.0, 300.0]))
def test_int8_rows_are_within_half_a_step(seed: int, size: float) -> None:
    rows = size * torch.randn(5, 16, generator=torch.Generator().manual_seed(seed))
    codes, scale = quantize(rows)
    back = dequantize(codes, scale, torch.float32)
    assert ((back - rows).abs() <= 0.5001 * scale.float().unsqueeze(1) + 1e-9).all()


def test_packed_slots_come_back_in_order_and_survive_bytes() -> None:
    generator = torch.Generator().manual_seed(0)
    keys, values = (torch.randn(3, 2, 11, 8, generator=generator) for _ in range(2))
    kept = torch.rand(3, 2, 11, generator=generator) < 0.4
    for bits, tolerance in ((4, 0.6), (8, 0.03), (16, 0.02)):
        packed = from_bytes(to_bytes(pack(keys, values, kept, bits)))
        slots = unpack(packed, torch.float32)
        assert slots.counts == kept.sum(-1).tolist()
        assert torch.equal(slots.places, kept.nonzero()[:, 2])
        assert torch.allclose(slots.keys, keys[kept], atol=tolerance, rtol=tolerance)
        assert torch.allclose(slots.values, values[kept], atol=tolerance, rtol=tolerance)


def test_nibbles_come_back() -> None:
    codes = torch.randint(-7, 8, (9, 6), generator=torch.Generator().manual_seed(0)).to(torch.int8)
    assert torch.equal(unpack_nibbles(pack_nibbles(codes)), codes)


@pytest.mark.parametrize("d", [64, 24, 5])
def test_hadamard_is_orthogonal_and_spreads(d: int) -> None:
    matrix = hadamard(d)
    assert torch.allclose(matrix @ matrix.T, torch.eye(d), atol=1e-6)
    assert float(matrix.abs().max()) == pytest.approx((d & -d) ** -0.5)


def test_four_bits_keep_keys_that_are_mostly_one_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    keys = torch.randn(2, 2, 40, 16, generator=generator) + 30 * torch.randn(2, 2, 1, 16)
    kept = torch.rand(2, 2, 40, generator=generator) < 0.5
    packed = pack(keys, torch.randn(2, 2, 40, 16, generator=generator), kept, 4)
    assert packed["keys"].dtype == torch.uint8 and packed["keys"].shape[1] == 8
    assert slot_shape(packed) == (2, 2, 16)
    error = (unpack(packed, torch.float32).keys - keys[kept]).norm(dim=1)
    naive_codes, naive_scale = quantize(keys[kept], 4)
    naive = dequantize(naive_codes, naive_scale, torch.float32) - keys[kept]
    assert error.mean() < 0.15 * naive.norm(dim=1).mean()


def test_contradicting_slots_are_refused() -> None:
    packed = pack(torch.ones(1, 1, 4, 8), torch.ones(1, 1, 4, 8), torch.ones(1, 1, 4) > 0, 8)
    packed["places"] = packed["places"][:3]
    with pytest.raises(BrokenState, match="4"):
        unpack(packed, torch.float32)


def test_a_damaged_or_foreign_blob_is_refused() -> None:
    blob = to_bytes({"x": torch.zeros(3)})
    with pytest.raises(BrokenState, match="damaged"):
        from_bytes(blob[:-4])
    with pytest.raises(BrokenState, match="version 2"):
        from_bytes(blob.replace(b'"bookstate":"1"', b'"bookstate":"2"'))


def test_four_bit_addresses_score_nearly_as_eight() -> None:
    generator = torch.Generator().manual_seed(0)
    common = 20 * torch.randn(2, 1, 16, generator=generator)
    windows = [common + torch.randn(2, T, 16, generator=generator) for T in (25, 39, 31)]
    queries = torch.randn(3, 4, 16, generator=generator)
    rows, pairs = torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1])
    eight, four = (
        matches(
            queries,
            AddressBook.from_bundles([(i, pack_address(w, bits)) for i, w in enumerate(windows)]),
            rows,
            pairs,
        ).mean(2)
        for bits in (8, 4)
    )
    assert not torch.equal(eight, four)
    assert torch.allclose(eight, four, atol=0.7)


def test_scores_of_heads_equal_the_literal_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    windows = [torch.randn(2, T, 8, generator=generator) for T in (5, 9, 1)]
    book = AddressBook.from_bundles([(i, pack_address(w)) for i, w in enumerate(windows)])
    queries = torch.randn(3, 4, 8, generator=generator)
    pairs = torch.tensor([0, 1, 1])
    found = matches(queries, book, torch.tensor([0, 1, 2]), pairs).mean(2)
    for h, pair in enumerate(pairs.tolist()):
        for w, window in enumerate(windows):
            codes, scale = quantize(window)
            keys = dequantize(codes, scale, torch.float32)[pair]
            best = [max(float(query @ key) for key in keys) for query in queries[h]]
            assert abs(float(found[h, w]) - sum(best) / len(best)) < 1e-4
    assert standardize(found).mean(1).abs().max() < 1e-5


def test_the_window_limit_and_empty_input_are_refused(backbone: Backbone) -> None:
    memory = a_memory(backbone)
    with pytest.raises(InvalidRequest, match=f"{WINDOW + 1} tokens"):
        memory.write(some_tokens(backbone, WINDOW + 1), {})
    with pytest.raises(InvalidRequest, match="0 tokens"):
        read_tokens(backbone.decoder, torch.tensor([], dtype=torch.long))


def a_mixture(backbone: Backbone, windows: int = 3) -> tuple[AdaptiveMemory, dict[int, dict]]:
    memory = a_memory(backbone, share=0.6, bits=8)
    slots = {
        i: dict(memory.write(some_tokens(backbone, 12, i), {}).left["slots"])
        for i in range(windows)
    }
    return memory, slots


def test_scoring_at_once_equals_token_by_token(backbone: Backbone) -> None:
    memory, slots = a_mixture(backbone)
    prior = torch.tensor([0.3, -0.2, 0.0])
    prompt, answer = some_tokens(backbone, 8, 5).tolist(), some_tokens(backbone, 4, 6).tolist()
    question = slice(2, 6)
    forced = score(memory.recall(slots, prior), prompt, question, answer)
    mixture = Mixture(memory.recall(slots, prior))
    mixture.prefill(prompt, question)
    for position, token in enumerate(answer):
        said, off = mixture.say(token)
        assert abs(said - forced.log_probs[position]) < 1e-4
        assert abs(off - forced.off_log_probs[position]) < 1e-4
        mixture.advance(token)
    assert mixture.log_weights.exp().tolist() == pytest.approx(forced.weights, abs=1e-4)


def test_the_mixture_is_bayes_rule(backbone: Backbone) -> None:
    """log p(answer) == logsumexp over rows of prior + row likelihood."""
    memory, slots = a_mixture(backbone)
    prompt, answer = some_tokens(backbone, 8, 5).tolist(), some_tokens(backbone, 4, 6).tolist()
    question = slice(2, 6)
    forced = score(memory.recall(slots, torch.zeros(3)), prompt, question, answer)
    tokens = torch.tensor([*prompt, *answer])
    log_probs = memory.recall(slots, torch.zeros(3)).step(tokens[:-1], last=11).log_softmax(-1)
    rows = log_probs.gather(2, tokens[1:].view(1, -1, 1).expand(4, -1, 1))[..., 0]
    asked = rows[:, 1:5].sum(1)  # tokens 2 .. 5 are predicted at columns 1 .. 4
    prior = (0.25 * (asked[:-1] - asked[-1])).log_softmax(0)
    total = (prior + rows[:-1, -4:].sum(1)).logsumexp(0)
    assert sum(forced.log_probs) == pytest.approx(float(total), abs=1e-3)


def test_generation_is_deterministic_and_stops(backbone: Backbone) -> None:
    memory, slots = a_mixture(backbone)
    prompt = some_tokens(backbone, 8, 5).tolist()

    def answer(stops: frozenset[int], most: int) -> Trace:
        mixture = Mixture(memory.recall(slots, torch.zeros(3)))
        mixture.prefill(prompt, slice(2, 6))
        trace = Trace()
        yielded = list(generate(mixture, stops, Decoding(max_tokens=most), trace))
        assert yielded == trace.tokens
        return trace

    free = answer(frozenset(), 6)
    assert free.tokens == answer(frozenset(), 6).tokens and len(free.tokens) == 6
    stopped = answer(frozenset({free.tokens[3]}), 6)
    first = free.tokens.index(free.tokens[3])
    assert stopped.tokens == free.tokens[:first] and stopped.stopped
    assert sum(free.weights) == pytest.approx(1, abs=1e-5)


def test_no_run_is_repeated(backbone: Backbone) -> None:
    memory, slots = a_mixture(backbone, windows=1)
    mixture = Mixture(memory.recall(slots, torch.zeros(1)))
    mixture.prefill(some_tokens(backbone, 8, 5).tolist(), slice(2, 6))
    trace = Trace()
    list(generate(mixture, frozenset(), Decoding(max_tokens=40, no_repeat=2), trace))
    pairs = list(zip(trace.tokens, trace.tokens[1:], strict=False))
    assert len(pairs) == len(set(pairs))


def test_windows_seen_together_are_a_row_beside_the_others(backbone: Backbone) -> None:
    """A row of one window is that window's row; rows do not change one another."""
    memory = a_memory(backbone)
    slots = {
        n: memory.write(some_tokens(backbone, WINDOW, seed=n), {}).left["slots"] for n in (3, 5)
    }
    prompt = some_tokens(backbone, 5, seed=9)
    apart = memory.recall(slots, torch.zeros(2)).step(prompt, last=5)
    mixed = memory.recall(slots, torch.zeros(4), rows=[(3,), (5,), (5,), (3, 5)])
    rows = mixed.step(prompt, last=5)
    torch.testing.assert_close(rows[[0, 1, 4]], apart)
    torch.testing.assert_close(rows[2], apart[1])
    assert not torch.allclose(rows[3], apart[1], atol=1e-3)
    looked = mixed.attended([0.0, 0.0, 0.0, 1.0])
    assert all(mass > 0 for mass in looked.values()) and list(looked) == [3, 5]
    assert mixed.attended([1.0, 0.0, 0.0, 0.0])[5] == 0


def test_rows_told_together_are_what_each_would_tell_beside_itself(backbone: Backbone) -> None:
    memory = a_memory(backbone)
    slots = {
        n: memory.write(some_tokens(backbone, WINDOW, seed=n), {}).left["slots"] for n in range(3)
    }
    prompt = some_tokens(backbone, 6, seed=9).tolist()
    decoding = Decoding(max_tokens=7)

    def literal(segment: int, weight: float) -> list[int]:
        said: list[int] = []
        for _ in range(decoding.max_tokens):
            fresh = memory.recall({segment: slots[segment]}, torch.zeros(1))
            tokens = torch.tensor([*prompt, *said])
            seen, unseen = fresh.step(tokens, last=1)[:, -1].log_softmax(-1)
            counted = torch.where(
                seen >= seen.max() + math.log(0.1),
                (1 + weight) * seen - weight * unseen,
                torch.tensor(-torch.inf),
            )
            said.append(int(counted.argmax()))
        return said

    for weight in (0.0, 0.5, 3.0):
        off = len(slots) if weight else 0
        rows = [*((n,) for n in slots), *((),) * off]
        reading = memory.recall(slots, torch.zeros(len(rows)), rows=rows)
        told = generate_each(reading, prompt, frozenset(), decoding, weight)
        assert told == [literal(n, weight) for n in slots]
    assert told != [literal(n, 0.0) for n in slots]  # a contrast makes a difference


def test_only_plausible_tokens_are_contrasted() -> None:
    seen = torch.tensor([[0.5, 0.46, 0.039, 0.001]]).log()
    unseen = torch.tensor([[0.6, 0.3, 0.0999, 0.0001]]).log()
    found = contrasted(seen, unseen, 1.0)[0]
    assert found.argmax() == 1 and found[2:].tolist() == [-torch.inf] * 2
    torch.testing.assert_close(found[0].exp(), torch.tensor(0.25 / 0.6))


class _Certain:
    """A reading that is sure of one token for ever, and then of another."""

    prior = torch.zeros(2)

    def step(self, tokens: Tensor, last: int) -> Tensor:
        logits = torch.full((3, 1, 9), -50.0)
        logits[0, 0, 4], logits[0, 0, 6] = 50.0, 0.0
        return logits

    def attended(self) -> None:
        """Nothing is asked of it."""


def test_a_ban_on_the_only_likely_token_leaves_the_next_one() -> None:
    told = generate_each(_Certain(), [1], frozenset(), Decoding(4, no_repeat=1), 0.5)  # type: ignore[arg-type]
    assert told[0][:2] == [4, 6]
    told = generate_each(_Certain(), [1], frozenset(), Decoding(4), banned=lambda said: said[:1])  # type: ignore[arg-type]
    assert told[0] == [4, 6, 6, 6]

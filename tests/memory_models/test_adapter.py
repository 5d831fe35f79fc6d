"""Low-rank adapters and the write gate: neutral at first, equal when merged, refused elsewhere."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tiny import some_tokens, tiny_decoder
from torch import Tensor

from memory_models import backbone as backbones
from memory_models.adapter import (
    Adapter,
    LoraConfig,
    average_lora,
    load_adapter,
    load_lora,
    lora_weights,
    mean_weights,
    merged,
    save_adapter,
    to_float8,
    with_lora,
)
from memory_models.decoder import Decoder, causal_attention
from memory_models.errors import BrokenCheckpoint, InvalidRequest
from memory_models.generate import (
    ANSWERABILITY_WEIGHT,
    PRIOR_WEIGHT,
    Abstention,
    Decoding,
    Mixture,
    Trace,
    generate,
    score,
    weigh_by_answerability,
)
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory, read_scored, read_tokens
from memory_models.memories.write_gate import PARAMETERS, WriteGate, features

NOTES = {"kind": "reader", "backbone_sha256": "a" * 64}


def trained(decoder: Decoder, seed: int = 0) -> Decoder:
    reader = with_lora(decoder, LoraConfig(rank=3, scale=0.5))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in lora_weights(reader).values():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    return reader


def test_an_untrained_adapter_changes_nothing() -> None:
    decoder = tiny_decoder()
    reader = with_lora(decoder, LoraConfig(rank=3))
    tokens = some_tokens(2, 9)
    assert torch.equal(reader(tokens), decoder(tokens))


def test_only_the_adapter_learns_and_the_backbone_stays() -> None:
    decoder = tiny_decoder().requires_grad_(False)
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    reader = trained(decoder)
    learning = [name for name, p in reader.named_parameters() if p.requires_grad]
    assert len(learning) == 2 * 7 * decoder.config.layers
    assert all(name.endswith((".up", ".down")) for name in learning)
    reader(some_tokens(1, 8)).square().mean().backward()
    with torch.no_grad():
        for parameter in lora_weights(reader).values():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0
            parameter -= parameter.grad
    for name, value in decoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_merged_equals_unmerged() -> None:
    decoder = tiny_decoder(dtype=torch.float64)
    reader = trained(decoder)
    tokens = some_tokens(2, 9)
    apart = merged(decoder, {n: v.double() for n, v in lora_weights(reader).items()}, scale=0.5)
    assert not torch.allclose(apart(tokens), decoder(tokens), atol=1e-3)
    assert torch.allclose(apart(tokens), reader(tokens), atol=1e-5)
    assert apart.model.embed_tokens.weight is decoder.model.embed_tokens.weight


def test_weights_load_back_and_others_are_refused() -> None:
    decoder = tiny_decoder()
    one, other = trained(decoder, 1), trained(decoder, 2)
    load_lora(other, lora_weights(one))
    tokens = some_tokens(1, 7)
    assert torch.equal(one(tokens), other(tokens))
    with pytest.raises(BrokenCheckpoint, match="not those of this backbone"):
        load_lora(with_lora(tiny_decoder(layers=2), LoraConfig(3)), lora_weights(one))
    before = {name: value.clone() for name, value in lora_weights(other).items()}
    name = next(n for n in before if n.endswith("v_proj.down"))
    # One row would be copied into all rows without an error.
    with pytest.raises(BrokenCheckpoint, match=rf"{name} has shape \(1, 8\), but it must be \(3,"):
        load_lora(other, {**lora_weights(one), name: torch.zeros(1, 8)})
    with pytest.raises(BrokenCheckpoint, match=r"for this backbone and rank"):
        load_lora(with_lora(decoder, LoraConfig(rank=2)), lora_weights(one))
    assert all(torch.equal(value, before[n]) for n, value in lora_weights(other).items())
    with pytest.raises(BrokenCheckpoint, match="no place for"):
        merged(tiny_decoder(layers=2), lora_weights(one), 1.0)
    with pytest.raises(BrokenCheckpoint, match="another backbone"):
        merged(tiny_decoder(width=16), lora_weights(one), 1.0)


def test_means_are_those_of_products() -> None:
    generator = torch.Generator().manual_seed(1)
    name = "layers.0.mlp.up_proj"
    one, two = (
        {
            f"{name}.up": torch.randn(9, 4, generator=generator),
            f"{name}.down": torch.randn(4, 7, generator=generator),
        }
        for _ in range(2)
    )
    for half in (one, two):  # products of rank two in factors of rank four: their mean fits
        half[f"{name}.up"][:, 2:] = 0

    def product(weights: dict[str, Tensor]) -> Tensor:
        return weights[f"{name}.up"] @ weights[f"{name}.down"]

    torch.testing.assert_close(product(average_lora([one])), product(one))
    mean = average_lora([one, two])
    torch.testing.assert_close(product(mean), (product(one) + product(two)) / 2)
    assert {key: value.shape for key, value in mean.items()} == {k: v.shape for k, v in one.items()}
    with pytest.raises(BrokenCheckpoint, match="are alike"):
        average_lora([one, {}])


def test_means_of_weights_are_taken_in_float32_and_kept_in_their_type() -> None:
    one, two = ({"w": torch.tensor([60_000.0, x], dtype=torch.float16)} for x in (1.0, 2.0))
    mean = mean_weights([one, two])["w"]
    assert mean.dtype == torch.float16 and mean.tolist() == [60_000.0, 1.5]
    with pytest.raises(BrokenCheckpoint, match="are alike"):
        mean_weights([one, {"w": torch.zeros(3)}])


def test_eight_bits_keep_a_small_product(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    factors = {
        "layers.0.mlp.up_proj.up": torch.randn(90, 1, generator=generator) * 0.02,
        "layers.0.mlp.up_proj.down": torch.randn(1, 70, generator=generator) * 0.02,
    }
    small, scale = to_float8(factors, 2.0)
    path = tmp_path / "teller.safetensors"
    save_adapter(path, Adapter(small, NOTES | {"scale": scale}))
    found = load_adapter(path, "a" * 64)
    assert all(value.dtype == torch.float8_e4m3fn for value in found.weights.values())
    (up, down), (u, d) = factors.values(), (value.float() for value in found.weights.values())
    if u.shape != up.shape:  # safetensors keeps no order
        u, d = d, u
    apart = found.notes["scale"] * (u @ d) - 2.0 * (up @ down)
    assert apart.norm() < 0.06 * (2.0 * (up @ down)).norm()


def test_saved_adapters_name_their_backbone(tmp_path: Path) -> None:
    path = tmp_path / "reader.safetensors"
    save_adapter(path, Adapter(lora_weights(trained(tiny_decoder())), dict(NOTES)))
    assert load_adapter(path, "a" * 64).notes["kind"] == "reader"
    with pytest.raises(BrokenCheckpoint, match="trained for backbone aaaaaaaaaaaaaaaa, this is bb"):
        load_adapter(path, "b" * 64)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BrokenCheckpoint, match="cannot be read"):
        load_adapter(path, "a" * 64)


def test_a_rank_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="rank 0"):
        LoraConfig(rank=0)


def a_gate(decoder: Decoder) -> WriteGate:
    torch.manual_seed(3)
    weights = {
        name: torch.randn(value.shape) * 0.3
        for name, value in WriteGate(decoder.config, hidden=5).state_dict().items()
    }
    return WriteGate.from_weights(decoder.config, weights)


def test_the_gate_is_its_formula_head_by_head() -> None:
    decoder = tiny_decoder()
    gate = a_gate(decoder)
    q, k, v = torch.randn(4, 6, 8), torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    scores = gate(1, q, k, v)
    assert scores.shape == (2, 6)
    for t in range(6):
        x = torch.cat([h[t] for x in (q, k, v) for h in x])
        inner = gate.inner[1] @ x + gate.inner_bias[1]
        inner = inner / (1 + torch.exp(-inner))
        for g in range(2):
            want = gate.linear[1, g] @ x + gate.outer[1, g] @ inner + gate.bias[1, g]
            assert torch.allclose(scores[g, t], want, atol=1e-5)
    assert features(q, k, v).shape == (6, 64)


def test_reading_with_the_gate_reads_the_same_in_one_pass() -> None:
    decoder = tiny_decoder()
    tokens = some_tokens(11)
    scored, importance = read_scored(decoder, tokens, a_gate(decoder), first=3)
    plain = read_tokens(decoder, tokens)
    assert torch.equal(scored.keys, plain.keys) and torch.equal(scored.values, plain.values)
    assert importance.shape == (3, 2, 8)


def test_what_is_read_does_not_know_the_length_it_was_padded_to() -> None:
    decoder = tiny_decoder()
    gate, tokens, rope = a_gate(decoder), some_tokens(11), decoder.rope
    keys, scores = [], []

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys.append(k[0])
        scores.append(gate(layer, q[0], k[0], v[0]))
        return causal_attention(rope)(layer, q, k, v)

    decoder.hidden(tokens[None], attend)
    read, importance = read_scored(decoder, tokens, gate, first=0)
    # A product of another shape rounds otherwise: by one part in 256 a layer in bfloat16.
    near = {"atol": 3 / 256, "rtol": 3 / 256} if decoder.dtype == torch.bfloat16 else {}
    torch.testing.assert_close(read.keys, torch.stack(keys), **near)
    near = {"atol": 3 / 64, "rtol": 3 / 256} if near else {}  # a sum of dozens of such numbers
    torch.testing.assert_close(importance, torch.stack(scores), **near)


def test_a_gate_of_another_backbone_is_refused() -> None:
    gate = a_gate(tiny_decoder())
    with pytest.raises(BrokenCheckpoint, match="does not fit"):
        WriteGate.from_weights(tiny_decoder(layers=2).config, gate.state_dict())


@pytest.mark.parametrize("missing", PARAMETERS)
def test_a_gate_with_a_tensor_missing_is_refused_by_its_name(missing: str) -> None:
    decoder = tiny_decoder()
    weights = a_gate(decoder).state_dict()
    assert set(weights) == set(PARAMETERS)
    del weights[missing]
    with pytest.raises(BrokenCheckpoint, match=rf"lack {missing};"):
        WriteGate.from_weights(decoder.config, weights)


def test_a_gate_whose_bias_has_no_hidden_size_is_refused() -> None:
    decoder = tiny_decoder()
    weights = a_gate(decoder).state_dict()
    for bias in (torch.tensor(1.0), torch.zeros(decoder.config.layers, 0)):
        with pytest.raises(BrokenCheckpoint, match="does not fit"):
            WriteGate.from_weights(decoder.config, {**weights, "inner_bias": bias})


def test_a_state_is_written_on_with_its_own_gate_only(tiny_backbone: Path) -> None:
    backbone = backbones.load(tiny_backbone)
    gate = a_gate(backbone.decoder)
    config = AdaptiveConfig(((1, 0),), window=24, keep_ratio=0.3, gate=gate.name)
    tokens = torch.arange(5, 25)
    one = AdaptiveMemory(backbone, config, gate).write(tokens, {}).left["slots"]
    repeated = AdaptiveMemory(backbone, AdaptiveConfig(((1, 0),), window=24, keep_ratio=0.3))
    assert one["places"].shape == repeated.write(tokens, {}).left["slots"]["places"].shape
    with pytest.raises(InvalidRequest, match=f"write gate {gate.name}, which is not installed"):
        AdaptiveMemory(backbone, config).write(tokens, {})


class Rows:
    """A reading of two windows and memory off, with given next-token probabilities."""

    prior = torch.zeros(2)

    def __init__(self, rows: list[list[float]]) -> None:
        self._logits = torch.tensor(rows).log()

    def step(self, tokens: torch.Tensor, last: int) -> torch.Tensor:
        return self._logits[:, None].expand(-1, last, -1)

    def attended(self) -> dict[int, float]:
        return {}


# tokens: 0 declines, 1 and 2 are answers; the first window answers, the second declines
SAYS = [[0.1, 0.8, 0.1], [0.96, 0.02, 0.02], [0.9, 0.05, 0.05]]


def first_token(threshold: float) -> tuple[int, Trace, Mixture]:
    mixture = Mixture(Rows(SAYS), Abstention(0, threshold))
    mixture.prefill([1, 1], slice(0, 1))
    trace = Trace()
    token = next(generate(mixture, frozenset(), Decoding(max_tokens=1), trace))
    return token, trace, mixture


def test_a_window_that_answers_outweighs_many_that_decline() -> None:
    plain = Mixture(Rows(SAYS))
    plain.prefill([1, 1], slice(0, 1))
    assert int(plain.next.argmax()) == 0
    token, trace, mixture = first_token(threshold=0.5)
    assert token == 1 and trace.answerability == pytest.approx(0.9)
    first = float(mixture.log_weights.exp()[0])  # by now that of a row that said the token
    assert first > 0.75
    share = 1 / (1 + ((0.9 / 0.1) / (0.04 / 0.96)) ** -ANSWERABILITY_WEIGHT)
    said = share * 0.8 / 0.9 + (1 - share) * 0.02 / 0.04
    assert trace.log_probs[0] == pytest.approx(math.log(said), abs=1e-5)


def test_rows_are_weighed_by_their_odds_of_answering() -> None:
    weights = weigh_by_answerability(torch.tensor([0.0, 1.0]), torch.tensor([0.1, 0.2]).log())
    odds = PRIOR_WEIGHT * -1.0 + ANSWERABILITY_WEIGHT * math.log((0.9 / 0.1) / (0.8 / 0.2))
    assert float(weights[0] - weights[1]) == pytest.approx(odds, abs=1e-5)
    certain = weigh_by_answerability(torch.zeros(2), torch.tensor([float("-inf"), 0.0]))
    surest = ANSWERABILITY_WEIGHT * 2 * math.log(1e6)  # odds are clamped, so that sums stay finite
    assert float(certain[0] - certain[1]) == pytest.approx(surest, abs=0.01)


def test_without_support_the_whole_answer_is_declined() -> None:
    token, trace, mixture = first_token(threshold=0.95)
    assert token == 0 and trace.log_probs[0] == 0.0
    mixture.advance(token)  # the sentence that declines goes on
    assert sum(trace.weights) == pytest.approx(1.0) and mixture.next.isfinite().all()


def test_scoring_equals_generating_where_the_reader_can_decline() -> None:
    forced = score(Rows(SAYS), [1, 1], slice(0, 1), [1, 2], Abstention(0, 0.5))
    _, trace, mixture = first_token(threshold=0.5)
    mixture.advance(1)
    assert forced.log_probs[0] == pytest.approx(trace.log_probs[0], abs=1e-5)
    assert forced.log_probs[1] == pytest.approx(float(mixture.next[2]), abs=1e-5)
    assert forced.answerability == pytest.approx(0.9)

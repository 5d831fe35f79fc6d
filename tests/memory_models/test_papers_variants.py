"""What the papers leave open, each against its formula or against the plain system."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import fill
from tiny_systems import config, infini, make, melodi, run, widened, windows

from memory_models.decoder import rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.infini import InfiniState, infini_segment
from memory_models.papers.infini import InfiniVariant, dpfp
from memory_models.papers.melodi import MelodiVariant

torch.set_num_threads(1)


def test_dpfp_is_products_of_neighbouring_halves() -> None:
    x = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64)
    r = [0.5, 0.0, 3.0, 0.0, 2.0, 0.0]
    torch.testing.assert_close(dpfp(x).tolist(), [r[i] * r[i - 1] for i in range(6)])


@torch.no_grad()
def test_the_mass_gate_weighs_memory_against_the_window() -> None:
    system = widened(_filled(infini(config(), gate="mass")))
    generator = torch.Generator().manual_seed(2)
    q, k = (
        torch.randn(1, heads, 3, 8, generator=generator, dtype=torch.float64) for heads in (4, 2)
    )
    z = torch.rand(1, 2, 8, generator=generator, dtype=torch.float64)
    cos, sin = system.decoder.rope.angles(torch.arange(3))
    q_at, k_at = rotate(q, cos, sin), rotate(k, cos, sin)
    lead = system._lead(q, q_at, k_at, z)
    for head in range(4):
        for t in range(3):
            features = [c + 1 if c > 0 else math.exp(c) for c in q[0, head, t].tolist()]
            mass = sum(f * m for f, m in zip(features, z[0, head // 2].tolist(), strict=True)) / 8
            scores = [
                float(q_at[0, head, t] @ k_at[0, head // 2, s]) / 8**0.5 for s in range(t + 1)
            ]
            local = math.log(sum(math.exp(score) for score in scores))
            expected = math.log(mass + system.memory.eps) - local
            assert float(lead[0, head, t, 0]) == pytest.approx(expected, abs=1e-9)


@torch.no_grad()
def test_an_open_gate_starts_with_both() -> None:
    memory = infini(config(), gate="open").gates()["memory"]
    assert memory.unique().tolist() == [0.5]
    assert infini(config()).gates()["memory"].max() < 0.05


@torch.no_grad()
def test_infini_from_scratch_is_the_same_memory() -> None:
    system = make("infini_delta", torch.float64)
    tokens = windows(3)
    logits, after = run(system, tokens)
    state, parts = InfiniState.empty(system.decoder, 2), []
    for window in tokens:
        hidden, state = infini_segment(system.decoder, system.gate, window, state, system.memory)
        parts.append(system.decoder.logits(hidden))
    torch.testing.assert_close(logits, torch.cat(parts, dim=1))
    torch.testing.assert_close(InfiniState(after.M, after.z), state)


@torch.no_grad()
def test_windows_read_together_see_what_stood_before_the_first_of_them() -> None:
    together, plain = make("infini_together"), make("infini_delta")
    plain.load_state_dict(together.state_dict())
    tokens = windows(4)
    before = run(together, tokens[:2])[1]
    fixed = plain.empty(2)._replace(M=before.M, z=before.z)
    expected = torch.cat([plain(window, fixed)[0] for window in tokens[2:]], dim=1)
    torch.testing.assert_close(run(together, tokens[2:], before)[0], expected)


@torch.no_grad()
def test_a_second_long_term_layer_with_its_gate_shut_changes_nothing() -> None:
    two, one = make("melodi_layers"), make("melodi")
    one.load_state_dict({n: p for n, p in two.state_dict().items() if not n.startswith("more")})
    two.more[0].gate.fill_(-1e4)
    torch.testing.assert_close(run(two, windows(4))[0], run(one, windows(4))[0])
    two.more[0].gate.fill_(0.0)
    assert not torch.allclose(run(two, windows(4))[0], run(one, windows(4))[0], atol=1e-3)


@torch.no_grad()
def test_what_falls_out_of_the_queue_is_compressed_once_more() -> None:
    merging, dropping = make("melodi_merge"), make("melodi")
    dropping.load_state_dict(merging.state_dict())
    tokens = windows(4)
    full, after = (run(dropping, tokens[:n])[1] for n in (3, 4))
    merged = run(merging, tokens)[1]
    torch.testing.assert_close(merged.keys[:, :, 1:], after.keys[:, :, 1:])
    oldest = full.keys[:, :, :2].flatten(2, 3)  # two windows of two tokens
    means = torch.stack([oldest[:, :, :2].mean(2), oldest[:, :, 2:].mean(2)], dim=2)
    torch.testing.assert_close(merged.keys[:, :, 0], means)


@torch.no_grad()
def test_a_strided_start_keeps_every_nth_token_as_it_is() -> None:
    system = melodi(config(), start="strided")
    x, u = torch.randn(1, 6, 24), torch.randn(1, 3, 24)
    torch.testing.assert_close(system.mixers.long(x, u), x[:, [2, 5]])


@torch.no_grad()
def test_mixing_by_content_replaces_what_is_remembered_alone() -> None:
    system = make("melodi_content")
    x, u = torch.randn(2, 6, 24), torch.randn(2, 3, 24)
    both = torch.cat((x, u), dim=1)
    for mixer in (*system.mixers.short, system.mixers.long):
        torch.testing.assert_close(mixer(x, u), mixer(both[:, torch.randperm(9)]))
    assert not torch.allclose(
        system.mixers.summary[0](x, u), system.mixers.summary[0](x.flip(1), u), atol=1e-3
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: InfiniVariant(features="square"),
        lambda: InfiniVariant(gate="ajar"),
        lambda: InfiniVariant(together=0),
        lambda: MelodiVariant(oldest="lost"),
        lambda: MelodiVariant(layers=0),
        lambda: MelodiVariant(mix="style"),
        lambda: MelodiVariant(mix="content", branching=False),
        lambda: melodi(config(), layers=3),
    ],
)
def test_variants_that_are_none_are_refused(wrong) -> None:
    with pytest.raises(InvalidRequest):
        wrong()


def _filled(system):
    fill(system, 3)
    return system

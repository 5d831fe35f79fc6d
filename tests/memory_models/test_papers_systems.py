"""What holds for every system: states are values, rows are alone, time runs forward."""

from __future__ import annotations

import pytest
import torch
from tiny_systems import MAKERS, VOCABULARY, W, make, run, windows

from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memory import from_bytes, to_bytes
from memory_models.papers.system import (
    rebuild,
    restart,
    state_floats,
)

torch.set_num_threads(1)
EVERY = pytest.mark.parametrize("name", MAKERS)
READS_FIRST = ("rmt", "block_recurrent")  # a learned memory at the first window


@EVERY
@torch.no_grad()
def test_empty_state_is_the_plain_window(name) -> None:
    system = make(name, torch.float64)
    tokens = windows(1)[0]
    logits, _ = system(tokens, system.empty(2))
    same = torch.allclose(logits, system.decoder(tokens), atol=1e-10)
    assert same is (name not in READS_FIRST)


@EVERY
@torch.no_grad()
def test_no_leak_from_the_future(name) -> None:
    system = make(name)
    tokens = windows(5)
    changed = [window.clone() for window in tokens]
    changed[2][:, 3] = (changed[2][:, 3] + 1) % VOCABULARY
    one, _ = run(system, tokens)
    two, _ = run(system, changed)
    before = 2 * W + 3
    torch.testing.assert_close(one[:, :before], two[:, :before], atol=0, rtol=0)
    assert not torch.equal(one[:, before], two[:, before])
    after = torch.equal(one[:, 4 * W :], two[:, 4 * W :])
    assert after is (name == "window")  # memory carries the change on, a plain window does not


@EVERY
@torch.no_grad()
def test_saved_and_loaded_goes_on_bit_for_bit(name) -> None:
    system = make(name)
    tokens = windows(5)
    _, state = run(system, tokens[:3])
    blob = to_bytes(state._asdict())
    loaded = rebuild(system, from_bytes(blob))
    assert to_bytes(loaded._asdict()) == blob
    one, ended = run(system, tokens[3:], state)
    two, same = run(system, tokens[3:], loaded)
    assert torch.equal(one, two)
    assert to_bytes(ended._asdict()) == to_bytes(same._asdict())
    parts = from_bytes(blob)
    parts.popitem()
    with pytest.raises(BrokenState, match="lacks"):
        rebuild(system, parts)


@EVERY
@torch.no_grad()
def test_a_restarted_row_forgets_and_its_neighbour_does_not(name) -> None:
    system = make(name, torch.float64)
    tokens = windows(5)
    _, state = run(system, tokens[:3])
    restarted = restart(system, state, torch.tensor([True, False]))
    logits, _ = run(system, tokens[3:], restarted)
    kept, _ = run(system, tokens[3:], state)
    fresh, _ = run(system, tokens[3:])
    torch.testing.assert_close(logits[0], fresh[0], atol=1e-10, rtol=0)
    torch.testing.assert_close(logits[1], kept[1], atol=1e-10, rtol=0)
    assert restart(system, state, torch.tensor([False, False])) is state


@EVERY
@torch.no_grad()
def test_rows_of_a_batch_do_not_meet(name) -> None:
    system = make(name, torch.float64)
    tokens = windows(4)
    together, _ = run(system, tokens)
    alone, _ = run(system, [window[1:] for window in tokens])
    torch.testing.assert_close(together[1:], alone, atol=1e-10, rtol=0)


@EVERY
def test_gradient_reaches_earlier_windows_where_it_should(name) -> None:
    system = make(name)
    tokens = windows(3)
    embedding = system.decoder.model.embed_tokens
    seen: list[torch.Tensor] = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        seen.append(output)

    handle = embedding.register_forward_hook(keep)
    state = system.empty(2)
    for window in tokens:
        read = system.read(window, state)
        state = read.state
    handle.remove()
    read.logits.square().mean().backward()
    first = seen[0].grad
    through = first is not None and bool(first.abs().max() > 0)
    assert through is (name not in ("window", "xl", "memorizing", "compressive"))
    assert not any(tensor.requires_grad for tensor in state.detach())


@EVERY
def test_every_parameter_learns(name) -> None:
    system = make(name)
    tokens = windows(4)
    state, total = system.empty(2), torch.zeros(())
    for window in tokens:
        read = system.read(window, state)
        state, total = read.state, total + read.logits.square().mean() + read.extra
    total.backward()
    for parameter, tensor in system.named_parameters():
        if name == "melodi_long" and ".summary.1" in parameter:
            continue  # summaries behind the long-term layer: nothing reads them without z
        if name == "melodi_short" and parameter in _UNUSED_SHORT:
            continue
        assert tensor.grad is not None, parameter
        assert tensor.grad.abs().max() > 0, parameter


_UNUSED_SHORT = ("mixers.gate", "mixers.long.linear.weight", "mixers.long.linear.bias")


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in ("window", "melodi_layers")])
@torch.no_grad()
def test_grouped_queries_read_their_own_heads_memory(name) -> None:
    """What key/value head 0 wrote is changed; the queries of head 1 must not see it.

    One layer: the heads meet only in the output projection, so the projection of the groups tells.
    """
    system = make(name, torch.float64, layers=1)
    attention = system.decoder.layer(0).self_attn
    attention.o_proj.weight[:, : 2 * 8] = 0  # query heads 0 and 1, the group of key/value head 0
    if name == "block_recurrent":
        system.cell.to_states.o_proj.weight[:, : 2 * 8] = 0
    tokens = windows(3)
    _, state = run(system, tokens[:2])
    changed = _first_head_changed(name, state)
    if changed is None:
        pytest.skip("this memory keeps whole tokens, not heads")
    one, _ = run(system, tokens[2:], state)
    two, _ = run(system, tokens[2:], changed)
    torch.testing.assert_close(one, two, atol=1e-10, rtol=0)
    attention.o_proj.weight[:, : 2 * 8] = 1
    one, _ = run(system, tokens[2:], state)
    two, _ = run(system, tokens[2:], changed)
    assert not torch.allclose(one, two, atol=1e-6)


def _first_head_changed(name, state):
    """The state with key/value head 0 of its keys and values multiplied."""
    heads = {"keys": 2, "values": 2, "memory_keys": 1, "memory_values": 1, "M": 2}
    if name.startswith("melodi"):
        heads = {"keys": 1, "values": 1}
    changed = {}
    for field, axis in heads.items():
        tensor = getattr(state, field, None)
        if tensor is None or tensor.numel() == 0:
            continue
        copy = tensor.clone()
        copy.select(axis, 0).mul_(-2.0)
        changed[field] = copy
    return state._replace(**changed) if changed else None


@EVERY
@torch.no_grad()
def test_floats_are_counted_from_the_state(name) -> None:
    system = make(name)
    _, state = run(system, windows(7))
    D, layers, G, d = 24, 3, 2, 8
    cache = layers * W * 2 * G * d
    expected = {
        "window": 0,
        "sliding": cache,
        "xl": cache,
        "block_recurrent": cache + 4 * D,
        "memorizing": cache + 3 * W * 2 * G * d,
        "rmt": 2 * D,
        "compressive": layers * (W + 4) * D,
        "infini_linear": layers * G * (d * d + d),
        "infini_delta": layers * G * (d * d + d),
        "infini_mass": layers * G * (d * d + d),
        "infini_dpfp": layers * G * (d * 2 * d + 2 * d),
        "infini_together": 2 * layers * G * (d * d + d),
        "melodi_short": layers * 3 * D,
        "melodi_long": 3 * 2 * 2 * G * d,
        "melodi_layers": layers * 3 * D + 2 * 3 * 2 * 2 * G * d,
    }
    melodi = layers * 3 * D + 3 * 2 * 2 * G * d
    assert state_floats(system, state) == expected.get(name, melodi)


@EVERY
@torch.no_grad()
def test_windows_that_do_not_fit_are_refused(name) -> None:
    system = make(name)
    with pytest.raises(InvalidRequest, match="window of 7"):
        system(windows(1, size=7)[0], system.empty(2))
    with pytest.raises(InvalidRequest, match="2 rows of tokens"):
        system(windows(1)[0], system.empty(3))


@EVERY
@torch.no_grad()
def test_gates_are_shares(name) -> None:
    for gate in make(name).gates().values():
        assert bool(((gate > 0) & (gate < 1)).all())

"""A decoder that is not on the CPU: every memory writes and answers as on it, given its tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from elsewhere import ELSEWHERE, There, a_device_elsewhere, move
from tiny import fill, some_tokens
from torch import Tensor, nn

from memory_models import backbone as backbones
from memory_models.address import key_heads
from memory_models.backbone import Backbone
from memory_models.generate import (
    Abstention,
    Decoding,
    Mixture,
    Trace,
    generate,
    generate_each,
    score,
)
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.addresser import Addresser
from memory_models.memories.codec import SlotCodec
from memory_models.memories.infini import InfiniConfig, InfiniGates, InfiniMaps
from memory_models.memories.infini_memory import InfiniMemory
from memory_models.memories.melodi import MelodiConfig, MelodiMixers
from memory_models.memories.melodi_memory import MelodiMemory
from memory_models.memories.melodi_retrofit import MelodiRetrofit, RetrofitMemory
from memory_models.memories.write_gate import WriteGate
from memory_models.memory import Bundle, Reading, from_bytes, to_bytes

HEADS = ((1, 0), (2, 1))
WINDOW = 24
WINDOWS = [some_tokens(count, seed=count, vocabulary=400) + 5 for count in (WINDOW, 17, 9)]
PROMPT = [9, 14, 200, 31, 77, 8]
STOPS: frozenset[int] = frozenset()


def on_its_device(module: nn.Module, backbone: Backbone) -> nn.Module:
    """As the product's own adapters are."""
    fill(module, seed=2)
    if backbone.decoder.device == ELSEWHERE:
        move(module)
    return module.requires_grad_(False)


def a_codec(backbone: Backbone) -> SlotCodec:
    c = backbone.config
    heads, d, pairs = c.layers * c.kv_heads, c.head_size, key_heads(HEADS, c.group)
    weights = {
        "mean": torch.zeros(heads, 2 * d),
        "basis": torch.eye(2 * d).repeat(heads, 1, 1),
        "cost": torch.ones(heads, 2 * d),
        "weight": torch.ones(heads),
        "address_mean": torch.zeros(len(pairs), d),
        "address_basis": torch.eye(d).repeat(len(pairs), 1, 1),
        "address_cost": torch.ones(len(pairs), d),
    }
    return SlotCodec(weights, pairs)


def adaptive(backbone: Backbone, bits: float, *, learned: bool) -> AdaptiveMemory:
    c = backbone.config
    codec = a_codec(backbone) if bits < 4 else None
    gate = on_its_device(WriteGate(c), backbone) if learned else None
    addresser = None
    if learned:
        addresser = on_its_device(Addresser(HEADS, c.hidden_size, c.head_size), backbone)
        gate.name = "a gate"
    config = AdaptiveConfig(
        HEADS, WINDOW, 0.5, bits, gate.name if gate else "", codec.name if codec else "", words=True
    )
    return AdaptiveMemory(backbone, config, gate, None, addresser, codec)


def infini(backbone: Backbone, update: str, *, learned: bool) -> InfiniMemory:
    c = backbone.config
    maps = InfiniMaps(c.layers, c.heads, c.kv_heads, c.head_size) if learned else None
    gates = on_its_device(InfiniGates(c.layers, c.heads, maps=maps), backbone)
    return InfiniMemory(backbone.decoder, gates, InfiniConfig(WINDOW, update, parallel=learned))


def melodi(backbone: Backbone) -> MelodiMemory:
    sizes = MelodiConfig(WINDOW, 4, 3)
    mixers = on_its_device(MelodiMixers(backbone.config, sizes), backbone)
    return MelodiMemory(backbone.decoder, mixers, sizes)


def melodi_retrofit(backbone: Backbone) -> RetrofitMemory:
    learned = MelodiRetrofit(backbone.config, MelodiConfig(WINDOW, 4, 3, parallel=True))
    return RetrofitMemory(backbone.decoder, on_its_device(learned, backbone))


def saved(bundle: Bundle) -> dict[str, Tensor]:
    """As it comes from the store: on the CPU."""
    return from_bytes(to_bytes(bundle))


def said_from(open_reading: Callable[[], Reading]) -> list[object]:
    """All ways in which an answer is made."""
    found: list[object] = []
    for declining in (None, Abstention(3, 0.0)):
        trace, reading = Trace(), open_reading()
        mixture = Mixture(reading, declining)
        mixture.prefill(PROMPT, slice(2, 5))
        said = list(generate(mixture, STOPS, Decoding(2, no_repeat=1), trace))
        found += [said, trace.log_probs, reading.attended(trace.weights)]
        found.append(score(open_reading(), PROMPT, slice(2, 5), [7, 8], declining).log_probs)
    sampled = Mixture(open_reading())
    sampled.prefill(PROMPT, slice(2, 5))
    return [*found, list(generate(sampled, STOPS, Decoding(1, temperature=1.0), Trace()))]


def recurrent(memory: InfiniMemory | MelodiMemory | RetrofitMemory) -> list[object]:
    carry: Bundle = memory.empty()
    for tokens in WINDOWS:
        carry = saved(memory.write(tokens, carry).carry)
    again = saved(memory.write_repeating([*WINDOWS, WINDOWS[0]], memory.empty()))
    found: list[object] = [{name: tensor.tolist() for name, tensor in again.items()}]
    if isinstance(memory, InfiniMemory) and memory.config.update == "linear":
        found.append(float(memory.subtract(again, carry)["z"].sum()))
    return [*found, *said_from(lambda: memory.recall(carry))]


def addressed(memory: AdaptiveMemory) -> list[object]:
    left = [memory.write(tokens, {}).left for tokens in WINDOWS]
    book = memory.address_book([(n, saved(parts["address"])) for n, parts in enumerate(left)])
    ranked = memory.rank("Who found the key?", book, torch.arange(len(WINDOWS)))
    chosen = memory.choose(ranked, 2)
    slots = {n: saved(left[n]["slots"]) for n in chosen.segments}
    found = [ranked.segments, ranked.scores.tolist()]
    found += said_from(lambda: memory.recall(slots, chosen.prior, rows=chosen.rows))
    rows = [(n,) for n in slots] + [()] * len(slots)
    told = memory.recall(slots, torch.zeros(4), rows=rows)
    found.append(generate_each(told, PROMPT, STOPS, Decoding(2), contrast=0.5))
    whole = {7: saved(memory.whole(WINDOWS[1]))}
    read = memory.recall(whole, torch.zeros(1)).step(torch.tensor(PROMPT), 1)
    return [*found, read.tolist()]


CASES: dict[str, Callable[[Backbone], list[object]]] = {
    "adaptive": lambda b: addressed(adaptive(b, 8, learned=False)),
    "adaptive, 4 bits, learned": lambda b: addressed(adaptive(b, 4, learned=True)),
    "adaptive, 16 bits": lambda b: addressed(adaptive(b, 16, learned=False)),
    "adaptive, coded": lambda b: addressed(adaptive(b, 2, learned=False)),
    "adaptive, coded, learned": lambda b: addressed(adaptive(b, 2, learned=True)),
    "infini, linear": lambda b: recurrent(infini(b, "linear", learned=False)),
    "infini, delta": lambda b: recurrent(infini(b, "delta", learned=False)),
    "infini, linear, learned": lambda b: recurrent(infini(b, "linear", learned=True)),
    "infini, delta, learned": lambda b: recurrent(infini(b, "delta", learned=True)),
    "melodi": lambda b: recurrent(melodi(b)),
    "melodi, learned": lambda b: recurrent(melodi_retrofit(b)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_memory_is_the_same_on_another_device(
    case: str, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (backbones.load(tiny_backbone) for _ in range(2))
    expected = CASES[case](here)
    move(there.decoder)
    with a_device_elsewhere(monkeypatch):
        assert there.decoder.device == ELSEWHERE
        assert CASES[case](there) == expected


def test_tensors_on_two_devices_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in refuses what a GPU refuses, and nothing else."""
    with a_device_elsewhere(monkeypatch):
        there, here = torch.ones(3, device=ELSEWHERE), torch.ones(3)
        assert (there + 1).tolist() == [2, 2, 2] and there.device == ELSEWHERE
        assert torch.equal(there.cpu() + here, here * 2)
        assert isinstance(here.to(there), There) and isinstance(there.new_tensor([2]), There)
        assert isinstance(there[torch.tensor([0])], There) and isinstance(there * here[0], There)
        for mix in (
            lambda: there + here,
            lambda: here[there.long()],
            lambda: torch.cat((here, there)),
            lambda: torch.where(here > 0, there, there),
        ):
            with pytest.raises(RuntimeError, match="same device"):
                mix()

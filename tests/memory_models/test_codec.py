"""The slot codec: levels, allocation, round trips, and states written with it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lab.train.memories.codec import Moments
from memory_models import backbone as backbones
from memory_models.address import key_heads
from memory_models.backbone import Backbone
from memory_models.errors import BrokenCheckpoint, BrokenState, InvalidRequest
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.codec import (
    MOST,
    RowCode,
    SlotCodec,
    allocate,
    distortion,
    levels,
)
from memory_models.memories.slots import pack_coded, pack_mask, unpack, unpack_mask
from memory_models.memory import from_bytes, to_bytes

HEADS = ((1, 0), (2, 1))


def correlated(n: int, rows: int, seed: int = 0) -> Tensor:
    """Rows of few large and many small directions around a mean, [rows,n]."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(n, n, generator=generator)).Q
    size = 8.0 * 0.7 ** torch.arange(n)
    return torch.randn(rows, n, generator=generator) * size @ turn + 5


def measured(rows: Tensor, metric: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mean [n], basis [n,n], cost [n] from rows and a metric on their errors."""
    moments = Moments(1, rows.shape[1])
    moments.add(0, rows)
    moments.metric[0] = metric * len(rows)
    mean, basis, cost = moments.bases(shrink=0.0)
    return mean[0], basis[0], cost[0]


def codec_of(backbone: Backbone, seed: int = 0) -> SlotCodec:
    """A codec for random slots of a tiny backbone."""
    c = backbone.config
    heads, d = c.layers * c.kv_heads, c.head_size
    pairs = key_heads(HEADS, c.group)
    slots, address = Moments(heads, 2 * d), Moments(len(pairs), d)
    for moments, n in ((slots, 2 * d), (address, d)):
        for head in range(len(moments.count)):
            moments.add(head, 0.1 * correlated(n, 400, seed + head))
            moments.metric[head] = 400 * torch.eye(n)
    mean, basis, cost = slots.bases(0.0)
    address_mean, address_basis, address_cost = address.bases(0.0)
    weights = {
        "mean": mean,
        "basis": basis,
        "cost": cost,
        "weight": torch.ones(heads),
        "address_mean": address_mean,
        "address_basis": address_basis,
        "address_cost": address_cost,
    }
    return SlotCodec(weights, pairs)


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> Backbone:
    return backbones.load(tiny_backbone)


@pytest.mark.parametrize(
    ("bits", "error"), [(0, 1.0), (1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)]
)
def test_levels_have_the_distortion_of_the_literature(bits: int, error: float) -> None:
    """Max, Quantizing for minimum distortion (1960), table I."""
    assert distortion(bits) == pytest.approx(error, rel=2e-3)
    found = levels(bits)
    assert len(found) == 2**bits and torch.allclose(found, -found.flip(0), atol=1e-9)


def test_bits_are_whole_bytes_a_head_and_as_many_as_asked() -> None:
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(5, 16, generator=generator) ** 4
    weight = torch.tensor([1.0, 4.0, 2.0, 0.5, 0.0])
    for rate in (1, 1.5, 2, 3):
        bits = allocate(cost, weight, rate)
        assert (bits.sum(1) % 8 == 0).all() and int(bits.max()) <= 6
        mean = float(bits.sum(1).float() @ weight / weight.sum()) / 16
        assert rate <= mean < rate + 0.5
        assert int(bits[4].sum()) == 0


def test_bits_go_where_they_save_most() -> None:
    cost = torch.cat((torch.full((1, 8), 1.0), torch.full((1, 8), 1e-3)))
    bits = allocate(cost, torch.ones(2), 1)
    assert bits[0].sum() > bits[1].sum() and bits[0].tolist() == [2] * 8


def test_bits_are_those_of_giving_one_at_a_time() -> None:
    cost = torch.rand(12, generator=torch.Generator().manual_seed(2)).pow(4)
    for rate in (1, 1.5, 3, 5):
        wanted = [0] * 12
        for _ in range(8 * math.ceil(rate * 12 / 8)):
            saved = [
                float(c) * (distortion(b) - distortion(b + 1)) if b < MOST else 0.0
                for c, b in zip(cost, wanted, strict=True)
            ]
            wanted[saved.index(max(saved))] += 1
        assert allocate(cost[None], torch.ones(1), rate)[0].tolist() == wanted


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_masks_come_back(seed: int, T: int) -> None:
    mask = torch.rand(2, 3, T, generator=torch.Generator().manual_seed(seed)) < 0.3
    back = unpack_mask(pack_mask(mask))
    assert torch.equal(back[..., :T], mask) and not back[..., T:].any()


def test_rows_come_back_as_closely_as_their_bits_say() -> None:
    rows, metric = correlated(16, 4000), torch.eye(16)
    mean, basis, cost = measured(rows, metric)
    last = float("inf")
    for rate in (1, 1.5, 2, 3, 4):
        bits = allocate(cost[None], torch.ones(1), rate)[0]
        code = RowCode(mean, basis, bits)
        packed = code.encode(rows)
        assert packed.shape == (4000, code.size) and packed.dtype == torch.uint8
        error = float((code.decode(packed) - rows).square().sum(1).mean())
        expected = sum(float(c) * distortion(int(b)) for c, b in zip(cost, bits, strict=True))
        assert error == pytest.approx(expected, rel=0.15) and error < last
        last = error


def test_the_basis_makes_slots_and_costs_diagonal() -> None:
    rows = correlated(12, 3000)
    root = torch.randn(12, 12, generator=torch.Generator().manual_seed(1))
    metric = root @ root.T
    mean, basis, cost = measured(rows, metric)
    components = (rows - mean) @ torch.linalg.inv(basis)
    assert torch.allclose(components.T @ components / 3000, torch.eye(12), atol=0.05)
    diagonal = basis @ metric @ basis.T
    assert torch.allclose(diagonal, cost.diag(), atol=0.02 * float(cost.max()))


def test_coded_slots_survive_bytes_in_order(backbone: Backbone) -> None:
    c = backbone.config
    codec = codec_of(backbone)
    generator = torch.Generator().manual_seed(0)
    rows = 0.1 * correlated(2 * c.head_size, c.layers * c.kv_heads * 21)
    keys, values = rows.view(c.layers, c.kv_heads, 21, 2 * c.head_size).chunk(2, dim=-1)
    kept = torch.rand(c.layers, c.kv_heads, 21, generator=generator) < 0.4
    kept[0, 1] = False  # a head may keep nothing
    code = codec.at(3)
    packed = from_bytes(to_bytes(pack_coded(keys, values, kept, code)))
    slots = unpack(packed, torch.float32, code)
    assert slots.counts == kept.sum(-1).tolist()
    assert torch.equal(slots.places, kept.nonzero()[:, 2])
    assert slots.keys.shape == keys[kept].shape
    with pytest.raises(BrokenState, match="codec"):
        unpack(packed, torch.float32)
    with pytest.raises(BrokenState, match="bytes"):
        unpack({**packed, "codes": packed["codes"][:-1]}, torch.float32, code)


def test_a_state_is_written_and_asked_with_its_codec_alone(backbone: Backbone) -> None:
    codec = codec_of(backbone)
    config = AdaptiveConfig(HEADS, 40, 0.5, 2, codec=codec.name)
    memory = AdaptiveMemory(backbone, config, codec=codec)
    tokens = torch.randint(5, backbone.config.vocab_size, (37,))
    left = memory.write(tokens, {}).left
    assert set(left["slots"]) == {"kept", "codes"} and set(left["address"]) == {"address_codes"}
    book = memory.address_book([(0, left["address"])])
    assert int(book.lengths[0]) == 37
    chosen = memory.choose(memory.rank("Who?", book, torch.tensor([0])), 1)
    reading = memory.recall({0: left["slots"]}, chosen.prior)
    assert reading.step(torch.tensor([5, 6]), last=1).isfinite().all()

    stranger = AdaptiveMemory(backbone, config, codec=codec_of(backbone, seed=1))
    with pytest.raises(InvalidRequest, match=codec.name):
        stranger.recall({0: left["slots"]}, chosen.prior)
    with pytest.raises(InvalidRequest, match="train codec"):
        AdaptiveConfig(HEADS, 40, 0.5, 2)
    with pytest.raises(InvalidRequest, match="have none"):
        AdaptiveConfig(HEADS, 40, 0.5, 8, codec=codec.name)


def test_coded_addresses_find_what_plain_ones_find(backbone: Backbone) -> None:
    codec = codec_of(backbone)
    plain = AdaptiveMemory(backbone, AdaptiveConfig(HEADS, 40))
    coded = AdaptiveMemory(
        backbone, AdaptiveConfig(HEADS, 40, 0.5, 2, codec=codec.name), codec=codec
    )
    c = backbone.config
    rows = 0.1 * correlated(c.head_size, c.layers * c.kv_heads * 30, seed=3)
    keys = rows.view(c.layers, c.kv_heads, 30, c.head_size)
    books = [m.address_book([(0, m.pack_address(keys))]) for m in (plain, coded)]
    exact, near = (b.keys.float() * b.scale.float()[..., None] for b in books)
    assert exact.shape == near.shape
    assert float((exact - near).norm() / (exact - exact.mean(2, keepdim=True)).norm()) < 0.9


def test_codecs_that_are_not_whole_are_refused(backbone: Backbone) -> None:
    codec = codec_of(backbone)
    with pytest.raises(BrokenCheckpoint, match="incomplete or damaged"):
        SlotCodec({"mean": torch.zeros(3, 4)}, codec.pairs)
    assert not codec.fits(1, backbone.config.head_size, codec.pairs)

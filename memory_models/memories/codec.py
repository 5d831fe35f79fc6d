"""The slot codec: stores the key and value of a slot in one to three bits a number.

Axis legend as in decoder.py; here also N slots and n = 2d numbers of a slot (its key, then its
value), or n = d for address keys.

The numbers of a slot are far from independent: keys vary in few directions, values are correlated
with keys, and an error in most directions changes answers little. For every key/value head the
codec holds a basis in which a slot's components are uncorrelated, have unit variance, and
contribute independently to the loss of answers (a Karhunen-Loeve transform in the metric of that
loss). It also holds what a unit error of each component costs.

Each bit goes where it saves most, over all heads and components together (reverse water-filling;
Cover and Thomas, Elements of Information Theory, 10.3.3), in whole bytes a head. So one codec
serves every rate. A component of b bits is stored as the index of the nearest of the 2^b levels of
the Lloyd-Max quantizer of a normal distribution; a component of 0 bits is decoded as its mean. No
scale is stored with a slot.

Address keys have a basis of their own, in the metric of address scores, at `ADDRESS_BITS` a number.

`bookstate train codec` measures the bases and costs (`lab/train/memories/codec.py`).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping, Sequence
from functools import cache, cached_property

import torch
from torch import Tensor

from memory_models.errors import BrokenCheckpoint, BrokenState
from memory_models.memory import to_bytes

CODED_BITS = (1, 1.5, 2, 3)
"""The rates, in bits a number on average, that need a codec."""

ADDRESS_BITS = 1.5  # bits a number of an address key, on average
MOST = 6  # the largest number of bits of a component
_SHIFTS = tuple(range(7, -1, -1))  # of the bits of a byte, highest first


@cache
def levels(bits: int) -> Tensor:
    """The levels of the Lloyd-Max quantizer of a normal number, ascending, float64 [2^bits]."""
    normal = torch.distributions.Normal(0.0, 1.0)
    count = 2**bits
    cuts = torch.linspace(0, 1, 2 * count + 1, dtype=torch.float64)[1::2]
    found: Tensor = normal.icdf(cuts) * 3**0.5  # optimal companding: quantiles of a wider normal
    ends = found.new_tensor([float("inf")])
    for _ in range(500):
        edges = torch.cat((-ends, (found[1:] + found[:-1]) / 2, ends))
        density = (-edges.square() / 2).exp() / (2 * torch.pi) ** 0.5
        mass = (0.5 * (1 + torch.erf(edges / 2**0.5))).diff()
        before, found = found, -density.diff() / mass  # each level becomes the mean of its cell
        if torch.equal(before, found):
            break
    return found


@cache
def distortion(bits: int) -> float:
    """Mean squared error of quantizing a standard normal number to `levels(bits)`."""
    found = levels(bits)
    edges = (found[1:] + found[:-1]) / 2
    ends = found.new_tensor([float("inf")])
    mass = torch.distributions.Normal(0.0, 1.0).cdf(torch.cat((-ends, edges, ends))).diff()
    return float(1 - (mass * found.square()).sum())


def allocate(cost: Tensor, weight: Tensor, bits: float) -> Tensor:
    """How many bits each component gets, [heads,n]; on average over slots, `bits` a component.

    cost [heads,n]: the loss that a unit error of a component causes; weight [heads]: the fraction
    of all slots that a head has. Bytes are given out one at a time, each to the head where eight
    more bits save most.
    """
    heads, n = cost.shape
    share = (weight / weight.sum()).double().tolist()
    steps = [distortion(b) - distortion(b + 1) for b in range(MOST)]
    savings = cost.double()[:, :, None] * torch.tensor(steps, dtype=torch.float64)  # [heads,n,MOST]
    best, order = savings.flatten(1).sort(descending=True, stable=True)  # [heads,n*MOST]
    most = n * MOST // 8  # the largest number of bytes of a head
    byte = sum(best[:, : 8 * most].unflatten(1, (most, 8)).unbind(-1))  # [heads,most]
    assert isinstance(byte, Tensor)
    saved = byte.tolist()
    taken = [0] * heads  # bytes given to each head
    queue = [(-saved[head][0], head) for head in range(heads) if share[head] > 0]
    heapq.heapify(queue)
    left = bits * n
    while queue and left > 0:
        _, head = heapq.heappop(queue)
        taken[head] += 1
        left -= 8 * share[head]
        if taken[head] < most:
            heapq.heappush(queue, (-saved[head][taken[head]], head))
    component = order // MOST  # [heads,n*MOST] which component each bit is of
    given = [
        row[: 8 * size].bincount(minlength=n) for row, size in zip(component, taken, strict=True)
    ]
    return torch.stack(given)


class RowCode:
    """Encodes rows [N,n] of one head as bytes, `size` bytes a row.

    m is the number of components with at least one bit.
    """

    def __init__(self, mean: Tensor, basis: Tensor, bits: Tensor) -> None:
        """mean [n]; basis [n,n], a component a row; bits [n] of each component."""
        self.size = int(bits.sum()) // 8
        self._mean, self._basis = mean, basis
        self._coded = bits.nonzero()[:, 0]  # [m]; components of 0 bits are decoded as zero
        self._bits = bits[self._coded]  # [m]
        component = torch.arange(len(self._bits)).repeat_interleave(self._bits)  # [8*size], per bit
        starts = (self._bits.cumsum(0) - self._bits)[component]
        shift = self._bits[component] - 1 - (torch.arange(len(component)) - starts)
        self._component, self._shift = component, shift
        self._powers = torch.zeros(len(component), len(self._bits))  # [8*size,m]
        self._powers[torch.arange(len(component)), component] = (1 << shift).float()

    @cached_property
    def _inverse(self) -> Tensor:
        """[n,m]: rows to coded components."""
        inverse: Tensor = torch.linalg.inv(self._basis.double())
        return inverse.float()[:, self._coded]

    def encode(self, rows: Tensor) -> Tensor:
        """rows [N,n] -> uint8 [N,size]."""
        components = (rows.float() - self._mean) @ self._inverse  # [N,m]
        codes = torch.zeros(components.shape, dtype=torch.long)
        for bits in self._bits.unique().tolist():
            of = self._bits == bits
            table = levels(bits).float()
            codes[:, of] = torch.bucketize(
                components[:, of].contiguous(), (table[1:] + table[:-1]) / 2
            )
        written = (codes[:, self._component] >> self._shift) & 1  # [N,8*size]
        powers = torch.tensor([1 << shift for shift in _SHIFTS])
        packed: Tensor = (written.view(len(rows), self.size, 8) * powers).sum(-1)
        return packed.to(torch.uint8)

    def decode(self, packed: Tensor) -> Tensor:
        """uint8 [N,size] -> float32 rows [N,n]: the inverse of `encode` up to rounding."""
        shifts = torch.tensor(_SHIFTS, dtype=torch.uint8)
        read = (packed[:, :, None] >> shifts) & 1  # [N,size,8]
        codes = read.flatten(1).float() @ self._powers  # [N,m], exact in float32
        index = codes.long() + (self._bits << MOST)  # into `_table`
        return _table().take(index) @ self._basis[self._coded] + self._mean


@cache
def _table() -> Tensor:
    """The levels for every number of bits, 2^MOST entries for each; the rest is zero and unused."""
    table = torch.zeros(MOST + 1, 2**MOST)
    for bits in range(MOST + 1):
        table[bits, : 2**bits] = levels(bits).float() if bits else 0.0
    return table.flatten()


class SlotCode:
    """Encodes the slots of a window as bytes at one rate, head after head."""

    def __init__(self, heads: Sequence[RowCode]) -> None:
        self._heads = heads

    def encode(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """rows [N,2d], ordered by head, with the number of slots of each head -> uint8 [bytes]."""
        parts = zip(self._heads, rows.split(list(counts)), strict=True)
        return torch.cat([code.encode(part).flatten() for code, part in parts])

    def decode(self, packed: Tensor, counts: Sequence[int]) -> Tensor:
        """uint8 [bytes] -> float32 rows [N,2d]: the inverse of `encode` up to rounding.

        Raises BrokenState where the number of bytes does not fit the counts.
        """
        sizes = [code.size * n for code, n in zip(self._heads, counts, strict=True)]
        if sum(sizes) != len(packed):
            raise BrokenState(
                f"A window's slots take {len(packed)} bytes, but its counts need {sum(sizes)}; "
                "read the document again."
            )
        parts = zip(self._heads, packed.split(sizes), counts, strict=True)
        return torch.cat([code.decode(part.view(n, code.size)) for code, part, n in parts])


class SlotCodec:
    """Bases and costs of every key/value head; `name` is a hash of the weights.

    weights: mean [heads,2d], basis [heads,2d,2d] with a component a row, cost [heads,2d],
    weight [heads], where heads = layers x G; and address_mean [P,d], address_basis [P,d,d],
    address_cost [P,d] for the address keys of the P pairs (layer, key/value head). Raises
    BrokenCheckpoint where a tensor is missing or has another shape.
    """

    def __init__(self, weights: Mapping[str, Tensor], pairs: Sequence[tuple[int, int]]) -> None:
        self.name = hashlib.sha256(to_bytes(weights)).hexdigest()[:16]
        self.pairs = tuple(pairs)
        self._weights = {name: value.float() for name, value in weights.items()}
        self._codes: dict[float, SlotCode] = {}
        self._check()

    def _check(self) -> None:
        w = self._weights
        try:
            heads, n = w["mean"].shape
            P, d = w["address_mean"].shape
            shapes = {
                "basis": (heads, n, n),
                "cost": (heads, n),
                "weight": (heads,),
                "address_basis": (P, d, d),
                "address_cost": (P, d),
            }
            wrong = [name for name, shape in shapes.items() if tuple(w[name].shape) != shape]
            if wrong or len(self.pairs) != P or n != 2 * d:
                raise ValueError(f"shape of {', '.join(wrong) or 'the address keys'}")
        except (KeyError, ValueError) as error:
            raise BrokenCheckpoint(
                f"The slot codec is incomplete or damaged ({error}); train it again."
            ) from error

    def fits(self, heads: int, head_size: int, pairs: Sequence[tuple[int, int]]) -> bool:
        """Whether the codec is for a backbone with layers x G = `heads` and these address keys."""
        return self._weights["mean"].shape == (heads, 2 * head_size) and self.pairs == tuple(pairs)

    def at(self, bits: float) -> SlotCode:
        """The code for slots at `bits` bits a number."""
        if bits not in self._codes:
            w = self._weights
            given = allocate(w["cost"], w["weight"], bits)
            rows = zip(w["mean"], w["basis"], given, strict=True)
            self._codes[bits] = SlotCode([RowCode(*row) for row in rows])
        return self._codes[bits]

    @cached_property
    def _address(self) -> list[RowCode]:
        """The code of each pair's address keys."""
        w = self._weights
        parts = zip(w["address_mean"], w["address_basis"], w["address_cost"], strict=True)
        one = torch.ones(1)
        return [RowCode(m, b, allocate(c[None], one, ADDRESS_BITS)[0]) for m, b, c in parts]

    def encode_address(self, keys: Tensor) -> Tensor:
        """Unrotated address keys [P,T,d] -> uint8 [P,T,bytes]."""
        return torch.stack([c.encode(k) for c, k in zip(self._address, keys, strict=True)])

    def decode_address(self, packed: Tensor) -> Tensor:
        """uint8 [P,T,bytes] -> float32 [P,T,d]: the inverse of `encode_address` up to rounding.

        Raises BrokenState for other shapes.
        """
        sizes = [code.size for code in self._address]
        if packed.shape[0] != len(sizes) or any(packed.shape[2] != size for size in sizes):
            raise BrokenState(
                f"The address keys have shape {tuple(packed.shape)}, but the codec has "
                f"{len(sizes)} heads of {sizes} bytes; read the document again."
            )
        return torch.stack([c.decode(k) for c, k in zip(self._address, packed, strict=True)])

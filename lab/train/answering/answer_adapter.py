"""Training the answer adapter: low-rank weights that act on question and answer.

The frozen backbone reads a window once. A random fraction of its slots is kept, and all questions
about it run in one packed sequence: a shared instruction, then for each question a branch that sees
the slots, the instruction and itself. Windows that are seen together are read one by one and placed
one after another. The loss is cross-entropy on the answers' tokens. The first token has the largest
weight: it decides whether the answer was found, and the rest is copied.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.train.examples import Unit
from memory_models.decoder import Decoder, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import keep, read_scored
from memory_models.memories.codec import SlotCode
from memory_models.memories.slot_reading import KeyValues
from memory_models.memories.write_gate import WriteGate
from memory_models.prompt import CUE, INSTRUCTION
from memory_models.tokenizer import Tokenizer

PAD_TO = 16  # lengths are padded to multiples of this, so that the allocator sees few shapes
FIRST_TOKENS = 1  # this many tokens of an answer ...
FIRST_WEIGHT = 3.0  # ... have this weight, the others 1


@dataclass(frozen=True, slots=True)
class KeepRatios:
    """How the keep ratio of a training window is drawn: 1, or log-uniform between the bounds.

    Windows seen together never keep all, and at most `together`: memory and time grow with their
    sum.
    """

    low: float = 0.06
    high: float = 0.5
    whole: float = 0.15
    together: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.together <= self.high <= 1 or not 0 <= self.whole <= 1:
            raise InvalidRequest(
                f"{self}: 0 < low <= together <= high <= 1 and 0 <= whole <= 1 are needed."
            )

    def draw(self, rng: random.Random, windows: int = 1) -> float:
        """A keep ratio for a unit with this number of windows."""
        if rng.random() < self.whole and windows == 1:
            return 1.0
        high = self.high if windows == 1 else self.together
        return float(self.low * (high / self.low) ** rng.random())


class Packed(NamedTuple):
    """Branches after a shared prefix of P tokens; N tokens in all, M of them targets."""

    tokens: Tensor  # [N]
    places: Tensor  # [N], from 0 at the prefix's first token
    prefix: int  # P
    rows: Tensor  # [branches,T] index of each branch's tokens, 0 where padded
    is_token: Tensor  # [branches,T] False where padded
    unrow: Tensor  # [N - P] index into the flattened rows of each branch token
    predicted_at: Tensor  # [M] index whose logits predict the target
    targets: Tensor  # [M]
    weights: Tensor  # [M], a branch's sum to one
    first: Tensor  # [branches] index into M of each branch's first token


def pack_branches(
    prefix: Sequence[int], branches: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> Packed:
    """Pack lists of tokens (rest of the prompt, answer) after a prefix."""
    P = len(prefix)
    tokens, places = list(prefix), list(range(P))
    longest = max(len(rest) + len(answer) - 1 for rest, answer in branches)
    longest += -longest % PAD_TO
    rows = torch.zeros(len(branches), longest, dtype=torch.long)
    is_token = torch.zeros(len(branches), longest, dtype=torch.bool)
    at: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    first: list[int] = []
    for number, (rest, answer) in enumerate(branches):
        run = [*rest, *answer[:-1]]
        begin = len(tokens)
        rows[number, : len(run)] = torch.arange(begin, begin + len(run))
        is_token[number, : len(run)] = True
        tokens += run
        places += range(P, P + len(run))
        first.append(len(targets))
        at += range(begin + len(rest) - 1, begin + len(run))
        targets += answer
        weights += answer_weights(len(answer))
    return Packed(
        torch.tensor(tokens),
        torch.tensor(places),
        P,
        rows,
        is_token,
        is_token.flatten().nonzero()[:, 0],
        torch.tensor(at),
        torch.tensor(targets),
        torch.tensor(weights),
        torch.tensor(first),
    )


def answer_weights(tokens: int) -> list[float]:
    """The weight of each token of an answer; they sum to one."""
    raw = [FIRST_WEIGHT if i < FIRST_TOKENS else 1.0 for i in range(tokens)]
    return [w / sum(raw) for w in raw]


def pack_unit(tokenizer: Tokenizer, unit: Unit) -> Packed:
    """The product's prompt for every question of a unit, with the shared part once."""
    lead = f"{INSTRUCTION}\nQuestion: "
    prefix = [*tokenizer.chat.opening, *tokenizer.encode(lead)]
    closing = [*tokenizer.encode(CUE), *tokenizer.chat.closing]
    stop = sorted(tokenizer.chat.stops)[-1:]
    branches = [
        ([*tokenizer.encode(a.question), *closing], [*tokenizer.encode(a.answer), *stop])
        for a in unit.asked
    ]
    return pack_branches(prefix, branches)


class LayerSlate(NamedTuple):
    """What one layer's branches see of a window: the sink and the kept slots, padded over heads."""

    keys: Tensor  # [G,S,d], rotated
    values: Tensor  # [G,S,d]
    bias: Tensor  # [G,S] float32, minus infinity where padded


@torch.no_grad()
def write_window(
    writer: Decoder,
    gate: WriteGate,
    sink: Sequence[int],
    tokens: Sequence[int],
    keep_ratio: float,
    code: SlotCode | None = None,
    place: int = 0,
    visible: range | None = None,
) -> list[LayerSlate]:
    """Read a window once; keep the sink and some of its slots, coded and decoded by `code`.

    The sink's first token is at `place`. visible: the tokens whose slots are seen, all by default.
    """
    sequence = torch.tensor([*sink, *tokens], device=writer.device)
    slots, importance = read_scored(writer, sequence, gate, len(sink))
    kept = keep(importance, keep_ratio)
    if code is not None:
        slots = _as_coded(slots, kept, code)
    if visible is not None:
        kept[:, :, : visible.start] = False
        kept[:, :, visible.stop :] = False
    whole = torch.ones(*kept.shape[:2], len(sink), dtype=torch.bool, device=kept.device)
    kept = torch.cat((whole, kept), dim=2)  # [layers,G,S]
    keys = writer.rope(slots.keys, torch.arange(sequence.shape[0], device=writer.device) + place)
    return [
        gather_slots(k, v, is_kept) for k, v, is_kept in zip(keys, slots.values, kept, strict=True)
    ]


def write_windows(
    writer: Decoder,
    gate: WriteGate,
    sink: Sequence[int],
    windows: Sequence[Sequence[int]],
    apart: int,
    keep_ratio: float,
    code: SlotCode | None = None,
) -> list[LayerSlate]:
    """Read windows one by one and place them one after another, `apart` places from each other.

    The last window has the places of a single window; only the first one's sink is kept.
    """
    slates = [
        write_window(writer, gate, sink, tokens, keep_ratio, code, apart * (n + 1 - len(windows)))
        for n, tokens in enumerate(windows)
    ]
    return [
        LayerSlate(
            *(
                torch.cat([part[:, len(sink) if n else 0 :] for n, part in enumerate(parts)], dim=1)
                for parts in zip(*layers, strict=True)
            )
        )
        for layers in zip(*slates, strict=True)
    ]


def _as_coded(slots: KeyValues, kept: Tensor, code: SlotCode) -> KeyValues:
    """Kept slots rounded to what the codec can say; kept [layers,G,T] marks the last T places."""
    first = slots.keys.shape[2] - kept.shape[2]
    own = [part[:, :, first:][kept].cpu() for part in slots]
    counts = kept.sum(-1).flatten().tolist()
    rows = code.decode(code.encode(torch.cat(own, dim=1), counts), counts)
    coded = KeyValues(slots.keys.clone(), slots.values.clone())
    for part, decoded in zip(coded, rows.to(slots.keys).chunk(2, dim=1), strict=True):
        part[:, :, first:][kept] = decoded
    return coded


def gather_slots(keys: Tensor, values: Tensor, kept: Tensor) -> LayerSlate:
    """The kept slots of one layer [G,T,d], padded to the head with most."""
    most = int(kept.sum(1).max())
    most = min(most + -most % PAD_TO, kept.shape[1])
    order = kept.int().sort(dim=1, descending=True, stable=True).indices[:, :most]  # [G,S]
    bias = torch.where(kept.gather(1, order), 0.0, float("-inf"))
    across = order[:, :, None].expand(-1, -1, keys.shape[2])
    return LayerSlate(keys.gather(1, across), values.gather(1, across), bias)


def branch_logits(
    adapted: Decoder, slate: Sequence[LayerSlate], packed: Packed, place: int
) -> Tensor:
    """Logits [M,vocabulary] of the targets; the prefix's first token is at `place`."""
    device = adapted.device
    cos, sin = adapted.rope.angles(packed.places.to(device) + place)
    rows, unrow = packed.rows.to(device), packed.unrow.to(device)
    C, T = rows.shape
    P = packed.prefix
    flat = rows.flatten()
    later = torch.ones(T, T, dtype=torch.bool, device=device).triu(1)
    hidden_keys = ~packed.is_token.to(device)[:, None] | later  # [C,T,T]
    own = torch.zeros(C, T, T, device=device).masked_fill_(hidden_keys, float("-inf"))
    own.diagonal(dim1=1, dim2=2).zero_()  # padded rows see themselves: no empty softmax
    early = torch.zeros(P, P, device=device)
    early.masked_fill_(early.bool().logical_not().triu(1), float("-inf"))

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values, bias = slate[layer]
        (G, S, d), H = keys.shape, q.shape[1]
        q, k, v = rotate(q[0], cos, sin), rotate(k[0], cos, sin), v[0]
        far = bias[:, None]  # [G,1,S]
        head = _softmax_attention(
            q[:, :P].reshape(1, G, -1, d),
            torch.cat((keys, k[:, :P]), dim=1)[None],
            torch.cat((values, v[:, :P]), dim=1)[None],
            torch.cat((far.expand(G, P, S), early.expand(G, P, P)), dim=2)[None],
        )  # [1,G,R*P,d]
        head = head.view(H, P, d)

        def fold(x: Tensor) -> Tensor:  # [X,N,d] -> [C,X,T,d]
            return x.index_select(1, flat).view(x.shape[0], C, T, d).transpose(0, 1)

        shared_k = torch.cat((keys, k[:, :P]), dim=1).expand(C, G, S + P, d)
        shared_v = torch.cat((values, v[:, :P]), dim=1).expand(C, G, S + P, d)
        near = F.pad(far, (0, P)).expand(C, G, T, S + P)
        out = _softmax_attention(
            fold(q).reshape(C, G, -1, d),
            torch.cat((shared_k, fold(k)), dim=2),
            torch.cat((shared_v, fold(v)), dim=2),
            torch.cat((near, own[:, None].expand(C, G, T, T)), dim=3),
        )  # [C,G,R*T,d]
        out = out.view(C, H, T, d).transpose(0, 1).reshape(H, C * T, d).index_select(1, unrow)
        return torch.cat((head, out), dim=1)[None]

    hidden = adapted.hidden(packed.tokens.to(device).unsqueeze(0), attend)[0]
    return adapted.logits(hidden[packed.predicted_at.to(device)])


def _softmax_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """q [C,G,R*T,d], k and v [C,G,S,d], bias [C,G,T,S] -> [C,G,R*T,d].

    Written out: on CPU cores bfloat16 flash attention with a mask takes three times as long.
    """
    C, G, Q, d = q.shape
    T, S = bias.shape[2:]
    scores = (q * d**-0.5) @ k.transpose(2, 3)  # [C,G,R*T,S]
    scores = scores.float().view(C, G, Q // T, T, S) + bias[:, :, None]
    mixed: Tensor = scores.softmax(-1).to(v.dtype).view(C, G, Q, S) @ v
    return mixed


class UnitLoss(NamedTuple):
    """Loss of a unit, summed over its branches, and figures for the log."""

    loss: Tensor
    branches: int
    tokens: int
    first_nats: float  # of answerable branches, summed
    answerable: int
    decided_right: int  # branches that rightly answer or rightly abstain


def unit_loss(
    adapted: Decoder,
    tokenizer: Tokenizer,
    slate: Sequence[LayerSlate],
    unit: Unit,
    place: int,
    abstain_token: int,
) -> UnitLoss:
    """Weighted cross-entropy of a unit's answers.

    abstain_token: the first token of an abstention.
    """
    packed = pack_unit(tokenizer, unit)
    logits = branch_logits(adapted, slate, packed, place).float()
    targets = packed.targets.to(logits.device)
    nats = F.cross_entropy(logits, targets, reduction="none")
    loss = (nats * packed.weights.to(logits.device)).sum()
    first = nats.detach()[packed.first]
    answerable = torch.tensor([not a.abstained for a in unit.asked])
    abstains = (logits.detach()[packed.first].argmax(-1) == abstain_token).cpu()
    return UnitLoss(
        loss,
        len(unit.asked),
        packed.tokens.shape[0],
        float(first.cpu()[answerable].sum()),
        int(answerable.sum()),
        int((abstains != answerable).sum()),
    )

"""Generation over kept slots: what each row of a batch attends to in front of the prompt.

Axis legend as in decoder.py; here also C rows with memory, N slots in front of the prompt (at most,
over rows and heads) and n slots of one window and head.

A row conditions on one window, or on several that were read independently. Its last window is
placed right in front of the prompt; each earlier one is placed one window's length before the next.
The sink stands in front of the first. Row C sees the sink only (memory off).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from memory_models.decoder import Decoder, rotate
from memory_models.memories.slots import Slots


class KeyValues(NamedTuple):
    """Unrotated keys and values of consecutive tokens, all layers."""

    keys: Tensor  # [layers,G,T,d]
    values: Tensor  # [layers,G,T,d]


class LayerContext(NamedTuple):
    """What each row attends to in front of the prompt, at one layer."""

    keys: Tensor  # [C+1,G,N,d], rotated
    values: Tensor  # [C+1,G,N,d]
    bias: Tensor  # [C+1,G,N], 0 for a slot, minus infinity for padding
    owner: Tensor  # [C,G,N] index into the segments; their number for the sink and for padding


@dataclass(frozen=True, slots=True)
class Contexts:
    """What each row attends to in front of the prompt, at all layers."""

    layers: list[LayerContext]
    segments: tuple[int, ...]  # every segment that some row conditions on
    rows: int  # C


class _Placed(NamedTuple):
    """A window, or the sink, rotated to its place in a row.

    One tensor for each (layer, head), ordered by layer, then head.
    """

    keys: tuple[Tensor, ...]  # [n,d] each, rotated
    values: tuple[Tensor, ...]  # [n,d] each
    owner: int  # as in `LayerContext`


def lay_out(
    decoder: Decoder,
    sink: KeyValues,
    opened: Mapping[int, Slots],
    rows: Sequence[Sequence[int]],
    window: int,
) -> Contexts:
    """Place the sink and the kept slots of each row's windows.

    opened: the slots of each segment; rows: the segments of each row, in order; window: the
    distance in positions between one window of a row and the next.
    """
    segments = tuple(opened)
    first = sink.keys.shape[2]  # position of a window's first token in a row of one window

    def place(segment: int, back: int) -> _Placed:
        """A segment's window, `back` positions before where a single one stands."""
        slots = opened[segment]
        counts = [count for layer in slots.counts for count in layer]
        keys = decoder.rope(slots.keys, slots.places + first - back)
        values = slots.values.split(counts)
        return _Placed(keys.split(counts), values, segments.index(segment))

    def place_sink(back: int) -> _Placed:
        places = torch.arange(first, device=sink.keys.device) - back
        keys = decoder.rope(sink.keys, places).flatten(0, 1)  # [layers*G,first,d]
        return _Placed(keys.unbind(), sink.values.flatten(0, 1).unbind(), len(segments))

    placed = []
    for row in (*rows, ()):  # the last row is memory off
        backs = [window * (len(row) - 1 - n) for n in range(len(row))]
        windows = [place(segment, back) for segment, back in zip(row, backs, strict=True)]
        placed.append([place_sink(max(backs, default=0)), *windows])
    config = decoder.config
    layers = [
        _join(placed, range(layer * config.kv_heads, (layer + 1) * config.kv_heads), len(segments))
        for layer in range(config.layers)
    ]
    return Contexts(layers, segments, len(rows))


def _join(placed: Sequence[Sequence[_Placed]], heads: range, nobody: int) -> LayerContext:
    """One layer's context: its `heads` of every row, padded to the head with the most slots.

    nobody: the owner of the sink and of padding.
    """
    cells = [(row, head) for row in placed for head in heads]
    shape = (len(placed), len(heads))

    def pad(parts: Iterable[Tensor], filler: float) -> Tensor:
        """One tensor [n,*] for each cell -> [C+1,G,N,*]."""
        padded: Tensor = pad_sequence(list(parts), batch_first=True, padding_value=filler)
        return padded.view(*shape, *padded.shape[1:])

    owner = pad(
        (
            torch.cat([torch.full(p.keys[head].shape[:1], p.owner) for p in row])
            for row, head in cells
        ),
        -1,
    )
    keys = pad((torch.cat([p.keys[head] for p in row]) for row, head in cells), 0.0)
    values = pad((torch.cat([p.values[head] for p in row]) for row, head in cells), 0.0)
    owner = owner.to(keys.device)
    bias = torch.zeros(owner.shape, device=keys.device).masked_fill_(owner < 0, float("-inf"))
    return LayerContext(keys, values, bias, owner[:-1].masked_fill(owner[:-1] < 0, nobody))


class SlotReading:
    """A `Reading` over the slots of `contexts`; the prompt starts at position `place`."""

    def __init__(self, decoder: Decoder, contexts: Contexts, prior: Tensor, place: int) -> None:
        self.prior = prior
        self._decoder = decoder
        self._contexts = contexts
        self._place = place
        self._own: list[tuple[Tensor, Tensor]] = []  # [C+1,G,S,d] prompt's k, v of each layer
        self._mass = self._no_mass()

    def _no_mass(self) -> Tensor:
        """Zero attention mass of each row on each segment and, last, on no segment: [C,segments+1].

        The last column takes the mass on the sink; `attended` leaves it out.
        """
        rows, segments = self._contexts.rows, len(self._contexts.segments)
        return torch.zeros(rows, segments + 1, device=self._decoder.device)

    @torch.inference_mode()
    def step(self, tokens: Tensor, last: int) -> Tensor:
        """tokens [T] or [C+1,T] -> logits [C+1,last,V] of the last tokens, in float32."""
        decoder = self._decoder
        rows = self._contexts.rows + 1
        tokens = tokens.to(decoder.device).expand(rows, -1)
        places = torch.arange(self._place, self._place + tokens.shape[1], device=decoder.device)
        cos, sin = decoder.rope.angles(places)
        self._mass = self._no_mass()

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            own = self._extend(layer, rotate(k, cos, sin), v)
            return self._attend(rotate(q, cos, sin), *own, self._contexts.layers[layer])

        hidden = decoder.hidden(tokens, attend)
        self._place += tokens.shape[1]
        return decoder.logits(hidden[:, hidden.shape[1] - last :]).float()

    def _extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v [C+1,G,T,d] to the layer's; returns all of them so far, [C+1,G,S,d]."""
        if layer == len(self._own):
            self._own.append((k, v))
        else:
            old_k, old_v = self._own[layer]
            self._own[layer] = (torch.cat((old_k, k), dim=2), torch.cat((old_v, v), dim=2))
        return self._own[layer]

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, context: LayerContext) -> Tensor:
        """One softmax of q [B,H,T,d] over the context's slots and k, v [B,G,S,d] -> [B,H,T,d].

        B = C+1. Adds the attention on each slot to its segment's mass.
        """
        B, H, T, d = q.shape
        G, S, N = k.shape[1], k.shape[2], context.keys.shape[2]
        grouped = q.reshape(B, G, H // G * T, d) * d**-0.5  # [B,G,R*T,d]
        remote = (grouped @ context.keys.transpose(2, 3)).float() + context.bias.unsqueeze(2)
        local = (grouped @ k.transpose(2, 3)).float().view(B, G, H // G, T, S)
        later = torch.ones(T, S, dtype=torch.bool, device=q.device).triu(S - T + 1)
        local = local.masked_fill(later, float("-inf")).view(B, G, -1, S)  # [B,G,R*T,S]
        weights = torch.cat((remote, local), dim=-1).softmax(-1)  # [B,G,R*T,N+S]
        mass = weights[:-1, :, :, :N].mean(dim=2) / G  # [C,G,N]
        self._mass.scatter_add_(1, context.owner.flatten(1), mass.flatten(1))
        weights = weights.to(v.dtype)
        out = weights[..., :N] @ context.values + weights[..., N:] @ v  # [B,G,R*T,d]
        return out.view(B, H, T, d)

    def attended(self, weights: Sequence[float]) -> dict[int, float]:
        """Segment -> attention mass on its slots in the latest step, averaged over layers.

        weights [C]: of the rows, whose masses are added up with them.
        """
        mass = self._mass.cpu() / len(self._contexts.layers)  # [C,segments+1]
        total = (torch.tensor(weights)[:, None] * mass).sum(0).tolist()
        return dict(zip(self._contexts.segments, total, strict=False))

"""Generation over kept slots: what each row of a batch attends to in front of the prompt.

Axis legend as in decoder.py; here also C rows with memory, N slots in front of the prompt (at most,
over rows and heads) and n slots of one window and head.

A row conditions on one window, or on several that were read independently. Its last window is
placed right in front of the prompt; each earlier one is placed one window's length before the next.
The sink stands in front of the first. Row C sees the sink only (memory off).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from memory_models.decoder import Decoder, rotate
from memory_models.memories.slots import Slots
from memory_models.memory import Span


class KeyValues(NamedTuple):
    """Unrotated keys and values of consecutive tokens, all layers."""

    keys: Tensor  # [layers,G,T,d]
    values: Tensor  # [layers,G,T,d]


class LayerContext(NamedTuple):
    """What each row attends to in front of the prompt, at one layer."""

    keys: Tensor  # [C+1,G,N,d], rotated
    values: Tensor  # [C+1,G,N,d]
    bias: Tensor  # [C+1,G,N], 0 for a slot, minus infinity for padding
    spot: Tensor  # [C,G,N] the token that a slot is of, as `Contexts.spot` numbers them


@dataclass(frozen=True, slots=True)
class Contexts:
    """What each row attends to in front of the prompt, at all layers."""

    layers: list[LayerContext]
    segments: tuple[int, ...]  # every segment that some row conditions on; twice for two spans
    rows: int  # C
    window: int  # most tokens of a segment

    @property
    def nowhere(self) -> int:
        """The spot of the sink and of padding.

        Token t of the n-th segment has the spot n * window + t.
        """
        return len(self.segments) * self.window


class WithoutMemory(NamedTuple):
    """What memory off made of a prompt; it is the same in every reading of one state."""

    prompt: Tensor  # [T] tokens
    own: list[tuple[Tensor, Tensor]]  # [1,G,T,d] its keys and values of each layer
    logits: Tensor  # [1,last,V] of the last tokens


class _Placed(NamedTuple):
    """A window, or the sink, rotated to its place in a row.

    One tensor for each (layer, head), ordered by layer, then head.
    """

    keys: tuple[Tensor, ...]  # [n,d] each, rotated
    values: tuple[Tensor, ...]  # [n,d] each
    spots: tuple[Tensor, ...]  # [n] each, as in `LayerContext`


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
    nowhere = len(segments) * window
    first = sink.keys.shape[2]  # position of a window's first token in a row of one window

    def place(segment: int, back: int) -> _Placed:
        """A segment's window, `back` positions before where a single one stands."""
        slots = opened[segment]
        counts = [count for layer in slots.counts for count in layer]
        keys = decoder.rope(slots.keys, slots.places + first - back)
        values = slots.values.split(counts)
        spots = (slots.places + segments.index(segment) * window).split(counts)
        return _Placed(keys.split(counts), values, spots)

    def place_sink(back: int) -> _Placed:
        places = torch.arange(first, device=sink.keys.device) - back
        keys = decoder.rope(sink.keys, places).flatten(0, 1)  # [layers*G,first,d]
        spots = torch.full(keys.shape[:2], nowhere, device=keys.device)
        return _Placed(keys.unbind(), sink.values.flatten(0, 1).unbind(), spots.unbind())

    placed = []
    for row in (*rows, ()):  # the last row is memory off
        backs = [window * (len(row) - 1 - n) for n in range(len(row))]
        windows = [place(segment, back) for segment, back in zip(row, backs, strict=True)]
        placed.append([place_sink(max(backs, default=0)), *windows])
    config = decoder.config
    layers = [
        _join(placed, range(layer * config.kv_heads, (layer + 1) * config.kv_heads), nowhere)
        for layer in range(config.layers)
    ]
    return Contexts(layers, segments, len(rows), window)


def _join(placed: Sequence[Sequence[_Placed]], heads: range, nowhere: int) -> LayerContext:
    """One layer's context: its `heads` of every row, padded to the head with the most slots.

    nowhere: the spot of the sink and of padding.
    """
    cells = [(row, head) for row in placed for head in heads]
    shape = (len(placed), len(heads))

    def pad(parts: Iterable[Tensor], filler: float) -> Tensor:
        """One tensor [n,*] for each cell -> [C+1,G,N,*]."""
        padded: Tensor = pad_sequence(list(parts), batch_first=True, padding_value=filler)
        return padded.view(*shape, *padded.shape[1:])

    spot = pad((torch.cat([p.spots[head] for p in row]) for row, head in cells), -1)
    keys = pad((torch.cat([p.keys[head] for p in row]) for row, head in cells), 0.0)
    values = pad((torch.cat([p.values[head] for p in row]) for row, head in cells), 0.0)
    bias = torch.zeros(spot.shape, device=keys.device).masked_fill_(spot < 0, float("-inf"))
    return LayerContext(keys, values, bias, spot[:-1].masked_fill(spot[:-1] < 0, nowhere))


class SlotReading:
    """A `Reading` over the slots of `contexts`; the prompt starts at position `place`.

    pointing: the layers whose attention says where a question is answered. off: what memory off
    made of the prompt that is read first, where another reading of the same state has read it.
    """

    def __init__(
        self,
        decoder: Decoder,
        contexts: Contexts,
        prior: Tensor,
        place: int,
        pointing: range = range(0),
        focus: Callable[[Sequence[Span], Tensor, WithoutMemory | None], SlotReading] | None = None,
        off: WithoutMemory | None = None,
    ) -> None:
        self.prior = prior
        self._off = off
        self._pointing = pointing
        self._focus = focus
        self._decoder = decoder
        self._contexts = contexts
        self._place = place
        self._own: list[tuple[Tensor, Tensor]] = []  # [C+1,G,S,d] prompt's k, v of each layer
        self._mass = self._no_mass()
        self._pointed = self._no_mass()

    def _no_mass(self) -> Tensor:
        """Zero attention mass of each row on each spot, [C,spots + 1].

        The last column takes the mass on the sink, which is on no token.
        """
        shape = (self._contexts.rows, self._contexts.nowhere + 1)
        return torch.zeros(shape, device=self._decoder.device)

    @torch.inference_mode()
    def step(self, tokens: Tensor, last: int) -> Tensor:
        """tokens [T] or [C+1,T] -> logits [C+1,last,V] of the last tokens, in float32."""
        decoder = self._decoder
        known = self._known(tokens, last)
        rows = self._contexts.rows + (known is None)
        tokens = tokens.to(decoder.device).expand(rows, -1)
        places = torch.arange(self._place, self._place + tokens.shape[1], device=decoder.device)
        cos, sin = decoder.rope.angles(places)
        self._mass, self._pointed = self._no_mass(), self._no_mass()

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            own = self._extend(layer, rotate(k, cos, sin), v)
            return self._attend(layer, rotate(q, cos, sin), *own)

        first = not self._own
        hidden = decoder.hidden(tokens, attend)
        self._place += tokens.shape[1]
        logits = decoder.logits(hidden[:, hidden.shape[1] - last :]).float()
        if known is not None:
            for layer, (k, v) in enumerate(known.own):
                self._extend_rows(layer, k, v)
            return torch.cat((logits, known.logits[:, known.logits.shape[1] - last :]))
        if first:
            own = [(k[-1:].clone(), v[-1:].clone()) for k, v in self._own]
            self._off = WithoutMemory(tokens[-1], own, logits[-1:].clone())
        return logits

    def _known(self, tokens: Tensor, last: int) -> WithoutMemory | None:
        """What memory off makes of the tokens, if that is known from another reading."""
        off = self._off
        if off is None or self._own or tokens.dim() != 1 or last > off.logits.shape[1]:
            return None
        return off if torch.equal(tokens.to(off.prompt.device), off.prompt) else None

    def _extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v [C+1,G,T,d] to the layer's; returns all of them so far, [C+1,G,S,d]."""
        if layer == len(self._own):
            self._own.append((k, v))
        else:
            old_k, old_v = self._own[layer]
            self._own[layer] = (torch.cat((old_k, k), dim=2), torch.cat((old_v, v), dim=2))
        return self._own[layer]

    def _extend_rows(self, layer: int, k: Tensor, v: Tensor) -> None:
        """Add rows k, v [1,G,T,d] to the layer's."""
        old_k, old_v = self._own[layer]
        self._own[layer] = (torch.cat((old_k, k)), torch.cat((old_v, v)))

    def _attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """One softmax of q [B,H,T,d] over the layer's slots and k, v [B,G,S,d] -> [B,H,T,d].

        B = C+1, or C where memory off is known. Adds the attention on each slot to its token's
        mass.
        """
        context = self._contexts.layers[layer]
        B, H, T, d = q.shape
        C, G, S, N = self._contexts.rows, k.shape[1], k.shape[2], context.keys.shape[2]
        grouped = q.reshape(B, G, H // G * T, d) * d**-0.5  # [B,G,R*T,d]
        keys, values, bias = context.keys[:B], context.values[:B], context.bias[:B]
        remote = (grouped @ keys.transpose(2, 3)).float() + bias.unsqueeze(2)
        local = (grouped @ k.transpose(2, 3)).float().view(B, G, H // G, T, S)
        later = torch.ones(T, S, dtype=torch.bool, device=q.device).triu(S - T + 1)
        local = local.masked_fill(later, float("-inf")).view(B, G, -1, S)  # [B,G,R*T,S]
        weights = torch.cat((remote, local), dim=-1).softmax(-1)  # [B,G,R*T,N+S]
        spots, on_slots = context.spot.flatten(1), weights[:C, :, :, :N]
        mass = on_slots.mean(dim=2) / G  # [C,G,N]
        self._mass.scatter_add_(1, spots, mass.flatten(1))
        if layer in self._pointing:
            latest = on_slots[:, :, T - 1 :: T].mean(dim=2) / G  # [C,G,N], of the last token
            self._pointed.scatter_add_(1, spots, latest.flatten(1))
        weights = weights.to(v.dtype)
        out = weights[..., :N] @ values + weights[..., N:] @ v  # [B,G,R*T,d]
        return out.view(B, H, T, d)

    def attended(self, weights: Sequence[float]) -> dict[int, float]:
        """Segment -> attention mass on its slots in the latest step, averaged over layers.

        weights [C]: of the rows, whose masses are added up with them.
        """
        mass = self._by_segment(self._mass).sum(2).cpu() / len(self._contexts.layers)
        total = (torch.tensor(weights)[:, None] * mass).sum(0).tolist()
        found: dict[int, float] = {}
        for segment, share in zip(self._contexts.segments, total, strict=True):
            found[segment] = found.get(segment, 0.0) + share  # spans may be of one segment
        return found

    def pointed(self, weights: Sequence[float]) -> dict[int, Tensor]:
        """Segment -> attention [window] on each of its tokens' slots, of the latest token alone.

        Averaged over the pointing layers. weights [C]: of the rows, as for `attended`.
        """
        mass = self._by_segment(self._pointed).cpu() / max(1, len(self._pointing))
        total = (torch.tensor(weights)[:, None, None] * mass).sum(0)  # [segments,window]
        found: dict[int, Tensor] = {}
        for segment, own in zip(self._contexts.segments, total, strict=True):
            found[segment] = found[segment] + own if segment in found else own
        return found

    def focused(self, *spans: Span, prior: Tensor | None = None) -> SlotReading | None:
        """Another reading of the same state, whose rows see the slots of one span's tokens each."""
        even = torch.zeros(len(spans)) if prior is None else prior
        return self._focus(spans, even, self._off) if self._focus is not None else None

    def _by_segment(self, mass: Tensor) -> Tensor:
        """[C,spots + 1] -> [C,segments,window]."""
        return mass[:, :-1].view(mass.shape[0], -1, self._contexts.window)

"""Adaptive MELODI: exact kept slots, importance-weighted budgets, addressed windows.

MELODI's hierarchy (arXiv 2410.03156) with its published limits lifted, and nothing to train:

  * A window is read once as [sink | window], by itself, at places 0 .. sink-1 and sink .. sink+T-1.
    Keys stay unrotated with their place, so windows can overlay each other: length is unbounded.
  * `reconstruction_importance` scores every slot (layer, key/value head, token) by the largest
    attention probability it receives while the model repeats the window (KVzip, arXiv 2505.23416).
  * `keep` puts one threshold over all layers, heads and tokens of a window together, so that layers
    and heads get the slots they earn.
  * All keys of a few *addressing* key/value heads are kept beside the slots, and hashes of the
    window's words: a question finds its windows by both (`memory_models/address.py`,
    `memory_models/word_index.py`).
  * A trained codec writes slots and addressing keys in one to three bits a number, where there is
    one (`memory_models/memories/codec.py`).
  * The addressed windows are read one by one, as rows of a batch, and their next-token
    distributions are mixed (`memory_models/generate.py`): together they dilute one another.

Where this deviates from MELODI: slots are the backbone's own keys and values instead of learned
summaries, every layer has them, and the long-term queue does not forget.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from memory_models.address import (
    CHUNK,
    PLAIN_ADDRESS,
    AddressBook,
    Head,
    address,
    key_heads,
    pack_address,
    unpack_address,
)
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder, dot_attention, padded, rotate
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memories.addresser import Addresser
from memory_models.memories.codec import CODED_BITS, SlotCode, SlotCodec
from memory_models.memories.ranking import Books, ranked_together
from memory_models.memories.slot_reading import KeyValues, SlotReading, WithoutMemory, lay_out
from memory_models.memories.slots import (
    PLAIN_BITS,
    SLOT_BITS,
    pack,
    pack_coded,
    slot_shape,
    unpack,
    within,
)
from memory_models.memories.write_gate import WriteGate
from memory_models.memory import Bundle, Span, Written
from memory_models.prompt import address_query
from memory_models.recall import Chosen, Ranked
from memory_models.word_index import pack_words

REPEAT_REQUEST = "\n\nRepeat the text above."
POINTING = (0.5, 0.83)  # of the depth: layers whose attention points at what answers
QUERY_DISTANCE = 20  # how far behind the prompt's place addressing queries stand
ADDRESS_WEIGHT = 0.25  # docs/experiments/answering.md: combining
WORD_WEIGHT = 1.6  # of BM25 beside the heads' score; 2026-11-23: words to find, words to weigh


@dataclass(frozen=True, slots=True)
class AdaptiveConfig:
    """What a state is made with; stored beside it.

    window: most tokens a segment; keep_ratio: of all slots of a window; slot_bits: of their
    numbers, 1 to 3 with a codec, 4, 8 or 16 without; address_heads: (layer, query head) pairs
    whose keys are all kept; gate: the write gate that scores slots, by its hash, empty when the
    backbone repeats each window instead; codec: by its hash; words: whether the hashes of a
    window's words are kept beside its address keys.
    """

    address_heads: tuple[Head, ...]
    window: int = 512
    keep_ratio: float = 0.16
    slot_bits: int | float = 8
    gate: str = ""
    codec: str = ""
    words: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.window <= 32_000:
            raise InvalidRequest(f"Window {self.window} is outside 1 to 32,000 tokens.")
        if not 0 < self.keep_ratio <= 1:
            raise InvalidRequest(f"Keep ratio {self.keep_ratio} must be above 0 and at most 1.")
        if self.slot_bits not in SLOT_BITS:
            raise InvalidRequest(f"Slots of {self.slot_bits} bits; choose one of {SLOT_BITS}.")
        if (self.slot_bits in CODED_BITS) != bool(self.codec):
            raise InvalidRequest(
                f"Slots of {self.slot_bits} bits with codec {self.codec!r}: {CODED_BITS} need one, "
                f"{PLAIN_BITS} have none; `bookstate train codec` makes one for this backbone."
            )
        if not self.address_heads:
            raise InvalidRequest("No addressing heads; `bookstate calibrate` finds them.")


def read_tokens(decoder: Decoder, tokens: Tensor) -> KeyValues:
    """Plain causal pass over tokens [T]; returns every layer's unrotated keys and values."""
    return _read(decoder, tokens, None)[0]


def read_scored(
    decoder: Decoder, tokens: Tensor, gate: WriteGate, first: int
) -> tuple[KeyValues, Tensor]:
    """The same pass with the write gate beside it: log importance [layers,G,T - first]."""
    read, scores = _read(decoder, tokens, gate)
    return read, torch.stack(scores)[:, :, first:]


def _read(
    decoder: Decoder, tokens: Tensor, gate: WriteGate | None
) -> tuple[KeyValues, list[Tensor]]:
    if tokens.numel() == 0:
        raise InvalidRequest("Cannot read a window of 0 tokens; a window has at least one.")
    kept_keys: list[Tensor] = []
    kept_values: list[Tensor] = []
    scores: list[Tensor] = []
    T, row = tokens.shape[0], padded(tokens.unsqueeze(0))  # [1,P]
    cos, sin = decoder.rope.angles(torch.arange(row.shape[1], device=tokens.device))

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        kept_keys.append(k[0, :, :T])
        kept_values.append(v[0, :, :T])
        if gate is not None:
            scores.append(gate(layer, q[0], k[0], v[0])[:, :T])
        return dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)

    decoder.hidden(row, attend)
    return KeyValues(torch.stack(kept_keys), torch.stack(kept_values)), scores


def reconstruction_importance(
    decoder: Decoder, context: KeyValues, probe: Tensor, first: int
) -> Tensor:
    """Score the slots of a window that ends `context` while the model repeats it (KVzip, 3.2).

    context: keys and values of [sink | window], the window from place `first` on; probe [P]: the
    request to repeat, then the window again. Returns [layers,G,T] in float32: the largest
    probability that any query head of the group gives the slot at any token of the second copy.
    """
    S, P = context.keys.shape[2], probe.shape[0]
    T = S - first
    device = probe.device
    cos, sin = decoder.rope.angles(torch.arange(S + P, device=device))
    later = torch.ones(P, P, dtype=torch.bool, device=device).triu(1)
    bias = torch.zeros(P, P, dtype=decoder.dtype, device=device).masked_fill_(later, float("-inf"))
    scores: list[Tensor] = []

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        _, H, _, d = q.shape
        G = k.shape[1]
        keys = rotate(torch.cat((context.keys[layer], k[0]), dim=1), cos, sin)  # [G,S+P,d]
        values = torch.cat((context.values[layer], v[0]), dim=1)
        queries = rotate(q[0], cos[S:], sin[S:]) * d**-0.5
        queries = queries.reshape(G, H // G * P, d)
        logits = (queries @ keys.transpose(1, 2)).view(G, H // G, P, S + P)
        logits[..., S:] += bias
        weights = logits.softmax(-1)
        received = weights[:, :, P - T :, first:S]  # [G,R,T,T]
        scores.append(received.amax(2).amax(1).float())  # far faster than both at once
        mixed: Tensor = weights.view(G, -1, S + P) @ values
        return mixed.view(1, H, P, d)

    decoder.hidden(probe.unsqueeze(0), attend)
    return torch.stack(scores)


def keep(importance: Tensor, ratio: float) -> Tensor:
    """Mask [layers,G,T] of the most important slots, that ratio of all, under one threshold.

    Ties are broken by position, so that the count is exact and the mask deterministic.
    """
    count = max(1, round(ratio * importance.numel()))
    order = torch.sort(importance.flatten(), descending=True, stable=True).indices[:count]
    mask = torch.zeros(importance.numel(), dtype=torch.bool, device=importance.device)
    mask[order] = True
    return mask.view_as(importance)


class AdaptiveMemory:
    """Writes windows as kept slots, and opens them for questions."""

    kind = "adaptive"
    opens: Literal["windows"] = "windows"

    def __init__(
        self,
        backbone: Backbone,
        config: AdaptiveConfig,
        gate: WriteGate | None = None,
        answers: Decoder | None = None,
        addresser: Addresser | None = None,
        codec: SlotCodec | None = None,
    ) -> None:
        """answers: the backbone with an answer adapter, which continues prompts in its place."""
        self.backbone = backbone
        self.config = config
        fits = addresser is not None and addresser.heads == config.address_heads
        self.addresser = addresser if fits else None
        self.answers = answers or backbone.decoder
        self.has_answer_adapter = answers is not None
        self._gate = gate
        self._codec = codec
        self.window = config.window
        self.sink = backbone.tokenizer.chat.opening
        closing = backbone.tokenizer.chat.closing
        self.request = (*backbone.tokenizer.encode(REPEAT_REQUEST), *closing)
        layers = backbone.config.layers
        first, last = (round(depth * layers) for depth in POINTING)
        self.pointing = range(first, max(first + 1, last))
        self._pairs = key_heads(config.address_heads, backbone.config.group)

    @cached_property
    def code(self) -> SlotCode | None:
        """How slots are coded, if they are; InvalidRequest without the codec they need."""
        return self._needed_codec().at(self.config.slot_bits) if self.config.codec else None

    def _needed_codec(self) -> SlotCodec:
        if self._codec is None or self._codec.name != self.config.codec:
            raise InvalidRequest(
                f"This state is written with codec {self.config.codec}, which is not installed; "
                "read the document again."
            )
        shape = self.backbone.config
        if not self._codec.fits(shape.layers * shape.kv_heads, shape.head_size, self._pairs):
            raise InvalidRequest(
                f"Codec {self.config.codec} is for other heads or other address keys than this "
                "backbone's; run `bookstate train codec`."
            )
        return self._codec

    @property
    def prompt_place(self) -> int:
        """Where every prompt begins: right behind the longest window."""
        return len(self.sink) + self.window

    def empty(self) -> Bundle:
        """Windows are read by themselves: nothing is carried."""
        return {}

    @torch.inference_mode()
    def write(self, tokens: Tensor, carry: Bundle) -> Written:
        """Read one window, tokens [T]; leaves its kept slots and its addressing keys."""
        if tokens.shape[0] > self.window:
            raise InvalidRequest(
                f"A segment of {tokens.shape[0]} tokens exceeds the window of {self.window}; "
                "split the text with this memory's window."
            )
        decoder = self.backbone.decoder
        tokens = tokens.to(decoder.device)
        first = len(self.sink)
        context, importance = self._score(torch.cat((tokens.new_tensor(self.sink), tokens)), first)
        own = KeyValues(context.keys[:, :, first:], context.values[:, :, first:])
        kept = keep(importance, self.config.keep_ratio)
        found = self.pack_address(own.keys)
        if self.config.words:
            found |= pack_words(self.backbone.tokenizer.decode(tokens.tolist()))
        return Written({}, {"slots": self._pack(own, kept), "address": found})

    def _pack(self, own: KeyValues, kept: Tensor) -> dict[str, Tensor]:
        if self.code is not None:
            return pack_coded(own.keys, own.values, kept, self.code)
        return pack(own.keys, own.values, kept, self.config.slot_bits)

    def pack_address(self, keys: Tensor) -> dict[str, Tensor]:
        """The address part of a window from its unrotated keys [layers,G,T,d]."""
        chosen = torch.stack([keys[layer, head] for layer, head in self._pairs])
        if self.config.codec:
            return {"address_codes": self._needed_codec().encode_address(chosen.cpu())}
        return pack_address(self._at_their_places(chosen), self.config.slot_bits)

    def address_book(self, bundles: Sequence[tuple[int, Bundle]]) -> AddressBook:
        """The address parts of (segment, bundle), opened for questions.

        Keys are rotated at their places, or before RoPE where there is an addresser.
        """
        if not self.config.codec:
            content = self.addresser is not None
            return AddressBook.from_bundles(
                [(n, self._unrotated(b)) for n, b in bundles] if content else bundles
            )
        if strange := [n for n, bundle in bundles if "address_codes" not in bundle]:
            raise BrokenState(f"Segment {strange[0]} has no coded address keys; read it again.")
        opened: list[tuple[int, Bundle]] = []
        for first in range(0, len(bundles), CHUNK):
            opened += self._decoded(bundles[first : first + CHUNK])
        return AddressBook.from_bundles(opened)

    def _decoded(self, bundles: Sequence[tuple[int, Bundle]]) -> Iterator[tuple[int, Bundle]]:
        """Coded address parts as plain ones of 8 bits, several windows at once."""
        codes = [bundle["address_codes"].cpu() for _, bundle in bundles]
        lengths = [code.shape[1] for code in codes]
        keys = self._needed_codec().decode_address(torch.cat(codes, dim=1))  # [P,all T,d]
        if self.addresser is None:
            places = torch.cat([torch.arange(T) for T in lengths]) + len(self.sink)
            keys = self.backbone.decoder.rope(keys, places)
        plain = pack_address(keys)
        parts = zip(*(plain[name].split(lengths, dim=1) for name in PLAIN_ADDRESS), strict=True)
        for (segment, bundle), part in zip(bundles, parts, strict=True):
            yield segment, dict(zip(PLAIN_ADDRESS, part, strict=True)) | _words(bundle)

    def _unrotated(self, bundle: Bundle) -> Bundle:
        """Address keys that are stored at their places, as they were before RoPE, of 8 bits."""
        keys = unpack_address(bundle)
        places = -torch.arange(len(self.sink), len(self.sink) + keys.shape[1])
        return pack_address(self.backbone.decoder.rope(keys, places)) | _words(bundle)

    def _at_their_places(self, keys: Tensor) -> Tensor:
        first = len(self.sink)
        places = torch.arange(first, first + keys.shape[1], device=keys.device)
        return self.backbone.decoder.rope(keys, places)

    @torch.inference_mode()
    def whole(self, tokens: Tensor) -> dict[str, Tensor]:
        """All slots of a text [T], as `write` stores them; an empty text has none."""
        decoder, first = self.backbone.decoder, len(self.sink)
        tokens = tokens.to(decoder.device)
        read = read_tokens(decoder, torch.cat((tokens.new_tensor(self.sink), tokens)))
        keys, values = read.keys[:, :, first:], read.values[:, :, first:]
        every = torch.ones(keys.shape[:3], dtype=torch.bool, device=keys.device)
        return self._pack(KeyValues(keys, values), every)

    def _score(self, sequence: Tensor, first: int) -> tuple[KeyValues, Tensor]:
        decoder = self.backbone.decoder
        if self.config.gate:
            if self._gate is None or self._gate.name != self.config.gate:
                raise InvalidRequest(
                    f"This state is written with write gate {self.config.gate}, which is not "
                    "installed; read the document again."
                )
            return read_scored(decoder, sequence, self._gate, first)
        context = read_tokens(decoder, sequence)
        probe = torch.cat((sequence.new_tensor(self.request), sequence[first:]))
        return context, reconstruction_importance(decoder, context, probe, first)

    def check_address(self, book: AddressBook) -> None:
        """An imported state may name this backbone and have another's shapes: BrokenState."""
        shape, heads = self.backbone.config, self.config.address_heads
        inside = all(0 <= layer < shape.layers and 0 <= head < shape.heads for layer, head in heads)
        expected = (len(self._pairs), shape.head_size)
        if not inside or (book.keys.shape[1], book.keys.shape[3]) != expected:
            raise BrokenState(
                f"The state's address keys are {tuple(book.keys.shape)[1::2]}, this backbone needs "
                f"{expected}; remove the document and read it again."
            )

    def check_slots(self, windows: Mapping[int, Bundle]) -> None:
        """The same for stored slots, by segment."""
        shape = self.backbone.config
        expected = (shape.layers, shape.kv_heads, shape.head_size)
        for segment, slots in windows.items():
            found = slot_shape(slots)
            if found not in (None, expected):
                raise BrokenState(
                    f"The state's segment {segment} has slots of (layers, heads, size) {found}, "
                    f"this backbone needs {expected}; remove the document and read it again."
                )

    def rank(self, question: str, book: AddressBook, rows: Tensor) -> Ranked:
        """All of the book's `rows` by how well the question addresses them."""
        return self.rank_together(question, [(book, rows)])[0]

    @property
    def scale(self) -> tuple[object, ...]:
        """What two memories must have in common for their books to be ranked together."""
        return (self.config.address_heads, self.addresser.name if self.addresser else "")

    @torch.inference_mode()
    def rank_together(self, question: str, books: Books) -> list[Ranked]:
        """The rows of each of several books, with scores on one scale."""
        asked = address_query(self.backbone.tokenizer, question)
        heads, at = self.config.address_heads, self.prompt_place + QUERY_DISTANCE

        def scored(looked_at: Books) -> Tensor:
            return address(
                self.backbone.decoder, self.sink, asked, heads, looked_at, at, self.addresser
            )

        return ranked_together(question, books, scored, WORD_WEIGHT)

    def choose(self, ranked: Ranked, count: int, *, together: bool = False) -> Chosen:
        """The `count` best windows, a row each or as one row (docs/experiments/answering.md)."""
        best = ranked.segments[:count]
        if together:
            return Chosen((tuple(sorted(best)),), torch.zeros(1))
        rows = tuple((segment,) for segment in best)
        return Chosen(rows, ADDRESS_WEIGHT * ranked.scores[:count])

    @torch.inference_mode()
    def recall(
        self,
        windows: Mapping[int, Bundle],
        prior: Tensor,
        *,
        rows: Sequence[Sequence[int]] | None = None,
        decoder: Decoder | None = None,
    ) -> SlotReading:
        """Open windows (segment -> stored slots) for one prompt; prior [rows].

        rows: the windows that each row reads, in the order of the document; without it a row each.
        decoder: continues the prompt in place of the memory's own.
        """
        writer = self.backbone.decoder
        device, code = writer.device, self.code
        sink = read_tokens(writer, torch.tensor(self.sink, device=device))
        opened = {
            segment: unpack({name: t.to(device) for name, t in bundle.items()}, writer.dtype, code)
            for segment, bundle in windows.items()
        }
        rows = [(segment,) for segment in windows] if rows is None else rows
        if len(prior) != len(rows):
            raise InvalidRequest(f"{len(rows)} rows with a prior of {len(prior)}; give one each.")
        answering = decoder or self.answers

        def focus(spans: Sequence[Span], prior: Tensor, off: WithoutMemory | None) -> SlotReading:
            visible = {n: within(opened[s.segment], s.first, s.last) for n, s in enumerate(spans)}
            contexts = lay_out(writer, sink, visible, [(n,) for n in visible], self.window)
            contexts = replace(contexts, segments=tuple(span.segment for span in spans))
            place = self.prompt_place
            return SlotReading(answering, contexts, prior, place, self.pointing, off=off)

        contexts = lay_out(writer, sink, opened, rows, self.window)
        place = self.prompt_place
        return SlotReading(answering, contexts, prior, place, self.pointing, focus)


def _words(bundle: Bundle) -> dict[str, Tensor]:
    """What a window left of its words, if it did."""
    return {name: bundle[name] for name in ("words", "word_counts") if name in bundle}

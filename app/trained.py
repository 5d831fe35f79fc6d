"""Opens adapter files as modules of one backbone; each file is opened only once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from app.adapters import (
    ADDRESSER,
    ANSWERS,
    CODEC,
    MELODI,
    RAG,
    SUMMARIES,
    WRITE_GATE,
    AdapterFiles,
)
from memory_models.adapter import Adapter, load_learned, merged
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.memories.addresser import Addresser
from memory_models.memories.codec import SlotCodec
from memory_models.memories.infini import InfiniGates, InfiniMaps
from memory_models.memories.melodi import MelodiConfig
from memory_models.memories.melodi_retrofit import MelodiRetrofit
from memory_models.memories.write_gate import WriteGate
from memory_models.prompt import ABSTAINED

T = TypeVar("T")


@dataclass(frozen=True)
class AdaptedDecoder:
    """The backbone's decoder with an adapter merged in; `name` is the hash of its weights."""

    name: str
    decoder: Decoder
    abstain_token: int  # the first token of an abstention


@dataclass(frozen=True)
class TrainedInfini:
    """Gates and maps of Infini-attention, and the segment length that they were trained for."""

    name: str
    gates: InfiniGates
    window: int
    answers: str  # the answer adapter that they were trained with; empty for none


@dataclass(frozen=True)
class TrainedMelodi:
    """MELODI's long-term memory for one backbone."""

    name: str
    learned: MelodiRetrofit
    answers: str  # the answer adapter that it was trained with; empty for none


class TrainedParts:
    """The trained parts of one backbone.

    A method returns None if no such part is installed. The part in use is looked up at every call,
    so that a newly installed one is used at once. With `name`, a method returns the part of that
    name, for a state that was made with it.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.files = AdapterFiles(backbone)
        self._backbone = backbone
        self._opened: dict[tuple[str, str], Any] = {}

    def write_gate(self, name: str = "") -> WriteGate | None:
        """The gate that scores slots while a segment is being read."""
        return self._part(WRITE_GATE, name, self._open_gate)

    def addresser(self) -> Addresser | None:
        """The module that weights a question's tokens when segments are ranked."""
        return self._part(ADDRESSER, "", self._open_addresser)

    def codec(self, name: str = "") -> SlotCodec | None:
        """The codec that stores slots in one to three bits a number."""
        return self._part(CODEC, name, lambda _, found: _codec(found))

    def infini(self, update: str, name: str = "") -> TrainedInfini | None:
        """Infini-attention's gates and maps for an update rule."""
        return self._part(f"infini-{update}", name, self._open_infini)

    def melodi(self, name: str = "") -> TrainedMelodi | None:
        """MELODI's long-term memory, fitted to this backbone."""
        return self._part(MELODI, name, self._open_melodi)

    def answers(self, name: str = "") -> AdaptedDecoder | None:
        """The decoder with the answer adapter."""
        return self._part(ANSWERS, name, self._open_answers)

    def summaries(self) -> AdaptedDecoder | None:
        """The decoder with the summary adapter on top of the answer adapter that it is over."""
        return self._over_answers(SUMMARIES)

    def rag(self) -> AdaptedDecoder | None:
        """The decoder that answers from retrieved passages; only comparisons use it."""
        return self._over_answers(RAG)

    def _part(self, kind: str, name: str, open_part: Callable[[str, Adapter], T]) -> T | None:
        name = name or self.files.in_use(kind) or ""
        if not name:
            return None
        if (kind, name) not in self._opened:
            found = self.files.load(kind, name)
            if found is None:
                return None
            self._opened[kind, name] = open_part(name, found)
        return cast(T, self._opened[kind, name])

    def _over_answers(self, kind: str) -> AdaptedDecoder | None:
        """An adapter merged over the answer adapter that it was trained over, if that is here."""

        def merge(name: str, found: Adapter) -> AdaptedDecoder | None:
            below = self.answers(str(found.notes["over"]))
            return None if below is None else self._adapted(name, below.decoder, found)

        return self._part(kind, "", merge)

    def _open_gate(self, _: str, found: Adapter) -> WriteGate:
        gate = WriteGate.from_weights(self._backbone.config, found.weights)
        return gate.to(self._backbone.decoder.device)

    def _open_addresser(self, _: str, found: Adapter) -> Addresser:
        heads = [(int(layer), int(head)) for layer, head in found.notes["heads"]]
        width, size = self._backbone.config.hidden_size, self._backbone.config.head_size
        made = Addresser.from_weights(heads, width, size, found.weights)
        return made.to(self._backbone.decoder.device)

    def _open_infini(self, name: str, found: Adapter) -> TrainedInfini:
        shape = self._backbone.config
        maps = InfiniMaps(shape.layers, shape.heads, shape.kv_heads, shape.head_size)
        gates = InfiniGates(shape.layers, shape.heads, maps=maps)
        gates.load_state_dict({key: value.float() for key, value in found.weights.items()})
        gates = gates.to(self._backbone.decoder.device).requires_grad_(False)
        return TrainedInfini(name, gates, int(found.notes["window"]), _trained_with(found))

    def _open_melodi(self, name: str, found: Adapter) -> TrainedMelodi:
        config = MelodiConfig(**found.notes["config"] | {"maps": name})
        learned = MelodiRetrofit(self._backbone.config, config)
        load_learned(learned, found.weights)
        learned = learned.to(self._backbone.decoder.device).requires_grad_(False)
        return TrainedMelodi(name, learned, _trained_with(found))

    def _open_answers(self, name: str, found: Adapter) -> AdaptedDecoder:
        return self._adapted(name, self._backbone.decoder, found)

    def _adapted(self, name: str, below: Decoder, found: Adapter) -> AdaptedDecoder:
        decoder = merged(below, found.weights, float(found.notes["scale"]))
        return AdaptedDecoder(name, decoder, self._backbone.tokenizer.encode(ABSTAINED)[0])


def _trained_with(adapter: Adapter) -> str:
    """The answer adapter that a memory was trained with, also by the note's older name."""
    return str(adapter.notes.get("answers") or adapter.notes.get("reader") or "")


def _codec(adapter: Adapter) -> SlotCodec:
    pairs = [(int(layer), int(head)) for layer, head in adapter.notes["address_pairs"]]
    return SlotCodec(adapter.weights, pairs)

"""Trained adapters of a backbone: its own, lying beside its weights, else those shipped with us.

`bookstate train` writes into `<backbone folder>/adapters`; `assets/adapters/<backbone hash>` holds
what ships. Both are checked against the backbone's hash and refused by name where it differs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from memory_models.adapter import Adapter, load_adapter, load_learned, merged
from memory_models.backbone import Backbone
from memory_models.decoder import Decoder
from memory_models.memories.addresser import Addresser
from memory_models.memories.codec import SlotCodec
from memory_models.memories.infini import InfiniGates, InfiniMaps
from memory_models.memories.melodi import MelodiConfig
from memory_models.memories.melodi_retrofit import MelodiRetrofit
from memory_models.memories.write_gate import WriteGate
from memory_models.memory import to_bytes
from memory_models.prompt import ABSTAINED

READER, WRITE_GATE, ADDRESSER, CODEC = "reader", "write_gate", "addresser", "codec"
RETRIEVAL_READER, TELLER = "retrieval_reader", "teller"  # trained over the reader, kept apart


def own_folder(backbone: Backbone) -> Path:
    """Where this backbone's own adapters are written."""
    return backbone.folder / "adapters"


def find_adapter(backbone: Backbone, kind: str) -> Adapter | None:
    """The adapter of a kind, or None where none was trained for this backbone."""
    own = own_folder(backbone) / f"{kind}.safetensors"
    if own.is_file():
        return load_adapter(own, backbone.sha256)
    shipped = _shipped(backbone)
    if not (shipped / f"{kind}.safetensors").is_file():
        return None
    with as_file(shipped) as folder:
        return load_adapter(folder / f"{kind}.safetensors", backbone.sha256)


def _shipped(backbone: Backbone) -> Traversable:
    return files("assets") / "adapters" / backbone.sha256[:16]


@lru_cache(maxsize=2)
def write_gate(backbone: Backbone) -> WriteGate | None:
    """The gate that makes reading single-pass, where one was trained."""
    found = find_adapter(backbone, WRITE_GATE)
    if found is None:
        return None
    return WriteGate.from_weights(backbone.config, found.weights).to(backbone.decoder.device)


@lru_cache(maxsize=2)
def addresser(backbone: Backbone) -> Addresser | None:
    """What weighs a question's tokens when windows are looked for, where one was trained."""
    found = find_adapter(backbone, ADDRESSER)
    if found is None:
        return None
    heads = [(int(layer), int(head)) for layer, head in found.notes["heads"]]
    width, size = backbone.config.hidden_size, backbone.config.head_size
    made = Addresser.from_weights(heads, width, size, found.weights)
    return made.to(backbone.decoder.device)


@dataclass(frozen=True)
class TrainedInfini:
    """Gates and maps of Infini-attention; `name` is a hash of them, `window` what they read."""

    name: str
    gates: InfiniGates
    window: int


@lru_cache(maxsize=4)
def trained_infini(backbone: Backbone, update: str) -> TrainedInfini | None:
    """What was trained for an update rule, where it was."""
    found = find_adapter(backbone, f"infini-{update}")
    if found is None:
        return None
    shape = backbone.config
    maps = InfiniMaps(shape.layers, shape.heads, shape.kv_heads, shape.head_size)
    gates = InfiniGates(shape.layers, shape.heads, maps=maps)
    gates.load_state_dict({name: value.float() for name, value in found.weights.items()})
    name = hashlib.sha256(to_bytes(found.weights)).hexdigest()[:16]
    return TrainedInfini(
        name, gates.to(backbone.decoder.device).requires_grad_(False), int(found.notes["window"])
    )


@dataclass(frozen=True)
class TrainedMelodi:
    """What MELODI learnt beside this backbone; `name` is a hash of it."""

    name: str
    learned: MelodiRetrofit


@lru_cache(maxsize=2)
def trained_melodi(backbone: Backbone) -> TrainedMelodi | None:
    """MELODI's long-term memory for this backbone, where one was trained."""
    found = find_adapter(backbone, "melodi")
    if found is None:
        return None
    name = hashlib.sha256(to_bytes(found.weights)).hexdigest()[:16]
    config = MelodiConfig(**found.notes["config"] | {"maps": name})
    learned = MelodiRetrofit(backbone.config, config)
    load_learned(learned, found.weights)
    return TrainedMelodi(name, learned.to(backbone.decoder.device).requires_grad_(False))


@lru_cache(maxsize=2)
def codec(backbone: Backbone) -> SlotCodec | None:
    """What codes new slots in few bits, where one was trained."""
    found = find_adapter(backbone, CODEC)
    return _codec_of(found) if found is not None else None


@lru_cache(maxsize=4)
def codec_named(backbone: Backbone, name: str) -> SlotCodec | None:
    """The codec that a state was written with, also when there is a newer one by now."""
    with as_file(_shipped(backbone)) as shipped:
        for folder in (own_folder(backbone), shipped):
            for path in sorted(folder.glob(f"{CODEC}*.safetensors")):
                found = _codec_of(load_adapter(path, backbone.sha256))
                if found.name == name:
                    return found
    return None


def retire_codec(backbone: Backbone) -> None:
    """Make room for a new own codec; the old one stays for the states written with it."""
    path = own_folder(backbone) / f"{CODEC}.safetensors"
    if path.is_file():
        name = _codec_of(load_adapter(path, backbone.sha256)).name
        for suffix in (".safetensors", ".json"):
            path.with_suffix(suffix).rename(path.with_name(f"{CODEC}-{name}{suffix}"))


def _codec_of(adapter: Adapter) -> SlotCodec:
    pairs = [(int(layer), int(head)) for layer, head in adapter.notes["address_pairs"]]
    return SlotCodec(adapter.weights, pairs)


@dataclass(frozen=True)
class TrainedReader:
    """The decoder that answers, a trained reader merged in; `name` is a hash of its weights."""

    name: str
    decoder: Decoder
    abstain_token: int  # first token of declining


@lru_cache(maxsize=2)
def trained_reader(backbone: Backbone) -> TrainedReader | None:
    """The trained reader, where there is one."""
    found = find_adapter(backbone, READER)
    if found is None:
        return None
    return _merged(backbone, backbone.decoder, found)


@lru_cache(maxsize=2)
def retrieval_reader(backbone: Backbone) -> TrainedReader | None:
    """The reader trained on over what BM25 retrieves, for comparison, where it fits the reader."""
    return _over_reader(backbone, RETRIEVAL_READER)


@lru_cache(maxsize=2)
def teller(backbone: Backbone) -> TrainedReader | None:
    """The reader trained on to sum windows up, where it fits the reader."""
    return _over_reader(backbone, TELLER)


def _over_reader(backbone: Backbone, kind: str) -> TrainedReader | None:
    reader, found = trained_reader(backbone), find_adapter(backbone, kind)
    if reader is None or found is None or found.notes["over"] != reader.name:
        return None
    return _merged(backbone, reader.decoder, found)


def _merged(backbone: Backbone, decoder: Decoder, found: Adapter) -> TrainedReader:
    return TrainedReader(
        hashlib.sha256(to_bytes(found.weights)).hexdigest()[:16],
        merged(decoder, found.weights, float(found.notes["scale"])),
        backbone.tokenizer.encode(ABSTAINED)[0],
    )

"""Backbones and memories by name: which folder, which calibration, which adapter.

A backbone's calibration (its addressing heads and how confidence is read off likelihoods) lies
beside its weights as `calibration.json`; the default backbone's ships in `assets/calibration`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from app.adapters import (
    addresser,
    codec,
    codec_named,
    trained_infini,
    trained_melodi,
    trained_reader,
    write_gate,
)
from app.errors import BookstateError
from app.settings import Preset, Settings
from memory_models import backbone as backbones
from memory_models.address import Head
from memory_models.backbone import DEFAULT_BACKBONE, Backbone, Progress
from memory_models.decoder import Decoder, DecoderConfig
from memory_models.errors import ModelNotFound
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.codec import CODED_BITS
from memory_models.memories.infini import InfiniConfig, InfiniGates
from memory_models.memories.infini_memory import InfiniMemory
from memory_models.memories.melodi import MelodiConfig, MelodiMemory, MelodiMixers
from memory_models.memories.melodi_retrofit import RetrofitMemory

CALIBRATION = "calibration.json"
MEMORY_NOTES = {
    "adaptive": "Keeps the slots that matter, finds the windows a question is about. Works as it "
    "is, for books of any length; the state grows with the book.",
    "melodi": "Short-term summaries and a long-term queue of 128 windows; a few megabytes.",
    "infini": "One matrix a head, the same size for any length of book; about 1.5 MB.",
}
UNTRAINED = (
    "No trained adapter for this memory is installed yet: it reads and answers, but its answers "
    "carry little of the document. Use adaptive for real work."
)
FITTED = (
    "This memory was fitted to the backbone in an hour or two: it finds pass keys, but its answers "
    "carry little of the document. Use adaptive for real work."
)


@dataclass(frozen=True, slots=True)
class Confidence:
    """Logistic reading of an answer's likelihoods; fitted by `bookstate calibrate`."""

    bias: float
    gain: float
    log_prob: float
    threshold: float  # below it, an answer counts as not supported
    support: float = 0.0
    declining: float = 0.0  # support below which a trained reader declines

    @classmethod
    def uncalibrated(cls) -> Confidence:
        """Half at no gain, until `bookstate calibrate` has measured this backbone."""
        return cls(bias=0.0, gain=1.0, log_prob=0.0, threshold=0.5)

    @classmethod
    def of_reader(cls) -> Confidence:
        """What a trained reader says of itself, until it is calibrated."""
        return cls(0.0, 0.0, 0.0, threshold=0.5, support=1.0, declining=0.5)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured on a backbone."""

    address_heads: tuple[Head, ...]
    confidence: Confidence
    measured: bool


def backbone_folder(settings: Settings) -> Path:
    """Where the chosen backbone is, present or not."""
    if settings.backbone == "default":
        return settings.models / DEFAULT_BACKBONE.name
    given = Path(settings.backbone).expanduser()
    if (given / "config.json").is_file():
        return given.resolve()
    return settings.models / settings.backbone.replace("/", "--")


def load_backbone(settings: Settings, progress: Progress) -> Backbone:
    """The chosen backbone; the default one is fetched first where it is not there yet."""
    folder = backbone_folder(settings)
    if not backbones.is_present(folder):
        if settings.backbone != "default":
            raise ModelNotFound(
                f"Backbone {settings.backbone!r} is neither a folder with a config.json nor "
                f"pulled; run `bookstate models pull {settings.backbone}`."
            )
        backbones.fetch_default(folder, progress)
    return backbones.load(folder, dtype=backbones.dtype_named(settings.dtype))


def read_calibration(backbone: Backbone, reader: str = "") -> Calibration:
    """The backbone's own calibration, the shipped one for the same weights, or the plain guess.

    reader: name of the trained reader that answers, empty for the backbone itself; confidence is
    calibrated for each.
    """
    raw = calibration_json(backbone)
    if raw is not None:
        return parse_calibration(raw, reader, backbone.name)
    heads = guessed_heads(backbone.config)
    confidence = Confidence.of_reader() if reader else Confidence.uncalibrated()
    return Calibration(heads, confidence, measured=False)


def calibration_json(backbone: Backbone) -> dict[str, Any] | None:
    """The backbone's own calibration file, or the shipped one for the same weights."""
    own = backbone.folder / CALIBRATION
    shipped = files("assets") / "calibration" / f"{backbone.sha256[:16]}.json"
    for file in (own, shipped):
        if file.is_file():
            try:
                raw: dict[str, Any] = json.loads(file.read_text("utf-8"))
            except ValueError as error:
                raise BookstateError(
                    f"{file} is not JSON ({error}); run `bookstate calibrate` again."
                ) from error
            return raw
    return None


def reader_name(backbone: Backbone, settings: Settings) -> str:
    """Name of the trained reader in use, empty for none."""
    reader = trained_reader(backbone) if settings.adapters else None
    return reader.name if reader else ""


def parse_calibration(raw: dict[str, Any], reader: str, source: str) -> Calibration:
    """What a calibration file says, for a reader or with an empty name for the backbone itself."""
    try:
        heads = tuple((int(layer), int(head)) for layer, head in raw["address_heads"])
        if not reader:
            return Calibration(heads, Confidence(**raw["confidence"]), measured=True)
        fitted = raw.get("reader_confidence", {}).get(reader)
        confidence = Confidence(**fitted) if fitted else Confidence.of_reader()
        return Calibration(heads, confidence, measured=fitted is not None)
    except (KeyError, TypeError, ValueError) as error:
        raise BookstateError(
            f"The calibration of {source} is not one ({error!r}); run `bookstate calibrate` again."
        ) from error


def guessed_heads(config: DecoderConfig) -> tuple[Head, ...]:
    """One query head of every key/value head of two layers at three fifths of the depth.

    Where addressing heads were measured they sat there; `bookstate calibrate` finds the real ones.
    """
    middle = min(config.layers - 1, round(0.58 * config.layers))
    layers = sorted({middle, min(config.layers - 1, middle + 1)})
    return tuple((layer, head) for layer in layers for head in range(0, config.heads, config.group))


AnyMemory = AdaptiveMemory | InfiniMemory | MelodiMemory | RetrofitMemory


def kept(backbone: Backbone, settings: Settings) -> Preset:
    """What new adaptive states of this backbone keep."""
    return settings.kept(coded=settings.adapters and codec(backbone) is not None)


def new_memory(
    kind: str, backbone: Backbone, settings: Settings, heads: tuple[Head, ...] | None = None
) -> AnyMemory:
    """A memory of the given kind as new documents get it; `heads` in place of the calibrated."""
    if kind == "adaptive":
        gate = write_gate(backbone) if settings.adapters else None
        coding = codec(backbone)
        share, slot_bits = kept(backbone, settings)
        adaptive = AdaptiveConfig(
            address_heads=heads or read_calibration(backbone).address_heads,
            window=settings.window,
            share=share,
            slot_bits=slot_bits,
            gate=gate.name if gate is not None else "",
            codec=coding.name if coding is not None and slot_bits in CODED_BITS else "",
            words=True,
        )
        return _adaptive(backbone, adaptive, settings)
    if kind == "infini":
        trained = trained_infini(backbone, settings.infini_update) if settings.adapters else None
        if trained is None:
            return _infini(backbone, InfiniConfig(update=settings.infini_update), settings)
        config = InfiniConfig(
            trained.window, settings.infini_update, parallel=True, maps=trained.name
        )
        return _infini(backbone, config, settings)
    if kind == "melodi":
        fitted = trained_melodi(backbone) if settings.adapters else None
        if fitted is not None:
            return RetrofitMemory(backbone.decoder, fitted.learned, _reader(backbone, settings))
        W = settings.window  # noqa: N806 - the paper's letter
        sizes = MelodiConfig(window=W, short=max(1, W // 4), long=max(1, W // 8))  # S128+L64
        return _melodi(backbone, sizes, settings)
    raise BookstateError(f"Memory {kind!r} is not known; choose adaptive, melodi or infini.")


def stored_memory(kind: str, config: str, backbone: Backbone, settings: Settings) -> AnyMemory:
    """The memory that made a stored state, from the configuration stored beside it."""
    raw = json.loads(config)
    if kind == "adaptive":
        raw["address_heads"] = tuple((layer, head) for layer, head in raw["address_heads"])
        return _adaptive(backbone, AdaptiveConfig(**raw), settings)
    if kind == "infini":
        return _infini(backbone, InfiniConfig(**raw), settings)
    return _melodi(backbone, MelodiConfig(**raw), settings)


def _adaptive(backbone: Backbone, config: AdaptiveConfig, settings: Settings) -> AdaptiveMemory:
    decoder = _reader(backbone, settings)
    weigh = addresser(backbone) if settings.adapters else None
    coding = codec_named(backbone, config.codec) if config.codec else None
    return AdaptiveMemory(backbone, config, write_gate(backbone), decoder, weigh, coding)


def _reader(backbone: Backbone, settings: Settings) -> Decoder | None:
    """Who answers in the backbone's place, where a reader was trained and adapters are in use."""
    reader = trained_reader(backbone) if settings.adapters else None
    return reader.decoder if reader else None


def caution(kind: str, backbone: Backbone, settings: Settings) -> str:
    """What to say before somebody relies on a memory of this kind; empty for the default one."""
    if kind == "adaptive":
        return ""
    if not settings.adapters:
        return UNTRAINED
    infini = kind == "infini" and trained_infini(backbone, settings.infini_update)
    return FITTED if infini or (kind == "melodi" and trained_melodi(backbone)) else UNTRAINED


def memory_config(memory: AnyMemory) -> str:
    """Canonical JSON of a memory's configuration."""
    return json.dumps(asdict(memory.config), sort_keys=True)


def _infini(backbone: Backbone, config: InfiniConfig, settings: Settings) -> InfiniMemory:
    shape = backbone.config
    if not config.maps:
        gates = InfiniGates(shape.layers, shape.heads).to(backbone.decoder.device)
        return InfiniMemory(backbone.decoder, gates, config)
    trained = trained_infini(backbone, config.update)
    if trained is None or trained.name != config.maps:
        raise BookstateError(
            f"This state is written with Infini maps {config.maps}, which are not installed; "
            "read the document again."
        )
    return InfiniMemory(backbone.decoder, trained.gates, config, _reader(backbone, settings))


def _melodi(
    backbone: Backbone, config: MelodiConfig, settings: Settings
) -> MelodiMemory | RetrofitMemory:
    if config.maps:
        fitted = trained_melodi(backbone)
        if fitted is None or fitted.name != config.maps:
            raise BookstateError(
                f"This state is written with the MELODI adapter {config.maps}, which is not "
                "installed; read the document again."
            )
        return RetrofitMemory(backbone.decoder, fitted.learned, _reader(backbone, settings))
    with torch.random.fork_rng():
        torch.manual_seed(0)  # untrained mixers must be the same in every process
        mixers = MelodiMixers(backbone.config, config)
    return MelodiMemory(backbone.decoder, mixers.to(backbone.decoder.device), config)

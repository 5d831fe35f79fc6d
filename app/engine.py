"""The engine: a backbone with its calibration and trained adapters, made from settings.

`Library` holds one to read documents and answer questions; training and evaluation need nothing
else of the product. Everything is loaded when it is first needed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from app.adapters import ANSWERS
from app.calibration import Calibration, read_calibration
from app.errors import BookstateError, InvalidSetting
from app.memory_config import parse_config
from app.settings import Preset, Settings
from app.trained import TrainedParts
from memory_models import backbone as backbones
from memory_models.address import Head
from memory_models.backbone import DEFAULT_BACKBONE, Backbone, Progress
from memory_models.decoder import Decoder
from memory_models.errors import ModelNotFound
from memory_models.generate import Abstention
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.codec import CODED_BITS
from memory_models.memories.infini import InfiniConfig, InfiniGates
from memory_models.memories.infini_memory import InfiniMemory
from memory_models.memories.melodi import MelodiConfig, MelodiMixers
from memory_models.memories.melodi_memory import MelodiMemory
from memory_models.memories.melodi_retrofit import RetrofitMemory
from memory_models.recall import AnyMemory, RecurrentMemory

MEMORY_NOTES = {
    "adaptive": "Keeps what matters of each part of a book and finds the parts that a question is "
    "about. Works for books of any length, and grows with the book.",
    "melodi": "Keeps a short summary of each of the last 128 parts of a book; a few megabytes.",
    "infini": "Keeps about 1.5 MB, however long the book is.",
}
UNTRAINED = (
    "No trained adapter for this memory is installed, so its answers will have little to do with "
    "the document. Use the adaptive memory for real work."
)
FITTED = (
    "This memory was trained for only an hour or two. It finds pass keys in a long text, but other "
    "answers will have little to do with the document. Use the adaptive memory for real work."
)


def no_progress(*_: object) -> None:
    """A progress callback that does nothing."""


class Engine:
    """What reads and answers: backbone, calibration, adapters, and memories made of these."""

    def __init__(
        self,
        settings: Settings,
        on_fetch: Progress = no_progress,
        calibration: Calibration | None = None,
    ) -> None:
        """calibration: used instead of the stored one, for example while a new one is fitted."""
        self.settings = settings
        self._on_fetch = on_fetch
        self._calibration = calibration

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone: loaded when it is first needed, and fetched before if it is missing."""
        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)
        return load_backbone(self.settings, self._on_fetch)

    @cached_property
    def trained(self) -> TrainedParts:
        """The installed trained parts, even if the settings switch them off."""
        return TrainedParts(self.backbone)

    @property
    def answers(self) -> str:
        """The name of the answer adapter in use; empty if there is none."""
        return (self.trained.files.in_use(ANSWERS) or "") if self.settings.adapters else ""

    @property
    def calibration(self) -> Calibration:
        """What was measured on the backbone, for the answer adapter in use."""
        return self._calibration or read_calibration(self.backbone, self.answers)

    @property
    def abstention(self) -> Abstention | None:
        """When the answer adapter abstains; None without an answer adapter."""
        adapted = self.trained.answers() if self.settings.adapters else None
        if adapted is None:
            return None
        return Abstention(adapted.abstain_token, self.calibration.confidence.abstain_below)

    def abstention_of(self, memory: AnyMemory) -> Abstention | None:
        """The same for one memory. The threshold is fitted for adaptive states; others use 0.5."""
        abstention = self.abstention if memory.has_answer_adapter else None
        if abstention is None or memory.kind == "adaptive":
            return abstention
        return replace(abstention, threshold=0.5)

    def changed(self, calibration: Calibration | None = None, **settings: object) -> Engine:
        """An engine under other settings that shares this one's backbone and trained parts."""
        other = Engine(
            self.settings.model_copy(update=settings),
            self._on_fetch,
            calibration or self._calibration,
        )
        other.__dict__["backbone"] = self.backbone
        other.__dict__["trained"] = self.trained
        return other

    # Memories

    @property
    def kept(self) -> Preset:
        """The share of slots that new adaptive states keep, and the bits of each number."""
        coded = self.settings.adapters and self.trained.codec() is not None
        return self.settings.kept(coded=coded)

    def new_memory(self, kind: str) -> AnyMemory:
        """A memory of the given kind for a new reading."""
        return self.new_adaptive() if kind == "adaptive" else self.new_recurrent(kind)

    def new_adaptive(self, heads: tuple[Head, ...] | None = None) -> AdaptiveMemory:
        """An adaptive memory; `heads` replaces the calibrated addressing heads."""
        gate = self.trained.write_gate() if self.settings.adapters else None
        codec = self.trained.codec()
        keep_ratio, slot_bits = self.kept
        config = AdaptiveConfig(
            address_heads=heads or self.calibration.address_heads,
            window=self.settings.window,
            keep_ratio=keep_ratio,
            slot_bits=slot_bits,
            gate=gate.name if gate is not None else "",
            codec=codec.name if codec is not None and slot_bits in CODED_BITS else "",
            words=True,
        )
        return self.adaptive(config)

    def new_recurrent(self, kind: str) -> RecurrentMemory:
        """A recurrent memory of the given kind."""
        if kind == "infini":
            return self._new_infini()
        if kind == "melodi":
            return self._new_melodi()
        raise BookstateError(f"There is no memory {kind!r}; choose adaptive, melodi or infini.")

    def stored_memory(self, kind: str, config: str) -> AnyMemory:
        """The memory that made a stored state, built from the configuration stored with it."""
        parsed = parse_config(kind, config)
        if isinstance(parsed, AdaptiveConfig):
            return self.adaptive(parsed)
        return self._infini(parsed) if isinstance(parsed, InfiniConfig) else self._melodi(parsed)

    def adaptive(self, config: AdaptiveConfig) -> AdaptiveMemory:
        """An adaptive memory of this configuration."""
        return AdaptiveMemory(
            self.backbone,
            config,
            self.trained.write_gate(config.gate) if config.gate else None,
            self._answering_decoder(),
            self.trained.addresser() if self.settings.adapters else None,
            self.trained.codec(config.codec) if config.codec else None,
        )

    def caution(self, kind: str) -> str:
        """A warning to show before a memory of this kind is used; empty for the default."""
        if kind == "adaptive":
            return ""
        if not self.settings.adapters:
            return UNTRAINED
        infini = kind == "infini" and self.trained.infini(self.settings.infini_update)
        return FITTED if infini or (kind == "melodi" and self.trained.melodi()) else UNTRAINED

    def _answering_decoder(self, trained_with: str = "") -> Decoder | None:
        """The decoder with the answer adapter, if there is one and adapters are switched on.

        trained_with: the answer adapter that a memory was trained with, which answers from it as
        long as it is installed.
        """
        if not self.settings.adapters:
            return None
        adapted = (self.trained.answers(trained_with) if trained_with else None) or (
            self.trained.answers()
        )
        return adapted.decoder if adapted else None

    def _new_infini(self) -> InfiniMemory:
        update = self.settings.infini_update
        trained = self.trained.infini(update) if self.settings.adapters else None
        if trained is None:
            return self._infini(InfiniConfig(update=update))
        return self._infini(InfiniConfig(trained.window, update, parallel=True, maps=trained.name))

    def _infini(self, config: InfiniConfig) -> InfiniMemory:
        decoder, shape = self.backbone.decoder, self.backbone.config
        if not config.maps:
            gates = InfiniGates(shape.layers, shape.heads).to(decoder.device)
            return InfiniMemory(decoder, gates, config)
        trained = self.trained.infini(config.update, config.maps)
        if trained is None:
            raise BookstateError(
                f"This document was read with the Infini adapter {config.maps}, which is not "
                "installed; install it or read the document again."
            )
        return InfiniMemory(
            decoder, trained.gates, config, self._answering_decoder(trained.answers)
        )

    def _new_melodi(self) -> MelodiMemory | RetrofitMemory:
        fitted = self.trained.melodi() if self.settings.adapters else None
        if fitted is not None:
            return self._melodi(fitted.learned.config)
        W = self.settings.window  # noqa: N806 - the paper's letter
        sizes = MelodiConfig(window=W, short=max(1, W // 4), long=max(1, W // 8))  # S128+L64
        return self._melodi(sizes)

    def _melodi(self, config: MelodiConfig) -> MelodiMemory | RetrofitMemory:
        decoder = self.backbone.decoder
        if config.maps:
            fitted = self.trained.melodi(config.maps)
            if fitted is None:
                raise BookstateError(
                    f"This document was read with the MELODI adapter {config.maps}, which is not "
                    "installed; install it or read the document again."
                )
            return RetrofitMemory(decoder, fitted.learned, self._answering_decoder(fitted.answers))
        with torch.random.fork_rng():
            torch.manual_seed(0)  # untrained mixers must be the same in every process
            mixers = MelodiMixers(self.backbone.config, config)
        return MelodiMemory(decoder, mixers.to(decoder.device), config)

    def check_backbone(self, sha256: str, name: str, title: str) -> None:
        """Raise InvalidSetting if a state was made with another backbone than the loaded one."""
        if sha256 != self.backbone.sha256:
            raise InvalidSetting(
                f"{title!r} was read with the backbone {name!r} ({sha256[:12]}), but "
                f"{self.backbone.name!r} ({self.backbone.sha256[:12]}) is loaded; choose it with "
                "--backbone."
            )


def backbone_folder(settings: Settings) -> Path:
    """The folder of the chosen backbone, which may not exist yet."""
    if settings.backbone == "default":
        return settings.models / DEFAULT_BACKBONE.name
    given = Path(settings.backbone).expanduser()
    if (given / "config.json").is_file():
        return given.resolve()
    return settings.models / settings.backbone.replace("/", "--")


def load_backbone(settings: Settings, progress: Progress) -> Backbone:
    """Load the chosen backbone; the default one is fetched first if it is missing."""
    folder = backbone_folder(settings)
    if not backbones.is_present(folder):
        if settings.backbone != "default":
            raise ModelNotFound(
                f"Backbone {settings.backbone!r} is neither a folder with a config.json nor a "
                f"fetched model; run `bookstate models pull {settings.backbone}`."
            )
        backbones.fetch_default(folder, progress)
    return backbones.load(folder, dtype=backbones.dtype_named(settings.dtype))

"""The papers' systems and sizes by name, and the options that `@key=value` after a name changes.

`melodi_s128_l64` has the paper's name at every size. Its short- and long-term tokens are the same
fraction of the window as in the paper (S = W/4, L = W/8; `melodi_s192_l96`: 3W/8 and 3W/16). An
ablation is a system with changed options: `melodi_s128_l64@memory=short`, `xl@window=32`. Several
changes are separated by commas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch

from lab.papers.train import Recipe
from memory_models.decoder import DecoderConfig
from memory_models.errors import InvalidRequest
from memory_models.memories.infini import InfiniConfig
from memory_models.memories.melodi import MelodiConfig
from memory_models.papers.block_recurrent import BlockRecurrentSystem
from memory_models.papers.compressive import CompressiveConfig, CompressiveSystem
from memory_models.papers.infini import InfiniSystem, InfiniVariant
from memory_models.papers.local import LocalConfig, LocalSystem
from memory_models.papers.melodi import MelodiSystem, MelodiVariant
from memory_models.papers.memorizing import MemorizingConfig, MemorizingSystem
from memory_models.papers.rmt import RmtSystem
from memory_models.papers.system import AnySystem


@dataclass(frozen=True, slots=True)
class Size:
    """A decoder, the sizes that its memories share, and how it is trained and evaluated."""

    name: str
    decoder: DecoderConfig
    window: int  # tokens
    queue: int  # windows that the memories of Memorizing and MELODI hold
    top: int  # slots that a query of Memorizing retrieves
    recipe: Recipe
    read_tokens: int  # tokens of each held-out book that are read for evaluation
    read_rows: int  # books that are read at once


@dataclass(frozen=True, slots=True)
class Options:
    """The options that `@key=value` may change; a system ignores those that it does not have."""

    window: int  # these three as in `Size`
    queue: int
    top: int
    rate: int = 4  # Compressive's compression rate
    short: int = 0  # MELODI's S in sixteenths of the window; 0: the system's own
    long: int = 0  # MELODI's L in sixteenths of the window; 0: the system's own
    memory: Literal["both", "short", "long"] = "both"  # from here on MelodiVariant's
    branching: bool = True
    start: Literal["random", "pooling", "strided"] = "random"
    layers: int = 1
    oldest: Literal["drop", "merge"] = "drop"
    mix: Literal["place", "content"] = "place"
    features: Literal["elu", "dpfp"] = "elu"  # from here on InfiniVariant's
    gate: Literal["learned", "mass", "open"] = "learned"
    together: int = 1


def _decoder(
    vocabulary: int, layers: int, width: int, heads: int, inner: int, theta: float = 10_000.0
) -> DecoderConfig:
    """A decoder of Qwen3's form, which is a Llama's with a learned norm on queries and keys."""
    return DecoderConfig(
        family="qwen3",
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        head_size=width // heads,
        rope_theta=theta,
        norm_eps=1e-6,
        max_positions=1 << 20,
        tied=True,
        qk_norm=True,
    )


SIZES = {
    "mini": Size(
        "mini",
        _decoder(2048, layers=4, width=128, heads=4, inner=344, theta=1e6),
        window=64,
        queue=128,
        top=32,
        recipe=Recipe(
            steps=700,
            rows=8,
            windows=8,
            passage=64,
            optimizer="muon",
            warmup=20,
            renamed=0.3,
            echoed=0.5,
        ),
        read_tokens=10_000,
        read_rows=33,
    ),
    "small": Size(
        "small",
        _decoder(32768, layers=10, width=384, heads=6, inner=1024),
        window=256,
        queue=128,
        top=32,
        recipe=Recipe(
            steps=1000, rows=16, windows=8, passage=512, rate=1.5e-3, warmup=100, renamed=0.5
        ),
        read_tokens=60_000,
        read_rows=8,
    ),
    "paper": Size(
        "paper",
        _decoder(32768, layers=13, width=1024, heads=8, inner=2752),
        window=512,
        queue=128,
        top=32,
        recipe=Recipe(
            steps=100_000,
            rows=32,
            windows=8,
            passage=1 << 20,
            optimizer="adafactor",
            rate=0.01,
            warmup=1000,
            decay=0.0,
            checkpointing=True,
        ),
        read_tokens=1 << 20,
        read_rows=8,
    ),
}


def _local(size: Size, options: Options, **kind: bool) -> AnySystem:
    return LocalSystem(size.decoder, options.window, LocalConfig(options.window, **kind))


def _window(size: Size, options: Options) -> AnySystem:
    return LocalSystem(size.decoder, options.window, LocalConfig())


def _block_recurrent(size: Size, options: Options) -> AnySystem:
    layer = max(0, size.decoder.layers - 3)
    return BlockRecurrentSystem(size.decoder, options.window, options.window, layer)


def _memorizing(size: Size, options: Options) -> AnySystem:
    memory = MemorizingConfig(options.queue * options.window, options.top, size.decoder.layers // 2)
    return MemorizingSystem(size.decoder, options.window, memory)


def _rmt(size: Size, options: Options) -> AnySystem:
    return RmtSystem(size.decoder, options.window, max(1, options.window // 8))


def _compressive(size: Size, options: Options) -> AnySystem:
    memory = CompressiveConfig(options.rate, options.window)
    return CompressiveSystem(size.decoder, options.window, memory)


def _infini(update: Literal["linear", "delta"]) -> Callable[[Size, Options], AnySystem]:
    def build(size: Size, options: Options) -> AnySystem:
        memory = InfiniConfig(options.window, update)
        variant = InfiniVariant(options.features, options.gate, options.together)
        return InfiniSystem(size.decoder, options.window, memory, variant)

    return build


def _melodi(short: int, long: int) -> Callable[[Size, Options], AnySystem]:
    def build(size: Size, options: Options) -> AnySystem:
        W = options.window
        memory = MelodiConfig(
            window=W,
            short=max(1, W * (options.short or short) // 16),
            long=max(1, W * (options.long or long) // 16),
            queue=options.queue,
            mixing="released",
        )
        variant = MelodiVariant(
            options.memory,
            options.branching,
            options.start,
            options.layers,
            options.oldest,
            options.mix,
        )
        return MelodiSystem(size.decoder, memory, variant)

    return build


SYSTEMS: Mapping[str, Callable[[Size, Options], AnySystem]] = {
    "window": _window,
    "sliding": lambda size, options: _local(size, options, sliding=True, gradient=True),
    "xl": _local,
    "rmt": _rmt,
    "compressive": _compressive,
    "block_recurrent": _block_recurrent,
    "memorizing": _memorizing,
    "infini_linear": _infini("linear"),
    "infini_delta": _infini("delta"),
    "melodi_s128_l64": _melodi(4, 2),
    "melodi_s192_l96": _melodi(6, 3),
}

ABLATIONS = (
    "melodi_s128_l64@memory=short",
    "melodi_s128_l64@memory=long",
    "melodi_s128_l64@branching=off",
    "melodi_s128_l64@short=1",
    "melodi_s128_l64@short=1,branching=off",
    "melodi_s128_l64@start=pooling",
    "melodi_s128_l64@start=strided",
    "melodi_s128_l64@mix=content",
    "melodi_s128_l64@layers=2",
    "melodi_s128_l64@queue=8,oldest=merge",
    "infini_linear@features=dpfp",
    "infini_linear@gate=mass",
    "infini_linear@gate=open",
    "infini_linear@together=4",
    *(f"melodi_s128_l64@queue={windows}" for windows in (2, 8, 32)),
    *(f"{system}@window={W}" for system in ("xl", "melodi_s128_l64") for W in (32, 128)),
)


def size_named(name: str) -> Size:
    """The size of this name; raises InvalidRequest where there is none."""
    if name not in SIZES:
        raise InvalidRequest(f"Size {name!r} is not known; choose one of {', '.join(SIZES)}.")
    return SIZES[name]


def parse(name: str, size: Size) -> tuple[str, Options]:
    """A system's name without its changes, and its options.

    Raises InvalidRequest for an unknown system, option or value.
    """
    system, _, changes = name.partition("@")
    if system not in SYSTEMS:
        raise InvalidRequest(f"System {system!r} is not known; choose one of {', '.join(SYSTEMS)}.")
    options = Options(window=size.window, queue=size.queue, top=size.top)
    for change in filter(None, changes.split(",")):
        key, _, value = change.partition("=")
        options = replace(options, **{key: _value(key, value, name)})
    return system, options


def _value(key: str, value: str, name: str) -> Any:
    """The value of the option `key` in the type that it has."""
    known = {f.name: getattr(Options(1, 1, 1), f.name) for f in fields(Options)}
    if key not in known:
        raise InvalidRequest(
            f"{name!r} changes the option {key!r}, which is not known; choose one of "
            f"{', '.join(known)}."
        )
    if key == "branching" and value in ("on", "off"):
        return value == "on"
    if isinstance(known[key], str):
        return value
    if value.isdecimal() and key != "branching":
        return int(value)
    wanted = "on or off" if key == "branching" else "a whole number"
    raise InvalidRequest(f"{name!r} sets {key} to {value!r}; it must be {wanted}.")


def build(name: str, size: Size, seed: int = 0) -> AnySystem:
    """A new system; with the same seed all systems start with the same decoder weights."""
    system, options = parse(name, size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SYSTEMS[system](size, options)


def recipe_of(name: str, size: Size) -> Recipe:
    """The size's training recipe for a system.

    Where the system has another window, the numbers of windows are scaled so that a step and a
    passage keep their numbers of tokens.
    """
    _, options = parse(name, size)
    if options.window == size.window:
        return size.recipe
    windows = size.recipe.windows * size.window // options.window
    passage = size.recipe.passage * size.window // options.window
    return replace(size.recipe, windows=max(1, windows), passage=max(1, passage))

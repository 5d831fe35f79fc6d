"""What every system of the papers is: a pure function (tokens, state) -> (logits, state).

A system holds parameters, never a state. A state is a NamedTuple of tensors with `detach`, and its
one convention makes rows independent: **a row of zeros is the empty state**, so that a row whose
book has ended starts afresh while its neighbours read on.

All systems share the blocks of `memory_models.decoder` (SwiGLU, RMSNorm, RoPE, tied embeddings)
with a learned RMS norm on queries and keys, as Memorizing, Block-Recurrent and MELODI have it; what
the papers put in place of these (ReLU, T5 or sinusoidal positions, dropout) is not repeated. With
equal seeds, equal parameters of two systems start equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from memory_models.decoder import Decoder, DecoderConfig
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memory import from_bytes, to_bytes


class State(Protocol):
    """A NamedTuple of tensors."""

    def detach(self) -> Self:
        """The same values, cut from the graph that made them."""
        ...

    def _asdict(self) -> dict[str, Any]: ...


S = TypeVar("S", bound=State)


class Read(NamedTuple):
    """Result of reading one window."""

    logits: Tensor  # [B,T,vocabulary]
    state: Any
    extra: Tensor  # [], a loss to be added to the cross-entropy; zero for most


class System(nn.Module, Generic[S]):
    """A decoder with one memory; subclasses define `empty` and `read`."""

    state_type: ClassVar[type[Any]]
    batch_axis: ClassVar[Mapping[str, int]] = {}  # of state fields where it is not 0

    def __init__(self, config: DecoderConfig, window: int) -> None:
        super().__init__()
        if window < 1:
            raise InvalidRequest(f"A window of {window} tokens; use at least 1.")
        self.window = window
        self.decoder = Decoder(config)
        initialise(self.decoder)

    def empty(self, batch: int) -> S:
        """The state of `batch` rows before anything was read."""
        raise NotImplementedError

    def read(self, tokens: Tensor, state: S) -> Read:
        """Read tokens [B,T], 0 < T <= window, with what was read before, then remember them."""
        raise NotImplementedError

    def gates(self) -> dict[str, Tensor]:
        """How much each head takes from memory, 0 to 1, for the tables; shape [layers,H] or [H]."""
        return {}

    def forward(self, tokens: Tensor, state: S) -> tuple[Tensor, S]:
        """(tokens [B,T], state) -> (logits [B,T,vocabulary], state)."""
        done = self.read(tokens, state)
        return done.logits, done.state

    def check(self, tokens: Tensor, rows: int) -> None:
        """Refuse a window that is too long, and a state of another batch."""
        B, T = tokens.shape
        if not 0 < T <= self.window:
            raise InvalidRequest(f"A window of {T} tokens; split it to 1 to {self.window}.")
        if rows != B:
            raise InvalidRequest(f"{B} rows of tokens with a state of {rows}; give one for each.")

    def done(self, hidden: Tensor, state: S, extra: Tensor | None = None) -> Read:
        """hidden [B,T,D] of the last layer -> Read."""
        nothing = hidden.new_zeros(()) if extra is None else extra
        return Read(self.decoder.logits(hidden), state, nothing)


AnySystem = System[Any]


def initialise(module: nn.Module, layers: int | None = None) -> None:
    """Normal weights of std sqrt(2 / 5D); what writes to the residual stream, 2 / (layers sqrt(D)).

    As in GPT-NeoX. Embeddings have std 0.02, which tied logits need. Norms stay at one.
    """
    config = getattr(module, "config", None)
    depth = config.layers if isinstance(config, DecoderConfig) else layers or 1
    for name, part in module.named_modules():
        if isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=0.02)
        elif isinstance(part, nn.Linear) and not name.endswith("lm_head"):
            width = min(part.in_features, part.out_features)
            writes = name.endswith(("o_proj", "down_proj"))
            std = 2 / (depth * math.sqrt(width)) if writes else math.sqrt(2 / (5 * width))
            nn.init.normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def parameters_of(system: AnySystem) -> int:
    """Number of parameters, tied ones once."""
    return sum(p.numel() for p in system.parameters())


def state_floats(system: AnySystem, state: State) -> int:
    """Floating-point numbers that one row of a state holds, counted from its tensors."""
    total = 0
    for name, tensor in state._asdict().items():
        rows = tensor.shape[system.batch_axis.get(name, 0)]
        total += tensor.numel() // max(1, rows) if tensor.is_floating_point() else 0
    return total


def restart(system: AnySystem, state: S, fresh: Tensor) -> S:
    """The state with the rows of `fresh` [B] empty again."""
    if not bool(fresh.any()):
        return state
    parts = {}
    for name, tensor in state._asdict().items():
        axis = system.batch_axis.get(name, 0)
        shape = [1] * tensor.dim()
        shape[axis] = -1
        parts[name] = tensor.masked_fill(fresh.view(shape), 0)
    after: S = rebuild(system, parts)
    return after


def rebuild(system: AnySystem, parts: Mapping[str, Tensor]) -> Any:
    """A state of this system from its named tensors."""
    fields: Iterable[str] = system.state_type._fields
    missing = sorted(set(fields) - set(parts))
    if missing:
        raise BrokenState(f"A state lacks {missing}; it was saved by another system.")
    return system.state_type(**{name: parts[name] for name in fields})


def state_to_bytes(state: State) -> bytes:
    """Safetensors; equal states give equal bytes."""
    return to_bytes(state._asdict())


def state_from_bytes(system: AnySystem, blob: bytes) -> Any:
    """Inverse of `state_to_bytes`."""
    device: torch.device = system.decoder.device
    return rebuild(system, from_bytes(blob, device))

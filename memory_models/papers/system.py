"""What every system of the papers is: a pure function (tokens, state) -> (logits, state).

A system holds parameters, never a state. A state is a NamedTuple of tensors with `detach`, and its
one convention makes rows independent: **a row of zeros is the empty state**, so that a row whose
book has ended starts afresh while its neighbours read on.

All systems share the blocks of `memory_models.decoder` (SwiGLU, RMSNorm, RoPE, tied embeddings)
with a learned RMS norm on queries and keys, as Memorizing, Block-Recurrent and MELODI have it; what
the papers put in place of these (ReLU, T5 or sinusoidal positions, dropout) is not repeated. With
equal seeds, equal parameters of two systems start equal.

Copying from context, which every memory here lives by, takes more tokens to emerge than a small run
has. So the shared decoder is given a start from which it is near, the same for all systems: a token
enters with the one before it (`TokenShift`), and attention starts (`start_copying`) as a search for
what followed this token before, as in mimetic initialisation (arXiv 2305.09828). Memories hold what
layers make of tokens and are not shifted; all weights stay free to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.decoder import Attention, Decoder, DecoderConfig
from memory_models.errors import BrokenState, InvalidRequest


class State(Protocol):
    """A NamedTuple of tensors."""

    def detach(self) -> Self:
        """The same values, cut from the graph that made them."""
        ...

    def _asdict(self) -> dict[str, Any]: ...


SHARPNESS = 2.0  # learned scale of normalised queries at the start
COPYING = 0.5  # how much of a token's vector attention hands on at the start
S = TypeVar("S", bound=State)


class Read(NamedTuple):
    """Result of reading one window."""

    logits: Tensor  # [B,T,vocabulary]
    state: Any
    extra: Tensor  # [], a loss to be added to the cross-entropy; zero for most


class TokenShift(nn.Module):
    """x_t = norm(e_t) + W norm(e_{t-1}); the first token of a window has none before it.

    Norms without weights: tied embeddings are small at the start, and would drown among what the
    first layers write.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)

    def forward(self, e: Tensor) -> Tensor:
        """e [B,T,D] -> [B,T,D]."""
        x = F.rms_norm(e, e.shape[-1:])
        return x + F.pad(self.linear(x[:, :-1]), (0, 0, 1, 0))


class ShiftedDecoder(Decoder):
    """The decoder of all systems."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.shift = TokenShift(config.hidden_size)

    def start(self) -> None:
        """Parameters before training."""
        initialise(self)
        nn.init.orthogonal_(self.shift.linear.weight)
        for index in range(self.config.layers):
            start_copying(self.layer(index).self_attn, self.shift.linear.weight)

    def embed(self, tokens: Tensor) -> Tensor:
        """tokens [B,T] of one window -> [B,T,D]."""
        out: Tensor = self.shift(super().embed(tokens))
        return out


class System(nn.Module, Generic[S]):
    """A decoder with one memory; subclasses define `empty` and `read`."""

    state_type: ClassVar[type[Any]]
    batch_axis: ClassVar[Mapping[str, int]] = {}  # of state fields where it is not 0

    def __init__(self, config: DecoderConfig, window: int) -> None:
        super().__init__()
        if window < 1:
            raise InvalidRequest(f"A window of {window} tokens; use at least 1.")
        self.window = window
        self.decoder = ShiftedDecoder(config)
        self.decoder.start()

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


@torch.no_grad()
def start_copying(attention: Attention, shift: Tensor) -> None:
    """Queries of a token match keys of tokens that follow the same one; values are handed on.

    With orthogonal `shift` W: q = Q x, k = Q W^T x, hence q_t k_s holds |Q e_t|^2 where e_{s-1} is
    e_t; and o(v) is COPYING times x where heads and width are of one size.
    """
    nn.init.orthogonal_(attention.q_proj.weight)
    nn.init.orthogonal_(attention.v_proj.weight)
    group, d = attention.config.group, attention.config.head_size
    first = attention.q_proj.weight.unflatten(0, (-1, group, d))[:, 0]  # [G,d,D], of each group
    attention.k_proj.weight.copy_(first.flatten(0, 1) @ shift.T)
    values = attention.v_proj.weight.unflatten(0, (-1, 1, d)).expand(-1, group, -1, -1)  # [G,R,d,D]
    attention.o_proj.weight.copy_(values.flatten(0, 2).T * (COPYING / group))
    if attention.config.qk_norm:
        nn.init.constant_(attention.q_norm.weight, SHARPNESS)


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

"""The common form of the papers' systems: a pure function (tokens, state) -> (logits, state).

Axis legend as in decoder.py. A system holds parameters, never a state. A state is a NamedTuple of
tensors with a method `detach`. In all of them **a row of zeros is the empty state**, so a row whose
book has ended can start the next book while the other rows read on.

All systems are built from the blocks of `memory_models.decoder` (SwiGLU, RMSNorm, RoPE, tied
embeddings) with a learned RMS norm on queries and keys, which Memorizing, Block-Recurrent and
MELODI have. What the papers use instead of these blocks (ReLU, T5 or sinusoidal positions, dropout)
is not reproduced. With the same seed, parameters that two systems have in common start equal.

Every memory here depends on the decoder's ability to copy from context, which takes more tokens to
emerge than a small run has. So all systems start from weights that nearly copy: each token's
embedding includes the previous token's (`TokenShift`), and attention is initialised to look for
earlier occurrences of the current token and to copy what followed them (`start_copying`), as in
mimetic initialisation (arXiv 2305.09828). Memories hold the layers' outputs and are not shifted.
Training may change all of these weights.
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
    """What a system carries from window to window: a NamedTuple of tensors."""

    def detach(self) -> Self:
        """The same values, cut from the graph that made them."""
        ...

    def _asdict(self) -> dict[str, Any]: ...


SHARPNESS = 2.0  # initial value of the learned scale of normalised queries
COPYING = 0.5  # initial factor on the token's vector that attention copies
S = TypeVar("S", bound=State)


class Read(NamedTuple):
    """Result of reading one window."""

    logits: Tensor  # [B,T,V]
    state: Any
    extra: Tensor  # [], an auxiliary loss to add to the cross-entropy; zero for most systems


class TokenShift(nn.Module):
    """x_t = norm(e_t) + W norm(e_{t-1}); the second term is zero for a window's first token.

    The norms have no weights. They are needed because tied embeddings start small, so that the
    first layers' outputs would swamp them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)

    def forward(self, e: Tensor) -> Tensor:
        """e [B,T,D] -> [B,T,D]."""
        x = F.rms_norm(e, e.shape[-1:])
        return x + F.pad(self.linear(x[:, :-1]), (0, 0, 1, 0))


class ShiftedDecoder(Decoder):
    """The decoder of all systems: `Decoder` with a `TokenShift` after its embeddings."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.shift = TokenShift(config.hidden_size)

    def start(self) -> None:
        """Initialise all parameters for training from scratch."""
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
    batch_axis: ClassVar[Mapping[str, int]] = {}  # batch axis of the state fields where it is not 0

    def __init__(self, config: DecoderConfig, window: int) -> None:
        super().__init__()
        if window < 1:
            raise InvalidRequest(f"The window is {window} tokens; it must be at least 1.")
        self.window = window
        self.decoder = ShiftedDecoder(config)
        self.decoder.start()

    def empty(self, batch: int) -> S:
        """The state of `batch` rows before anything was read."""
        raise NotImplementedError

    def read(self, tokens: Tensor, state: S) -> Read:
        """Read one window, tokens [B,T] with 0 < T <= window; returns logits and the next state."""
        raise NotImplementedError

    def gates(self) -> dict[str, Tensor]:
        """The gates' values by name, 0 to 1, for the result tables; mostly [layers,H] or [H]."""
        return {}

    def forward(self, tokens: Tensor, state: S) -> tuple[Tensor, S]:
        """(tokens [B,T], state) -> (logits [B,T,V], next state)."""
        done = self.read(tokens, state)
        return done.logits, done.state

    def check(self, tokens: Tensor, rows: int) -> None:
        """Raise InvalidRequest for an empty or too long window, and a state of another batch."""
        B, T = tokens.shape
        if not 0 < T <= self.window:
            raise InvalidRequest(
                f"A window of {T} tokens is outside 1 to {self.window}; split the text."
            )
        if rows != B:
            raise InvalidRequest(
                f"There are {B} rows of tokens and {rows} rows in the state; give a state with one "
                "row for each."
            )

    def done(self, hidden: Tensor, state: S, extra: Tensor | None = None) -> Read:
        """The result of a window, from the last layer's output hidden [B,T,D]."""
        nothing = hidden.new_zeros(()) if extra is None else extra
        return Read(self.decoder.logits(hidden), state, nothing)


AnySystem = System[Any]


@torch.no_grad()
def start_copying(attention: Attention, shift: Tensor) -> None:
    """Initialise attention to attend to tokens that follow the same token, and to copy them.

    With `shift` W [D,D] orthogonal, q = Q x and k = Q W^T x, the product q_t k_s contains |Q e_t|^2
    where e_{s-1} = e_t. The output o(v) is COPYING times x where H d = D.
    """
    nn.init.orthogonal_(attention.q_proj.weight)
    nn.init.orthogonal_(attention.v_proj.weight)
    group, d = attention.config.group, attention.config.head_size
    # [G,d,D]: the first query head of each group
    first = attention.q_proj.weight.unflatten(0, (-1, group, d))[:, 0]
    attention.k_proj.weight.copy_(first.flatten(0, 1) @ shift.T)
    values = attention.v_proj.weight.unflatten(0, (-1, 1, d)).expand(-1, group, -1, -1)  # [G,R,d,D]
    attention.o_proj.weight.copy_(values.flatten(0, 2).T * (COPYING / group))
    if attention.config.qk_norm:
        nn.init.constant_(attention.q_norm.weight, SHARPNESS)


def initialise(module: nn.Module, layers: int | None = None) -> None:
    """Initialise linear maps and embeddings with normal weights, as GPT-NeoX does.

    The standard deviation is sqrt(2 / 5D), or 2 / (layers sqrt(D)) for maps that write to the
    residual stream, and 0.02 for embeddings, which tied logits need. Biases are zero; norms keep
    their ones. layers: used where the module has no decoder configuration.
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
    """Number of parameters, tied ones counted once."""
    return sum(p.numel() for p in system.parameters())


def state_floats(system: AnySystem, state: State) -> int:
    """How many floating-point numbers one row of a state holds."""
    total = 0
    for name, tensor in state._asdict().items():
        rows = tensor.shape[system.batch_axis.get(name, 0)]
        total += tensor.numel() // max(1, rows) if tensor.is_floating_point() else 0
    return total


def restart(system: AnySystem, state: S, fresh: Tensor) -> S:
    """The state with those rows emptied where `fresh` [B] (bool) is true."""
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
    """A state of this system from its named tensors.

    Raises BrokenState where a tensor is missing.
    """
    fields: Iterable[str] = system.state_type._fields
    missing = sorted(set(fields) - set(parts))
    if missing:
        raise BrokenState(
            f"The saved state lacks {', '.join(missing)}; it is of another system, so start again "
            "from an empty one."
        )
    return system.state_type(**{name: parts[name] for name in fields})

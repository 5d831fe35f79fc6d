"""Infini-attention trained from scratch, with the formulas of memories/infini.py (2404.07143).

The systems `infini_linear` and `infini_delta`. memories/infini.py has the axis legend and says what
differs from the paper. Here, too, beta starts at -3, with a learning rate of its own
(lab/papers/train.py): a gate that starts near one half hides the window from a decoder that has
learnt nothing yet.

Variants, which the paper leaves open:

  * `features="dpfp"`: the deterministic parameter-free projection (arXiv 2102.11174, eq. 37 with
    nu = 1) in place of ELU + 1. With r = relu([x; -x]) of 2d channels, F = 2d and
    phi(x)_i = r_i r_(i-1). These are sparse products of channels, so keys are more nearly
    orthogonal.
  * `gate="mass"`: the gate depends on the query. Kernel attention gives the memory a mass of
    sigma(q) z / d, and softmax attention gives the window the log-mass log-sum-exp(q k / sqrt(d)).
    The gate is sigmoid(beta + log(sigma(q) z / d) - log-sum-exp(q k / sqrt(d))), so beta = 0 is one
    attention over memory and window.
  * `gate="open"`: beta starts at 0, so that every head gets gradients from the memory and the
    window from the first step.
  * `together=K`: windows are read K at a time in parallel, as when a whole file is given at once.
    All K read the memory that was left before the first of them, at the last multiple of K windows.
    Writing does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from memory_models.decoder import DecoderConfig, dot_attention, rotate
from memory_models.errors import InvalidRequest
from memory_models.memories.infini import (
    Feature,
    InfiniConfig,
    InfiniGates,
    InfiniState,
    gated,
    retrieve,
    sigma,
    update,
)
from memory_models.papers.system import Read, System

GATES = ("learned", "mass", "open")
START = {"learned": -3.0, "mass": 0.0, "open": 0.0}  # beta; the two masses start equally large


def dpfp(x: Tensor) -> Tensor:
    """The DPFP features of x [*,d]: r_i r_(i-1) with r = relu([x; -x]), [*,2d]."""
    r = torch.cat((x, -x), dim=-1).relu()
    return r * r.roll(1, dims=-1)


FEATURES: Mapping[str, tuple[Feature, int]] = {"elu": (sigma, 1), "dpfp": (dpfp, 2)}


@dataclass(frozen=True, slots=True)
class InfiniVariant:
    """A variant of the model; the defaults are the paper's."""

    features: Literal["elu", "dpfp"] = "elu"
    gate: Literal["learned", "mass", "open"] = "learned"
    together: int = 1  # windows

    def __post_init__(self) -> None:
        if self.features not in FEATURES:
            raise InvalidRequest(
                f"Infini features {self.features!r} are not known; use {' or '.join(FEATURES)}."
            )
        if self.gate not in GATES:
            raise InvalidRequest(
                f"Infini gate {self.gate!r} is not known; use one of {', '.join(GATES)}."
            )
        if self.together < 1:
            raise InvalidRequest(
                f"{self.together} windows are to be read together; use at least 1."
            )


class InfiniSystemState(NamedTuple):
    """The memory that is written, and the memory that is read.

    Where windows are read one at a time both are the same: M_read and z_read then have 0 layers.
    """

    M: Tensor  # [layers,B,G,F,d]
    z: Tensor  # [layers,B,G,F]
    M_read: Tensor  # [layers or 0,B,G,F,d]
    z_read: Tensor  # [layers or 0,B,G,F]
    windows: Tensor  # [B] int64, windows written since the row was empty

    def detach(self) -> InfiniSystemState:
        """The same values, cut from the graph."""
        return InfiniSystemState(*(tensor.detach() for tensor in self))


class InfiniSystem(System[InfiniSystemState]):
    """A decoder with one compressive memory for each layer and key/value head."""

    state_type = InfiniSystemState
    batch_axis = {"M": 1, "z": 1, "M_read": 1, "z_read": 1}  # noqa: RUF012

    def __init__(
        self,
        config: DecoderConfig,
        window: int,
        memory: InfiniConfig,
        variant: InfiniVariant | None = None,
    ) -> None:
        super().__init__(config, window)
        self.memory, self.variant = memory, variant or InfiniVariant()
        self.gate = InfiniGates(config.layers, config.heads, START[self.variant.gate])
        self._feature, self._wider = FEATURES[self.variant.features]

    def empty(self, batch: int) -> InfiniSystemState:
        """Memories of zeros."""
        features = self.decoder.config.head_size * self._wider
        M, z = InfiniState.empty(self.decoder, batch, features)
        seen = slice(0, None if self.variant.together > 1 else 0)
        windows = torch.zeros(batch, dtype=torch.int64, device=self.decoder.device)
        return InfiniSystemState(M, z, M[seen].clone(), z[seen].clone(), windows)

    def gates(self) -> dict[str, Tensor]:
        """sigmoid(beta) [layers,H]; for `gate="mass"` without the part that the query adds."""
        return {"memory": self.gate.beta.detach().sigmoid()}

    def read(self, tokens: Tensor, state: InfiniSystemState) -> Read:
        """Read one window with the memory of earlier ones, then write it into the memory."""
        self.check(tokens, state.windows.shape[0])
        cos, sin = self.decoder.rope.angles(torch.arange(tokens.shape[1], device=tokens.device))
        memory = self._readable(state)
        written: list[InfiniState] = []

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            old = (state.M[layer], state.z[layer])
            written.append(update(k, v, *old, self.memory, feature=self._feature))
            M, z = memory.M[layer], memory.z[layer]
            far = retrieve(q, M, z, self.memory.eps, self._feature)
            q_at, k_at = rotate(q, cos, sin), rotate(k, cos, sin)
            near = dot_attention(q_at, k_at, v)
            lead = self._lead(q, q_at, k_at, z) if self.variant.gate == "mass" else None
            return gated(far, near, z, self.gate.beta[layer], lead)

        hidden = self.decoder.hidden(tokens, attend)
        M, z = (torch.stack(parts) for parts in zip(*written, strict=True))
        seen = memory if self.variant.together > 1 else InfiniState(state.M_read, state.z_read)
        return self.done(hidden, InfiniSystemState(M, z, *seen, state.windows + 1))

    def _readable(self, state: InfiniSystemState) -> InfiniState:
        """The memory as it was before the windows that are read together with this one."""
        if self.variant.together == 1:
            return InfiniState(state.M, state.z)
        first = state.windows % self.variant.together == 0  # [B]
        return InfiniState(
            torch.where(first[:, None, None, None], state.M, state.M_read),
            torch.where(first[:, None, None], state.z, state.z_read),
        )

    def _lead(self, q: Tensor, q_at: Tensor, k_at: Tensor, z: Tensor) -> Tensor:
        """The query's part of the gate: log(sigma(q) z / d) - log-sum-exp(q k / sqrt(d)).

        q [B,H,T,d] before RoPE, q_at [B,H,T,d] and k_at [B,G,T,d] rotated, z [B,G,F] -> [B,H,T,1].
        """
        B, H, T, d = q.shape
        G = z.shape[1]
        features = self._feature(q.to(z.dtype)).reshape(B, G, (H // G) * T, -1)  # [B,G,R*T,F]
        mass = (features @ z.unsqueeze(-1)).reshape(B, H, T, 1) / d
        grouped = q_at.to(z.dtype).reshape(B, G, H // G, T, d) * d**-0.5  # [B,G,R,T,d]
        scores = grouped @ k_at.to(z.dtype)[:, :, None].transpose(-1, -2)  # [B,G,R,T,T]
        later = torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1)
        local = scores.masked_fill(later, -torch.inf).logsumexp(-1)  # [B,G,R,T]
        lead: Tensor = (mass + self.memory.eps).log() - local.reshape(B, H, T, 1)
        return lead

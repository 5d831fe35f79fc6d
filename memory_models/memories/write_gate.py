"""The write gate: predicts the importance of slots in the same pass that reads the window.

A slot's reconstruction importance is measured by letting the backbone repeat the window, which
costs a second pass. The write gate predicts the logarithm of this score for every key/value head
from a layer's unrotated queries, keys and values, which are linear maps of its hidden state. So
reading takes one pass (KVzap, arXiv 2601.07891, does the same for KVzip's scores). Each layer's
gate is a linear map plus a small two-layer network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.decoder import DecoderConfig
from memory_models.errors import BrokenCheckpoint
from memory_models.memory import to_bytes

FLOOR = 1e-4  # scores below this count as equal: no keep threshold is ever so low
PARAMETERS = ("linear", "inner", "inner_bias", "outer", "bias")


class WriteGate(nn.Module):
    """Predicts the log importance of a layer's slots; `name` is a hash of the weights."""

    def __init__(self, config: DecoderConfig, hidden: int = 64) -> None:
        """hidden: width of the two-layer network."""
        super().__init__()
        width = (config.heads + 2 * config.kv_heads) * config.head_size  # (H+2G)d
        layers, G = config.layers, config.kv_heads
        self.linear = nn.Parameter(torch.zeros(layers, G, width))
        self.inner = nn.Parameter(torch.randn(layers, hidden, width) * width**-0.5)
        self.inner_bias = nn.Parameter(torch.zeros(layers, hidden))
        self.outer = nn.Parameter(torch.randn(layers, G, hidden) * 0.5 * hidden**-0.5)
        self.bias = nn.Parameter(torch.zeros(layers, G))
        self.name = ""

    @classmethod
    def from_weights(cls, config: DecoderConfig, weights: Mapping[str, Tensor]) -> WriteGate:
        """A gate with stored weights, frozen.

        Raises BrokenCheckpoint for incomplete weights and for weights of another backbone.
        """
        if missing := [name for name in PARAMETERS if name not in weights]:
            raise BrokenCheckpoint(
                f"The write gate's weights lack {', '.join(missing)}; train it again."
            )
        gate = cls(config, max((1, *weights["inner_bias"].shape[-1:])))
        try:
            gate.load_state_dict({name: value.float() for name, value in weights.items()})
        except RuntimeError as error:
            raise BrokenCheckpoint(
                f"The write gate does not fit the backbone ({error}); train it again."
            ) from error
        gate.name = hashlib.sha256(to_bytes(weights)).hexdigest()[:16]
        return gate.requires_grad_(False)

    def forward(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [H,T,d], k and v [G,T,d], unrotated -> log importance [G,T] in float32."""
        x = features(q, k, v)  # [T,(H+2G)d]
        dtype = x.dtype
        inner = F.linear(x, self.inner[layer].to(dtype), self.inner_bias[layer].to(dtype))
        scores = F.linear(x, self.linear[layer].to(dtype)).float()  # [T,G]
        scores = scores + F.linear(F.silu(inner.float()), self.outer[layer], self.bias[layer])
        return scores.T


def features(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The gate's input: q [H,T,d], k and v [G,T,d] -> [T,(H+2G)d], head after head."""
    T = q.shape[1]
    return torch.cat([x.transpose(0, 1).reshape(T, -1) for x in (q, k, v)], dim=-1)


def target(importance: Tensor) -> Tensor:
    """The logarithm of reconstruction importance, which the gate is trained to predict."""
    return importance.clamp_min(FLOOR).log()

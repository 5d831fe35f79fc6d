"""Low-rank adapters (LoRA, arXiv 2106.09685): trained beside the weights, merged into them for use.

A trained reader is a second `Decoder` over the same backbone: while training, its projections are
`LoraLinear`; in use the adapter is merged, so reading costs nothing more than the backbone.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from memory_models.decoder import Decoder
from memory_models.errors import BrokenCheckpoint, InvalidRequest, NotEnoughMemory
from memory_models.placement import has_layers_on_disk

SPREAD = 64.0  # times a factor, in eight bits a number
SMALL = 4096  # tensors of at most so many numbers stay float32
PROJECTIONS = {
    "self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
}


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Rank of every adapted projection; its product is added `scale` times."""

    rank: int = 16
    scale: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= 1024:
            raise InvalidRequest(f"LoRA rank {self.rank} is outside 1 to 1,024.")


class LoraLinear(nn.Module):
    """y = W x + b + scale * up(down(x)); W and b are frozen and shared with the backbone."""

    def __init__(self, base: nn.Linear, config: LoraConfig) -> None:
        super().__init__()
        self.scale = config.scale
        self.base = base
        device = base.weight.device
        down = torch.empty(config.rank, base.in_features, device=device)
        nn.init.kaiming_uniform_(down, a=5**0.5)
        self.down = nn.Parameter(down)  # [rank,in] float32
        self.up = nn.Parameter(torch.zeros(base.out_features, config.rank, device=device))

    def forward(self, x: Tensor) -> Tensor:
        added = F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))
        out: Tensor = self.base(x) + self.scale * added
        return out


def with_lora(decoder: Decoder, config: LoraConfig) -> Decoder:
    """A decoder over the same frozen tensors whose projections can learn. Equal until trained."""
    reader = sharing(decoder)
    for index in range(decoder.config.layers):
        for block, names in PROJECTIONS.items():
            parent = getattr(reader.layer(index), block)
            for name in names:
                setattr(parent, name, LoraLinear(getattr(parent, name), config))
    return reader


def lora_weights(reader: Decoder) -> dict[str, Tensor]:
    """What was learned: `layers.N.block.projection.up|down` -> float32."""
    return {
        name.removeprefix("model."): value
        for name, value in reader.named_parameters()
        if name.endswith((".up", ".down"))
    }


def load_lora(reader: Decoder, weights: Mapping[str, Tensor]) -> None:
    """Put learned weights back into a decoder made by `with_lora`."""
    own = lora_weights(reader)
    if own.keys() != weights.keys():
        raise BrokenCheckpoint("The adapter's layers are not those of this backbone; train again.")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(weights[name])


@torch.no_grad()
def load_learned(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put back what a module learned: all its parameters that are not frozen, by name."""
    own = {name: p for name, p in module.named_parameters() if p.requires_grad}
    strange = sorted(own.keys() ^ weights.keys())
    strange += [n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape]
    if strange:
        raise BrokenCheckpoint(
            f"Weights that are not those of this backbone ({len(strange)} tensors differ, such as "
            f"{strange[0]}); train again."
        )
    for name, parameter in own.items():
        parameter.copy_(weights[name])


def merged(decoder: Decoder, weights: Mapping[str, Tensor], scale: float) -> Decoder:
    """A decoder with W + scale * up down in place of W; norms and embeddings stay shared."""
    reader = sharing(decoder)
    left = dict(weights)
    for index in range(decoder.config.layers):
        for block, names in PROJECTIONS.items():
            for name in names:
                key = f"layers.{index}.{block}.{name}"
                if f"{key}.up" not in left:
                    continue
                linear = getattr(getattr(reader.layer(index), block), name)
                up, down = left.pop(f"{key}.up"), left.pop(f"{key}.down")
                fits = (up.shape[0], down.shape[-1])
                if fits != linear.weight.shape:
                    raise BrokenCheckpoint(
                        f"The adapter's {key} has shape {fits}, the backbone's "
                        f"{tuple(linear.weight.shape)}; it was trained for another backbone."
                    )
                old = linear.weight
                new = torch.addmm(old, up.to(old), down.to(old), alpha=scale)
                linear.weight = nn.Parameter(new, requires_grad=False)
    if left:
        raise BrokenCheckpoint(
            f"The adapter has {len(left)} tensors that this backbone has no place for, such as "
            f"{min(left)}; it was trained for another backbone."
        )
    return reader


@torch.no_grad()
def averaged(readers: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of low-rank products, as the nearest product of the first one's rank.

    Means of weights that were fine-tuned from one start answer as well as the best of them, or
    better (model soups, arXiv 2203.05482); the mean of the factors would be another product.
    """
    _check_alike(readers)
    first = readers[0]
    found: dict[str, Tensor] = {}
    for name in first:
        if not name.endswith(".up"):
            continue
        other = f"{name.removesuffix('.up')}.down"
        ups = torch.cat([r[name].float() / len(readers) for r in readers], dim=1)  # [out,n*rank]
        downs = torch.cat([r[other].float() for r in readers])  # [n*rank,in]
        left, small_left = torch.linalg.qr(ups)
        right, small_right = torch.linalg.qr(downs.T)
        u, s, v = torch.linalg.svd(small_left @ small_right.T)
        rank = first[name].shape[1]
        root = s[:rank].sqrt()
        found[name] = left @ (u[:, :rank] * root)
        found[other] = (root[:, None] * v[:rank]) @ right.T
    return found


@torch.no_grad()
def mean_weights(adapters: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of weights that act as they are, each in the first one's type (model soups)."""
    _check_alike(adapters)
    means = {n: torch.stack([a[n].float() for a in adapters]).mean(0) for n in adapters[0]}
    return {name: mean.to(adapters[0][name].dtype) for name, mean in means.items()}


def _check_alike(adapters: Sequence[Mapping[str, Tensor]]) -> None:
    shapes = [{name: value.shape for name, value in a.items()} for a in adapters]
    if any(other != shapes[0] for other in shapes):
        raise BrokenCheckpoint("Adapters of other layers cannot be averaged; give like with like.")


def eighths(weights: Mapping[str, Tensor], scale: float) -> tuple[dict[str, Tensor], float]:
    """Low-rank factors in eight bits a number, and the scale that goes with them.

    Three bits of mantissa, which only small differences can afford; the factors are multiplied up
    so that none falls among the numbers that have fewer.
    """
    small = {name: (value * SPREAD).to(torch.float8_e4m3fn) for name, value in weights.items()}
    return small, scale / SPREAD**2


def sharing(decoder: Decoder) -> Decoder:
    """Another module tree over the very same parameter tensors.

    Raises NotEnoughMemory where the decoder does not lie in memory whole.
    """
    if has_layers_on_disk(decoder):
        raise NotEnoughMemory(
            "The backbone does not fit into memory, so no adapter can be used with it; close other "
            "programs, choose a smaller backbone, or switch adapters off (BOOKSTATE_ADAPTERS=0)."
        )
    known: dict[int, Any] = {id(tensor): tensor for tensor in decoder.parameters()}
    known[id(decoder.rope)] = decoder.rope
    return copy.deepcopy(decoder, known).requires_grad_(False).eval()


@dataclass(frozen=True, slots=True)
class Adapter:
    """Trained tensors beside a backbone, and how they were made.

    notes: at least `kind`, `backbone_sha256` and whatever rebuilding the module needs.
    """

    weights: dict[str, Tensor]
    notes: dict[str, Any]


def save_adapter(path: Path, adapter: Adapter) -> None:
    """Write `path` (safetensors, float32 as bfloat16 where it is large) and its JSON notes."""
    small = {name: _stored(value).cpu().contiguous() for name, value in adapter.weights.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(small, path, metadata={"format": "pt"})
    path.with_suffix(".json").write_text(json.dumps(adapter.notes, indent=1) + "\n", "utf-8")


def _stored(value: Tensor) -> Tensor:
    if value.dtype.itemsize <= torch.float16.itemsize:
        return value.detach()
    return value.detach().to(torch.bfloat16 if value.numel() > SMALL else torch.float32)


def load_adapter(path: Path, backbone_sha256: str) -> Adapter:
    """Read an adapter; refuses one of another backbone, and damaged files, by name."""
    try:
        notes = json.loads(path.with_suffix(".json").read_text("utf-8"))
        weights = load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise BrokenCheckpoint(
            f"Adapter {path.name} cannot be read ({error}); train it again or remove it."
        ) from error
    if notes.get("backbone_sha256") != backbone_sha256:
        raise BrokenCheckpoint(
            f"Adapter {path.name} was trained for backbone "
            f"{str(notes.get('backbone_sha256'))[:16]}, this is {backbone_sha256[:16]}; "
            "train it again for this backbone or remove it."
        )
    return Adapter(weights, notes)

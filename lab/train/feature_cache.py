"""Features that a fit learns from, kept in the folder of its run, so that a stopped run continues.

`run.json` says which run the folder belongs to; another run is refused. The features of each text
are one file of tensors. It is written under another name first and then renamed, so that no file is
ever incomplete.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from memory_models.errors import BrokenCheckpoint, InvalidRequest

RUN = "run.json"


class FeatureCache:
    """Tensors by the text that they were computed from; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, run: Mapping[str, Any]) -> None:
        """run: what all features depend on besides the text, as JSON values."""
        self._folder = folder
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        said = folder / RUN
        if not said.is_file():
            part = said.with_suffix(".part")
            part.write_text(json.dumps(run, indent=1) + "\n", "utf-8")
            part.replace(said)
        found = json.loads(said.read_text("utf-8"))
        strange = sorted(k for k in found.keys() | run.keys() if found.get(k) != run.get(k))
        if strange:
            was, now = ({k: side.get(k) for k in strange} for side in (found, run))
            raise InvalidRequest(
                f"{folder.name} belongs to a run with {was}, this one has {now}; "
                "give each its own folder."
            )

    def get(self, text: str, compute: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The features of this text: those that are kept, else what `compute` returns."""
        known = self.last(text)
        if known is None:
            known = dict(compute())
            self.keep(text, known)
        return known

    def last(self, name: str) -> dict[str, Tensor] | None:
        """The tensors kept under this name last, or None."""
        file = self._file(name)
        if file is None or not file.is_file():
            return None
        try:
            return load_file(file)
        except (OSError, SafetensorError) as error:
            raise BrokenCheckpoint(
                f"{file.name} of the run cannot be read ({error}); remove it and start again."
            ) from error

    def keep(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors under this name, in place of those kept before."""
        file = self._file(name)
        if file is None:
            return
        part = file.with_suffix(".part")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, part)
        part.replace(file)

    def _file(self, name: str) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest[:24]}.safetensors"

"""Exported files, taken apart and put together again with something changed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidArchive
from app.exchange.archive import import_document
from app.storage.store import Store
from memory_models.memory import from_bytes, to_bytes

MANIFEST = "manifest.json"
TABLES = [
    "documents",
    "texts",
    "readings",
    "sources",
    "originals",
    "chapters",
    "pages",
    "segments",
    "states",
    "chats",
    "messages",
    "summaries",
    "notes",
]
Json = dict[str, Any]


def members(file: Path) -> dict[str, bytes]:
    """Name -> bytes of everything in an archive."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(file: Path, content: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """A zip of the given members."""
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def edit_manifest(content: dict[str, bytes], change: Callable[[Json], object]) -> dict[str, bytes]:
    """The same members with a manifest that `change` has altered in place."""
    manifest = json.loads(content[MANIFEST])
    change(manifest)
    return {**content, MANIFEST: json.dumps(manifest).encode()}


def edit_blob(
    content: dict[str, bytes], name: str, change: Callable[[bytes], bytes]
) -> dict[str, bytes]:
    """The same members with one blob altered and every hash and size in the manifest made right."""
    changed = {**content, name: change(content[name])}

    def rehash(manifest: Json) -> None:
        total = hashlib.sha256()
        for entry in manifest["state"]:
            blob = changed[f"state/{entry['part']}-{entry['segment']:06d}.safetensors"]
            entry |= {"size": len(blob), "sha256": hashlib.sha256(blob).hexdigest()}
            total.update(f"{entry['part']}:{entry['segment']}:{len(blob)}\n".encode() + blob)
        row = manifest["reading" if manifest["format"] == 2 else "document"]
        row["state_sha256"] = total.hexdigest()
        row["state_bytes"] = sum(e["size"] for e in manifest["state"])

    return edit_manifest(changed, rehash)


def edit_tensors(blob: bytes, change: Callable[[Json], object]) -> bytes:
    """A state blob with tensors that `change` has altered in place."""
    tensors = from_bytes(blob)
    change(tensors)
    return to_bytes(tensors)


def refused(store: Store, file: Path, reason: str) -> None:
    """The import says why in one line, and leaves every table empty."""
    with pytest.raises(InvalidArchive, match=reason) as caught:
        import_document(store, file)
    assert "\n" not in str(caught.value)
    counts = {t: store.db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in TABLES}
    assert counts == dict.fromkeys(TABLES, 0)

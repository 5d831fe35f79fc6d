"""Files that are damaged, foreign or made to do harm: refused by name, with nothing stored."""

from __future__ import annotations

import hashlib
import json
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archives import (
    MANIFEST,
    Json,
    edit_blob,
    edit_manifest,
    edit_tensors,
    members,
    refused,
    write,
)
from novels import KINDS

from app.errors import InvalidArchive
from app.exchange.archive import _check_members, import_document
from app.exchange.entries import BlobEntry
from app.exchange.manifest import Manifest
from app.storage.store import Store

SLOTS = "state/slots-000002.safetensors"


@pytest.mark.parametrize("kind", KINDS)
def test_the_archives_themselves_are_in_order(
    store: Store, exported: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    """Taken apart and put together without a change they are imported: the edits below decide."""
    again = edit_manifest(members(exported[kind]), lambda _: None)
    blob = next(name for name in again if name != MANIFEST)
    again = edit_blob(again, blob, lambda b: edit_tensors(b, lambda _: None))
    assert import_document(store, write(tmp_path / "again.zip", again)).ready


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.98, 0.9999])
def test_a_truncated_file(
    store: Store, exported: dict[str, Path], tmp_path: Path, keep: float
) -> None:
    data = exported["adaptive"].read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(data[: int(keep * len(data))])
    refused(store, cut, "not a complete archive")


@pytest.mark.parametrize("data", [b"", b"PK", b"just text", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_archive(store: Store, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "odd.zip"
    file.write_bytes(data)
    refused(store, file, "not a complete archive|has no manifest")


def test_a_file_that_is_not_there(store: Store, tmp_path: Path) -> None:
    refused(store, tmp_path / "missing.zip", "not a complete archive")


def test_a_changed_byte_in_the_file(
    store: Store, exported: dict[str, Path], tmp_path: Path
) -> None:
    data = bytearray(exported["adaptive"].read_bytes())
    data[len(data) // 3] ^= 1
    file = tmp_path / "bit.zip"
    file.write_bytes(data)
    refused(store, file, "not a complete archive|SHA-256")


def test_a_changed_byte_in_a_blob(store: Store, exported: dict[str, Path], tmp_path: Path) -> None:
    content = members(exported["adaptive"])
    content[SLOTS] = content[SLOTS][:-1] + bytes([content[SLOTS][-1] ^ 1])
    refused(store, write(tmp_path / "f.zip", content), f"{SLOTS} has SHA-256")


def test_another_state_hash_than_the_blobs_give(
    store: Store, exported: dict[str, Path], tmp_path: Path
) -> None:
    content = edit_manifest(
        members(exported["adaptive"]), lambda m: m["reading"].update(state_sha256="0" * 64)
    )
    refused(store, write(tmp_path / "f.zip", content), "manifest says 000000000000")


@pytest.mark.parametrize(
    "name", ["extra.txt", "../../escape", "/etc/passwd", "state/slots-2.safetensors", "C:\\x"]
)
def test_a_surplus_member_or_one_with_a_path_for_a_name(
    store: Store, exported: dict[str, Path], tmp_path: Path, name: str
) -> None:
    content = {**members(exported["adaptive"]), name: b"surplus"}
    refused(store, write(tmp_path / "f.zip", content), "is unexpected, missing or contained twice")
    assert not (tmp_path.parent / "escape").exists()


def test_a_missing_member(store: Store, exported: dict[str, Path], tmp_path: Path) -> None:
    content = members(exported["adaptive"])
    without = {name: data for name, data in content.items() if name != SLOTS}
    refused(store, write(tmp_path / "f.zip", without), "is unexpected, missing or contained twice")
    no_manifest = {name: data for name, data in content.items() if name != MANIFEST}
    refused(store, write(tmp_path / "g.zip", no_manifest), "has no manifest")


def test_a_member_that_is_there_twice(
    store: Store, exported: dict[str, Path], tmp_path: Path
) -> None:
    content = members(exported["adaptive"])
    file = write(tmp_path / "f.zip", content)
    with (
        zipfile.ZipFile(file, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr(SLOTS, content[SLOTS])
    refused(store, file, "is unexpected, missing or contained twice")


def test_very_many_members_that_are_there_twice_are_refused_at_once() -> None:
    state = tuple(
        BlobEntry(part="slots", segment=number, size=1, sha256="a" * 64) for number in range(15_000)
    )
    names = [MANIFEST, *(entry.member for entry in state for _ in range(2))]
    started = time.process_time()
    with pytest.raises(InvalidArchive, match="contained twice"):
        _check_members(names, Manifest.model_construct(state=state, sources=()))
    assert time.process_time() - started < 3


def test_a_bomb(store: Store, exported: dict[str, Path], tmp_path: Path) -> None:
    content = {**members(exported["adaptive"]), MANIFEST: b" " * (20 << 20)}
    file = write(tmp_path / "f.zip", content, zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 1 << 20
    refused(store, file, "unpacks to more than 100 times its size")
    content = edit_blob(members(exported["adaptive"]), SLOTS, lambda _: bytes(20 << 20))
    file = write(tmp_path / "g.zip", content, zipfile.ZIP_DEFLATED)
    refused(store, file, "unpacks to more than 100 times its size")


def test_sizes_and_counts_beyond_the_limits(
    store: Store, exported: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, most, reason in (
        ("MOST_MANIFEST_BYTES", 100, "manifest.json has .* at most 100"),
        ("MOST_BLOB_BYTES", 100, r"at most|bytes, .* expected"),
        ("MOST_STATE_BYTES", 1000, "the limit is 1,000"),
        ("MOST_MEMBERS", 15, "members"),
        ("MOST_MEMBERS", 2, "table of members"),
    ):
        with monkeypatch.context() as limited:
            limited.setattr(f"app.exchange.archive.{limit}", most)
            refused(store, exported["adaptive"], reason)


def test_a_huge_table_of_members_is_not_even_read(store: Store, tmp_path: Path) -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 0xFFFFFFF0, 0, 0)
    file = tmp_path / "f.zip"
    file.write_bytes(bytes(100) + end)
    refused(store, file, "table of members .* has 4,294,967,280 bytes")
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 9, 9, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 100, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 0xFFFFFFFF, 0, 0)
    file.write_bytes(bytes(100) + large + locator + end)
    refused(store, file, "table of members .* has 1,099,511,627,776 bytes")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_is_not_ours(
    store: Store, exported: dict[str, Path], tmp_path: Path, method: int
) -> None:
    file = write(tmp_path / "f.zip", members(exported["infini-linear"]), method)
    refused(store, file, "compressed with an unknown method")


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_another_format_version(
    store: Store, exported: dict[str, Path], tmp_path: Path, version: object
) -> None:
    content = edit_manifest(members(exported["adaptive"]), lambda m: m.update(format=version))
    reason = f"has format {version!r}, but this version reads only 1 and 2"
    refused(store, write(tmp_path / "f.zip", content), reason)


def at(*path: str | int) -> Callable[[Json], Any]:
    """The part of a manifest under the given keys."""

    def find(manifest: Any) -> Any:
        for step in path:
            manifest = manifest[step]
        return manifest

    return find


@pytest.mark.parametrize(
    ("where", "key", "value", "reason"),
    [
        (at(), "surprise", 1, "surprise"),
        (at("document"), "surprise", 1, "surprise"),
        (at("reading"), "id", "0123456789ab", "its source file and its memory give [0-9a-f]{12}"),
        (at("reading"), "id", "../../../../", r"reading\.id"),
        (at("reading"), "surprise", 1, "surprise"),
        (at("document"), "id", "../../../../", r"document\.id"),
        (at("document"), "source_sha256", "a" * 64, "its source file"),
        (at("reading"), "backbone_sha256", "f" * 64, "its source file"),
        (at("reading"), "tokens", 1, "tokens is 1"),
        (at("reading"), "tokens", True, r"reading\.tokens"),
        (at("reading"), "tokens", 10**30, r"reading\.tokens"),
        (at("reading"), "segments", 3, "segments is 3"),
        (at("reading"), "segments_done", 1, "segments_done is 1"),
        (at("reading"), "state_bytes", 1, "state_bytes is 1"),
        (at("reading"), "kv_cache_bytes", 1, "kv_cache_bytes is 1"),
        (at("reading"), "memory", "pickle", r"reading\.memory"),
        (at("document"), "format", "exe", "format is 'exe'"),
        (at("document"), "title", "  ", "title is blank"),
        (at("document"), "title", "x" * 5000, r"document\.title"),
        (at("document"), "created_at", "yesterday", r"document\.created_at"),
        (at("reading"), "state_sha256", None, r"reading\.state_sha256"),
        (at("sources", 0), "sha256", "a" * 64, "source files do not fit"),
        (at("sources", 0), "original", None, "is unexpected, missing"),
        (at("sources", 0), "original", 5, "originals/000000 has .* bytes, 5 are expected"),
        (at("sources", 0), "original", 0, r"sources\.0\.original"),
        (at("sources", 0), "file_name", "a/b", r"sources\.0\.file_name"),
        (at("chapters", 0), "source", 1, "source files do not fit"),
        (at("chapters", 2), "source", 1, "source files do not fit"),
        (at("chapters", 2), "source", -1, r"chapters\.2\.source"),
        (at("text"), "parser", -1, r"text\.parser"),
        (at("text"), "parser", "new", r"text\.parser"),
        (at("text"), "paged", 1, r"text\.paged"),
        (at("text"), "text", " " * 99, "text is blank"),
        (at("text"), "text", "another length", "must end at"),
        (at("text"), "text", 5, r"text\.text"),
        (at("chapters", 0), "end", 3, "a chapter ends at 3"),
        (at("chapters", 0), "start", 1, "first chapter starts at 1"),
        (at("chapters", 0), "title", "", "blank title"),
        (at("pages", 0), "number", 0, "page's number is 0"),
        (at("pages", 0), "start", 1, "first page starts at 1"),
        (at("segments", 1), "number", 7, "segment 1 does not fit"),
        (at("segments", 1), "chapter", 3, "segment 1 does not fit"),
        (at("segments", 1), "chapter", 99, "segment 1 does not fit"),
        (at("segments", 1), "chapter", 0, r"segments\.1\.chapter"),
        (at("segments", 1), "page_last", 2, "segment 1 does not fit"),
        (at("segments", 1), "tokens", 33, "segment 1 does not fit"),
        (at("segments", 1), "start", 5, "a segment ends at"),
        (at("segments", 1), "text", "", r"segments\.1\.text"),
        (at("state", 0), "segment", 999, "its list of .* parts"),
        (at("state", 0), "part", "snapshot", "its list of .* parts"),
        (at("state", 0), "part", "../x", r"state\.0\.part"),
        (at("state", 0), "sha256", "a" * 64, "SHA-256"),
        (at("state", 0), "sha256", "short", r"state\.0\.sha256"),
    ],
)
def test_a_manifest_that_is_not_in_order(
    store: Store,
    exported: dict[str, Path],
    tmp_path: Path,
    where: Callable[[Json], Json],
    key: str,
    value: object,
    reason: str,
) -> None:
    content = edit_manifest(
        members(exported["adaptive"]), lambda m: where(m).__setitem__(key, value)
    )
    refused(store, write(tmp_path / "f.zip", content), reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m["state"].pop(), "state_bytes|its list of"),
        (lambda m: m["state"].reverse(), "its list of .* parts"),
        (lambda m: m["segments"].pop(), "end|does not fit|segments is"),
        (lambda m: m["segments"].clear(), "there is no segment"),
        (lambda m: m["sources"].clear(), "source files do not fit"),
        (lambda m: m["chapters"].clear(), "there is no chapter"),
        (lambda m: m.pop("chats"), "chats"),
        (
            lambda m: m["summaries"].append({"chapter": 9, "title": "t", "summary": "s"}),
            r"summaries of chapters \[.*9\]",
        ),
        (
            lambda m: m["chats"].append({"title": "t", "created_at": "x", "messages": []}),
            r"chats\.0\.created_at",
        ),
        (lambda m: m["reading"].update(memory_config="{}"), "its source file"),
    ],
)
def test_lists_that_do_not_fit(
    store: Store,
    exported: dict[str, Path],
    tmp_path: Path,
    change: Callable[[Json], object],
    reason: str,
) -> None:
    content = edit_manifest(members(exported["adaptive"]), change)
    refused(store, write(tmp_path / "f.zip", content), reason)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"\\ud800"', b"\xff\xfe"])
def test_a_manifest_that_is_no_object(
    store: Store, exported: dict[str, Path], tmp_path: Path, data: bytes
) -> None:
    content = {**members(exported["adaptive"]), MANIFEST: data}
    refused(store, write(tmp_path / "f.zip", content), "manifest is invalid")


@pytest.mark.parametrize(
    "config",
    [
        {"window": 10**9},
        {"window": 0},
        {"slot_bits": 5},
        {"share": "all"},
        {"surprise": 1},
        {"address_heads": []},
    ],
)
def test_a_memory_configuration_that_is_none(
    store: Store, exported: dict[str, Path], tmp_path: Path, config: Json
) -> None:
    def change(manifest: Json) -> None:
        row = manifest["reading"]
        wanted = {**json.loads(row["memory_config"]), **config}
        row["memory_config"] = json.dumps(wanted, sort_keys=True)
        names = ("memory", "memory_config", "backbone_sha256")
        identity = [manifest["document"]["source_sha256"], *(row[n] for n in names)]
        row["id"] = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]

    content = edit_manifest(members(exported["adaptive"]), change)
    refused(store, write(tmp_path / "f.zip", content), "its memory configuration|its window is")


def test_a_failure_while_storing_leaves_nothing(
    store: Store, exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    add, added = store.add_blob, []

    def full(*blob: object) -> None:
        if len(added) == 3:
            raise OSError(28, "No space left on device")
        added.append(blob)
        add(*blob)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "add_blob", full)
    refused(store, exported["adaptive"], "No space left")
    assert len(added) == 3

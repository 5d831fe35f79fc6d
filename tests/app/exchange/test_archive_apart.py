"""Archives are taken apart in a child: what happens there is one refusal, with nothing stored."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from archives import MANIFEST, edit_blob, members, refused, write
from novels import KINDS

from app.exchange.archive import import_document
from app.storage.store import Store
from ingest.book import DamagedDocument, TooLarge, UnreadableDocument
from ingest.isolation import parent
from ingest.isolation.limits import Limits
from ingest.isolation.opened import opened_apart

SLOTS = "state/slots-000002.safetensors"
BREAKING = """
import os, signal, sys
import ingest.child, ingest.isolation.wire as wire, ingest.structures.served as served
def serve(archive, requests):
    {act}
served.serve = serve
ingest.child.main()
"""


@pytest.fixture(autouse=True)
def in_process() -> None:
    """The real child, which other tests do without."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_imported(store: Store, exported: dict[str, Path], kind: str) -> None:
    document = import_document(store, exported[kind])
    assert document.ready and store.quick_check() == "ok"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c | {"extra.txt": b""}, "is unexpected, missing or contained twice"),
        (lambda c: c | {MANIFEST: b"["}, "manifest is invalid: it is not JSON"),
        (lambda c: c | {MANIFEST: b"[" * 10**6}, "manifest is invalid: it is not JSON"),
        (lambda c: c | {SLOTS: c[SLOTS][:-1] + b"!"}, f"{SLOTS} has SHA-256"),
        (lambda c: edit_blob(c, SLOTS, lambda b: b[:-1]), "is cut off"),
        (lambda c: {n: d for n, d in c.items() if n != MANIFEST}, "has no manifest"),
    ],
    ids=["a member", "no JSON", "deep JSON", "a changed byte", "a short blob", "no manifest"],
)
def test_refusals_come_back(
    store: Store, exported: dict[str, Path], tmp_path: Path, change: object, reason: str
) -> None:
    content = change(members(exported["adaptive"]))  # type: ignore[operator]
    refused(store, write(tmp_path / "f.zip", content), reason)


def test_files_that_are_no_archives(store: Store, tmp_path: Path) -> None:
    refused(store, tmp_path / "missing.zip", "missing.zip is not a complete archive")
    (tmp_path / "odd.zip").write_bytes(b"PK\5\6" + bytes(500))
    refused(store, tmp_path / "odd.zip", "not a complete archive|has no manifest")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableDocument, match="is not a file"):
        opened_apart(tmp_path / "pipe", 10).__enter__()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("os.abort()", "breaks the program"),
        ("raise RuntimeError", "does not expect"),
        ("signal.raise_signal(signal.SIGKILL)", "MiB of memory"),
        ("x = [0]\n    while True: x += x", "256 MiB of memory"),
        ("yield b'{}'", "breaks the program"),
        ("yield wire.packed({'names': [1]})", "breaks the program"),
        ("yield from (wire.packed({'names': ['manifest.json']}), b'', b'')", "breaks the program"),
        (
            "yield from (wire.packed(x) for x in ({'names': ['manifest.json']}, {}))\n"
            "    while True: yield bytes(1 << 20)",
            "breaks the program",
        ),
        ("open('/dev/shm/never', 'w')", "does not expect"),
        ("import socket; socket.socket()", "does not expect"),
    ],
)
def test_whatever_happens_in_the_child_is_one_refusal(
    store: Store,
    exported: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    reason: str,
) -> None:
    monkeypatch.setattr(parent, "_CHILD", ("-c", BREAKING.format(act=act)))
    monkeypatch.setattr(import_document, "__defaults__", (Limits(256 << 20),))
    refused(store, exported["adaptive"], reason)


def test_a_member_larger_than_the_childs_memory_passes_in_pieces(tmp_path: Path) -> None:
    size = 200 << 20
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as file, file.open("big", "w") as member:
        for _ in range(size >> 20):
            member.write(b"ab" * (1 << 19))
    with opened_apart(tmp_path / "f.zip", 10, Limits(128 << 20)) as opened:
        data = opened.read("big", 1 << 30, size)
        assert (len(data), data[:2], data[-2:]) == (size, b"ab", b"ab")
        with pytest.raises(DamagedDocument, match="are expected"):
            opened.read("big", 1 << 30, size - 1)


def test_it_ends_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "f.zip", {"a": b"b"})
    monkeypatch.setattr(parent, "_CHILD", ("-c", BREAKING.format(act="while True: pass")))
    with (
        pytest.raises(TooLarge, match=r"more than 1 seconds.*`bookstate ingest`"),
        opened_apart(tmp_path / "f.zip", 10, Limits(seconds=1)),
    ):
        pass

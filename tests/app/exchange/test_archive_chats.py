"""Chats in an exported document: what they say of an answer is checked field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from archives import edit_manifest, members, write
from novels import read_novel

from app.errors import InvalidArchive
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.storage.store import Message, Store, now

PLACE = {
    "segment": 0,
    "chapter": 1,
    "page_first": 1,
    "page_last": 1,
    "weight": 0.5,
    "text": "Wim painted the violin.",
    "label_first": "1",
    "label_last": "1",
}


def with_message(exported: dict[str, Path], file: Path, **fields: Any) -> Path:
    """An exported document whose one chat has one answer with these fields."""
    said = {"role": "assistant", "text": "Wim", "confidence": 0.5, "sources": [PLACE]}
    message = {**said, "created_at": now(), **fields}
    chat = {"title": "About Wim", "created_at": now(), "messages": [message]}
    content = edit_manifest(members(exported["adaptive"]), lambda m: m.update(chats=[chat]))
    return write(file, content)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in PLACE.items() if key != name}


@pytest.mark.parametrize(
    "fields",
    [
        *({"sources": [without(n)]} for n in PLACE if not n.startswith("label")),
        {"sources": [{}]},
        {"sources": [5]},
        {"sources": {"0": PLACE}},
        {"sources": [{**PLACE, "weight": "heavy"}]},
        {"sources": [{**PLACE, "weight": 1e308}]},
        {"sources": [{**PLACE, "weight": -0.1}]},
        {"sources": [{**PLACE, "weight": float("nan")}]},
        {"sources": [{**PLACE, "chapter": 0}]},
        {"sources": [{**PLACE, "page_first": 1.5}]},
        {"sources": [{**PLACE, "text": None}]},
        {"sources": [{**PLACE, "more": 1}]},
        {"confidence": 1e308},
        {"confidence": 1.01},
        {"confidence": -0.01},
        {"confidence": float("inf")},
        {"confidence": float("nan")},
        {"confidence": "sure"},
        {"confidence": True},
    ],
    ids=str,
)
def test_what_is_not_in_order_is_refused(
    store: Store, exported: dict[str, Path], tmp_path: Path, fields: dict[str, Any]
) -> None:
    file = with_message(exported, tmp_path / "f.zip", **fields)
    with pytest.raises(InvalidArchive, match="manifest is invalid"):
        import_document(store, file)
    assert not store.documents()


def test_older_exports_name_no_labels(
    store: Store, exported: dict[str, Path], tmp_path: Path
) -> None:
    plain = {n: v for n, v in PLACE.items() if not n.startswith("label")}
    document = import_document(store, with_message(exported, tmp_path / "f", sources=[plain]))
    (message,) = store.messages(store.chats(document.id)[0].id)
    assert message.sources == [{**PLACE, "label_first": "", "label_last": ""}]
    assert message.confidence == 0.5


def test_what_no_import_would_take_is_not_exported(library: Library, tmp_path: Path) -> None:
    """An earlier version imported such chats."""
    document = read_novel(library)
    chat = library.store.start_chat(document.id, "Odd")
    library.store.say(chat, Message("assistant", "Wim", 0.5, [{"chapter": 1}]))
    with pytest.raises(InvalidArchive, match=r"chats\.0\.messages\.0\.sources\.0"):
        export_document(library.store, document.id, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()

"""Exports of version 0.3, and exports of one of several readings of a document."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import Json, edit_manifest, members, refused, write
from novels import QUESTION, novel, read_novel

from app.errors import InvalidArchive
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.storage.store import Message, Store, Summary

DATA = Path(__file__).parent / "data"
APPENDED, INFINI = DATA / "version_0_3.bookstate", DATA / "version_0_3_infini.bookstate"
SQL = Path(__file__).parents[1] / "storage" / "data" / "version_0_3.sql"


@pytest.fixture
def migrated(tmp_path: Path) -> Store:
    """The library from which the exports of version 0.3 are."""
    file = tmp_path / "migrated.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(SQL.read_text("utf-8"))
    connection.close()
    return Store(file)


@pytest.mark.parametrize("file", [APPENDED, INFINI])
def test_an_export_of_version_0_3_is_imported_as_it_was(
    store: Store, migrated: Store, file: Path
) -> None:
    imported = import_document(store, file)
    kept = migrated.document(imported.id)
    assert imported == kept and imported.ready
    for document, of in ((imported, store), (kept, migrated)):
        assert document.id == document.reading.id
        assert of.text(document.reading.text_id).parser == 0
    for what in ("chapters", "pages", "segments", "state_index", "state_parts"):
        assert getattr(store, what)(imported.reading) == getattr(migrated, what)(kept.reading)
    for source, other in zip(
        store.sources(imported.reading), migrated.sources(kept.reading), strict=True
    ):
        assert source == {**other, "file_name": other["file_name"].replace("\\", "_")}
    assert store.summaries(imported) == migrated.summaries(kept)
    chats, expected_chats = store.chats(imported.id), migrated.chats(kept.id)
    assert [(c.title, c.created_at) for c in chats] == [
        (c.title, c.created_at) for c in expected_chats
    ]
    for chat, other in zip(chats, expected_chats, strict=True):
        assert store.messages(chat.id) == migrated.messages(other.id)
    store.seal(imported.reading)
    assert store.document(imported.id).reading.state_sha256 == kept.reading.state_sha256
    assert import_document(store, file).id == imported.id
    migrated.close()


def test_both_exports_of_one_file_are_two_documents_as_they_were(store: Store) -> None:
    first, second = import_document(store, APPENDED), import_document(store, INFINI)
    assert first.source_sha256 == second.source_sha256
    assert {d.id for d in store.documents()} == {first.id, second.id}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m["segments"][1].update(text="another length"), "segment 1 does not have"),
        (lambda m: m["segments"][1].update(text=5), r"segments\.1\.text"),
        (lambda m: m["sources"][1].update(first_segment=0), "source files do not fit"),
        (lambda m: m["sources"][1].update(first_segment=99), "source files do not fit"),
        (lambda m: m["sources"][0].update(first_segment=1), "source files do not fit"),
        (lambda m: m["sources"].clear(), "source files do not fit"),
        (lambda m: m["segments"].clear(), "text is blank"),
        (lambda m: m["segments"][1].update(chapter=99), "segment 1 does not fit"),
        (lambda m: m["chapters"].clear(), "there is no chapter"),
        (lambda m: m["document"].update(id="0123456789ab"), "its source file"),
        (lambda m: m["document"].update(id="../../../../"), r"document\.id"),
        (lambda m: m["document"].update(memory="pickle"), r"reading\.memory"),
        (lambda m: m["document"].update(tokens=1), "tokens is 1"),
        (lambda m: m["document"].update(surprise=1), "surprise"),
        (lambda m: m.update(text={}), "text"),
        (lambda m: m.update(format=2), "is not valid"),
    ],
)
def test_an_export_of_version_0_3_that_is_not_in_order(
    store: Store, tmp_path: Path, change: Callable[[Json], object], reason: str
) -> None:
    refused(store, write(tmp_path / "f.zip", edit_manifest(members(APPENDED), change)), reason)


def test_the_files_go_along_and_the_document_can_be_read_again(
    library: Library, tmp_path: Path
) -> None:
    document = read_novel(library)
    library.append(document.id, novel(2, seed=5), "more.md")
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    assert members(out)["originals/000001"] == novel(2, seed=5)
    library.remove(document.id)
    imported = import_document(library.store, out)
    assert library.store.originals(imported.id, [0, 1]) == [
        ("novel0.md", novel()),
        ("more.md", novel(2, seed=5)),
    ]
    assert library.reread(imported.id, memory="melodi").document.id == document.id


def test_another_reading_joins_the_document_that_is_here(
    library: Library, home: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    document = library.rename(read_novel(library).id, "Mine")
    out, also = tmp_path / "melodi.zip", tmp_path / "adaptive.zip"
    store = library.store
    chat = store.start_chat(document.id, "Shared", "2026-01-01T00:00:00+00:00")
    store.say(chat, Message("user", QUESTION))
    store.save_summary(document, Summary(1, "Chapter 1", "Mine."))
    second = library.add(novel(), "novel.md", memory="melodi").document
    store.start_chat(document.id, "Only there", "2026-01-02T00:00:00+00:00")
    store.save_summary(second, Summary(2, "Chapter 2", "From there."))
    export_document(store, second.reading.id, out)
    export_document(store, document.id, also)  # the one in use: the same
    assert out.read_bytes() == also.read_bytes()
    library.remove_reading(second.reading.id)
    store.remove_chat(store.chats(document.id)[0].id)
    with store.writing() as db:
        db.execute("DELETE FROM summaries WHERE chapter = 2")
    imported = import_document(store, out)
    assert imported.id == document.id and imported.reading.id == second.reading.id
    assert imported.title == "Mine" and store.document(document.id) == imported
    assert len(store.readings(document.id)) == 2
    assert imported.reading.text_id == second.reading.text_id
    assert store.db.table("texts").count == 1
    assert [c.title for c in store.chats(document.id)] == ["Only there", "Shared"]
    assert {n: s.summary for n, s in store.summaries(imported).items()} == {
        1: "Mine.",
        2: "From there.",
    }


def test_a_known_reading_is_used_and_its_document_left_alone(
    library: Library, tmp_path: Path
) -> None:
    first = read_novel(library)
    out = tmp_path / "adaptive.zip"
    export_document(library.store, first.id, out)
    library.add(novel(), "novel.md", memory="melodi")
    assert import_document(library.store, out) == first
    assert library.store.document(first.id) == first
    library.store.update_reading(first.reading.id, state_sha256="0" * 64)
    with pytest.raises(InvalidArchive, match=f"bookstate rm --reading {first.reading.id}"):
        import_document(library.store, out)


def test_another_text_of_the_document_is_kept_apart(library: Library, tmp_path: Path) -> None:
    document = read_novel(library)
    second = library.add(novel(), "novel.md", memory="melodi").document
    out = tmp_path / "melodi.zip"
    export_document(library.store, second.reading.id, out)
    library.remove_reading(second.reading.id)

    def renamed(manifest: Json) -> None:
        manifest["chapters"][1]["title"] = "Another Title"

    file = write(tmp_path / "renamed.zip", edit_manifest(members(out), renamed))
    imported = import_document(library.store, file)
    assert library.store.chapters(imported.reading)[1].title == "Another Title"
    assert library.store.chapters(document.reading)[1].title == "Chapter 2"


def test_a_document_of_another_file_does_not_get_the_reading(
    library: Library, tmp_path: Path
) -> None:
    """Its id is not checked against its file, since it may be that of a reading long removed."""
    document = read_novel(library)
    other = library.add(novel(seed=1), "other.md").document
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    library.remove(document.id)
    file = write(
        tmp_path / "f.zip",
        edit_manifest(members(out), lambda m: m["document"].update(id=other.id)),
    )
    with pytest.raises(InvalidArchive, match=f"Another document has the id {other.id}"):
        import_document(library.store, file)
    assert library.list() == [other]


def test_the_same_way_of_reading_under_another_id_is_refused(
    library: Library, tmp_path: Path
) -> None:
    document = read_novel(library)
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)

    def second(manifest: Json) -> None:
        row = manifest["reading"]
        names = ("memory", "memory_config", "backbone_sha256")
        identity = [manifest["document"]["source_sha256"], *(row[n] for n in names), "2"]
        row["id"] = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]

    file = write(tmp_path / "f.zip", edit_manifest(members(out), second))
    with pytest.raises(InvalidArchive, match=f"already, as the reading {document.reading.id}"):
        import_document(library.store, file)
    library.remove(document.id)
    assert import_document(library.store, file).ready


def test_a_changed_original_is_refused(
    store: Store, exported: dict[str, Path], tmp_path: Path
) -> None:
    content = members(exported["adaptive"])
    data = content["originals/000000"]
    changed = {**content, "originals/000000": data[:-1] + b"!"}
    refused(store, write(tmp_path / "f.zip", changed), "originals/000000 has SHA-256")
    without = {name: blob for name, blob in content.items() if not name.startswith("originals")}
    refused(store, write(tmp_path / "g.zip", without), "is unexpected, missing or contained twice")
    absent = edit_manifest(without, lambda m: m["sources"][0].update(original=None))
    assert import_document(store, write(tmp_path / "h.zip", absent)).ready


def test_an_original_over_the_limit_is_refused(
    store: Store, exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exchange.archive.MOST_ORIGINAL_BYTES", 100)
    refused(store, exported["adaptive"], "originals/000000 has")


def test_a_configuration_with_old_names_is_read_and_compared(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that was called otherwise once: the stored JSON, and with it the id, stays."""
    document = read_novel(library)
    config = json.loads(document.reading.memory_config)
    config["portion"] = config.pop("keep_ratio")
    monkeypatch.setattr("app.storage.configs.OLD_NAMES", {"adaptive": {"portion": "keep_ratio"}})
    library.store.update_reading(
        document.reading.id, memory_config=json.dumps(config, sort_keys=True)
    )
    assert library.add(novel(), "novel.md").already_known
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    library.remove(document.id)

    def identified(manifest: Json) -> None:
        row = manifest["reading"]
        names = ("memory", "memory_config", "backbone_sha256")
        identity = [manifest["document"]["source_sha256"], *(row[n] for n in names)]
        row["id"] = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]

    file = write(tmp_path / "f.zip", edit_manifest(members(out), identified))
    imported = import_document(library.store, file)
    assert json.loads(imported.reading.memory_config)["portion"] == 0.25

    def twice(manifest: Json) -> None:
        both = {**config, "keep_ratio": 0.25}
        manifest["reading"]["memory_config"] = json.dumps(both, sort_keys=True)
        identified(manifest)

    file = write(tmp_path / "g.zip", edit_manifest(members(out), twice))
    with pytest.raises(InvalidArchive, match="its memory configuration"):
        import_document(library.store, file)

"""Export and import of documents that are in order."""

from __future__ import annotations

import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
from archives import MANIFEST, edit_blob, edit_manifest, edit_tensors, members, write
from novels import KINDS, QUESTION, Interrupted, Shelf, kind_settings, novel, read_novel

from app.answering.answers import Source
from app.errors import InvalidArchive, InvalidSetting, NotReady
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library, ReadProgress
from app.storage.checksums import checksum
from app.storage.store import Document, Message, Summary
from memory_models.errors import BrokenState


def everything(library: Library, document: Document) -> dict[str, object]:
    """All that the store has about a document, but for the keys and times of its own rows."""
    store = library.store
    return {
        "document": document,
        "sources": store.sources(document.reading),
        "chapters": store.chapters(document.reading),
        "pages": store.pages(document.reading),
        "segments": store.segments(document.reading),
        "state": [
            store.blobs(document.reading, part) for part in store.state_parts(document.reading)
        ],
        "summaries": store.summaries(document),
        "chats": [
            (chat.title, chat.created_at, store.messages(chat.id))
            for chat in store.chats(document.id)
        ],
    }


def ask(library: Library, document: Document) -> tuple[str, float]:
    stream = library.ask(document.id, QUESTION)
    return "".join(stream), library.answer(document.id, stream).confidence


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_trip_gives_the_same_document_and_answer(
    home: Path, tiny_backbone: Path, tmp_path: Path, kind: str
) -> None:
    library = Library(kind_settings(home, tiny_backbone, kind))
    document = read_novel(library)
    document = library.append(document.id, novel(chapters=2, sentences=3, seed=5), "more.md")
    library.store.save_summary(document, Summary(0, "All", "Everything."))
    for title in ("One", "Two"):
        chat = library.store.start_chat(document.id, title)
        library.store.say(chat, Message("user", QUESTION))
        place = Source(1, 1, 1, 1, weight=0.25, text="Mara hid the key.", label_first="1")
        library.store.say(chat, Message("assistant", "Mara.", 0.5, [asdict(place)]))
    before, said = everything(library, document), ask(library, document)
    out = tmp_path / "novel.bookstate"
    assert export_document(library.store, document.id[:7], out) == document
    library.remove(document.id)
    imported = import_document(library.store, out)
    assert imported == document
    assert everything(library, imported) == before
    assert ask(library, imported) == said
    library.close()


def test_an_export_is_a_zip_of_safetensors_and_one_manifest(
    library: Library, tmp_path: Path
) -> None:
    document = read_novel(library)
    first, second = tmp_path / "one.zip", tmp_path / "two.zip"
    export_document(library.store, document.id, first)
    names = members(first)
    assert names.pop(MANIFEST).startswith(b'{"format":2,')
    assert names.pop("originals/000000") == novel()
    assert len(names) == 2 * document.reading.segments
    assert all(name.startswith("state/") and name.endswith(".safetensors") for name in names)
    second.write_bytes(b"something older")
    export_document(library.store, document.id, second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["one.zip", "two.zip"]


def test_an_archive_that_was_packed_again_is_read(library: Library, tmp_path: Path) -> None:
    document = read_novel(library)
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    library.remove(document.id)
    packed = write(tmp_path / "packed.zip", members(out), zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < out.stat().st_size
    assert import_document(library.store, packed) == document


def test_a_document_that_is_here_is_returned(library: Library, tmp_path: Path) -> None:
    document = read_novel(library)
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    renamed = library.rename(document.id, "My own title")
    assert import_document(library.store, out) == renamed
    assert len(library.list()) == 1


def test_a_document_that_is_here_with_another_state_is_refused(
    library: Library, tmp_path: Path
) -> None:
    document = read_novel(library)
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    both = library.append(document.id, novel(seed=5), "more.md")
    with pytest.raises(InvalidArchive, match=f"with another state; run `bookstate rm {both.id}`"):
        import_document(library.store, out)
    library.store.update_reading(document.reading.id, segments_done=2)
    with pytest.raises(InvalidArchive, match="not read to its end"):
        import_document(library.store, out)


def test_an_unfinished_document_is_not_exported(library: Library, tmp_path: Path) -> None:
    def interrupt(progress: ReadProgress) -> None:
        if progress.segments_done == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        library.add(novel(), "novel.md", on_progress=interrupt)
    document = library.list()[0]
    with pytest.raises(NotReady, match="to segment 4 of"):
        export_document(library.store, document.id, tmp_path / "out.zip")
    assert list(tmp_path.glob("*.zip")) == []


@pytest.mark.parametrize("known", [False, True], ids=["by its checksum", "by the whole"])
def test_a_stored_state_that_was_damaged_is_not_exported(
    library: Library, tmp_path: Path, known: bool
) -> None:
    document = read_novel(library)
    with library.store.writing() as db:
        db.execute("UPDATE states SET blob = zeroblob(9) WHERE part = 'slots' AND segment = 3")
        if known:
            right = checksum("slots", 3, bytes(9))
            db.execute(
                "UPDATE checksums SET crc32 = ? WHERE part = 'slots' AND segment = 3", [right]
            )
    out = tmp_path / "out.zip"
    out.write_bytes(b"the last good one")
    with pytest.raises((InvalidArchive, BrokenState), match="and read it again"):
        export_document(library.store, document.id, out)
    assert out.read_bytes() == b"the last good one"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["out.zip"]


def test_a_place_that_cannot_be_written_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    store, document = shelf.libraries["adaptive"].store, shelf.documents["adaptive"]
    for out, reason in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "f.zip", "cannot be written"),
    ):
        with pytest.raises(InvalidArchive, match=reason):
            export_document(store, document.id, out)


def test_a_state_of_another_backbone_is_stored_and_asking_is_refused(
    shelf: Shelf, library: Library, other_backbone: Path, tmp_path: Path
) -> None:
    document = shelf.documents["melodi"]
    out = tmp_path / "novel.zip"
    export_document(shelf.libraries["melodi"].store, document.id, out)
    foreign = Library(library.settings.model_copy(update={"backbone": str(other_backbone)}))
    imported = import_document(foreign.store, out)
    assert imported.reading.state_sha256 == document.reading.state_sha256
    with pytest.raises(InvalidSetting, match="choose it with --backbone"):
        foreign.ask(imported.id, QUESTION)
    foreign.close()


def test_a_state_whose_shapes_only_pretend_to_be_the_backbones_is_refused_when_asked(
    library: Library, tmp_path: Path
) -> None:
    """6 layers of one head instead of 3 of two: the same cache size, found only at the backbone."""
    document = read_novel(library)
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    library.remove(document.id)
    content = members(out)

    def reshape(tensors: dict[str, object]) -> None:
        tensors["counts"] = tensors["counts"].reshape(6, 1)  # type: ignore[attr-defined]
        tensors["key_mean"] = tensors["key_mean"].reshape(6, 1, 8)  # type: ignore[attr-defined]

    for number in range(document.reading.segments):
        name = f"state/slots-{number:06d}.safetensors"
        content = edit_blob(content, name, lambda blob: edit_tensors(blob, reshape))
    imported = import_document(library.store, write(tmp_path / "odd.zip", content))
    with pytest.raises(BrokenState, match=r"\(6, 1, 8\), this backbone needs \(3, 2, 8\)"):
        list(library.ask(imported.id, QUESTION))


def test_a_file_name_that_reads_as_a_path_is_made_plain(library: Library, tmp_path: Path) -> None:
    document = library.add(novel(), "..\\up\nand away.md").document
    out = tmp_path / "novel.zip"
    export_document(library.store, document.id, out)
    library.remove(document.id)
    assert import_document(library.store, out).file_name == ".._up_and away.md"


def test_a_manifest_may_not_name_paths(shelf: Shelf, library: Library, tmp_path: Path) -> None:
    out = tmp_path / "novel.zip"
    export_document(shelf.libraries["adaptive"].store, shelf.documents["adaptive"].id, out)
    changed = edit_manifest(
        members(out), lambda m: m["document"].update(file_name="../../etc/passwd")
    )
    with pytest.raises(InvalidArchive, match=r"document\.file_name"):
        import_document(library.store, write(tmp_path / "bad.zip", changed))

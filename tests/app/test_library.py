"""Adding, appending, renaming and removing documents; who may read what when."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from novels import KINDS, QUESTION, Interrupted, kind_settings, novel, read_novel

from app.errors import Busy, InvalidSetting, NotReady, UnknownDocument
from app.exchange.export import export_document
from app.intake.register import File
from app.library import Library, ReadProgress
from app.settings import Settings
from app.state_reader import Scope
from app.storage.store import Store
from ingest.book import Book, EmptyDocument
from ingest.isolation.limits import Limits


def interrupt_at(segment: int) -> object:
    """A progress that raises when so many segments are done."""

    def on_progress(progress: ReadProgress) -> None:
        if progress.segments_done == segment:
            raise Interrupted

    return on_progress


def test_a_new_document_is_read_to_its_end(library: Library) -> None:
    seen: list[ReadProgress] = []
    done = library.add(novel(), "novel.md", title=" My Novel ", on_progress=seen.append)
    document = done.document
    assert document.ready and not done.resumed and not done.already_known
    assert (document.title, document.format, done.chapters) == ("My Novel", "markdown", 3)
    assert [p.segments_done for p in seen] == list(range(1, document.reading.segments + 1))
    assert seen[-1].seconds_left == pytest.approx(0, abs=1e-6)
    segments = library.store.segments(document.reading)
    assert "".join(s.text for s in segments).split() == novel().decode().split()
    assert document.reading.tokens == sum(s.tokens for s in segments)
    assert all(library.backbone.tokenizer.count(s.text) == s.tokens <= 32 for s in segments)
    assert document.reading.kv_cache_bytes == document.reading.tokens * 3 * 2 * 8 * 2 * 2
    assert document.reading.state_bytes == sum(library.store.state_parts(document.reading).values())


def test_the_same_bytes_are_looked_up_not_read(library: Library) -> None:
    first = read_novel(library)

    def never(_: ReadProgress) -> None:
        raise AssertionError("read again")

    again = library.add(novel(), "other name.txt", title="Other", on_progress=never)
    assert again.already_known and not again.resumed
    assert again.document == first
    assert len(library.list()) == 1


def test_other_memories_and_other_settings_are_other_readings_of_one_document(
    home: Path, tiny_backbone: Path
) -> None:
    documents, readings = set(), set()
    for kind in KINDS:
        library = Library(kind_settings(home, tiny_backbone, kind))
        document = library.register(novel(chapters=1), "novel.md")[0]
        documents.add(document.id)
        readings.add(document.reading.id)
        assert document.reading.memory == kind.partition("-")[0]
        library.close()
    assert (len(documents), len(readings)) == (1, len(KINDS))


def test_two_processes_register_the_same_file_once(
    library: Library, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Library(settings)
    parse, parsed = File.parse, []

    def overtaken(file: File, limits: Limits, *_: object) -> Book:
        if not parsed:
            parsed.append(file)
            library.register(novel(), "novel.md")
        return parse(file, limits)

    monkeypatch.setattr(File, "parse", overtaken)
    document, known = other.register(novel(), "novel.md")
    other.close()
    assert known
    assert [d.id for d in library.list()] == [document.id]


def test_a_refused_file_leaves_nothing(library: Library) -> None:
    with pytest.raises(EmptyDocument):
        library.add(b"  \n ", "empty.txt")
    assert library.list() == []


def test_a_reading_goes_on_while_another_connection_writes(library: Library) -> None:
    other = Store(library.settings.database)

    def chat(progress: ReadProgress) -> None:
        other.start_chat(progress.document_id, f"while at {progress.segments_done}")

    document = library.add(novel(), "novel.md", on_progress=chat).document
    other.close()
    assert document.ready
    assert len(library.store.chats(document.id)) == document.reading.segments


def test_an_unfinished_document_is_not_asked(library: Library) -> None:
    with pytest.raises(Interrupted):
        library.add(novel(), "novel.md", on_progress=interrupt_at(5))
    document = library.list()[0]
    assert (document.reading.segments_done, document.ready) == (4, False)
    with pytest.raises(NotReady, match=f"to segment 4 of {document.reading.segments}"):
        list(library.ask(document.id, QUESTION))
    done = library.add(novel(), "novel.md")
    assert done.resumed and done.document.ready


def test_a_process_that_died_before_the_seal_is_finished(library: Library) -> None:
    document = read_novel(library)
    library.store.update_reading(document.reading.id, state_sha256=None, state_bytes=0)
    assert not library.store.document(document.id).ready
    done = library.add(novel(), "novel.md")
    assert not done.already_known
    assert done.document.reading.state_sha256 == document.reading.state_sha256
    assert done.document.reading.state_bytes == document.reading.state_bytes


def test_a_document_is_read_by_one_at_a_time(library: Library, settings: Settings) -> None:
    other = Library(settings)
    refused: list[str] = []

    def meddle(progress: ReadProgress) -> None:
        if not refused:
            with pytest.raises(Busy, match="being read by another process") as caught:
                other.read(library.list()[0].reading.id)
            refused.append(str(caught.value))

    document = library.add(novel(), "novel.md", on_progress=meddle).document
    assert refused and other.read(document.reading.id) == document
    other.close()


def test_another_backbone_is_refused_by_name(
    library: Library, settings: Settings, other_backbone: Path
) -> None:
    document = read_novel(library)
    other = Library(settings.model_copy(update={"backbone": str(other_backbone)}))
    with pytest.raises(InvalidSetting, match=r"backbone 'tiny' .* but 'other' .* --backbone"):
        other.ask(document.id, QUESTION)
    other.close()


def test_append_leaves_the_windows_of_the_first_part_as_they_are(library: Library) -> None:
    store = library.store
    first = read_novel(library)
    kept = {part: store.blobs(first.reading, part) for part in ("slots", "address")}
    texts = [s.text for s in store.segments(first.reading)]
    both = library.append(first.id, novel(chapters=2, seed=5), "more.md")
    assert (
        both.id == first.id
        and both.ready
        and both.reading.state_sha256 != first.reading.state_sha256
    )
    for part, blobs in kept.items():
        assert store.blobs(first.reading, part)[: first.reading.segments] == blobs
        assert len(store.blobs(first.reading, part)) == both.reading.segments
    alone = library.add(novel(chapters=2, seed=5), "more.md").document
    assert [s.text for s in store.segments(both.reading)] == [
        *texts,
        *(s.text for s in store.segments(alone.reading)),
    ]
    assert store.blobs(both.reading, "slots")[first.reading.segments :] == [
        (first.reading.segments + n, blob) for n, blob in store.blobs(alone.reading, "slots")
    ]
    assert [s["file_name"] for s in store.sources(both.reading)] == ["novel0.md", "more.md"]
    assert len(store.chapters(both.reading)) == 5
    assert both.reading.tokens == first.reading.tokens + alone.reading.tokens


def test_appending_the_same_bytes_changes_nothing(library: Library) -> None:
    first = read_novel(library)
    assert library.append(first.id, novel(), "again.md") == first
    library.append(first.id, novel(seed=5), "more.md")
    both = library.store.document(first.id)
    assert library.append(first.id, novel(seed=5), "more.md") == both
    assert len(library.store.sources(first.reading)) == 2


@pytest.mark.parametrize("kind", ["infini-linear", "melodi"])
def test_chapters_before_an_appended_part_can_still_be_asked(
    home: Path, tiny_backbone: Path, kind: str
) -> None:
    library = Library(kind_settings(home, tiny_backbone, kind))
    document = read_novel(library)
    stream = library.ask(document.id, QUESTION, Scope(as_of_chapter=3))
    before = "".join(stream)
    library.append(document.id, novel(chapters=2, seed=5), "more.md")
    assert "".join(library.ask(document.id, QUESTION, Scope(as_of_chapter=3))) == before
    library.close()


def test_rename_and_remove(library: Library) -> None:
    document = read_novel(library)
    assert library.rename(document.id[:6], "  Better ").title == "Better"
    with pytest.raises(InvalidSetting, match="blank"):
        library.rename(document.id, " \t")
    assert library.remove(document.id[:6]).title == "Better"
    assert library.list() == []
    with pytest.raises(UnknownDocument):
        library.remove(document.id)
    assert library.add(novel(), "novel.md").already_known is False


@pytest.mark.parametrize(
    ("title", "why"),
    [("x" * 4097, "4,097 characters and the limit is 4,096"), ("caf\udce9", "not UTF-8")],
)
def test_a_title_that_cannot_be_kept_is_refused_before_the_file_is_parsed(
    library: Library, monkeypatch: pytest.MonkeyPatch, title: str, why: str
) -> None:
    document = read_novel(library)

    def never(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(File, "parse", never)
    with pytest.raises(InvalidSetting, match=why):
        library.register(novel(seed=1), "novel.md", title=title)
    with pytest.raises(InvalidSetting, match=why):
        library.rename(document.id, title)
    assert library.store.document(document.id) == document


def test_the_longest_title_is_exported(library: Library, tmp_path: Path) -> None:
    document = library.rename(read_novel(library).id, "x" * 4096)
    assert export_document(library.store, document.id, tmp_path / "out") == document


def test_a_file_name_that_is_no_utf8_is_stored_cleaned(library: Library) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    text = b"Mara found the key. " * 20
    document, _ = library.register(text, name)
    assert (document.title, document.file_name) == ("caf\ufffd", "caf\ufffd.txt")
    library.append(document.id, novel(), name)
    assert library.store.sources(document.reading)[1]["file_name"] == "caf\ufffd.txt"


def test_documents_name_the_adapters_that_wrote_their_states(library: Library) -> None:
    document = read_novel(library)
    assert document.reading.adapter is None
    config = json.loads(document.reading.memory_config) | {"gate": "abc", "codec": "def"}
    library.store.update_reading(document.reading.id, memory_config=json.dumps(config))
    assert library.store.document(document.id).reading.adapter == "gate abc, codec def"


def test_a_newer_calibration_does_not_make_a_known_file_unknown(library: Library) -> None:
    first = library.add(novel(), "novel.md").document
    calibration = library.backbone.folder / "calibration.json"
    before = calibration.read_text("utf-8")
    try:
        calibration.write_text(before.replace("[1, 2]", "[0, 3]"), "utf-8")
        again = library.add(novel(), "novel.md")
    finally:
        calibration.write_text(before, "utf-8")
    assert "[1, 2]" in before
    assert again.already_known and again.document.id == first.id

"""A byte of a stored blob changes: whatever opens the blob says so, and nothing answers from it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from novels import KINDS, QUESTION, kind_settings, read_novel

from app.errors import StoreFailed
from app.exchange.export import export_document
from app.library import Library
from app.state_reader import Scope, StateReader
from app.storage.store import Document, Store
from app.summaries.summarizer import Summarizer
from memory_models.errors import BrokenState

FLIPS = 200
SAID = "remove the document and read it again"
Place = tuple[str, int]


@contextmanager
def flipped(store: Store, document: Document, place: Place, at: int, bit: int) -> Iterator[None]:
    """The blob at this place with one other bit, until the block ends."""
    where = [document.reading.id, *place]
    ((blob,),) = store.db.execute(
        "SELECT blob FROM states WHERE reading_id = ? AND part = ? AND segment = ?", where
    ).fetchall()
    damaged = bytearray(blob)
    damaged[at % len(blob)] ^= 1 << bit
    for content in (bytes(damaged), blob):
        store.db.execute(
            "UPDATE states SET blob = ? WHERE reading_id = ? AND part = ? AND segment = ?",
            [content, *where],
        )
        if content != blob:
            yield


def noticed(library: Library, document: Document, scopes: list[Scope], place: Place) -> list[str]:
    """Which of opening the state for a question and exporting it say what is damaged."""
    memory, found = library.memory_of(document), []
    for scope in scopes:
        try:
            StateReader(library.store).open(document, memory, QUESTION, scope, 64)
        except BrokenState as error:
            assert repr(document.title) in str(error) and SAID in str(error)
            assert f"segment {place[1]} " in str(error)
            found.append("ask")
    out = library.settings.home / "out.zip"
    try:
        export_document(library.store, document.id, out)
    except BrokenState as error:
        assert f"segment {place[1]} " in str(error)
        found.append("export")
    assert out.exists() == ("export" not in found)
    out.unlink(missing_ok=True)
    return found


def test_every_changed_byte_is_noticed(tmp_path: Path, tiny_backbone: Path) -> None:
    chance, counts = random.Random(0), Counter[str]()
    for kind in KINDS:
        library = Library(kind_settings(tmp_path / kind, tiny_backbone, kind))
        document = read_novel(library)
        chapters = range(1, len(library.store.chapters(document.reading)) + 1)
        scopes = [Scope(), *(Scope(as_of_chapter=n) for n in chapters)]
        assert noticed(library, document, scopes, ("", 0)) == []
        places = library.store.state_index(document.reading)
        parts = sorted({part for part, _ in places})
        for number in range(FLIPS // len(KINDS)):
            part = parts[number % len(parts)]
            place = chance.choice([p for p in places if p[0] == part])
            with flipped(library.store, document, place, chance.getrandbits(40), number % 8):
                by = noticed(library, document, scopes, place)
            assert {"ask", "export"} <= set(by), (kind, place)
            counts[part] += 1
        assert noticed(library, document, scopes, ("", 0)) == []
        library.close()
    assert counts.total() == FLIPS and set(counts) == {"slots", "address", "carry", "snapshot"}


@pytest.mark.parametrize("kind", ["adaptive", "melodi"])
def test_questions_summaries_and_exports_refuse(
    tmp_path: Path, tiny_backbone: Path, kind: str
) -> None:
    library = Library(kind_settings(tmp_path / "home", tiny_backbone, kind))
    document = read_novel(library)
    part = {"adaptive": "slots", "melodi": "carry"}[kind]
    with ExitStack() as damage:
        for place in library.store.state_index(document.reading):
            if place[0] == part:
                damage.enter_context(flipped(library.store, document, place, 300, 0))
        with pytest.raises(BrokenState, match=SAID):
            next(iter(library.ask(document.id, QUESTION)))
        with pytest.raises(BrokenState, match=SAID):
            list(Summarizer(library).chapters(document))
        with pytest.raises(BrokenState, match=SAID):
            export_document(library.store, document.id, tmp_path / "out.zip")
    assert list(library.ask(document.id, QUESTION))
    library.close()


class TestOtherDamage:
    @pytest.fixture
    def document(self, library: Library) -> Document:
        return read_novel(library)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE states SET blob = (SELECT blob FROM states WHERE part = 'slots' AND "
            "segment = 1) WHERE part = 'slots' AND segment = 0",
            "UPDATE states SET blob = x'00' WHERE part = 'slots' AND segment = 0",
            "UPDATE states SET blob = CAST(blob || x'00' AS BLOB) "
            "WHERE part = 'slots' AND segment = 0",
            "DELETE FROM checksums WHERE part = 'slots' AND segment = 0",
        ],
        ids=["another blob", "a short one", "a longer one", "no checksum"],
    )
    def test_it_is_noticed(self, library: Library, document: Document, change: str) -> None:
        assert library.store.blobs(document.reading, "slots", [0])
        library.store.db.execute(change)
        with pytest.raises(BrokenState, match=SAID):
            library.store.blobs(document.reading, "slots", [0])
        assert library.store.blobs(document.reading, "slots", [1])  # the rest can be read

    def test_a_reading_does_not_go_on_from_a_damaged_carry(
        self, tmp_path: Path, tiny_backbone: Path
    ) -> None:
        library = Library(kind_settings(tmp_path / "home", tiny_backbone, "melodi"))
        document = read_novel(library)
        (end,) = (s for part, s in library.store.state_index(document.reading) if part == "carry")
        with flipped(library.store, document, ("carry", end), 300, 0):
            with pytest.raises(BrokenState):
                library.append(document.id, b"# More\n\nAnton sold the bell.", "more.md")
            with pytest.raises(BrokenState):
                library.store.seal(document.reading)
        library.close()

    def test_a_damaged_original_is_neither_exported_nor_read_again(
        self, library: Library, document: Document, tmp_path: Path
    ) -> None:
        library.store.db.execute("UPDATE originals SET data = CAST(data || x'00' AS BLOB)")
        with pytest.raises(StoreFailed, match="novel0"):
            export_document(library.store, document.id, tmp_path / "out.zip")
        with pytest.raises(StoreFailed, match="novel0"):
            library.store.originals(document.id, [0])

"""States at chapter ends: kept where the document has chapters itself, not for parts we made."""

from __future__ import annotations

from pathlib import Path

import pytest
from novels import QUESTION, kind_settings, novel

from app.errors import InvalidQuestion
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.state_reader import Scope
from app.storage.store import Store
from ingest import chapters

RECURRENT = ("infini-linear", "infini-delta", "melodi")


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain text is cut into parts of a few hundred characters."""
    monkeypatch.setattr(chapters, "_PART_CHARACTERS", 300)


def plain(sentences: int = 30, seed: int = 0) -> bytes:
    """A text without chapters."""
    text = novel(chapters=1, sentences=sentences, seed=seed).decode().partition("\n\n")[2]
    return text.strip().replace(". ", ".\n\n").encode()


def library_of(home: Path, backbone: Path, kind: str) -> Library:
    return Library(kind_settings(home, backbone, kind))


@pytest.mark.parametrize("kind", RECURRENT)
def test_parts_that_we_made_keep_no_snapshots(home: Path, tiny_backbone: Path, kind: str) -> None:
    library = library_of(home, tiny_backbone, kind)
    document = library.add(plain(), "plain.txt").document
    parts = library.store.chapters(document.reading)
    assert len(parts) > 2 and all(part.made_up for part in parts)
    assert set(library.store.state_parts(document.reading)) == {"carry"}
    with_chapters = library.add(novel(), "novel.md").document
    assert set(library.store.state_parts(with_chapters.reading)) == {"carry", "snapshot"}
    assert not any(c.made_up for c in library.store.chapters(with_chapters.reading))


@pytest.mark.parametrize("kind", RECURRENT)
def test_such_a_part_is_answered_from_the_whole_document_and_says_so(
    home: Path, tiny_backbone: Path, kind: str
) -> None:
    library = library_of(home, tiny_backbone, kind)
    document = library.add(plain(), "plain.txt").document
    parts = len(library.store.chapters(document.reading))
    stream = library.ask(document.id, QUESTION, Scope(chapter=2))
    said = "".join(stream)
    assert f"the answer is from chapters 1 to {parts} together" in stream.note
    assert said == "".join(library.ask(document.id, QUESTION))
    with pytest.raises(InvalidQuestion, match="keeps no state at the end of part 2"):
        list(library.ask(document.id, QUESTION, Scope(as_of_chapter=2)))


@pytest.mark.parametrize("kind", RECURRENT)
def test_the_end_of_a_file_is_kept(home: Path, tiny_backbone: Path, kind: str) -> None:
    library = library_of(home, tiny_backbone, kind)
    document = library.add(plain(), "one.txt").document
    segments = document.reading.segments
    more = library.append(document.id, plain(seed=1), "two.txt")
    ends = library.store.carry_ends(more.reading)
    assert ends == [segments - 1, more.reading.segments - 1]
    stream = library.ask(more.id, QUESTION)
    list(stream)
    assert stream.trace.log_probs


def test_an_export_with_snapshots_of_made_up_parts_is_still_imported(
    home: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    """Version 0.3 kept them at every end."""
    library = library_of(home, tiny_backbone, "infini-linear")
    document = library.add(plain(), "plain.txt").document
    inside = library.store.segment_chapters(document.reading)
    ends = [n for n in range(len(inside) - 1) if inside[n] != inside[n + 1]]
    carry = library.store.latest_blob(document.reading, "carry")
    assert carry is not None
    for end in ends:
        library.store.add_blob(document.reading, "snapshot", end, carry[1])
    library.store.seal(document.reading)
    file = tmp_path / "old.bookstate"
    export_document(library.store, document.id, file)
    imported = import_document(Store(tmp_path / "other.db"), file)
    assert imported.reading.state_bytes == len(carry[1]) * (len(ends) + 1)

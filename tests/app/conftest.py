"""A shelf of documents that are read once for all tests which only look at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from novels import KINDS, Shelf, kind_settings, novel

from app.exchange.export import export_document
from app.library import Library
from app.storage.store import Store


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Shelf]:
    """Read-only: a test that changes a document takes the `library` fixture instead."""
    home = tmp_path_factory.mktemp("shelf")
    libraries = {kind: Library(kind_settings(home / kind, tiny_backbone, kind)) for kind in KINDS}
    documents = {
        kind: library.add(novel(), "novel.md", title="The Novel").document
        for kind, library in libraries.items()
    }
    yield Shelf(libraries, documents)
    for library in libraries.values():
        library.close()


@pytest.fixture(autouse=True)
def short_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model never stops by itself."""
    monkeypatch.setattr("app.summaries.summarizer.WINDOW_TOKENS", 6)
    monkeypatch.setattr("app.summaries.summarizer.WHOLE_TOKENS", 8)


@pytest.fixture(scope="session")
def exported(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shelf's documents as exported files, by kind."""
    folder = tmp_path_factory.mktemp("exported")
    for kind in KINDS:
        export_document(shelf.libraries[kind].store, shelf.documents[kind].id, folder / kind)
    return {kind: folder / kind for kind in KINDS}


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty database."""
    opened = Store(home / "bookstate.db")
    yield opened
    opened.close()

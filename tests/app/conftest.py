"""A shelf of documents that are read once for all tests which only look at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from novels import KINDS, Shelf, kind_settings, novel

from app.library import Library

@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Shelf]:
    """Read-only: a test that changes a document takes the `library` fixture instead."""
    home = tmp_path_factory.mktemp("shelf")
    libraries = {kind: Library(kind_settings(home, tiny_backbone, kind)) for kind in KINDS}
    documents = {
        kind: library.add(novel(), "novel.md", title="The Novel").document
        for kind, library in libraries.items()
    }
    yield Shelf(libraries, documents)
    for library in libraries.values():
        library.close()

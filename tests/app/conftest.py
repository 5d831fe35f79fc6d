"""A shelf of documents that are read once for all tests which only look at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from novels import novel

from app.library import Library
from app.settings import Settings
from app.store import Document

KINDS = ("adaptive", "infini-linear", "infini-delta", "melodi")


def kind_settings(home: Path, backbone: Path, kind: str) -> Settings:
    """Settings under which new documents get the memory called `kind` in the tests."""
    memory, _, update = kind.partition("-")
    return Settings.model_validate(
        {
            "home": home,
            "backbone": str(backbone),
            "memory": memory,
            "infini_update": update or "delta",
            "window": 32,
            "windows": 4,
            "share": 0.25,
            "answer_tokens": 12,
            "threads": 1,
        }
    )


@dataclass(frozen=True)
class Shelf:
    """A library for each kind of memory over one data folder, with the same novel in all."""

    libraries: dict[str, Library]
    documents: dict[str, Document]


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

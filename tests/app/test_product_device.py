"""The product where the backbone is not on the CPU: reading, asking and summing up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from elsewhere import ELSEWHERE, a_device_elsewhere, move
from novels import KINDS, QUESTION, Shelf, kind_settings, novel

from app.library import Library
from app.state_reader import Scope
from app.summaries.summarizer import Summarizer


@pytest.mark.parametrize("kind", KINDS)
def test_the_product_is_the_same_on_another_device(
    kind: str, shelf: Shelf, home: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Library(kind_settings(home, tiny_backbone, kind))
    move(there.backbone.decoder)
    expected = made(shelf.libraries[kind], shelf.documents[kind].id)
    with a_device_elsewhere(monkeypatch):
        assert there.backbone.decoder.device == ELSEWHERE
        assert (
            made(there, there.add(novel(), "novel.md", title="The Novel").document.id) == expected
        )
    there.close()


def made(library: Library, document_id: str) -> list[object]:
    """The state's hash, an answer, and the book's summary."""
    stream = library.ask(document_id, QUESTION, Scope(chapter=2))
    said = list(stream)
    answer = replace(library.answer(document_id, stream), seconds=0, first_token_seconds=0)
    document = library.store.document(document_id)
    summary = Summarizer(library, again=True).book(document)
    return [document.reading.state_sha256, said, answer, summary]

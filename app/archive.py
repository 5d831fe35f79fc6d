"""Placeholder until the archive is written."""

from __future__ import annotations

from pathlib import Path

from app.store import Document, Store


def export_document(store: Store, document_id: str, out: Path) -> Document: ...
def import_document(store: Store, file: Path) -> Document: ...

"""Documents as JSON, the same for the command line and for the web server's endpoints."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from app.intake.inspection import Inspection
from app.library import Ingested, Library
from app.storage.store import Document


def ingested_json(done: Ingested) -> dict[str, Any]:
    """What `ingest --json` prints; `id` is the document's id, not the reading's."""
    document, reading = done.document, done.document.reading
    return {
        "id": document.id,
        "title": document.title,
        "chapters": done.chapters,
        "segments": reading.segments,
        "tokens": reading.tokens,
        "state_bytes": reading.state_bytes,
        "kv_cache_bytes": reading.kv_cache_bytes,
        "seconds": reading.seconds,
        "resumed": done.resumed,
        "already_known": done.already_known,
    }


def document_json(document: Document) -> dict[str, Any]:
    """A document as `list --json` prints it, with the properties of its reading in use."""
    reading = document.reading
    own = "id title author file_name format source_sha256 created_at"
    read = (
        "memory backbone adapter segments segments_done tokens state_bytes state_sha256 "
        "kv_cache_bytes seconds"
    )
    return {
        **{name: getattr(document, name) for name in own.split()},
        **{name: getattr(reading, name) for name in read.split()},
        "updated_at": max(document.updated_at, reading.updated_at),
        "ready": document.ready,
    }


def shown_json(library: Library, document: Document) -> dict[str, Any]:
    """A document as `show --json` prints it."""
    store, reading = library.store, document.reading
    inside = store.segment_chapters(reading)
    return document_json(document) | {
        "chapters": [
            {
                "number": n,
                "title": c.title,
                "characters": c.end - c.start,
                "segments": inside.count(n),
                "matter": c.matter,
            }
            for n, c in enumerate(store.chapters(reading), start=1)
        ],
        "pages": store.page_count(reading),
        "paged": document.paged,
        "tags": store.tags(document.id),
        "warnings": store.warnings(reading),
        "memory_config": json.loads(reading.memory_config),
        "state_parts": store.state_parts(reading),
        "sources": store.sources(reading),
        "readings": _readings_json(library, document),
    }


def inspected_json(found: Inspection) -> dict[str, Any]:
    """A file as `inspect --json` prints it."""
    return {
        "format": found.format,
        "title": found.title,
        "author": found.author,
        "chapters": [asdict(chapter) for chapter in found.chapters],
        "pages": found.pages,
        "characters": found.characters,
        "language": found.language,
        "warnings": list(found.warnings),
    }


def _readings_json(library: Library, document: Document) -> list[dict[str, Any]]:
    used = library.store.reading_in_use(document.id)
    names = "id memory backbone segments segments_done state_bytes ready created_at"
    return [
        {name: getattr(reading, name) for name in names.split()} | {"in_use": reading.id == used}
        for reading in library.store.readings(document.id)
    ]

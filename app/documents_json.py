"""Documents as the JSON that the command line and the web UI's endpoints both answer with."""

from __future__ import annotations

import json
from typing import Any

from app.library import Ingested, Library
from app.storage.store import Document


def ingested_json(done: Ingested) -> dict[str, Any]:
    """What `ingest --json` prints."""
    d = done.document
    return {
        "id": d.id,
        "title": d.title,
        "chapters": done.chapters,
        "segments": d.segments,
        "tokens": d.tokens,
        "state_bytes": d.state_bytes,
        "kv_cache_bytes": d.kv_cache_bytes,
        "seconds": d.seconds,
        "resumed": done.resumed,
        "already_known": done.already_known,
    }


def document_json(document: Document) -> dict[str, Any]:
    """A document as `list --json` prints it."""
    names = (
        "id title author file_name format memory backbone adapter segments segments_done tokens "
        "state_bytes state_sha256 kv_cache_bytes seconds source_sha256 created_at updated_at"
    )
    return {name: getattr(document, name) for name in names.split()} | {"ready": document.ready}


def shown_json(library: Library, document: Document) -> dict[str, Any]:
    """A document as `show --json` prints it."""
    chapters = library.store.chapters(document.id)
    inside = library.store.segment_chapters(document.id)
    return document_json(document) | {
        "chapters": [
            {
                "number": n,
                "title": c.title,
                "characters": c.end - c.start,
                "segments": inside.count(n),
            }
            for n, c in enumerate(chapters, start=1)
        ],
        "pages": library.store.page_count(document.id),
        "paged": document.paged,
        "memory_config": json.loads(document.memory_config),
        "state_parts": library.store.state_parts(document.id),
        "sources": library.store.sources(document.id),
    }

"""Exports one reading of a document as a zip file.

Everything is read in one database transaction. The zip is first written to a temporary file next to
the target, which replaces the target at the end.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import InvalidArchive, NotReady
from app.exchange.archive import MOST_MANIFEST_BYTES, MOST_MEMBERS
from app.exchange.entries import BlobEntry
from app.exchange.manifest import FORMAT, MANIFEST, Manifest, original_member
from app.exchange.parts import replacing
from app.storage.store import Document, Store, state_heading


def export_document(store: Store, document_id: str, out: Path) -> Document:
    """Write one finished reading of a document to a file: all of it or nothing.

    The file also holds the text, the original files if they are stored, the summaries,
    chats and notes.
    """
    with store.reading():
        document = store.document(document_id)
        if not document.ready:
            raise NotReady(f"{document.how_far}; finish reading it, then export it.")
        with replacing(out, store.path.parent) as file, zipfile.ZipFile(file, "w") as archive:
            entries = _write_state(store, document, archive)
            sources = list(_write_originals(store, document, archive))
            manifest = _checked(_manifest(store, document, entries, sources))
            count = len(entries) + len(sources)
            if len(manifest) > MOST_MANIFEST_BYTES or count >= MOST_MEMBERS:
                raise InvalidArchive(
                    f"{document.title!r} is too large to export: its manifest has "
                    f"{len(manifest):,} bytes (limit {MOST_MANIFEST_BYTES:,}) and it has {count:,} "
                    f"parts (limit {MOST_MEMBERS:,}); copy the whole data folder instead."
                )
            archive.writestr(zipfile.ZipInfo(MANIFEST), manifest)
    return document


def _write_state(store: Store, document: Document, archive: zipfile.ZipFile) -> list[BlobEntry]:
    entries: list[BlobEntry] = []
    total = hashlib.sha256()
    for part, segment in store.state_index(document.reading):
        _, blob = store.blobs(document.reading, part, [segment])[0]
        sha256 = hashlib.sha256(blob).hexdigest()
        # `model_validate` instead of the constructor, whose type asks for a literal part name.
        entry = BlobEntry.model_validate(
            {"part": part, "segment": segment, "size": len(blob), "sha256": sha256}
        )
        total.update(state_heading(part, segment, len(blob)) + blob)
        archive.writestr(zipfile.ZipInfo(entry.member), blob)
        entries.append(entry)
    if total.hexdigest() != document.reading.state_sha256:
        raise InvalidArchive(
            f"The stored state of {document.title!r} has SHA-256 {total.hexdigest()[:12]}, but "
            f"{str(document.reading.state_sha256)[:12]} was recorded when it was read, so it is "
            "damaged; remove it and read it again."
        )
    return entries


def _write_originals(
    store: Store, document: Document, archive: zipfile.ZipFile
) -> Iterator[dict[str, Any]]:
    """Write the original files that are stored; yields an entry of the manifest for each source."""
    kept = store.kept_originals(document.id)
    for place, source in enumerate(store.sources(document.reading)):
        size = None
        if source["number"] in kept:
            ((_, data),) = store.originals(document.id, [source["number"]])
            archive.writestr(zipfile.ZipInfo(original_member(place)), data)
            size = len(data)
        yield {
            "sha256": source["sha256"],
            "file_name": _plain(source["file_name"]),
            "created_at": source["created_at"],
            "original": size,
        }


def _checked(manifest: dict[str, Any]) -> bytes:
    """The manifest as JSON. Raises InvalidArchive for one that no import would take."""
    try:
        return Manifest.model_validate(manifest).model_dump_json().encode()
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors(include_url=False)[0]["loc"])
        raise InvalidArchive(
            f"The library keeps something about this document that cannot be exported ({place}); "
            "remove the chat or the document that it belongs to."
        ) from error


def _manifest(
    store: Store, document: Document, entries: list[BlobEntry], sources: list[dict[str, Any]]
) -> dict[str, Any]:
    reading, text = document.reading, store.text(document.reading.text_id)
    places = {number: place for place, number in enumerate(dict.fromkeys(text.sources))}
    chats = [
        {
            "title": chat.title,
            "created_at": chat.created_at,
            "messages": tuple(
                {
                    **asdict(message),
                    "sources": tuple(message.sources),
                    "evidence": tuple(message.evidence),
                    "items": tuple(message.items),
                }
                for message in store.messages(chat.id)
            ),
        }
        for chat in reversed(store.chats(document.id))
    ]
    return {
        "format": FORMAT,
        "document": {
            **_without(asdict(document), "paged", "reading"),
            "file_name": _plain(document.file_name),
        },
        "reading": _without(asdict(reading), "document_id", "text_id"),
        "text": {
            "parser": text.parser,
            "paged": text.paged,
            "text": text.text,
            "warnings": text.warnings,
        },
        "sources": tuple(sources),
        "chapters": tuple(
            {**asdict(chapter), "source": places[source]}
            for chapter, source in zip(text.chapters, text.sources, strict=True)
        ),
        "pages": tuple(asdict(p) for p in text.pages),
        "segments": tuple(_without(asdict(s), "text") for s in store.segments(reading)),
        "summaries": tuple(asdict(s) for s in store.summaries(document).values()),
        "chats": tuple(chats),
        "state": tuple(entries),
        "notes": tuple(_without(asdict(n), "id") for n in store.notes(document.id)),
    }


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _plain(file_name: str) -> str:
    """A file name without characters that could make it a path."""
    return re.sub(r"[/\\\x00-\x1f]", "_", file_name)

"""Imports the zip file that `export.py` writes, which holds one reading of a document.

The zip contains `manifest.json`, a safetensors member for each blob of the state, and the original
files if they are stored. The import does not trust the file, which is taken apart in a process of
its own (`ingest/isolation/opened.py`): its zip directory, its members' packing, its JSON and the
tables of its tensors. Sizes and counts are limited before anything is read, and a name from the
archive is never a path. What comes back is checked here: the manifest (`manifest.py`), every blob
(`state_checks.py`) against what the memory would have written, and the hashes of the state and of
the files. Only then is everything stored, in one transaction.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app.errors import InvalidArchive, UnknownDocument
from app.exchange.entries import BlobEntry
from app.exchange.manifest import (
    MANIFEST,
    Manifest,
    SourceEntry,
    Unpacked,
    parse,
    unpack,
)
from app.exchange.state_checks import StateCheck
from app.storage.store import Document, Message, Note, Reading, Store, Summary, state_heading
from ingest.book import UnreadableDocument
from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.opened import OpenedArchive, opened_apart
from ingest.structures.exported import ExportedFile

MOST_MEMBERS = 200_000
MOST_MANIFEST_BYTES = 256 << 20
MOST_BLOB_BYTES = 1 << 30
MOST_STATE_BYTES = 64 << 30
MOST_ORIGINAL_BYTES = 512 << 20  # the limit of the file readers

Opened = OpenedArchive | ExportedFile


def import_document(store: Store, file: Path, limits: Limits = LIMITS) -> Document:
    """Check an exported file and store it; a reading that already exists is left as it is.

    limits: of the process that takes the file apart.
    A document that already exists gets another reading and keeps its title, chats and summaries.
    Raises InvalidArchive if anything is wrong; then nothing is stored.
    """
    with _opened(file, limits) as archive:
        manifest = parse(archive.manifest(MANIFEST, MOST_MANIFEST_BYTES))
        unpacked = unpack(manifest)
        _check_members(archive.names, manifest)
        check = StateCheck(
            unpacked.config,
            [segment.tokens for segment in unpacked.segments],
            manifest.reading.kv_cache_bytes // manifest.reading.tokens,
        )
        total = hashlib.sha256()
        for entry in manifest.state:
            where = f"The state's part {entry.part} {entry.segment}"
            table, blob = archive.tensors(entry.member, MOST_BLOB_BYTES, entry.size, where)
            _check_hash(entry.member, blob, entry.sha256)
            check.check(entry.part, entry.segment, blob, table)
            total.update(state_heading(entry.part, entry.segment, entry.size) + blob)
        if total.hexdigest() != manifest.reading.state_sha256:
            raise InvalidArchive(
                f"The archive's state has SHA-256 {total.hexdigest()[:12]}, but the manifest says "
                f"{manifest.reading.state_sha256[:12]}; export the document again."
            )
        for member, source in manifest.originals:
            _original(archive, member, source)
        with store.writing():
            if not _is_here(store, manifest):
                _store(store, archive, manifest, unpacked)
            store.use(store.document_of(manifest.reading.id).reading)
    return store.document_of(manifest.reading.id)


@contextmanager
def _opened(file: Path, limits: Limits) -> Iterator[Opened]:
    """Open the archive; what is wrong with it, or with the disk, is raised as InvalidArchive."""
    try:
        with opened_apart(file, MOST_MEMBERS, limits) as archive:
            yield archive
    except UnreadableDocument as error:
        raise InvalidArchive(str(error)) from error
    except OSError as error:
        raise InvalidArchive(
            f"{file.name} cannot be imported ({error}); free some space or copy the file again."
        ) from error


def _check_members(members: Sequence[str], manifest: Manifest) -> None:
    names = Counter(members)
    originals = {member for member, _ in manifest.originals}
    expected = {MANIFEST, *originals, *(entry.member for entry in manifest.state)}
    if names.total() != len(names) or names.keys() != expected:
        twice = (name for name, times in names.items() if times > 1)
        odd = sorted(names.keys() ^ expected) or sorted(twice)
        raise InvalidArchive(
            f"The archive's member {odd[0]!r:.80} is unexpected, missing or contained twice; "
            "export the document again."
        )
    size = sum(entry.size for entry in manifest.state)
    size += sum(source.original or 0 for source in manifest.sources)
    if size > MOST_STATE_BYTES:
        raise InvalidArchive(
            f"The archive's state and files have {size:,} bytes and the limit is "
            f"{MOST_STATE_BYTES:,}; add the document itself with `bookstate ingest`."
        )


def _state(archive: Opened, manifest: Manifest) -> Iterator[tuple[BlobEntry, bytes]]:
    """The state's blobs; each has the hash that the manifest states."""
    for entry in manifest.state:
        blob = archive.read(entry.member, MOST_BLOB_BYTES, entry.size)
        _check_hash(entry.member, blob, entry.sha256)
        yield entry, blob


def _check_hash(member: str, data: bytes, sha256: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InvalidArchive(
            f"The archive's member {member} has SHA-256 {found[:12]}, but the manifest says "
            f"{sha256[:12]}; copy the file again or export the document again."
        )


def _original(archive: Opened, member: str, source: SourceEntry) -> bytes:
    """An original file of the document; it has the hash that the manifest states."""
    data = archive.read(member, MOST_ORIGINAL_BYTES, source.original)
    _check_hash(member, data, source.sha256)
    return data


def _is_here(store: Store, manifest: Manifest) -> bool:
    """True if the reading exists with the same state. Raises InvalidArchive for another state."""
    wanted = manifest.reading
    if not store.is_reading(wanted.id):
        return False
    try:
        known = store.document_of(wanted.id)
    except UnknownDocument as error:
        raise _another_accounts(wanted.id) from error
    if known.reading.state_sha256 == wanted.state_sha256:
        return True
    how = "with another state" if known.ready else "but not read to its end"
    several = len(store.readings(known.id)) > 1
    remove = f"bookstate rm --reading {wanted.id}" if several else f"bookstate rm {known.id}"
    raise InvalidArchive(
        f"{known.title!r} ({known.id}) is already in the library, {how}; run `{remove}` first."
    )


def _another_accounts(key: str) -> InvalidArchive:
    return InvalidArchive(
        f"Another account of this library has a document with the id {key}; import the file into "
        "another library."
    )


def _store(store: Store, archive: Opened, manifest: Manifest, unpacked: Unpacked) -> None:
    row = manifest.document
    if not store.is_document(row.id):
        store.add_document(**row.model_dump())
    elif not any(known.id == row.id for known in store.documents()):
        raise _another_accounts(row.id)
    elif store.document(row.id).source_sha256 != row.source_sha256:
        raise InvalidArchive(
            f"Another document has the id {row.id} in this library; delete that one first or "
            "import the file into another library."
        )
    originals = {source.sha256: member for member, source in manifest.originals}
    numbers = []
    for source in manifest.sources:
        member = originals.get(source.sha256)
        data = _original(archive, member, source) if member else None
        numbers.append(
            store.add_source(row.id, source.sha256, source.file_name, data, source.created_at)
        )
    text = replace(unpacked.text, sources=tuple(numbers[n] for n in unpacked.text.sources))
    text_id = store.find_text(row.id, text)
    if text_id is None:
        text_id = store.add_text(row.id, text)
    reading = Reading(document_id=row.id, text_id=text_id, **manifest.reading.model_dump())
    _check_new(store, reading)
    store.add_reading(reading, unpacked.segments)
    for entry, blob in _state(archive, manifest):
        store.add_blob(reading, entry.part, entry.segment, blob)
    _store_activity(store, store.document_of(reading.id), manifest)


def _check_new(store: Store, reading: Reading) -> None:
    def how(one: Reading) -> tuple[object, ...]:
        return one.text_id, one.memory, one.memory_config, one.backbone_sha256

    for known in store.readings(reading.document_id):
        if how(known) == how(reading):
            raise InvalidArchive(
                f"The document has been read in this way already, as the reading {known.id}; to "
                f"replace it, run `bookstate rm --reading {known.id}` first."
            )


def _store_activity(store: Store, document: Document, manifest: Manifest) -> None:
    """Store the summaries, chats and notes that the document does not have yet."""
    known = store.summaries(document)
    for summary in manifest.summaries:
        if summary.chapter not in known:
            store.save_summary(document, Summary(**summary.model_dump()))
    chats = {(chat.title, chat.created_at) for chat in store.chats(document.id)}
    for chat in manifest.chats:
        if (chat.title, chat.created_at) in chats:
            continue
        chat_id = store.start_chat(document.id, chat.title, chat.created_at)
        for message in chat.messages:
            raw = message.model_dump()
            lists = {name: list(raw[name]) for name in ("sources", "evidence", "items")}
            store.say(chat_id, Message(**raw | lists))
    kept = {(note.kind, note.text, note.created_at) for note in store.notes(document.id)}
    for note in manifest.notes:
        if (note.kind, note.text, note.created_at) not in kept:
            store.keep_note(document.id, Note(**note.model_dump()))

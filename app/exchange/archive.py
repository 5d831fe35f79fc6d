"""Verified import of what `export.py` writes: one reading of a document, as one zip.

It holds `manifest.json`, a safetensors member for each state blob, and the files themselves where
they are kept. An import trusts nothing: sizes and counts are limited before anything is read,
no name from the archive is ever a path, the manifest (`manifest.py`) and every blob
(`state_checks.py`) are checked against what the memory leaves behind, the hashes of the state and
of the files are computed again, and only then is everything stored in one transaction.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from app.errors import InvalidArchive
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
from app.storage.store import Document, Message, Reading, Store, Summary, state_heading

MOST_MEMBERS = 200_000
MOST_MANIFEST_BYTES = 256 << 20
MOST_BLOB_BYTES = 1 << 30
MOST_STATE_BYTES = 64 << 30
MOST_ORIGINAL_BYTES = 512 << 20  # as the readers of files take it
HIGHEST_RATIO = 100  # of what a member unpacks to and its size in the archive
_FREE_BYTES = 1 << 16  # that a member may unpack to at any ratio
_DIRECTORY_ENTRY = 128  # bytes, more than any member of ours takes
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def import_document(store: Store, file: Path) -> Document:
    """Check an exported file and store it; a reading that is here already stays as it is.

    Where the document is here, it gets another reading, and keeps its title, chats and summaries.
    Raises InvalidArchive, with nothing stored, for anything that is not in order.
    """
    with _opened(file) as archive:
        manifest = parse(_member(archive, MANIFEST, MOST_MANIFEST_BYTES))
        unpacked = unpack(manifest)
        _check_members(archive, manifest)
        check = StateCheck(
            unpacked.config,
            [segment.tokens for segment in unpacked.segments],
            manifest.reading.kv_cache_bytes // manifest.reading.tokens,
        )
        total = hashlib.sha256()
        for entry, blob in _state(archive, manifest):
            check.check(entry.part, entry.segment, blob)
            total.update(state_heading(entry.part, entry.segment, entry.size) + blob)
        if total.hexdigest() != manifest.reading.state_sha256:
            raise InvalidArchive(
                f"The archive's state has SHA-256 {total.hexdigest()[:12]}, but its manifest "
                f"names {manifest.reading.state_sha256[:12]}; export the document again."
            )
        for member, source in manifest.originals:
            _original(archive, member, source)
        with store.writing():
            if not _is_here(store, manifest):
                _store(store, archive, manifest, unpacked)
            store.use(store.document_of(manifest.reading.id).reading)
    return store.document_of(manifest.reading.id)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """The opened archive, its members counted; damage inside is raised as InvalidArchive."""
    try:
        with file.open("rb") as stream:
            _check_directory(stream, file.name)
            with zipfile.ZipFile(stream) as archive:
                yield archive
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise InvalidArchive(
            f"{file.name} is no whole archive ({error}); export the document again or copy the "
            "file again."
        ) from error


def _check_directory(stream: BinaryIO, name: str) -> None:
    """Limit the table of members before zipfile reads it, by the records at the file's end."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - (1 << 16) - 128))
    tail = stream.read()
    stream.seek(0)
    sizes = [0]
    for at in (len(tail) - 22, tail.rfind(b"PK\5\6")):
        if at >= 0 and tail[at : at + 4] == b"PK\5\6" and at + 22 <= len(tail):
            sizes.append(struct.unpack_from("<I", tail, at + 12)[0] % 0xFFFFFFFF)  # all ones: below
    at = tail.rfind(b"PK\6\6")
    if 0 <= at <= len(tail) - 56:
        sizes.append(struct.unpack_from("<Q", tail, at + 40)[0])
    if max(sizes) > MOST_MEMBERS * _DIRECTORY_ENTRY:
        raise InvalidArchive(
            f"{name} lists its members in {max(sizes):,} bytes, at most "
            f"{MOST_MEMBERS * _DIRECTORY_ENTRY:,} are read; it is not an export of bookstate."
        )


def _check_members(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise InvalidArchive(
            f"The archive has {len(members):,} members, at most {MOST_MEMBERS:,} are read; "
            "it is not an export of bookstate."
        )
    names = Counter(member.filename for member in members)
    originals = {member for member, _ in manifest.originals}
    expected = {MANIFEST, *originals, *(entry.member for entry in manifest.state)}
    if names.total() != len(names) or names.keys() != expected:
        twice = (name for name, times in names.items() if times > 1)
        odd = sorted(names.keys() ^ expected) or sorted(twice)
        raise InvalidArchive(
            f"The archive's member {odd[0]!r:.80} is surplus, missing or there twice; "
            "export the document again."
        )
    size = sum(entry.size for entry in manifest.state)
    size += sum(source.original or 0 for source in manifest.sources)
    if size > MOST_STATE_BYTES:
        raise InvalidArchive(
            f"The archive's state and files have {size:,} bytes, at most {MOST_STATE_BYTES:,} are "
            "read; read the document itself instead."
        )


def _member(archive: zipfile.ZipFile, name: str, most: int, size: int | None = None) -> bytes:
    """A member's bytes, under limits; `size`: what it must have."""
    if name not in archive.NameToInfo:
        raise InvalidArchive(f"The archive has no {name}; it is not an export of bookstate.")
    info = archive.getinfo(name)
    if info.flag_bits & 1 or info.compress_type not in _METHODS:
        raise InvalidArchive(
            f"The archive's member {name} is encrypted or packed in an unknown way; "
            "export the document again."
        )
    if info.file_size > most or (size is not None and info.file_size != size):
        raise InvalidArchive(
            f"The archive's member {name} has {info.file_size:,} bytes, "
            f"{f'at most {most:,}' if size is None else f'{size:,}'} are expected; "
            "export the document again."
        )
    if info.file_size > max(_FREE_BYTES, HIGHEST_RATIO * info.compress_size):
        raise InvalidArchive(
            f"The archive's member {name} unpacks to more than {HIGHEST_RATIO} times its size; "
            "no export does, so it is not read."
        )
    with archive.open(info) as member:
        data = member.read(info.file_size)
        if len(data) != info.file_size or member.read(1):
            raise InvalidArchive(
                f"The archive's member {name} has another size than it says; copy the file again."
            )
    return data


def _state(archive: zipfile.ZipFile, manifest: Manifest) -> Iterator[tuple[BlobEntry, bytes]]:
    """The state blob by blob, each with the hash that the manifest names."""
    for entry in manifest.state:
        blob = _member(archive, entry.member, MOST_BLOB_BYTES, entry.size)
        found = hashlib.sha256(blob).hexdigest()
        if found != entry.sha256:
            raise InvalidArchive(
                f"The archive's member {entry.member} has SHA-256 {found[:12]}, but "
                f"{entry.sha256[:12]} is named in the manifest; copy or export the file again."
            )
        yield entry, blob


def _original(archive: zipfile.ZipFile, member: str, source: SourceEntry) -> bytes:
    """A file that the document is made of, with the hash that the manifest names."""
    data = _member(archive, member, MOST_ORIGINAL_BYTES, source.original)
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise InvalidArchive(
            f"The archive's member {member} has SHA-256 {found[:12]}, but {source.sha256[:12]} is "
            "named in the manifest; copy or export the file again."
        )
    return data


def _is_here(store: Store, manifest: Manifest) -> bool:
    """True where the reading is here with the same state. Raises InvalidArchive for another one."""
    wanted = manifest.reading
    if not store.is_reading(wanted.id):
        return False
    known = store.document_of(wanted.id)
    if known.reading.state_sha256 == wanted.state_sha256:
        return True
    how = "with another state" if known.ready else "but not read to its end"
    several = len(store.readings(known.id)) > 1
    remove = f"bookstate rm --reading {wanted.id}" if several else f"bookstate rm {known.id}"
    raise InvalidArchive(
        f"{known.title!r} ({known.id}) is in the library already, {how}; run `{remove}` first."
    )


def _store(store: Store, archive: zipfile.ZipFile, manifest: Manifest, unpacked: Unpacked) -> None:
    row = manifest.document
    if not store.is_document(row.id):
        store.add_document(**row.model_dump())
    elif store.document(row.id).source_sha256 != row.source_sha256:
        raise InvalidArchive(
            f"Another document has the id {row.id} in this library; remove it first, or keep the "
            "file for another library."
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
                f"The document has been read in this way already, as the reading {known.id}; run "
                f"`bookstate rm --reading {known.id}` first."
            )


def _store_activity(store: Store, document: Document, manifest: Manifest) -> None:
    """Store the summaries and chats that the document does not have."""
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

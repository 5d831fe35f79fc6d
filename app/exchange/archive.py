"""Imports the zip file that `export.py` writes, which holds one reading of a document.

The zip contains `manifest.json`, a safetensors member for each blob of the state, and the original
files if they are stored. The import does not trust the file. It limits sizes and counts before it
reads anything, and never uses a name from the archive as a path. It checks the manifest
(`manifest.py`) and every blob (`state_checks.py`) against what the memory would have written, and
computes the hashes of the state and of the files again. Only then is everything stored, in one
transaction.
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
from app.storage.store import Document, Message, Reading, Store, Summary, state_heading

MOST_MEMBERS = 200_000
MOST_MANIFEST_BYTES = 256 << 20
MOST_BLOB_BYTES = 1 << 30
MOST_STATE_BYTES = 64 << 30
MOST_ORIGINAL_BYTES = 512 << 20  # the limit of the file readers
HIGHEST_RATIO = 100  # of a member's unpacked size to its size in the archive
_FREE_BYTES = 1 << 16  # a member may unpack to so many bytes at any ratio
_DIRECTORY_ENTRY = 128  # bytes of the table per member; ours need fewer
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def import_document(store: Store, file: Path) -> Document:
    """Check an exported file and store it; a reading that already exists is left as it is.

    A document that already exists gets another reading and keeps its title, chats and summaries.
    Raises InvalidArchive if anything is wrong; then nothing is stored.
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
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive; errors that show that it is damaged are raised as InvalidArchive."""
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
            f"{file.name} is not a complete archive ({error}); copy the file again or export the "
            "document again."
        ) from error


def _check_directory(stream: BinaryIO, name: str) -> None:
    """Check the size of the table of members before zipfile reads it.

    The size is in the records at the end of the file.
    """
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - (1 << 16) - 128))
    tail = stream.read()
    stream.seek(0)
    sizes = [0]
    for at in (len(tail) - 22, tail.rfind(b"PK\5\6")):
        if at >= 0 and tail[at : at + 4] == b"PK\5\6" and at + 22 <= len(tail):
            # All ones: the size is in the record below.
            sizes.append(struct.unpack_from("<I", tail, at + 12)[0] % 0xFFFFFFFF)
    at = tail.rfind(b"PK\6\6")
    if 0 <= at <= len(tail) - 56:
        sizes.append(struct.unpack_from("<Q", tail, at + 40)[0])
    if max(sizes) > MOST_MEMBERS * _DIRECTORY_ENTRY:
        raise InvalidArchive(
            f"The table of members of {name} has {max(sizes):,} bytes and the limit is "
            f"{MOST_MEMBERS * _DIRECTORY_ENTRY:,}; choose a file that `bookstate export` wrote."
        )


def _check_members(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise InvalidArchive(
            f"The archive has {len(members):,} members and the limit is {MOST_MEMBERS:,}; choose a "
            "file that `bookstate export` wrote."
        )
    names = Counter(member.filename for member in members)
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


def _member(archive: zipfile.ZipFile, name: str, most: int, size: int | None = None) -> bytes:
    """A member's bytes: at most `most`, and exactly `size` if that is given."""
    if name not in archive.NameToInfo:
        raise InvalidArchive(
            f"The archive has no {name}; choose a file that `bookstate export` wrote."
        )
    info = archive.getinfo(name)
    if info.flag_bits & 1 or info.compress_type not in _METHODS:
        raise InvalidArchive(
            f"The archive's member {name} is encrypted or compressed with an unknown method; "
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
            f"The archive's member {name} unpacks to more than {HIGHEST_RATIO} times its size, "
            "which is the limit; export the document again."
        )
    with archive.open(info) as member:
        data = member.read(info.file_size)
        if len(data) != info.file_size or member.read(1):
            raise InvalidArchive(
                f"The archive's member {name} does not have the size that the archive states; copy "
                "the file again."
            )
    return data


def _state(archive: zipfile.ZipFile, manifest: Manifest) -> Iterator[tuple[BlobEntry, bytes]]:
    """The state's blobs; each has the hash that the manifest states."""
    for entry in manifest.state:
        blob = _member(archive, entry.member, MOST_BLOB_BYTES, entry.size)
        found = hashlib.sha256(blob).hexdigest()
        if found != entry.sha256:
            raise InvalidArchive(
                f"The archive's member {entry.member} has SHA-256 {found[:12]}, but the manifest "
                f"says {entry.sha256[:12]}; copy the file again or export the document again."
            )
        yield entry, blob


def _original(archive: zipfile.ZipFile, member: str, source: SourceEntry) -> bytes:
    """An original file of the document; it has the hash that the manifest states."""
    data = _member(archive, member, MOST_ORIGINAL_BYTES, source.original)
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise InvalidArchive(
            f"The archive's member {member} has SHA-256 {found[:12]}, but the manifest says "
            f"{source.sha256[:12]}; copy the file again or export the document again."
        )
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


def _store(store: Store, archive: zipfile.ZipFile, manifest: Manifest, unpacked: Unpacked) -> None:
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
    """Store the summaries and chats that the document does not have yet."""
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

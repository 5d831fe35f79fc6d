"""Export and verified import: one zip of `manifest.json` and one safetensors member a state blob.

An export is of one moment of the database, written blob by blob to a file beside the target and
renamed at the end. An import trusts nothing: sizes and counts are limited before anything is read,
no name from the archive is ever a path, the manifest (`manifest.py`) and every blob
(`state_checks.py`) are checked against what the memory leaves behind, the state's hash is computed
again, and only then is everything stored in one transaction.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from app.errors import InvalidArchive, NotReady, UnknownDocument
from app.exchange.manifest import FORMAT, BlobEntry, Manifest, Unpacked, parse, unpack
from app.exchange.state_checks import StateCheck
from app.storage.store import Document, Store, Summary, state_heading

MANIFEST = "manifest.json"
MOST_MEMBERS = 200_000
MOST_MANIFEST_BYTES = 256 << 20
MOST_BLOB_BYTES = 1 << 30
MOST_STATE_BYTES = 64 << 30
HIGHEST_RATIO = 100  # of what a member unpacks to and its size in the archive
_FREE_BYTES = 1 << 16  # that a member may unpack to whatever its ratio
_DIRECTORY_ENTRY = 128  # bytes, more than any member of ours takes
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def export_document(store: Store, document_id: str, out: Path) -> Document:
    """Write a finished document with its state, summaries and chats to one file, atomically."""
    with store.reading():
        document = store.document(document_id)
        if not document.ready:
            raise NotReady(
                f"{document.title!r} has been read to segment {document.segments_done} of "
                f"{document.segments}; finish reading it before it is exported."
            )
        with _replacing(out) as file, zipfile.ZipFile(file, "w") as archive:
            entries = _write_state(store, document, archive)
            manifest = _manifest(store, document, entries).model_dump_json().encode()
            if len(manifest) > MOST_MANIFEST_BYTES or len(entries) >= MOST_MEMBERS:
                raise InvalidArchive(
                    f"{document.title!r} gives a manifest of {len(manifest):,} bytes and "
                    f"{len(entries):,} parts, at most {MOST_MANIFEST_BYTES:,} and "
                    f"{MOST_MEMBERS:,} fit an archive; keep it in the library."
                )
            archive.writestr(zipfile.ZipInfo(MANIFEST), manifest)
    return document


@contextmanager
def _replacing(out: Path) -> Iterator[BinaryIO]:
    """A file beside `out` that takes its place when the block ends well, and vanishes otherwise."""
    if out.is_dir():
        raise InvalidArchive(f"{out} is a folder; give the name of a file in it.")
    part = out.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise InvalidArchive(
            f"{out} cannot be written ({error.strerror}); choose another place or make room."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _write_state(store: Store, document: Document, archive: zipfile.ZipFile) -> list[BlobEntry]:
    entries: list[BlobEntry] = []
    total = hashlib.sha256()
    for part, segment in store.state_index(document.id):
        _, blob = store.blobs(document.id, part, [segment])[0]
        sha256 = hashlib.sha256(blob).hexdigest()
        # Not the constructor: it wants the literal that this string is checked to be.
        entry = BlobEntry.model_validate(
            {"part": part, "segment": segment, "size": len(blob), "sha256": sha256}
        )
        total.update(state_heading(part, segment, len(blob)) + blob)
        archive.writestr(zipfile.ZipInfo(entry.member), blob)
        entries.append(entry)
    if total.hexdigest() != document.state_sha256:
        raise InvalidArchive(
            f"The stored state of {document.title!r} has SHA-256 {total.hexdigest()[:12]}, but "
            f"{str(document.state_sha256)[:12]} was recorded; remove it and read it again."
        )
    return entries


def _manifest(store: Store, document: Document, entries: list[BlobEntry]) -> Manifest:
    row = {**asdict(document), "file_name": _plain(document.file_name)}
    sources = [
        {**source, "file_name": _plain(source["file_name"])}
        for source in store.sources(document.id)
    ]
    chats = [
        {
            "title": chat.title,
            "created_at": chat.created_at,
            "messages": tuple(
                {**asdict(message), "sources": tuple(message.sources)}
                for message in store.messages(chat.id)
            ),
        }
        for chat in reversed(store.chats(document.id))
    ]
    return Manifest.model_validate(
        {
            "format": FORMAT,
            "document": row,
            "sources": tuple({k: v for k, v in s.items() if k != "number"} for s in sources),
            "chapters": tuple(asdict(c) for c in store.chapters(document.id)),
            "pages": tuple(asdict(p) for p in store.pages(document.id)),
            "segments": tuple(asdict(s) for s in store.segments(document.id)),
            "summaries": tuple(asdict(s) for s in store.summaries(document.id).values()),
            "chats": tuple(chats),
            "state": tuple(entries),
        }
    )


def _plain(file_name: str) -> str:
    """A file's name without what could read as a path."""
    return re.sub(r"[/\\\x00-\x1f]", "_", file_name)


def import_document(store: Store, file: Path) -> Document:
    """Check an exported file and store it; one that is here already is returned as it is.

    Raises InvalidArchive, with nothing stored, for anything that is not in order.
    """
    with _opened(file) as archive:
        manifest = parse(_member(archive, MANIFEST, MOST_MANIFEST_BYTES))
        unpacked = unpack(manifest)
        _check_members(archive, manifest)
        check = StateCheck(
            unpacked.config,
            [segment.tokens for segment in unpacked.segments],
            unpacked.document.kv_cache_bytes // unpacked.document.tokens,
        )
        total = hashlib.sha256()
        for entry, blob in _state(archive, manifest):
            check.check(entry.part, entry.segment, blob)
            total.update(state_heading(entry.part, entry.segment, entry.size) + blob)
        if total.hexdigest() != unpacked.document.state_sha256:
            raise InvalidArchive(
                f"The archive's state has SHA-256 {total.hexdigest()[:12]}, but its manifest "
                f"names {str(unpacked.document.state_sha256)[:12]}; export the document again."
            )
        with store.writing():
            known = _already_here(store, unpacked.document)
            if known is None:
                _store(store, archive, manifest, unpacked)
    return store.document(unpacked.document.id)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, its members counted; whatever is broken inside ends as InvalidArchive."""
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
    expected = {MANIFEST, *(entry.member for entry in manifest.state)}
    if names.total() != len(names) or names.keys() != expected:
        twice = (name for name, times in names.items() if times > 1)
        odd = sorted(names.keys() ^ expected) or sorted(twice)
        raise InvalidArchive(
            f"The archive's member {odd[0]!r:.80} is surplus, missing or there twice; "
            "export the document again."
        )
    size = sum(entry.size for entry in manifest.state)
    if size > MOST_STATE_BYTES:
        raise InvalidArchive(
            f"The archive's state has {size:,} bytes, at most {MOST_STATE_BYTES:,} are read; "
            "read the document itself instead."
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


def _already_here(store: Store, document: Document) -> Document | None:
    try:
        known = store.document(document.id)
    except UnknownDocument:
        return None
    if known.state_sha256 == document.state_sha256:
        return known
    how = "with another state" if known.ready else "but not read to its end"
    raise InvalidArchive(
        f"{known.title!r} ({known.id}) is in the library already, {how}; "
        f"run `bookstate rm {known.id}` first."
    )


def _store(store: Store, archive: zipfile.ZipFile, manifest: Manifest, unpacked: Unpacked) -> None:
    document = unpacked.document
    store.add_document(document, unpacked.book, unpacked.segments)
    for source in manifest.sources[1:]:
        store.add_source(document.id, **source.model_dump())
    for entry, blob in _state(archive, manifest):
        store.add_blob(document.id, entry.part, entry.segment, blob)
    for summary in manifest.summaries:
        store.save_summary(document.id, Summary(**summary.model_dump()))
    for chat in manifest.chats:
        chat_id = store.start_chat(document.id, chat.title, chat.created_at)
        for message in chat.messages:
            store.say(chat_id, **{**message.model_dump(), "sources": list(message.sources)})

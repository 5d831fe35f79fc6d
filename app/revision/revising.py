"""Registers a new version of a document's file: what is kept of the old one, and what changed.

revise        file -> text -> windows kept or cut again -> an unread reading of the new text
Library.read  copies what is kept, reads the rest, and puts the new version in the old one's place
what_changed  the chapters, then and at any time until the next version
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.errors import InvalidSetting
from app.intake.register import File, Plan, Register, storable
from app.library import Library, quiet
from app.revision.changes import Changes, changed_chapters
from app.storage.store import Document, DocumentText
from ingest.book import Segment, Window
from ingest.isolation.recognising import OnPage

ONE_STATE = "this memory keeps one state of the whole text, which no part can be taken from."


@dataclass(frozen=True, slots=True)
class Revised:
    """A new version that is registered.

    document: with the reading that is to be made, which is in use once it is finished.
    """

    document: Document
    changes: Changes


def revise(
    library: Library,
    document_id: str,
    data: bytes,
    file_name: str,
    *,
    password: str | None = None,
    on_page: OnPage = quiet,
) -> Revised:
    """Store a file as the new version of a document; `Library.read` then reads it.

    A version that is given again goes on where its reading stopped, and another one takes the
    place of one that is still unread. Raises InvalidSetting for a document of several files or for
    its present file, and UnreadableDocument.
    """
    store = library.store
    document = store.document(store.document(document_id).id)
    file = File(file_name, data, password)
    _check(library, document, file)
    memory, reading = library.memory_of(document), document.reading
    limits = library.settings.reading_limits
    plan = Plan(reading.memory, reading.memory_config, memory.window, library.backbone, limits)
    if (begun := _begun(library, document, file)) is not None:
        return begun
    book = file.parse(limits, on_page)
    keeps = memory.opens == "windows"
    old = store.segments(reading) if keeps else []
    segments = plan.split(book, [Window(s.text, s.tokens) for s in old])
    known = {s.text for s in old[: reading.segments_done]}
    from ingest.readers import PARSER_VERSION  # loads all parsers

    text = DocumentText.of(book, PARSER_VERSION)
    changes = _changes(store.text(reading.text_id), text, segments, known)
    if not keeps:
        changes = replace(changes, reason=ONE_STATE)
    _end_awaited(library, document)
    register = Register(store, plan)
    with store.writing():
        store.check_reading(reading)
        _check(library, store.document(document.id), file)
        register.check_no_version(document)
        source = store.add_source(document.id, file.sha256, storable(file.name), data)
        text_id = store.add_text(document.id, replace(text, sources=(source,) * len(text.chapters)))
        store.add_version(
            document.id,
            text_id=text_id,
            format=book.format,
            author=book.author,
            changes=changes.to_dict(),
        )
        made = register.unread(document, file.sha256, text_id, segments)
    if not document.ready:
        store.cancel_job(reading.id)  # the old version's
    return Revised(store.document_of(made.id), changes)


def what_changed(library: Library, document: Document) -> Changes | None:
    """What the latest version of a document changed; None where there was only one."""
    version = library.store.version(document.id)
    return Changes.from_dict(version.changes) if version else None


def _check(library: Library, document: Document, file: File) -> None:
    """Raise InvalidSetting where a file cannot be a new version of a document."""
    sources = library.store.sources(document.reading)
    if len(sources) > 1:
        names = ", ".join(repr(source["file_name"]) for source in sources)
        raise InvalidSetting(
            f"{document.title!r} is made of {len(sources)} files ({names}), and a new version "
            "replaces a single one; add the new files as a document of their own."
        )
    if file.sha256 == document.source_sha256:
        raise InvalidSetting(
            f"{file.name!r} is the version of {document.title!r} that is here already; choose the "
            "changed file."
        )


def _begun(library: Library, document: Document, file: File) -> Revised | None:
    """The same version where it was registered before and is not read to its end."""
    store = library.store
    awaited = store.awaited_version(document.id)
    if awaited is None:
        return None
    for reading in store.readings(document.id):
        if reading.text_id == awaited.text_id and store.has_source(reading, file.sha256):
            return Revised(store.document_of(reading.id), Changes.from_dict(awaited.changes))
    return None


def _end_awaited(library: Library, document: Document) -> None:
    """Give up a version that is still being read: a newer one was given."""
    awaited = library.store.awaited_version(document.id)
    if awaited is None:
        return
    for reading in library.store.readings(document.id):
        if reading.text_id == awaited.text_id:
            library.remove_reading(reading.id)


def _changes(
    old: DocumentText, new: DocumentText, segments: Sequence[Segment], known: set[str]
) -> Changes:
    """What changed, and which pages have to be read for it."""
    unread = [s for s in segments if new.text[s.start : s.end] not in known]
    pages = {n for s in unread for n in range(s.page_first, s.page_last + 1)}
    read = sum(page.number in pages for page in new.pages)
    return Changes(
        changed_chapters(old, new),
        pages=len(new.pages),
        pages_read=read,
        segments_read=len(unread),
        segments_kept=len(segments) - len(unread),
    )

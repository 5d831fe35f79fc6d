"""Registers files: stores a document and a reading that is still to be made.

The document may be new or already in the library. A known file is parsed again only if
`PARSER_VERSION` has been raised since; if that gives the same text, existing readings stay valid.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import shuffle

from app.errors import Busy, InvalidSetting, OriginalNotKept
from app.storage.configs import same_memory, written_with
from app.storage.records import (
    LONGEST_TITLE,
    MOST_SAME_READINGS,
    Document,
    Reading,
    reading_ids,
)
from app.storage.store import DocumentText, Store, now
from ingest.book import Book, NoTextLayer, Segment, UnreadableDocument, Window
from ingest.chapters import equal_parts, find_chapters
from ingest.isolation.cutting import split_apart
from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.parent import read_apart
from ingest.isolation.recognising import OnPage, recognise_apart
from ingest.ocr.recogniser import is_installed
from memory_models.backbone import Backbone

_SHORT = 20_000  # characters; cutting fewer takes a tenth of a second, less than a process's start
DIVISIONS = {
    "found": "as the file names them",
    "headings": "at headings in the text",
    "parts": "in equal parts",
}
SURROGATES = re.compile("[\ud800-\udfff]")


def _quiet(*_: object) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that was added, with its password if it has one."""

    name: str
    data: bytes
    password: str | None = None

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.data).hexdigest()

    def parse(self, limits: Limits = LIMITS, on_page: OnPage = _quiet) -> Book:
        """The book that the file holds, read in a process of its own. Raises UnreadableDocument.

        Pages that are pictures are recognised if the extra `ocr` is installed; on_page says how
        many are done.
        """
        read = partial(read_apart, self.data, self.name, password=self.password, limits=limits)
        try:
            book = read()
            bare = book.bare
        except NoTextLayer as error:
            if not error.pages or not is_installed():
                raise
            book, bare = None, error.pages
        if bare and is_installed():
            recognised = recognise_apart(self.data, bare, on_page, password=self.password)
            if recognised or book is None:
                return read(recognised=recognised)
        assert book is not None
        return book


@dataclass(frozen=True, slots=True)
class Plan:
    """How a document is to be read: by which memory and configuration, with which backbone.

    limits: of reading its file.
    """

    memory: str
    memory_config: str
    window: int
    backbone: Backbone
    limits: Limits = LIMITS

    def split(self, book: Book, windows: Sequence[Window] = ()) -> tuple[Segment, ...]:
        """Cut a book into the segments that the memory reads; a long one in another process.

        windows: of the version before, which stay where they still stand in the text.
        """
        tokenizer = self.backbone.tokenizer
        if tokenizer.file and len(book.text) + sum(len(w.text) for w in windows) > _SHORT:
            return split_apart(book, tokenizer.file, self.window, self.limits, windows)
        from ingest.kept import split_keeping  # its splitter takes a second to import

        return split_keeping(book, tokenizer.count, self.window, windows)

    def matches(self, reading: Reading) -> bool:
        """True if a reading was made, or is being made, in this way."""
        return (
            reading.memory == self.memory
            and reading.backbone_sha256 == self.backbone.sha256
            and same_memory(self.memory, reading.memory_config, self.memory_config)
        )


class Register:
    """Stores documents, and readings of them that are still to be made as planned."""

    def __init__(self, store: Store, plan: Plan) -> None:
        self._store = store
        self._plan = plan

    def file(self, file: File, title: str, on_page: OnPage = _quiet) -> tuple[Document, bool]:
        """The document of a file with the planned reading, and whether that reading existed before.

        title: of a new document; empty for the file's own title. Raises UnreadableDocument.
        """
        sha256 = file.sha256
        found = self._document_of(sha256)
        if found is None:
            book = file.parse(self._plan.limits, on_page)
            segments = self._plan.split(book)
            with self._store.writing():
                found = self._document_of(sha256)
                if found is None:  # no other process has added it while this one was parsing
                    return self._add(file, sha256, title or book.title, book, segments), False
        if 0 not in self._store.kept_originals(found.id):
            self._store.add_source(found.id, sha256, storable(file.name), file.data)
        return self._again(found, file.password, strict=False)

    def again(self, document: Document, password: str | None) -> tuple[Document, bool]:
        """A stored document with the planned reading, and whether that reading existed before.

        Raises OriginalNotKept or UnreadableDocument.
        """
        self._check_originals(document)
        return self._again(document, password, strict=True)

    def divided(
        self, document: Document, division: str, password: str | None
    ) -> tuple[Document, bool]:
        """A stored document with a reading of it in other chapters, as `again` returns it.

        division: one of `DIVISIONS`. Raises OriginalNotKept or UnreadableDocument for "found".
        """
        text_id, _ = self._store.newest_text(document.id)
        text = self._store.text(text_id)
        if division == "found":
            self._check_originals(document)
            text = self._parsed(document, list(dict.fromkeys(text.sources)), password)
        elif division == "headings":
            text = text.divided(find_chapters)
        else:
            text = text.divided(equal_parts)
        return self._read_as(document, text)

    def _check_originals(self, document: Document) -> None:
        text_id, _ = self._store.newest_text(document.id)
        kept = self._store.kept_originals(document.id)
        missing = next((n for n in self._store.text(text_id).sources if n not in kept), None)
        if missing is not None:
            command = "append" if missing else "ingest"
            raise OriginalNotKept(
                f"{document.title!r} was added by a version of bookstate that did not store the "
                f"file itself; give the file again with `bookstate {command}`."
            )

    def extend(
        self, document: Document, file: File, book: Book, segments: Sequence[Segment]
    ) -> None:
        """Add another file to the end of a reading's text."""
        from ingest.readers import PARSER_VERSION

        with self._store.writing():
            self._store.check_reading(document.reading)
            self.check_no_version(document)
            source = self._store.add_source(
                document.id, file.sha256, storable(file.name), file.data
            )
            self._store.extend_reading(document.reading, book, segments, source, PARSER_VERSION)

    def _document_of(self, sha256: str) -> Document | None:
        """The document that begins with this file; one that was read as planned is preferred."""
        found = self._store.documents_of_file(sha256)
        for document in found:
            if any(self._plan.matches(reading) for reading in self._store.readings(document.id)):
                return document
        return found[0] if found else None

    def _add(
        self, file: File, sha256: str, title: str, book: Book, segments: Sequence[Segment]
    ) -> Document:
        """Store a new document; its id is that of its first reading."""
        from ingest.readers import PARSER_VERSION

        moment, store = now(), self._store
        document_id = self._free_id(sha256)
        store.add_document(
            id=document_id,
            source_sha256=sha256,
            title=title,
            author=book.author,
            file_name=storable(file.name),
            format=book.format,
            created_at=moment,
            updated_at=moment,
        )
        store.add_source(document_id, sha256, storable(file.name), file.data, moment)
        text_id = store.add_text(document_id, DocumentText.of(book, PARSER_VERSION))
        reading = self._reading(document_id, document_id, text_id, segments)
        store.add_reading(reading, segments)
        store.use(reading)
        return store.document_of(reading.id)

    def _again(
        self, document: Document, password: str | None, *, strict: bool
    ) -> tuple[Document, bool]:
        return self._read_as(document, self._text(document, password, strict=strict))

    def _read_as(self, document: Document, text: DocumentText) -> tuple[Document, bool]:
        known = self._known(document, text)
        if known is None:
            book = text.book(document.title, document.author, document.format)
            segments = self._plan.split(book)
            with self._store.writing():
                self._store.check_there(document.id)
                known = self._known(document, text)
                if known is None:
                    self.check_no_version(document)
                    text_id = self._store.find_text(document.id, text)
                    if text_id is None:
                        text_id = self._store.add_text(document.id, text)
                    reading = self.unread(document, document.source_sha256, text_id, segments)
                    return self._store.document_of(reading.id), False
        if known.ready:
            self._store.use(known)
        return self._store.document_of(known.id), True

    def unread(
        self, document: Document, sha256: str, text_id: int, segments: Sequence[Segment]
    ) -> Reading:
        """Store a reading of a text of the document that is still to be made.

        sha256: of the file that the text begins with.
        """
        reading_id = self._free_id(sha256, document.id)
        reading = self._reading(reading_id, document.id, text_id, segments)
        self._store.add_reading(reading, segments)
        return reading

    def check_no_version(self, document: Document) -> None:
        """Raise Busy while a new version is read, which would end what is begun now."""
        if self._store.awaited_version(document.id) is not None:
            raise Busy(
                f"A new version of {document.title!r} is being read; wait until it is done, or "
                "delete that reading first."
            )

    def _known(self, document: Document, text: DocumentText) -> Reading | None:
        text_id = self._store.find_text(document.id, text)
        if text_id is None:
            return None
        return next(
            (
                r
                for r in self._store.readings(document.id)
                if r.text_id == text_id and self._plan.matches(r)
            ),
            None,
        )

    def _text(self, document: Document, password: str | None, *, strict: bool) -> DocumentText:
        """The text as today's parsers give it, or as stored if they cannot parse the files."""
        from ingest.readers import PARSER_VERSION

        text_id, parser = self._store.newest_text(document.id)
        text = self._store.text(text_id)
        numbers = list(dict.fromkeys(text.sources))
        if parser >= PARSER_VERSION or set(numbers) - self._store.kept_originals(document.id):
            return text
        try:
            fresh = self._parsed(document, numbers, password)
        except UnreadableDocument:
            if strict:
                raise
            return text
        if not fresh.says_the_same(text):
            return fresh
        text = text.as_now_described(fresh)
        self._store.describe_text(text_id, text)
        return text

    def _parsed(
        self, document: Document, numbers: Sequence[int], password: str | None
    ) -> DocumentText:
        """The text of a document's stored files, as today's parsers give it."""
        from ingest.readers import PARSER_VERSION

        originals = self._store.originals(document.id, numbers)
        limits = self._plan.limits
        books = [File(name, data, password).parse(limits) for name, data in originals]
        text = DocumentText.of(books[0], PARSER_VERSION)
        for number, book in zip(numbers[1:], books[1:], strict=True):
            text = text.followed_by(book, number, PARSER_VERSION)
        return text

    def _free_id(self, sha256: str, document_id: str = "") -> str:
        """An id for a reading, and for its document if that is new."""
        plan, store = self._plan, self._store
        ids = list(reading_ids(sha256, plan.memory, plan.memory_config, plan.backbone.sha256))
        if store.viewer not in (None, store.first_account()):
            shuffle(ids)  # else an id would tell that another account has the same file
        for found in ids:
            own = found == document_id or not store.is_document(found)
            if own and not store.is_reading(found):
                return found
        raise InvalidSetting(
            f"This file already has {MOST_SAME_READINGS} readings that were made in the same way, "
            "which is the limit; delete some of them first."
        )

    def _reading(
        self, reading_id: str, document_id: str, text_id: int, segments: Sequence[Segment]
    ) -> Reading:
        plan, moment = self._plan, now()
        tokens = sum(segment.tokens for segment in segments)
        return Reading(
            id=reading_id,
            document_id=document_id,
            text_id=text_id,
            memory=plan.memory,
            memory_config=plan.memory_config,
            backbone=plan.backbone.name,
            backbone_sha256=plan.backbone.sha256,
            tokenizer_sha256=plan.backbone.tokenizer.sha256,
            adapter=written_with(plan.memory_config),
            segments=len(segments),
            segments_done=0,
            tokens=tokens,
            kv_cache_bytes=tokens * plan.backbone.config.kv_bytes_per_token,
            state_bytes=0,
            state_sha256=None,
            seconds=0.0,
            created_at=moment,
            updated_at=moment,
        )


def checked_title(title: str) -> str:
    """The title without surrounding spaces. Raises InvalidSetting if it cannot be stored."""
    stripped = title.strip()
    if not stripped:
        raise InvalidSetting("The new title is blank; enter at least one character.")
    if len(stripped) > LONGEST_TITLE:
        raise InvalidSetting(
            f"The title has {len(stripped):,} characters and the limit is {LONGEST_TITLE:,}; "
            "choose a shorter one."
        )
    if storable(stripped) != stripped:
        raise InvalidSetting(f"The title {stripped!a:.80} is not UTF-8 text; type it again.")
    return stripped


def storable(text: str) -> str:
    """The text without lone surrogates, which SQLite cannot store.

    Python uses them for the bytes of a file name that are not UTF-8.
    """
    return SURROGATES.sub("\ufffd", text)

"""START HERE. A library of documents that were read once: add, ask, summarize, list.

    add        file -> Book -> segments -> streamed once through a memory -> state in SQLite
    ask        question -> windows of the state -> answer, streamed
    summarize  a chapter's part of the state -> summary; chapter summaries -> the book's

The text is stored only to show where an answer came from; it is never read again to answer.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from filelock import FileLock, Timeout

from app.answers import Answer, AnswerStream, Source
from app.engine import Engine
from app.errors import Busy, InvalidSetting
from app.memory_config import config_json
from app.settings import Settings
from app.state_reader import Scope, StateReader, scope_note
from app.storage.store import LONGEST_TITLE, Document, Store, now, written_with
from ingest.book import Book, Segment
from ingest.stream import Pace, stream
from memory_models.backbone import Backbone, Progress
from memory_models.generate import Decoding
from memory_models.memory import from_bytes, to_bytes
from memory_models.prompt import build_prompt
from memory_models.recall import AnyMemory

log = logging.getLogger(__name__)

CHECKPOINT_SEGMENTS = 4
SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Ingested:
    """What happened to a file that was added."""

    document: Document
    chapters: int
    resumed: bool
    already_known: bool


@dataclass(frozen=True, slots=True)
class ReadProgress:
    """How far a reading is."""

    document_id: str
    segments_done: int
    segments: int
    tokens_per_second: float
    seconds_left: float | None


OnProgress = Callable[[ReadProgress], None]


class Stopped(Exception):
    """Raised by whoever watches a reading or a summary, to end it; nothing half-made is stored."""


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


class Library:
    """Documents, their states, and everything one can do with them."""

    def __init__(self, settings: Settings, on_fetch: Progress = quiet) -> None:
        self.settings = settings
        self.engine = Engine(settings, on_fetch)
        self.store = Store(settings.database)
        self._states = StateReader(self.store)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    @property
    def backbone(self) -> Backbone:
        """The engine's backbone."""
        return self.engine.backbone

    # Add

    def add(
        self,
        data: bytes,
        file_name: str,
        *,
        title: str | None = None,
        memory: str | None = None,
        password: str | None = None,
        on_progress: OnProgress = quiet,
    ) -> Ingested:
        """Read a file into the library; bytes that are known already are answered at once.

        A reading that was interrupted goes on where it stopped. Raises UnreadableDocument.
        """
        document, known = self.register(
            data, file_name, title=title, memory=memory, password=password
        )
        resumed = known and 0 < document.segments_done < document.segments
        already_known = known and document.ready
        if not already_known:
            document = self.read(document.id, on_progress)
        chapters = len(self.store.chapters(document.id))
        return Ingested(document, chapters, resumed, already_known)

    def register(
        self,
        data: bytes,
        file_name: str,
        *,
        title: str | None = None,
        memory: str | None = None,
        password: str | None = None,
    ) -> tuple[Document, bool]:
        """Parse a file and store its text, unread; also says whether it was known already.

        Without a title, or with a blank one, the document is called what its file says.
        """
        given = _checked_title(title) if title and title.strip() else ""
        sha256 = hashlib.sha256(data).hexdigest()
        kind = memory or self.settings.memory
        model = self.engine.new_memory(kind)
        config = config_json(model.config)
        known = self.store.known(sha256, kind, config, self.backbone.sha256)
        if known:
            return known, True
        book, segments = self._parse(data, file_name, model, password)
        tokens = sum(segment.tokens for segment in segments)
        moment = now()
        identity = "\n".join((sha256, kind, config, self.backbone.sha256))
        document = Document(
            id=hashlib.sha256(identity.encode()).hexdigest()[:12],
            source_sha256=sha256,
            title=given or book.title,
            author=book.author,
            file_name=_storable(file_name),
            format=book.format,
            paged=book.paged,
            memory=kind,
            memory_config=config,
            backbone=self.backbone.name,
            backbone_sha256=self.backbone.sha256,
            tokenizer_sha256=self.backbone.tokenizer.sha256,
            adapter=written_with(config),
            segments=len(segments),
            segments_done=0,
            tokens=tokens,
            kv_cache_bytes=tokens * self.backbone.config.kv_bytes_per_token,
            state_bytes=0,
            state_sha256=None,
            seconds=0.0,
            created_at=moment,
            updated_at=moment,
        )
        with self.store.writing():
            known = self.store.known(sha256, kind, config, self.backbone.sha256)
            if known is None:  # nor has another process added it while this one parsed
                self.store.add_document(document, book, segments)
        return known or document, known is not None

    def _parse(
        self, data: bytes, file_name: str, memory: AnyMemory, password: str | None
    ) -> tuple[Book, tuple[Segment, ...]]:
        from ingest.readers import read_book  # the readers' libraries are not needed to ask
        from ingest.segments import split_book

        book = read_book(data, file_name, password=password)
        return book, split_book(book, self.backbone.tokenizer.count, memory.window)

    def append(
        self,
        document_id: str,
        data: bytes,
        file_name: str,
        *,
        password: str | None = None,
        on_progress: OnProgress = quiet,
    ) -> Document:
        """Continue a document's state with another file; the same bytes again change nothing."""
        document = self.store.document(document_id)
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.store.has_source(document.id, sha256):
            book, segments = self._parse(data, file_name, self.memory_of(document), password)
            with self._alone(document):
                fresh = self.store.document(document.id)
                if not self.store.has_source(document.id, sha256):
                    self.store.extend_document(
                        fresh, book, list(segments), sha256, _storable(file_name)
                    )
        return self.read(document.id, on_progress)

    def read(self, document_id: str, on_progress: OnProgress = quiet) -> Document:
        """Stream what is still unread through the memory, checkpointing as it goes.

        Raising from `on_progress` stops the reading; it can be resumed. Raises Busy while another
        process reads the same document.
        """
        document = self.store.document(document_id)
        with self._alone(document):
            document = self.store.document(document_id)
            if not document.ready:
                self._read_on(document, on_progress)
                self.store.seal(document.id)
        return self.store.document(document.id)

    def _read_on(self, document: Document, on_progress: OnProgress) -> None:
        memory = self.memory_of(document)
        chapters = self.store.segment_chapters(document.id)
        found = self.store.latest_blob(document.id, "carry")
        carry = from_bytes(found[1]) if found else memory.empty()
        counts = [s.tokens for s in self.store.segments(document.id, 0, document.segments_done)]
        pace = Pace(total=document.tokens, before=sum(counts))
        left: dict[tuple[str, int], bytes] = {}
        unread = self.store.segments(document.id, document.segments_done)
        for step in stream(memory, self.backbone.tokenizer.encode, unread, carry):
            done = step.number + 1
            left |= step.left
            if step.carry and done < len(chapters) and chapters[done] != chapters[step.number]:
                left["snapshot", step.number] = to_bytes(step.carry)
            pace.tokens += step.tokens
            if done % CHECKPOINT_SEGMENTS == 0 or done == document.segments:
                self.store.checkpoint(
                    document.id,
                    segments_done=done,
                    seconds=round(document.seconds + pace.seconds, 3),
                    left=left,
                    carry=to_bytes(step.carry) if step.carry else None,
                )
                left = {}
            on_progress(
                ReadProgress(
                    document.id, done, document.segments, pace.tokens_per_second, pace.seconds_left
                )
            )

    @contextmanager
    def _alone(self, document: Document, patience_seconds: float = 0) -> Iterator[None]:
        """The operating system drops this lock with the process, however it ends."""
        folder = self.settings.home / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / f"{document.id}.lock", timeout=patience_seconds):
                yield
        except Timeout as error:
            raise Busy(
                f"{document.title!r} is being read by another process; wait for it to finish."
            ) from error

    # Ask

    def memory_of(self, document: Document) -> AnyMemory:
        """The memory that made a document's state. Raises InvalidSetting for another backbone."""
        self.engine.check_backbone(document.backbone_sha256, document.backbone, document.title)
        return self.engine.stored_memory(document.memory, document.memory_config)

    def ask(
        self,
        document_id: str,
        question: str,
        scope: Scope = Scope(),  # noqa: B008 - frozen
        decoding: Decoding | None = None,
    ) -> AnswerStream:
        """Answer from the state; iterate the stream for text, then `answer()` for the rest."""
        document = self.store.document(document_id)
        tokenizer = self.backbone.tokenizer
        prompt = build_prompt(tokenizer, question)
        memory = self.memory_of(document)
        return AnswerStream(
            tokenizer,
            lambda: self._states.open(document, memory, question, scope, self.settings.windows),
            prompt,
            decoding or Decoding(max_tokens=self.settings.answer_tokens),
            self.engine.calibration.confidence,
            scope_note(memory, scope),
            self.engine.abstention_of(memory),
        )

    def answer(self, document_id: str, stream: AnswerStream) -> Answer:
        """What a finished (or stopped) stream said, with the pages it looked at most."""
        heaviest = dict(islice(stream.weights().items(), self.settings.windows))
        with self.store.reading():
            document = self.store.document(document_id)
            texts = {n: self.store.segments(document.id, n, n + 1)[0] for n in heaviest}
            pages = {p for s in texts.values() for p in (s.page_first, s.page_last)}
            labels = self.store.page_labels(document.id, pages)
        sources = [
            Source(
                segment=number,
                chapter=texts[number].chapter,
                page_first=texts[number].page_first,
                page_last=texts[number].page_last,
                weight=round(weight, 4),
                text=texts[number].text,
                label_first=labels[texts[number].page_first],
                label_last=labels[texts[number].page_last],
            )
            for number, weight in heaviest.items()
        ]
        return stream.finish(sources)

    # List

    def list(self, search: str = "") -> list[Document]:
        """All documents, newest first, or those whose title, author or file matches."""
        return self.store.documents(search)

    def rename(self, document_id: str, title: str) -> Document:
        """Give a document another title. Raises InvalidSetting."""
        document = self.store.document(document_id)
        self.store.update(document.id, title=_checked_title(title))
        return self.store.document(document.id)

    def remove(self, document_id: str) -> Document:
        """Delete a document with its state, chats and summaries; a reading of it ends first."""
        document = self.store.document(document_id)
        self.store.cancel_job(document.id)
        with self._alone(document, patience_seconds=30):
            self.store.remove(document.id)
        return document


def _checked_title(title: str) -> str:
    """A title as it is stored. Raises InvalidSetting for one that cannot be."""
    stripped = title.strip()
    if not stripped:
        raise InvalidSetting("The new title is blank; give the document a name.")
    if len(stripped) > LONGEST_TITLE:
        raise InvalidSetting(
            f"The title has {len(stripped):,} characters, at most {LONGEST_TITLE:,} are kept; "
            "give a shorter one."
        )
    if _storable(stripped) != stripped:
        raise InvalidSetting(f"The title {stripped!a:.80} is not UTF-8 text; type it anew.")
    return stripped


def _storable(text: str) -> str:
    """Bytes of a file's name that are not UTF-8 come as lone surrogates, which SQLite refuses."""
    return SURROGATES.sub("\ufffd", text)

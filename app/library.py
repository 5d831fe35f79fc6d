"""START HERE. A library of documents that were read once: add, ask, summarize, list.

    add        file -> Book -> segments -> streamed once through a memory -> state in SQLite
    reread     the file that is kept -> another reading of the document, under another memory
    ask        question -> windows of the state -> answer, streamed
    summarize  a chapter's part of the state -> summary; chapter summaries -> the book's

The text is stored only to show where an answer came from; it is never read again to answer.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice

from filelock import FileLock, Timeout

from app.answering.answers import Answer, AnswerStream, Source
from app.answering.conversation import Turn, question_prompt
from app.answering.evidence import OpenedText, joined
from app.answering.items import ThoroughAnswer
from app.answering.places import placed
from app.answering.thorough import OnRows, ask_thoroughly
from app.engine import Engine
from app.errors import Busy, InvalidSetting, NotReady, StoreFailed
from app.exchange.parts import delete_leftovers
from app.intake.register import File, Plan, Register, checked_title
from app.memory_config import config_json
from app.revision.adopting import finish_reading
from app.revision.borrowing import borrowed_for
from app.settings import Settings
from app.state_reader import Scope, StateReader
from app.storage.store import Document, Reading, Store
from ingest.isolation.recognising import OnPage
from ingest.stream import Pace, stream
from memory_models.backbone import Backbone, Progress
from memory_models.generate import Decoding
from memory_models.memory import from_bytes, to_bytes
from memory_models.recall import AnyMemory

log = logging.getLogger(__name__)

CHECKPOINT_SEGMENTS = 4


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
    """Raised by a progress callback to stop a reading or a summary; nothing half-made is stored."""


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


class Library:
    """Documents, their states, and everything one can do with them."""

    def __init__(self, settings: Settings, on_fetch: Progress = quiet) -> None:
        self.settings = settings
        self.engine = Engine(settings, on_fetch)
        self.store = Store(settings.database)
        delete_leftovers(settings.home)
        self.states = StateReader(self.store)

    def seen_by(self, account: int | None) -> Library:
        """This library as an account sees it: its own documents, and the same models."""
        other = copy(self)
        other.store = self.store.seen_by(account)
        return other

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
        on_page: OnPage = quiet,
    ) -> Ingested:
        """Read a file into the library; bytes that are known already are answered at once.

        Bytes that were read in another way make another reading of their document. A reading that
        was interrupted goes on where it stopped. on_page: how many scanned pages are recognised.
        Raises UnreadableDocument.
        """
        given = {"title": title, "memory": memory, "password": password}
        return self.finish(self.register(data, file_name, **given, on_page=on_page), on_progress)

    def reread(
        self,
        document_id: str,
        *,
        memory: str | None = None,
        password: str | None = None,
        on_progress: OnProgress = quiet,
    ) -> Ingested:
        """Read a document again from the files that are kept of it, as another reading.

        memory: as before where it is not given. Raises OriginalNotKept.
        """
        document = self.store.document(document_id)
        plan = self.plan(memory or document.reading.memory)
        return self.finish(Register(self.store, plan).again(document, password), on_progress)

    def finish(self, registered: tuple[Document, bool], on_progress: OnProgress) -> Ingested:
        """Read a registered document, as `register` returns it, to its end."""
        document, known = registered
        resumed = known and 0 < document.reading.segments_done < document.reading.segments
        already_known = known and document.ready
        if not already_known:
            document = self.read(document.reading.id, on_progress)
        chapters = len(self.store.chapters(document.reading))
        return Ingested(document, chapters, resumed, already_known)

    def register(
        self,
        data: bytes,
        file_name: str,
        *,
        title: str | None = None,
        memory: str | None = None,
        password: str | None = None,
        on_page: OnPage = quiet,
    ) -> tuple[Document, bool]:
        """Parse a file and store its text, unread; also says whether it was known already.

        The document comes with the reading that is to be made, which is in use once it is finished.
        Without a title, or with a blank one, a new document is called what its file says.
        """
        given = checked_title(title) if title and title.strip() else ""
        plan = self.plan(memory or self.settings.memory)
        file = File(file_name, data, password)
        return Register(self.store, plan).file(file, given, on_page)

    def plan(self, kind: str) -> Plan:
        """How a memory of this kind reads a document now."""
        model = self.engine.new_memory(kind)
        return Plan(
            kind,
            config_json(model.config),
            model.window,
            self.backbone,
            self.settings.reading_limits,
        )

    def append(
        self,
        document_id: str,
        data: bytes,
        file_name: str,
        *,
        password: str | None = None,
        on_progress: OnProgress = quiet,
    ) -> Document:
        """Continue a document's state with another file; the same bytes again change nothing.

        Other readings of the document stay without it.
        """
        document = self.store.document(document_id)
        sha256 = hashlib.sha256(data).hexdigest()
        if self.store.has_source(document.reading, sha256):
            self.store.add_source(document.id, sha256, file_name, data)  # older ones were not kept
        else:
            memory, reading = self.memory_of(document), document.reading
            file = File(file_name, data, password)
            limits = self.settings.reading_limits
            plan = Plan(reading.memory, reading.memory_config, memory.window, self.backbone, limits)
            book = file.parse(limits)
            segments = plan.split(book)
            with self._alone(document):
                fresh = self.store.document_of(reading.id)
                if not self.store.has_source(fresh.reading, sha256):
                    Register(self.store, plan).extend(fresh, file, book, segments)
        return self.read(document.reading.id, on_progress)

    def read(self, reading_id: str, on_progress: OnProgress = quiet) -> Document:
        """Stream what a reading has not read yet through its memory, checkpointing as it goes.

        Once it is finished, its document uses it; a new version then takes the old one's place.
        What another reading has of the same text is copied. Raising from `on_progress` stops the
        reading; it can be resumed. Raises Busy while another process makes the same reading.
        """
        document = self.store.document_of(reading_id)
        with self._alone(document):
            document = self.store.document_of(reading_id)
            if not document.ready:
                self._read_on(document, on_progress)
                finish_reading(self.store, document)
        return self.store.document_of(reading_id)

    def _read_on(self, document: Document, on_progress: OnProgress) -> None:
        memory, reading = self.memory_of(document), document.reading
        ends = set(self.store.snapshot_ends(reading))
        found = self.store.latest_blob(reading, "carry")
        carry = from_bytes(found[1]) if found else memory.empty()
        unread = self.store.segments(reading, reading.segments_done)
        known = borrowed_for(self.store, reading, memory, unread)
        done_before = self.store.tokens_done(reading)
        pace = Pace(total=reading.tokens - known.tokens, before=done_before)
        left: dict[tuple[str, int], bytes] = {}
        for step in stream(memory, self.backbone.tokenizer.encode, unread, carry, known):
            done = step.number + 1
            left |= step.left
            if step.carry and step.number in ends:
                left["snapshot", step.number] = to_bytes(step.carry)
            pace.tokens += 0 if step.was_known else step.tokens
            if done % CHECKPOINT_SEGMENTS == 0 or done == reading.segments:
                self.store.checkpoint(
                    reading,
                    segments_done=done,
                    seconds=round(reading.seconds + pace.seconds, 3),
                    left=left,
                    carry=to_bytes(step.carry) if step.carry else None,
                )
                left = {}
            on_progress(
                ReadProgress(
                    document.id, done, reading.segments, pace.tokens_per_second, pace.seconds_left
                )
            )

    @contextmanager
    def _alone(self, document: Document, patience_seconds: float = 0) -> Iterator[None]:
        """The operating system drops this lock with the process, however it ends."""
        folder = self.settings.home / "locks"
        lock = FileLock(folder / f"{document.reading.id}.lock", timeout=patience_seconds)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise Busy(
                f"{document.title!r} is being read by another process; wait for it to finish."
            ) from error
        except OSError as error:
            raise StoreFailed(
                f"{folder} cannot be written ({error.strerror}), so no document can be read or "
                "deleted; make it writable or free some space."
            ) from error
        try:
            yield
        finally:
            lock.release()

    # Ask

    def memory_of(self, document: Document) -> AnyMemory:
        """The memory that made a document's state. Raises InvalidSetting for another backbone."""
        reading = document.reading
        self.engine.check_backbone(reading.backbone_sha256, reading.backbone, document.title)
        return self.engine.stored_memory(reading.memory, reading.memory_config)

    def ask(
        self,
        document_id: str,
        question: str,
        scope: Scope | None = None,
        decoding: Decoding | None = None,
        after: Turn | None = None,
        windows: int | None = None,
    ) -> AnswerStream:
        """Answer from the state; iterate the stream for text, then `answer()` for the rest.

        scope: as far as the document's reader is, where it is not given. after: the turn that the
        question follows. windows: most to open of the state, instead of the setting's
        number. Raises InvalidRequest or InvalidQuestion at once for a question that cannot be
        asked.
        """
        document = self.store.document(document_id)
        scope = scope or self.reader_scope(document)
        tokenizer = self.backbone.tokenizer
        prompt = question_prompt(tokenizer, question, after)
        memory, windows = self.memory_of(document), windows or self.settings.windows
        earlier, calibration = after.text if after else "", self.engine.calibration
        return AnswerStream(
            tokenizer,
            lambda: self.states.open(document, memory, question, scope, windows, earlier),
            lambda segments: self._texts(document.reading, segments),
            question,
            prompt,
            decoding or Decoding(max_tokens=self.settings.answer_tokens),
            calibration.confidence,
            self.states.scope_note(document, memory, scope),
            self.engine.abstention_of(memory),
            document.reading.id,
            calibration.looks,
            after,
            windows,
        )

    def question_tokens(self, question: str) -> int:
        """How long a question is; `ask` refuses one of more than `LONGEST_QUESTION`."""
        return self.backbone.tokenizer.count(question.strip())

    def ask_thoroughly(
        self,
        document_id: str,
        question: str,
        scope: Scope | None = None,
        on_progress: OnRows = quiet,
    ) -> ThoroughAnswer:
        """Ask every segment of the scope and list what they answer; may take minutes.

        Raises what `ask` raises, and InvalidQuestion for a state that has no segments to ask.
        """
        scope = scope or self.reader_scope(self.store.document(document_id))
        return ask_thoroughly(self, document_id, question, scope, on_progress)

    def reader_scope(self, document: Document) -> Scope:
        """What the document's reader has read: the whole book where no place is set."""
        return Scope(read_to=self.store.read_to(document.id))

    def scope_note(self, document: Document, scope: Scope) -> str:
        """What a person must know where more than the chapter is opened, else empty."""
        return self.states.scope_note(document, self.memory_of(document), scope)

    def answer(self, document_id: str, stream: AnswerStream) -> Answer:
        """What a finished (or stopped) stream said, with the pages it looked at most."""
        heaviest = dict(islice(stream.weights().items(), stream.windows))
        with self.store.reading():
            self.store.document(document_id)  # refuses one that was deleted
            reading = self.store.document_of(stream.reading_id).reading
            texts = self.store.some_segments(reading, heaviest)
            pages = {p for s in texts.values() for p in (s.page_first, s.page_last)}
            labels = self.store.page_labels(reading, pages)
            evidence = placed(self.store, reading, joined(stream.sentences))
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
        return stream.finish(sources, evidence)

    def _texts(self, reading: Reading, segments: Sequence[int]) -> list[OpenedText]:
        found = self.store.some_segments(reading, segments)
        return [OpenedText(n, found[n].start, found[n].text) for n in segments]

    # List

    def list(self, search: str = "") -> list[Document]:
        """All documents, newest first, or those whose title, author or file matches."""
        return self.store.documents(search)

    def rename(self, document_id: str, title: str) -> Document:
        """Give a document another title. Raises InvalidSetting."""
        document = self.store.document(document_id)
        self.store.update(document.id, title=checked_title(title))
        return self.store.document(document.id)

    def use(self, reading_id: str) -> Document:
        """Make a finished reading the one that its document uses. Raises NotReady."""
        document = self.store.document_of(reading_id)
        if not document.ready:
            raise NotReady(f"{document.how_far} in this way; it is used once that is done.")
        self.store.use(document.reading)
        return self.store.document_of(reading_id)

    def remove(self, document_id: str, *, undoable: bool = False) -> Document:
        """Delete a document with its states, chats and summaries; a reading of it ends first.

        The id of one of several readings deletes that reading only. What is `undoable` can be
        brought back for a minute (`Store.bring_back`), unless the disk is too full for that.
        """
        document, is_reading = self.store.find(document_id)
        readings = self.store.readings(document.id)
        if is_reading and len(readings) > 1:
            return self.remove_reading(document.reading.id)
        with ExitStack() as alone:
            for reading in readings:
                self.store.cancel_job(reading.id)
            for reading in readings:
                each = replace(document, reading=reading)
                alone.enter_context(self._alone(each, patience_seconds=30))
            if undoable and self.store.can_set_aside():
                self.store.set_aside(document.id)
            else:
                self.store.remove(document.id)
        return document

    def remove_reading(self, reading_id: str) -> Document:
        """Delete one of several readings of a document. Raises InvalidSetting for the only one."""
        document = self.store.document_of(reading_id)
        if len(self.store.readings(document.id)) < 2:
            raise InvalidSetting(
                f"{document.title!r} has only this reading; remove the document itself."
            )
        self.store.cancel_job(reading_id)
        with self._alone(document, patience_seconds=30):
            self.store.remove_reading(document.reading)
        return document

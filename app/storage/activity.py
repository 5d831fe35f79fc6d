"""Jobs of the worker, chats and summaries of stored documents."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from app.errors import UnknownDocument
from app.storage.database import DatabaseFile, now
from app.storage.records import Document

BOOK = 0
"""The chapter number under which the whole book's summary is stored."""

_SHOWN = "id NOT IN (SELECT chat_id FROM removed_chats)"  # not deleted a moment ago
JSON_COLUMNS = ("sources", "evidence", "items")  # of messages


@dataclass(frozen=True, slots=True)
class Job:
    """A reading that the worker is to make, is making, or has made."""

    id: int
    reading_id: str
    document_id: str
    status: str
    error: str
    tokens_per_second: float
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a stored chat."""

    role: str
    text: str
    confidence: float | None = None
    sources: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)  # best sentence first
    created_at: str = ""  # now, where it is empty
    word: str = ""  # sure, likely or guess; empty for answers of before there was any
    about: str = ""  # the earlier question that this one follows
    reading_id: str = ""  # of the state that answered; empty where it is not known
    items: list[dict[str, Any]] = field(default_factory=list)  # of a thorough answer
    looked: int = 0  # in so many parts of the document, where these were more than usual


@dataclass(frozen=True, slots=True)
class Chat:
    """A stored conversation about one document."""

    id: int
    document_id: str
    title: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A stored summary; chapter 0 is the whole book, and -n the story to the end of chapter n.

    sentences: each with the first and the last page that it was made from, as `{"text",
    "page_first", "page_last"}`; older summaries have none.
    """

    chapter: int
    title: str
    summary: str
    sentences: tuple[dict[str, Any], ...] = ()


class ActivityStore(DatabaseFile):
    """Jobs, chats with their messages, and summaries."""

    # Jobs

    def enqueue(self, reading_id: str) -> int:
        """Ask the worker to make a reading; returns the job, which may already exist."""
        with self.writing():
            self._check_reading_seen(reading_id)
            row = self.db.execute(
                "SELECT id FROM jobs WHERE reading_id = ? AND status IN ('queued', 'running')",
                [reading_id],
            ).fetchone()
            if row:
                return int(row[0])
            moment = now()
            job = {"reading_id": reading_id, "status": "queued"}
            return self._insert("jobs", {**job, "created_at": moment, "updated_at": moment})

    def jobs(self, *statuses: str) -> list[Job]:
        """Jobs with the given statuses, or all jobs, in the order in which they were queued."""
        marks = ",".join("?" * len(statuses))
        where = f"AND j.status IN ({marks})" if statuses else ""
        rows = self.db.query(
            "SELECT j.*, r.document_id FROM jobs j JOIN readings r ON r.id = j.reading_id "
            f"WHERE {self._seen('r.document_id')} {where} ORDER BY j.id",
            list(statuses),
        )
        return [Job(**row) for row in rows]

    def set_job(self, job_id: int, **values: Any) -> None:
        """Set columns of a job; does nothing if the job was deleted with its document."""
        self._set("jobs", job_id, values)

    def start_job(self, job_id: int) -> bool:
        """Mark a queued job as running; False if it has been cancelled or deleted."""
        with self.writing():
            waiting = self.job_status(job_id) == "queued"
            if waiting:
                self.set_job(job_id, status="running", error="")
            return waiting

    def put_back_job(self, job_id: int) -> None:
        """Queue a running job again, or end it if it has been asked to stop."""
        with self.writing():
            cancelled = self.job_status(job_id) == "cancelling"
            self.set_job(job_id, status="cancelled" if cancelled else "queued", error="")

    def cancel_job(self, reading_id: str) -> None:
        """Ask a reading to stop after the segment that is being read."""
        with self.writing():
            self._check_reading_seen(reading_id)
            for waiting, then in (("queued", "cancelled"), ("running", "cancelling")):
                self.db.execute(
                    "UPDATE jobs SET status = ?, updated_at = ? "
                    "WHERE reading_id = ? AND status = ?",
                    [then, now(), reading_id, waiting],
                )

    def _check_reading_seen(self, reading_id: str) -> None:
        where = f"id = ? AND {self._seen('document_id')}"
        if not self._table("readings").count_where(where, [reading_id]):
            raise UnknownDocument(f"The reading {reading_id!r} has been deleted.")

    def job_status(self, job_id: int) -> str | None:
        """Status of a job, or None if its document was deleted."""
        row = self.db.execute("SELECT status FROM jobs WHERE id = ?", [job_id]).fetchone()
        return row[0] if row else None

    # Chats

    def start_chat(self, document_id: str, title: str, created_at: str | None = None) -> int:
        """Start a chat about a document; returns its id. Raises UnknownDocument."""
        moment = created_at or now()
        row = {"document_id": document_id, "title": title, "created_at": moment}
        with self.writing():
            self.check_there(document_id)
            return self._insert("chats", row)

    def chats(self, document_id: str) -> list[Chat]:
        """Chats about a document, newest first."""
        rows = self.db.query(
            f"SELECT * FROM chats WHERE document_id = ? AND {self._seen('document_id')} "
            f"AND {_SHOWN} ORDER BY id DESC",
            [document_id],
        )
        return [Chat(**row) for row in rows]

    def remove_chat(self, chat_id: int) -> None:
        """Delete a chat with its messages."""
        with self.writing() as db:
            db.execute(f"DELETE FROM chats WHERE id = ? AND {self._seen('document_id')}", [chat_id])

    def is_chat(self, chat_id: int) -> bool:
        """True if there is a chat of this number about a document that is seen."""
        where = f"id = ? AND {self._seen('document_id')} AND {_SHOWN}"
        return bool(self._table("chats").count_where(where, [chat_id]))

    def check_chat(self, chat_id: int) -> None:
        """Raise UnknownDocument if the chat was deleted, or is another account's."""
        if not self.is_chat(chat_id):
            raise UnknownDocument(f"The chat {chat_id} has been deleted; start a new chat.")

    def say(self, chat_id: int, message: Message) -> None:
        """Append one message to a chat. Raises UnknownDocument once the chat was deleted."""
        row = asdict(message) | {"chat_id": chat_id, "created_at": message.created_at or now()}
        row |= {name: json.dumps(row[name], ensure_ascii=False) for name in JSON_COLUMNS}
        with self.writing():
            self.check_chat(chat_id)
            self._insert("messages", row)

    def forget_turn(self, chat_id: int, question: str) -> None:
        """Delete a chat's last question with its answer, if it is this question."""
        if not self.is_chat(chat_id):
            return
        with self.writing() as db:
            row = db.execute(
                "SELECT id, text FROM messages WHERE chat_id = ? AND role = 'user' "
                "ORDER BY id DESC LIMIT 1",
                [chat_id],
            ).fetchone()
            if row and row[1] == question:
                db.execute("DELETE FROM messages WHERE chat_id = ? AND id >= ?", [chat_id, row[0]])

    def messages(self, chat_id: int) -> list[Message]:
        """A chat's messages in order."""
        if not self.is_chat(chat_id):
            return []
        rows = self.db.query(
            "SELECT role, text, confidence, sources, evidence, created_at, word, about, "
            "reading_id, items, looked FROM messages WHERE chat_id = ? ORDER BY id",
            [chat_id],
        )
        return [Message(**row | {n: json.loads(row[n]) for n in JSON_COLUMNS}) for row in rows]

    # Summaries

    def summaries(self, document: Document) -> dict[int, Summary]:
        """Stored summaries by chapter number; 0 is the whole book.

        A summary that was made from another text is left out if the present text has no chapter of
        the same number and title.
        """
        rows = self.db.query(
            "SELECT s.chapter, s.title, s.summary, s.sentences FROM summaries s "
            "LEFT JOIN readings r ON r.id = s.reading_id "
            "WHERE s.document_id = :document AND (s.chapter = 0 OR r.text_id = :text OR EXISTS ("
            "SELECT 1 FROM chapters c "
            "WHERE c.text_id = :text AND c.number = s.chapter AND c.title = s.title)) "
            "ORDER BY s.chapter",
            {"document": document.id, "text": document.reading.text_id},
        )
        return {
            row["chapter"]: Summary(**{**row, "sentences": tuple(json.loads(row["sentences"]))})
            for row in rows
        }

    def save_summary(self, document: Document, summary: Summary) -> None:
        """Store or replace a summary that was made from this reading of the document.

        Raises UnknownDocument if the document was deleted.
        """
        with self.writing() as db:
            self.check_there(document.id)
            there = db.execute("SELECT id FROM readings WHERE id = ?", [document.reading.id])
            row = {
                "document_id": document.id,
                "chapter": summary.chapter,
                "title": summary.title,
                "summary": summary.summary,
                "sentences": json.dumps(summary.sentences, ensure_ascii=False),
                "reading_id": document.reading.id if there.fetchone() else None,
                "created_at": now(),
            }
            self._table("summaries").upsert(row, pk=("document_id", "chapter"))

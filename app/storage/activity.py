"""What is done with stored documents: jobs of the background reader, chats, summaries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.errors import UnknownDocument
from app.storage.database import DatabaseFile, now

BOOK = 0
"""The chapter number under which the whole book's summary is stored."""


@dataclass(frozen=True, slots=True)
class Job:
    """One reading of a document by the background worker."""

    id: int
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
    confidence: float | None
    sources: list[dict[str, Any]]
    created_at: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A stored conversation about one document."""

    id: int
    document_id: str
    title: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A stored summary; chapter 0 is the whole book."""

    chapter: int
    title: str
    summary: str


class ActivityStore(DatabaseFile):
    """Jobs, chats with their messages, and summaries."""

    # Jobs

    def enqueue(self, document_id: str) -> int:
        """Ask the background worker to read a document; an open job is found again."""
        with self.writing():
            row = self.db.execute(
                "SELECT id FROM jobs WHERE document_id = ? AND status IN ('queued', 'running')",
                [document_id],
            ).fetchone()
            if row:
                return int(row[0])
            moment = now()
            job = {"document_id": document_id, "status": "queued"}
            return self._insert("jobs", {**job, "created_at": moment, "updated_at": moment})

    def jobs(self, *statuses: str) -> list[Job]:
        """Jobs in the order they were asked for, of the given statuses or all."""
        marks = ",".join("?" * len(statuses))
        where = f"WHERE status IN ({marks})" if statuses else ""
        rows = self.db.query(f"SELECT * FROM jobs {where} ORDER BY id", list(statuses))
        return [Job(**row) for row in rows]

    def set_job(self, job_id: int, **values: Any) -> None:
        """Set columns of one job; nothing happens once it was deleted with its document."""
        self._set("jobs", job_id, values)

    def start_job(self, job_id: int) -> bool:
        """Mark a queued job as running; False where it was cancelled or deleted meanwhile."""
        with self.writing():
            waiting = self.job_status(job_id) == "queued"
            if waiting:
                self.set_job(job_id, status="running", error="")
            return waiting

    def put_back_job(self, job_id: int) -> None:
        """Queue a running job again, or end it where it was asked to stop meanwhile."""
        with self.writing():
            cancelled = self.job_status(job_id) == "cancelling"
            self.set_job(job_id, status="cancelled" if cancelled else "queued", error="")

    def cancel_job(self, document_id: str) -> None:
        """Ask that the reading of a document stop after its present segment."""
        with self.writing():
            for waiting, then in (("queued", "cancelled"), ("running", "cancelling")):
                self.db.execute(
                    "UPDATE jobs SET status = ?, updated_at = ? "
                    "WHERE document_id = ? AND status = ?",
                    [then, now(), document_id, waiting],
                )

    def job_status(self, job_id: int) -> str | None:
        """Status of a job, None once its document was deleted."""
        row = self.db.execute("SELECT status FROM jobs WHERE id = ?", [job_id]).fetchone()
        return row[0] if row else None

    # Chats

    def start_chat(self, document_id: str, title: str, created_at: str | None = None) -> int:
        """A new chat about a document; returns its id. Raises UnknownDocument."""
        moment = created_at or now()
        row = {"document_id": document_id, "title": title, "created_at": moment}
        with self.writing():
            self.check_there(document_id)
            return self._insert("chats", row)

    def chats(self, document_id: str) -> list[Chat]:
        """Chats about a document, newest first."""
        rows = self.db.query(
            "SELECT * FROM chats WHERE document_id = ? ORDER BY id DESC", [document_id]
        )
        return [Chat(**row) for row in rows]

    def remove_chat(self, chat_id: int) -> None:
        """Delete a chat with its messages."""
        with self.writing():
            self._table("chats").delete(chat_id)

    def say(
        self,
        chat_id: int,
        role: str,
        text: str,
        confidence: float | None = None,
        sources: list[dict[str, Any]] | None = None,
        created_at: str | None = None,
    ) -> None:
        """Append one message to a chat. Raises UnknownDocument once the chat was deleted."""
        row = {
            "chat_id": chat_id,
            "role": role,
            "text": text,
            "confidence": confidence,
            "sources": json.dumps(sources or [], ensure_ascii=False),
            "created_at": created_at or now(),
        }
        with self.writing():
            if not self._table("chats").count_where("id = ?", [chat_id]):
                raise UnknownDocument(f"The chat {chat_id} has been deleted; begin another one.")
            self._insert("messages", row)

    def messages(self, chat_id: int) -> list[Message]:
        """A chat's messages in order."""
        rows = self.db.query(
            "SELECT role, text, confidence, sources, created_at FROM messages "
            "WHERE chat_id = ? ORDER BY id",
            [chat_id],
        )
        return [Message(**{**row, "sources": json.loads(row["sources"])}) for row in rows]

    # Summaries

    def summaries(self, document_id: str) -> dict[int, Summary]:
        """Stored summaries by chapter number; 0 is the whole book."""
        rows = self.db.query(
            "SELECT chapter, title, summary FROM summaries WHERE document_id = ? ORDER BY chapter",
            [document_id],
        )
        return {row["chapter"]: Summary(**row) for row in rows}

    def save_summary(self, document_id: str, summary: Summary) -> None:
        """Store or replace one summary. Raises UnknownDocument once the document was deleted."""
        row = {
            "document_id": document_id,
            "chapter": summary.chapter,
            "title": summary.title,
            "summary": summary.summary,
            "created_at": now(),
        }
        with self.writing():
            self.check_there(document_id)
            self._table("summaries").upsert(row, pk=("document_id", "chapter"))

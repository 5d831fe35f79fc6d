"""Summaries that are to be made in the background, and how far each wish has come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.storage.activity import BOOK
from app.storage.database import DatabaseFile, now

OPEN = ("queued", "running", "cancelling")
_LISTS = ("wanted", "made")  # columns that hold JSON


@dataclass(frozen=True, slots=True)
class SummaryJob:
    """A wish for summaries of a document.

    chapter: the one that is wanted; `BOOK` for all and the book's, or the story so far. since: only
    the chapters after this one, without the book's. wanted, made: numbers of summaries, once it has
    begun. share: of the work that is done, from 0 to 1. account: whose document it is.
    """

    id: int
    document_id: str
    account: int | None
    chapter: int
    since: int
    again: bool
    whole_book: bool
    status: str
    wanted: tuple[int, ...]
    made: tuple[int, ...]
    share: float
    seconds_left: float | None
    error: str
    created_at: str
    updated_at: str

    @property
    def is_open(self) -> bool:
        """True while it waits or is worked on."""
        return self.status in OPEN

    @property
    def next(self) -> int | None:
        """The number of the summary that is being made, or is the next to be."""
        return next((number for number in self.wanted if number not in self.made), None)


class SummaryJobStore(DatabaseFile):
    """Wishes for summaries; those that have ended are kept until the next one of the document."""

    def want_summaries(
        self,
        document_id: str,
        *,
        chapter: int = BOOK,
        since: int = 0,
        again: bool = False,
        whole_book: bool = False,
    ) -> int:
        """Ask for summaries; returns the job, which may be there. Raises UnknownDocument."""
        wish = [document_id, chapter, since, int(again), int(whole_book)]
        names = ("document_id", "chapter", "since", "again", "whole_book")
        with self.writing() as db:
            self.check_there(document_id)
            same = " AND ".join(f"{name} = ?" for name in names)
            row = db.execute(
                f"SELECT id FROM summary_jobs WHERE {same} AND status IN ('queued', 'running')",
                wish,
            ).fetchone()
            if row:
                return int(row[0])
            db.execute(
                "DELETE FROM summary_jobs WHERE document_id = ? "
                "AND status IN ('done', 'cancelled', 'failed')",
                [document_id],
            )
            moment = now()
            fields = {**dict(zip(names, wish, strict=True)), "status": "queued"}
            return self._insert(
                "summary_jobs", {**fields, "created_at": moment, "updated_at": moment}
            )

    def summary_jobs(self, *statuses: str) -> list[SummaryJob]:
        """Jobs with the given statuses, or all jobs, in the order in which they were wanted."""
        marks = ",".join("?" * len(statuses))
        return self._summary_jobs(f"j.status IN ({marks})" if statuses else "TRUE", statuses)

    def summary_jobs_of(self, document_id: str) -> list[SummaryJob]:
        """The jobs of a document that are open, and the last ones that have ended."""
        return self._summary_jobs("j.document_id = ?", [document_id])

    def _summary_jobs(self, where: str, values: Sequence[Any]) -> list[SummaryJob]:
        rows = self.db.query(
            "SELECT j.*, d.account_id AS account FROM summary_jobs j "
            "JOIN documents d ON d.id = j.document_id "
            f"WHERE {where} AND {self._seen('j.document_id')} ORDER BY j.id",
            list(values),
        )
        return [
            SummaryJob(
                **row
                | {name: tuple(json.loads(row[name])) for name in _LISTS}
                | {name: bool(row[name]) for name in ("again", "whole_book")}
            )
            for row in rows
        ]

    def set_summary_job(self, job_id: int, **values: Any) -> None:
        """Set columns of a job; does nothing if the job was deleted with its document."""
        lists = {name: json.dumps(values[name]) for name in _LISTS if name in values}
        self._set("summary_jobs", job_id, {**values, **lists})

    def begin_summary_job(self, job_id: int) -> bool:
        """Mark a job as running; False if it was cancelled or deleted."""
        with self.writing():
            may = self.summary_job_status(job_id) in ("queued", "running")
            if may:
                self.set_summary_job(job_id, status="running", error="")
            return may

    def summary_job_status(self, job_id: int) -> str | None:
        """Status of a job, or None if its document was deleted."""
        row = self.db.execute("SELECT status FROM summary_jobs WHERE id = ?", [job_id]).fetchone()
        return row[0] if row else None

    def cancel_summaries(self, document_id: str) -> None:
        """Ask that no more summaries of a document are made; what is finished is kept."""
        with self.writing() as db:
            for waiting, then in (("queued", "cancelled"), ("running", "cancelling")):
                db.execute(
                    "UPDATE summary_jobs SET status = ?, updated_at = ? WHERE document_id = ? "
                    f"AND status = ? AND {self._seen('document_id')}",
                    [then, now(), document_id, waiting],
                )

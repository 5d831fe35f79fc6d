"""How far the summaries of a document are that are made in the background, as words and a bar."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.storage.store import BOOK, SummaryJob
from app.ui.texts import note

WAITS = "waits for its turn"


def job_name(job: SummaryJob) -> str:
    """What was asked for, as the beginning of a line."""
    if job.chapter != BOOK:
        return f"Chapter {job.chapter}"
    return f"The chapters after chapter {job.since}" if job.since else "All summaries"


def job_words(job: SummaryJob) -> str:
    """Where a job stands: "chapter 3 (3 of 12), 2:05 left"."""
    if job.status == "failed":
        return f"failed: {job.error}"
    if job.status == "cancelled":
        return "stopped; the summaries that were finished are kept"
    if job.status == "done":
        return "done"
    if job.status == "cancelling":
        return "stopping …"
    if job.next is None:
        return WAITS
    what = f"chapter {job.next}" if job.next != BOOK else "putting the chapters together"
    several = f" ({len(job.made) + 1} of {len(job.wanted)})" if len(job.wanted) > 1 else ""
    return f"{what}{several}{_left(job.seconds_left)}"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    clock = f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f", {clock} left"


def jobs_html(jobs: Sequence[SummaryJob], *, ended: bool) -> str:
    """A bar for every job that is open, and why one failed; ``ended``: also how others ended."""
    return "".join(_job_html(job, ended=ended) for job in jobs)


def _job_html(job: SummaryJob, *, ended: bool) -> str:
    said = f"{job_name(job)}: {job_words(job)}"
    if job.status == "failed":
        return note(f"{said} It can be started again.", "warning")
    if not job.is_open:
        return note(f"{said}.", "good") if ended else ""
    percent = f"{100 * job.share:.0f}"
    return (
        f'<div class="bs-reading"><div class="bs-bar" role="progressbar" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}" aria-label="{escape(job_name(job))}">'
        f'<div style="width:{percent}%"></div></div>'
        f'<div class="bs-note">{escape(said)}</div></div>'
    )

"""The command `jobs`: what is read and summarised in the background, and how to stop it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.common import Json, emit, err, opened, say
from app.library import Library
from app.storage.store import Job, SummaryJob

commands = typer.Typer()


@commands.command()
def jobs(
    cancel: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Stop what is done with this document; see `list`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what `serve` reads and summarises in the background: what waits, and what failed."""
    with opened() as library:
        store = library.store
        if cancel is not None:
            document = store.document(cancel)
            for reading in store.readings(document.id):
                store.cancel_job(reading.id)
            store.cancel_summaries(document.id)
        found = _jobs(library)
    if as_json:
        emit({"jobs": found})
        return
    for job in found:
        done = f"{job['done']} of {job['total']}" if job["total"] else "not begun"
        left = job["seconds_left"]
        until = "" if left is None else f", {int(left) // 60}:{int(left) % 60:02d} left"
        say(f"{job['document']}  {job['title']}: {job['kind']}, {job['status']}, {done}{until}")
        if job["error"]:
            err.print(f"  {job['error']}", style="yellow", markup=False, soft_wrap=True)
    if not found:
        err.print("Nothing is read or summarised, and nothing failed.", style="dim")


def _jobs(library: Library) -> list[dict[str, Any]]:
    """What is not done: of each reading the last job, then the summaries, in their order."""
    store = library.store
    titles = {document.id: document.title for document in library.list()}
    last = {job.reading_id: job for job in store.jobs()}
    readings = [_reading(library, job) for job in last.values() if _matters(job)]
    found = [*readings, *map(_summary, filter(_matters, store.summary_jobs()))]
    return [{"document": j["document"], "title": titles.get(j["document"], ""), **j} for j in found]


def _matters(job: Job | SummaryJob) -> bool:
    return job.status not in ("done", "cancelled")


def _reading(library: Library, job: Job) -> dict[str, Any]:
    reading = library.store.document_of(job.reading_id).reading
    left = (reading.segments - reading.segments_done) * reading.tokens / reading.segments
    known = job.status == "running" and job.tokens_per_second > 0
    return {
        "document": job.document_id,
        "kind": "reading",
        "status": job.status,
        "done": reading.segments_done,
        "total": reading.segments,
        "seconds_left": left / job.tokens_per_second if known else None,
        "error": job.error,
    }


def _summary(job: SummaryJob) -> dict[str, Any]:
    return {
        "document": job.document_id,
        "kind": "summaries",
        "status": job.status,
        "done": len(job.made),
        "total": len(job.wanted),
        "seconds_left": job.seconds_left,
        "error": job.error,
    }

"""Progress bars on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from app.library import OnProgress, ReadProgress
from memory_models.backbone import Progress as OnFetch


@contextmanager
def reading_bar(console: Console, label: str = "Reading") -> Iterator[OnProgress]:
    """A bar with segments read, tokens per second and time left; shown from the first step on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    bar = Progress(*columns, console=console, transient=True)
    tasks: list[TaskID] = []

    def on_progress(progress: ReadProgress) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task(label, total=progress.segments, pace=""))
        bar.update(tasks[0], completed=progress.segments_done, pace=pace_text(progress))

    try:
        yield on_progress
    finally:
        if tasks:
            bar.stop()


def pace_text(progress: ReadProgress) -> str:
    """ "412 tokens/s, 3:05 left"."""
    left = progress.seconds_left
    until = "" if left is None else f", {int(left) // 60}:{int(left) % 60:02d} left"
    return f"{progress.tokens_per_second:,.0f} tokens/s{until}"


@contextmanager
def fetch_bar(console: Console) -> Iterator[OnFetch]:
    """A bar for a download or a conversion, in megabytes; shown from the first step on."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[size]}"))
    bar = Progress(*columns, console=console)
    tasks: dict[str, TaskID] = {}

    def on_fetch(label: str, done: int, total: int) -> None:
        if label not in tasks:
            bar.start()
            tasks[label] = bar.add_task(label, total=total or None, size="")
        size = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else ""
        bar.update(tasks[label], completed=done, size=size)

    try:
        yield on_fetch
    finally:
        if tasks:
            bar.stop()


@contextmanager
def training_bar(console: Console, label: str) -> Iterator[Callable[[int, int, float], None]]:
    """A bar for training, called with (done, total, loss); shown from the first step on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True)
    tasks: list[TaskID] = []

    def on_step(done: int, total: int, loss: float) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task(label, total=total, loss=""))
        bar.update(tasks[0], completed=done, loss=f"loss {loss:.3f}" if loss else "")

    try:
        yield on_step
    finally:
        if tasks:
            bar.stop()


@contextmanager
def counting_bar(console: Console, label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for (done, total); appears with the first step."""
    with training_bar(console, label) as on_step:
        yield lambda done, total: on_step(done, total, 0.0)

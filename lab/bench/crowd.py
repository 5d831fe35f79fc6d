"""Many at once: askers and readers on one server, and requests that nobody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count, cycle
from statistics import mean, median, quantiles
from typing import Any

import httpx

from app.library import OnProgress, ReadProgress, quiet
from app.settings import Settings
from lab.bench.bench import QUESTIONS
from lab.bench.served import PATIENCE, Caller, Running, ServerFailed, running
from lab.evaluate.cases.records import Record

LIST_SECONDS = 1.0  # between two calls of list_documents
SAMPLE_SECONDS = 1.0  # between two looks at the memory
WARM = 0.3  # of the time until memory should grow no more: the first three minutes of ten
AT_ONCE = 50  # requests that are abandoned at the same time
CHARACTERS = 4  # of a token, about
MEGABYTE = 1 << 20


@dataclass(slots=True)
class Seen:
    """What a crowd met: times in seconds, memory in bytes."""

    answers: list[list[float]]  # by asker
    listing: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)  # when, from the start
    read: int = 0
    errors: list[str] = field(default_factory=list)


def crowd(
    settings: Settings,
    book: Record,
    askers: int,
    readers: int,
    seconds: float,
    tokens: int,
    on_progress: OnProgress = quiet,
) -> dict[str, Any]:
    """Askers, each with one question at a time, and readers, each with one document at a time."""
    with running(settings) as server:
        seen = asyncio.run(_crowd(server, book, askers, readers, seconds, tokens, on_progress))
    return {"askers": askers, "readers": readers, "seconds": seconds, **figures(seen, seconds)}


async def _crowd(
    server: Running,
    book: Record,
    askers: int,
    readers: int,
    seconds: float,
    tokens: int,
    on_progress: OnProgress,
) -> Seen:
    seen = Seen([[] for _ in range(askers)])
    text = book.text[: tokens * CHARACTERS]
    async with httpx.AsyncClient(timeout=PATIENCE, limits=_limits()) as client:
        caller = Caller(client, server.address)
        document = await caller.add(text, "asked.txt")
        await caller.wait_for(document)
        numbers, questions = count(1), cycle(QUESTIONS)

        async def read() -> None:
            number = next(numbers)
            added = await caller.add(f"Copy {number}.\n\n{text}", f"copy-{number}.txt")
            await caller.wait_for(added)
            seen.read += 1

        def asking(answers: list[float]) -> Callable[[], Awaitable[None]]:
            async def ask() -> None:
                answers.append(await timed(caller.call("ask", document, next(questions), 0, 0)))

            return ask

        async def list_all() -> None:
            seen.listing.append(await timed(caller.call("list_documents")))
            await asyncio.sleep(LIST_SECONDS)

        started = time.monotonic()

        async def sample() -> None:
            passed = time.monotonic() - started
            seen.memory.append((passed, server.rss()))
            on_progress(ReadProgress("", int(passed), int(seconds), 0.0, seconds - passed))
            await asyncio.sleep(SAMPLE_SECONDS)

        acts = [sample, list_all, *[read] * readers, *map(asking, seen.answers)]
        await until_the_end([_again(act, seen.errors) for act in acts], seconds)
    return seen


def _limits() -> httpx.Limits:
    """A connection for each request: one that is kept may just be closing when it is used again."""
    return httpx.Limits(max_connections=None, max_keepalive_connections=0)


async def timed(act: Awaitable[object]) -> float:
    """How long something takes."""
    started = time.monotonic()
    await act
    return time.monotonic() - started


async def _again(act: Callable[[], Awaitable[None]], errors: list[str]) -> None:
    """Do something again and again; what goes wrong is noted."""
    while True:
        try:
            await act()
        except (httpx.HTTPError, ServerFailed) as error:
            errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(SAMPLE_SECONDS)


async def until_the_end(acts: list[Coroutine[Any, Any, None]], seconds: float) -> None:
    """Run all of these for some seconds; raises what one of them raises."""
    tasks = [asyncio.create_task(act) for act in acts]
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def figures(seen: Seen, seconds: float) -> dict[str, Any]:
    """The figures of a crowd; means of askers who got at least one answer are compared."""
    means = [mean(answers) for answers in seen.answers if answers]
    counts = [len(answers) for answers in seen.answers]
    every = [taken for answers in seen.answers for taken in answers]
    warm = [sample for sample in seen.memory if sample[0] >= WARM * seconds]
    return {
        "errors": len(seen.errors),
        "error": seen.errors[0] if seen.errors else None,
        "answers": len(every),
        "answers_an_asker": [min(counts), max(counts)],
        "seconds_an_answer": round(median(every), 2) if every else None,
        "slowest_to_fastest_asker": round(max(means) / min(means), 3) if means else None,
        "documents_read": seen.read,
        "lists": len(seen.listing),
        "list_p50_seconds": round(median(seen.listing), 3) if seen.listing else None,
        "list_p99_seconds": round(percentile(seen.listing, 99), 3) if seen.listing else None,
        "list_longest_seconds": round(max(seen.listing), 3) if seen.listing else None,
        "memory_growth": round(growth(warm), 4),
        "memory_mb": _by_time(seen.memory, seconds),
    }


def percentile(values: list[float], percent: int) -> float:
    """A percentile; the largest value where there are too few to tell."""
    if len(values) <= 100:
        return max(values)
    return quantiles(values, n=100)[percent - 1]


def growth(samples: list[tuple[float, int]]) -> float:
    """How much larger memory is in the last third of these samples than in the first third."""
    third = max(1, len(samples) // 3)
    first, last = samples[:third], samples[-third:]
    return mean(m for _, m in last) / mean(m for _, m in first) - 1 if samples else 0.0


def _by_time(samples: list[tuple[float, int]], seconds: float) -> list[dict[str, Any]]:
    """Memory in each tenth of the time."""
    tenth = seconds / 10
    rows = []
    for number in range(10):
        inside = [m for at, m in samples if number * tenth <= at < (number + 1) * tenth]
        if inside:
            largest, average = max(inside) / MEGABYTE, mean(inside) / MEGABYTE
            until = round((number + 1) * tenth)
            rows.append({"until": until, "mean": round(average), "largest": round(largest)})
    return rows


def abandoned(settings: Settings, book: Record, requests: int, tokens: int) -> dict[str, Any]:
    """Questions that are asked and abandoned in three ways, then one that somebody waits for."""
    with running(settings) as server:
        return asyncio.run(_abandoned(server, book, requests, tokens))


async def _abandoned(server: Running, book: Record, requests: int, tokens: int) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=PATIENCE, limits=_limits()) as client:
        caller = Caller(client, server.address)
        document = await caller.add(book.text[: tokens * CHARACTERS], "asked.txt")
        await caller.wait_for(document)
        ask = ("ask", document, QUESTIONS[0], 0, 0)
        await caller.call(*ask)  # the first one also loads what answers
        alone = await timed(caller.call(*ask))
        before, gate = server.rss(), asyncio.Semaphore(AT_ONCE)
        refused: list[str] = []

        async def abandon(number: int) -> None:
            async with gate:
                try:
                    await WAYS[number % len(WAYS)](caller, ask)
                except ServerFailed as error:
                    refused.append(str(error))

        spent = await timed(asyncio.gather(*map(abandon, range(requests))))
        honest = await timed(caller.call(*ask))
        return {
            "abandoned": requests,
            "refused": len(refused),
            "seconds_to_abandon": round(spent, 2),
            "honest_seconds": round(honest, 2),
            "honest_alone_seconds": round(alone, 2),
            "memory_growth_mb": round((server.rss() - before) / MEGABYTE, 1),
        }


async def _never_listen(caller: Caller, ask: tuple[Any, ...]) -> None:
    await caller.post(*ask)


async def _leave_at_once(caller: Caller, ask: tuple[Any, ...]) -> None:
    async with aclosing(caller.stream("ask", await caller.post(*ask))) as stream:
        await _or_not(anext(stream), 0.05)


async def _leave_at_the_first_word(caller: Caller, ask: tuple[Any, ...]) -> None:
    async with aclosing(caller.stream("ask", await caller.post(*ask))) as stream:
        await _or_not(anext(stream), 1.0)


async def _or_not(act: Awaitable[object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await act
    except (TimeoutError, StopAsyncIteration):
        return


WAYS = (_never_listen, _leave_at_once, _leave_at_the_first_word)

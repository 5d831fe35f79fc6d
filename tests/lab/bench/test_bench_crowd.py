"""A crowd at a real server in a process of its own: a few askers, and requests nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from novels import novel

from app.settings import Settings
from lab.bench.crowd import Seen, _abandoned, _crowd, crowd, figures, growth, percentile
from lab.bench.served import Caller, Running, ServerFailed, running
from lab.evaluate.cases.records import Record

BOOK = Record("1", "A book", "val", novel(3, 40).decode(), ())
TOKENS = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    settings = Settings.model_validate({"home": home, "backbone": str(tiny_backbone)})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"WINDOW": "32", "ANSWER_TOKENS": "8", "THREADS": "1"}.items():
            patch.setenv(f"BOOKSTATE_{name}", value)
        with running(settings) as started:
            yield started


def test_askers_and_readers_get_what_they_want(server: Running) -> None:
    seen = asyncio.run(_crowd(server, BOOK, 4, 1, 6.0, TOKENS, lambda _: None))
    found = figures(seen, 6.0)
    assert found["errors"] == 0, found["error"]
    assert min(found["answers_an_asker"]) >= 1 and found["answers"] >= 8
    assert found["lists"] >= 1 and found["list_p99_seconds"] < 6
    assert found["documents_read"] >= 1
    assert found["memory_mb"][0]["mean"] > 50


def test_an_honest_question_is_answered_after_many_abandoned_ones(server: Running) -> None:
    found = asyncio.run(_abandoned(server, BOOK, 30, TOKENS))
    assert found["abandoned"] == 30
    assert found["honest_seconds"] < 10


def test_what_goes_wrong_is_counted(server: Running) -> None:
    async def ask_for_nothing() -> None:
        async with httpx.AsyncClient() as client:
            caller = Caller(client, server.address)
            with pytest.raises(ServerFailed, match="zz"):
                await caller.call("status", "zz")
            with pytest.raises(ServerFailed, match="no endpoint"):
                await caller.call("nothing")

    asyncio.run(ask_for_nothing())


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "backbone": "no-such-model"})
    with pytest.raises(ServerFailed, match="no-such-model"):
        crowd(settings, BOOK, 1, 0, 1.0, TOKENS)


def test_figures() -> None:
    memory = [(float(at), (100 if at < 30 else 200 if at < 90 else 210) << 20) for at in range(100)]
    listing = [0.1] * 199 + [5.0]
    seen = Seen([[1.0, 3.0], [4.0]], listing, memory, read=2, errors=["one"])
    found = figures(seen, 100.0)
    assert found["errors"] == 1 and found["error"] == "one"
    assert found["answers_an_asker"] == [1, 2]
    assert found["slowest_to_fastest_asker"] == 2.0
    assert found["list_p50_seconds"] == 0.1 and found["list_longest_seconds"] == 5.0
    assert 0 < found["memory_growth"] < 0.05  # of the last 70 seconds, by thirds
    assert [row["largest"] for row in found["memory_mb"]] == [100] * 3 + [200] * 6 + [210]
    assert percentile([1.0, 9.0], 99) == 9.0
    assert growth([]) == 0.0

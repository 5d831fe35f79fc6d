"""The clock jumps back and forth between and during operations: nothing but the times changes."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from novels import QUESTION, novel

from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.library import Library
from app.settings import Settings
from app.storage import database
from app.storage.store import Message
from app.summaries.summarizer import Summarizer
from app.worker import Worker


class Jumping:
    """A clock that is decades off, in another direction at every look."""

    def __init__(self) -> None:
        self.chance, self.looks = random.Random(0), 0

    def now(self, zone: object) -> datetime:
        self.looks += 1
        days = self.chance.uniform(-20_000, 20_000)
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)


def everything(settings: Settings, folder: Path) -> list[Any]:
    """What a library holds, and in which order, after one operation of each kind."""
    library, seen = Library(settings), []
    first = library.add(novel(seed=1), "a.md", title="A").document
    library.append(first.id, novel(chapters=1, seed=2), "b.md")
    library.rename(first.id, "The First")
    second, _ = library.register(novel(seed=3), "c.md", title="C")
    library.store.enqueue(second.reading.id)
    worker = Worker(library, poll_seconds=0.02)
    worker.start()
    deadline = monotonic() + 60
    while not library.store.document(second.id).ready and monotonic() < deadline:
        sleep(0.02)
    worker.stop()
    library.add(novel(seed=1), "a.md", memory="infini")
    for title in ("one", "two"):
        chat = library.store.start_chat(first.id, title)
        library.store.say(chat, Message("user", QUESTION))
        library.store.say(chat, Message("assistant", "The keeper", 0.5))
    list(Summarizer(library).chapters(library.store.document(second.id)))
    seen.append("".join(library.ask(first.id, QUESTION)))
    export_document(library.store, second.id, folder / "c.bookstate")
    library.remove(second.id)
    import_document(library.store, folder / "c.bookstate")
    for document in library.list():
        seen.append((document.id, document.title, document.reading.id))
        seen += [(r.id, r.state_sha256) for r in library.store.readings(document.id)]
        seen += [(s.chapter, s.summary) for s in library.store.summaries(document).values()]
        for chat in library.store.chats(document.id):
            seen.append((chat.title, [m.text for m in library.store.messages(chat.id)]))
    library.close()
    return seen


def test_jumps_change_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = everything(settings, tmp_path)
    shutil.rmtree(settings.home)
    clock = Jumping()
    monkeypatch.setattr(database, "datetime", clock)
    assert everything(settings, tmp_path) == calm
    assert clock.looks > 20 and len(calm) > 10

"""A data folder to kill commands in, what is in it, and whether that is still all there."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

from app.exchange.export import export_document
from app.library import Library
from app.settings import Settings
from app.storage.store import Message, Store
from lab.bench.hard.tiny import CALIBRATION, SENTENCES, write_backbone

WINDOW = 32
OLD_DATABASE = Path("tests", "app", "storage", "data", "version_0_3.sql")  # of the repository
# Table -> how a row of it belongs to a document.
_OF_DOCUMENT = {
    "documents": "id = :id",
    "texts": "document_id = :id",
    "readings": "document_id = :id",
    "sources": "document_id = :id",
    "originals": "document_id = :id",
    "chapters": "text_id IN (SELECT id FROM texts WHERE document_id = :id)",
    "pages": "text_id IN (SELECT id FROM texts WHERE document_id = :id)",
    "segments": "reading_id IN (SELECT id FROM readings WHERE document_id = :id)",
    "states": "reading_id IN (SELECT id FROM readings WHERE document_id = :id)",
    "checksums": "reading_id IN (SELECT id FROM readings WHERE document_id = :id)",
    "chats": "document_id = :id",
    "messages": "chat_id IN (SELECT id FROM chats WHERE document_id = :id)",
    "summaries": "document_id = :id",
}


def text(seed: int, sentences: int, chapters: int = 2) -> bytes:
    """A few chapters of random sentences, as Markdown."""
    chance = random.Random(seed)
    made = []
    for number in range(1, chapters + 1):
        chosen = " ".join(chance.choice(SENTENCES) + "." for _ in range(sentences))
        made.append(f"# Chapter {number}\n\n{chosen}\n")
    return "\n".join(made).encode()


def make_base(folder: Path) -> None:
    """Two documents, one with a chat and a summary; files to add; an exported file."""
    backbone = write_backbone(folder / "tiny", seed=7)
    (backbone / "calibration.json").write_text(json.dumps(CALIBRATION), "utf-8")
    for name, seed, sentences in (("new.md", 3, 9), ("more.md", 4, 9)):
        (folder / name).write_bytes(text(seed, sentences))
    with closing(Library(settings(folder, folder / "home"))) as library:
        first = library.add(text(1, 4), "first.md", title="First").document
        library.add(text(2, 6), "second.md", title="Second", memory="infini")
        chat = library.store.start_chat(first.id, "A chat")
        library.store.say(chat, Message("user", "Who lit the lamp?"))
        library.store.say(chat, Message("assistant", "The keeper", 0.5))
    with closing(Library(settings(folder, folder / "other"))) as library:
        third = library.add(text(5, 12), "third.md", title="Third").document
        export_document(library.store, third.id, folder / "third.bookstate")
    shutil.rmtree(folder / "other")


def settings(base: Path, home: Path) -> Settings:
    """Settings under which all of it is read."""
    return Settings.model_validate(
        {
            "home": home,
            "backbone": str(base / "tiny"),
            "window": WINDOW,
            "windows": 4,
            "answer_tokens": 6,
            "threads": 1,
            "dtype": "float32",
        }
    )


def environment(base: Path, home: Path) -> dict[str, str]:
    """The same settings for a process."""
    names = ("home", "backbone", "window", "windows", "answer_tokens", "threads", "dtype")
    values = settings(base, home)
    made = {f"BOOKSTATE_{name.upper()}": str(getattr(values, name)) for name in names}
    return {**made, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def enqueue(base: Path, home: Path) -> None:
    """Put a document in the queue of a server that is not running."""
    with closing(Library(settings(base, home))) as library:
        document, _ = library.register((base / "new.md").read_bytes(), "new.md", title="New")
        library.store.enqueue(document.reading.id)


def old_database(home: Path, root: Path) -> None:
    """A database of version 0.3 in place of the present one."""
    import sqlite3

    for file in home.glob("bookstate.db*"):
        file.unlink()
    connection = sqlite3.connect(home / "bookstate.db")
    connection.executescript((root / OLD_DATABASE).read_text("utf-8"))
    connection.close()


def id_of(home: Path, title: str) -> str:
    """The id of the document with this title; empty if there is none."""
    with closing(Store(home / "bookstate.db")) as store:
        return next((d.id for d in store.documents() if d.title == title), "")


def prints(home: Path, about: str = "", without: tuple[str, ...] = ()) -> dict[str, str]:
    """Document -> hash of every row about it, blobs and times included.

    without: tables, and `table.column`s, that the command at hand may change of the document
    `about`.
    """
    with closing(Store(home / "bookstate.db")) as store:
        if (problem := store.quick_check()) != "ok":
            raise AssertionError(f"the database is damaged: {problem}")
        ids = [row[0] for row in store.db.execute("SELECT id FROM documents").fetchall()]
        return {each: _print(store, each, without if each == about else ()) for each in ids}


def _print(store: Store, document_id: str, without: tuple[str, ...]) -> str:
    total = hashlib.sha256()
    for table, belongs in _OF_DOCUMENT.items():
        if table in without:
            continue
        columns = [
            row[1]
            for row in store.db.execute(f"PRAGMA table_info({table})").fetchall()
            if f"{table}.{row[1]}" not in without
        ]
        rows = store.db.execute(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {belongs}", {"id": document_id}
        ).fetchall()
        for row in sorted(repr(tuple(row)) for row in rows):
            total.update(f"{table} {row}\n".encode())
    return total.hexdigest()


def contents(home: Path) -> list[dict[str, Any]]:
    """What the library holds, without the times at which it was made."""
    with closing(Store(home / "bookstate.db")) as store:
        return sorted((_content(store, d.id) for d in store.documents()), key=lambda d: d["id"])


def _content(store: Store, document_id: str) -> dict[str, Any]:
    document = store.document(document_id)
    return {
        "id": document.id,
        "title": document.title,
        "readings": sorted(
            (r.id, r.memory, r.segments_done, r.state_sha256) for r in store.readings(document.id)
        ),
        "text": hashlib.sha256(store.text(document.reading.text_id).text.encode()).hexdigest(),
        "summaries": sorted((s.chapter, s.summary) for s in store.summaries(document).values()),
        "chats": [(c.title, len(store.messages(c.id))) for c in store.chats(document.id)],
    }

"""Little novels, written for the tests, and ways to read them."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.library import Library
from app.settings import Settings
from app.storage.store import Document, DocumentText, Reading, Store, now
from ingest.book import Chapter, Page, Segment

NOUNS = [
    "lamp",
    "key",
    "boat",
    "letter",
    "gull",
    "storm",
    "cellar",
    "clock",
    "garden",
    "lantern",
    "violin",
    "map",
    "coat",
    "bell",
]
NAMES = ["Mara", "Tobias", "Ilse", "Anton", "Greta", "Joren", "Petra", "Wim"]
DEEDS = [
    "found",
    "hid",
    "lost",
    "mended",
    "painted",
    "sold",
    "carried",
    "forgot",
    "borrowed",
    "buried",
]
PLACES = ["in the harbour", "by the mill", "under the stairs", "at the inn", "behind the church"]


def novel(chapters: int = 3, sentences: int = 6, seed: int = 0) -> bytes:
    """A Markdown book with a heading for every chapter."""
    chance = random.Random(seed)
    parts = []
    for number in range(1, chapters + 1):
        lines = [
            f"{chance.choice(NAMES)} {chance.choice(DEEDS)} the {chance.choice(NOUNS)} "
            f"{chance.choice(PLACES)}."
            for _ in range(sentences)
        ]
        parts.append(f"# Chapter {number}\n\n" + " ".join(lines) + "\n\n")
    return "".join(parts).encode()


QUESTION = "Who found the key in the harbour?"


def read_novel(library: Library, seed: int = 0, memory: str | None = None) -> Document:
    """Add a novel of three chapters and return its document."""
    return library.add(novel(seed=seed), f"novel{seed}.md", memory=memory).document


KINDS = ("adaptive", "infini-linear", "infini-delta", "melodi")


def kind_settings(home: Path, backbone: Path, kind: str) -> Settings:
    """Settings under which new documents get the memory called `kind` in the tests."""
    memory, _, update = kind.partition("-")
    return Settings.model_validate(
        {
            "home": home,
            "backbone": str(backbone),
            "memory": memory,
            "infini_update": update or "delta",
            "window": 32,
            "windows": 4,
            "keep_ratio": 0.25,
            "answer_tokens": 12,
            "threads": 1,
        }
    )


@dataclass(frozen=True)
class Shelf:
    """A library for each kind of memory in a data folder of its own, with one novel in all."""

    libraries: dict[str, Library]
    documents: dict[str, Document]


class Interrupted(Exception):
    """Raised by a test inside a reading."""


def bare_document(document_id: str = "0123456789ab", title: str = "Bare") -> Document:
    """A document with a reading of two segments that nobody has made, for tests without a model."""
    moment = now()
    reading = Reading(
        id=document_id,
        document_id=document_id,
        text_id=0,
        memory="adaptive",
        memory_config="{}",
        backbone="tiny",
        backbone_sha256="b" * 64,
        tokenizer_sha256="c" * 64,
        adapter=None,
        segments=2,
        segments_done=0,
        tokens=8,
        kv_cache_bytes=80,
        state_bytes=0,
        state_sha256=None,
        seconds=0.0,
        created_at=moment,
        updated_at=moment,
    )
    return Document(
        id=document_id,
        source_sha256=document_id.ljust(64, "0"),
        title=title,
        author="",
        file_name="bare.txt",
        format="text",
        paged=False,
        created_at=moment,
        updated_at=moment,
        reading=reading,
    )


BARE_TEXT = DocumentText(
    1,
    False,
    "One day.\nTwo days.\n",
    (Chapter("First", 0, 9), Chapter("Second", 9, 19)),
    (Page(1, "i", 0, 9), Page(2, "1", 9, 19)),
    (0, 0),
)
BARE_SEGMENTS = (Segment(0, 0, 0, 9, 1, 1, 4), Segment(1, 1, 9, 19, 2, 2, 4))


def shelve(store: Store, document: Document) -> Document:
    """Store a bare document with its text and its file."""
    with store.writing():
        row = asdict(document)
        store.add_document(**{n: v for n, v in row.items() if n not in ("paged", "reading")})
        store.add_source(document.id, document.source_sha256, document.file_name, b"One day ...")
        text_id = store.add_text(document.id, BARE_TEXT)
        reading = replace(document.reading, text_id=text_id)
        store.add_reading(reading, BARE_SEGMENTS)
        store.use(reading)
    return store.document(document.id)


def another_reading(store: Store, document: Document, reading_id: str, **how: Any) -> Reading:
    """Store another reading of a bare document's text, which is not in use."""
    reading = replace(document.reading, id=reading_id, **{"memory": "melodi", **how})
    store.add_reading(reading, BARE_SEGMENTS)
    return reading

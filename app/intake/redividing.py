"""Divide a document into chapters in another way, for when those that were found are wrong."""

from __future__ import annotations

from app.errors import InvalidSetting
from app.intake.register import DIVISIONS, Register
from app.library import Library
from app.storage.store import Document


def divide_again(
    library: Library,
    document_id: str,
    division: str,
    *,
    memory: str | None = None,
    password: str | None = None,
) -> tuple[Document, bool]:
    """The document with an unread reading in other chapters, and whether that existed before.

    An unfinished reading in the chapters of before is deleted; a finished one is kept and used
    until the new one is finished. Raises InvalidSetting for an unknown division, OriginalNotKept
    and UnreadableDocument.
    """
    if division not in DIVISIONS:
        raise InvalidSetting(f"chapters is {division!r}; it must be one of {', '.join(DIVISIONS)}.")
    store = library.store
    before = store.document(document_id)
    plan = library.plan(memory or before.reading.memory)
    after, known = Register(store, plan).divided(before, division, password)
    if after.reading.id != before.reading.id and not before.ready:
        store.use(after.reading)
        library.remove_reading(before.reading.id)
    return store.document_of(after.reading.id), known

"""Which part of a document a program may see. Every program asks here, and nowhere else."""

from __future__ import annotations

from app.library import Library
from app.state_reader import Scope
from app.storage.store import Document


def scope_for(library: Library, document: Document, asked: Scope = Scope()) -> Scope:  # noqa: B008
    """What is asked for, no further than the document's reader has read.

    Raises InvalidQuestion for a chapter that is not there, or not read yet.
    """
    ends = [end for end in (asked.as_of_chapter, read_to(library, document)) if end is not None]
    scope = Scope(asked.chapter, min(ends) if ends else None)
    scope.check(len(library.store.chapters(document.reading)))
    return scope


def read_to(library: Library, document: Document) -> int | None:
    """The last chapter that the document's reader has read; None for the whole document."""
    return None

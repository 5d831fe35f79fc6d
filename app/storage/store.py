"""SQLite: everything that is kept, in one database file.

    documents 1-n sources | chapters | pages | segments (with their text) | states | jobs
              1-n chats 1-n messages,  1-n summaries (chapter 0 is the whole book)

Chapters and pages are numbered from 1, segments from 0. Times are ISO-8601 UTC.
"""

from __future__ import annotations

from app.storage.activity import BOOK, ActivityStore, Chat, Job, Message, Summary
from app.storage.database import now
from app.storage.documents import (
    LONGEST_TITLE,
    Document,
    DocumentStore,
    StoredSegment,
    state_heading,
    written_with,
)

__all__ = [
    "BOOK",
    "LONGEST_TITLE",
    "Chat",
    "Document",
    "Job",
    "Message",
    "Store",
    "StoredSegment",
    "Summary",
    "now",
    "state_heading",
    "written_with",
]


class Store(DocumentStore, ActivityStore):
    """The one door to the database: documents and states, and what is done with them."""

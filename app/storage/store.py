"""The store: all documents, states, chats and summaries, in one SQLite file.

    accounts 1-n tokens,  1-n documents (which belong to nobody while there are no accounts)
    documents 1-n sources 1-1 originals (the bytes of the files)
              1-n texts 1-n chapters | pages
              1-n readings (of one text each; one is in use) 1-n segments | states | jobs
              1-n chats 1-n messages,  1-n summaries (chapter 0 is the whole book, and -n the story
                                                     to the end of chapter n)
              1-1 positions (how far its reader is),  1-n tags (shelves that it stands on)
              1-n versions (texts that are to take, or took, the place of the one before)
              1-1 removed_documents,  chats 1-1 removed_chats (deleted less than a minute ago)
              1-n summary_jobs (wishes for summaries that are made in the background)
              1-n notes (what its reader keeps)

Chapters and pages are numbered from 1, segments and sources from 0. Times are ISO-8601 UTC.
"""

from __future__ import annotations

from app.storage.accounts import Account, AccountStore
from app.storage.activity import BOOK, ActivityStore, Chat, Job, Message, Summary
from app.storage.database import now
from app.storage.documents import DocumentStore
from app.storage.jobs.summary_jobs import SummaryJob, SummaryJobStore
from app.storage.reader.notebook import Note, NotebookStore
from app.storage.reader.positions import PositionStore
from app.storage.reader.removed import RemovedStore
from app.storage.reader.shelves import ShelfStore
from app.storage.reader.versions import Version, VersionStore
from app.storage.records import LONGEST_TITLE, Document, Reading, StoredSegment
from app.storage.states import state_heading
from app.storage.texts import DocumentText

__all__ = [
    "BOOK",
    "LONGEST_TITLE",
    "Account",
    "Chat",
    "Document",
    "DocumentText",
    "Job",
    "Message",
    "Note",
    "Reading",
    "Store",
    "StoredSegment",
    "Summary",
    "SummaryJob",
    "Version",
    "now",
    "state_heading",
]


class Store(
    DocumentStore,
    ActivityStore,
    AccountStore,
    PositionStore,
    RemovedStore,
    SummaryJobStore,
    NotebookStore,
    ShelfStore,
    VersionStore,
):
    """All operations on the database: documents, readings, states, jobs, chats and summaries."""

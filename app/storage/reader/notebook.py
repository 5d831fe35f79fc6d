"""The notebook: answers, passages and summaries that a reader keeps, with their own notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import UnknownDocument
from app.storage.database import DatabaseFile, now

NOTE_KINDS = ("answer", "passage", "summary", "note")


@dataclass(frozen=True, slots=True)
class Note:
    """What was kept from a document.

    kind: "answer", "passage" or "summary", or "note" for words of the reader's own. question: what
    an answer answers. remark: what the reader wrote beside it. citations: where it stands, each as
    `{"text", "start", "end", "page_first", "page_last", "label_first", "label_last",
    "reading_id"}`.
    """

    kind: str
    text: str
    question: str = ""
    remark: str = ""
    citations: tuple[dict[str, Any], ...] = ()
    created_at: str = ""  # now, where it is empty
    id: int = 0  # none before it is stored


class NotebookStore(DatabaseFile):
    """Notes about documents; they are deleted with them."""

    def notes(self, document_id: str) -> list[Note]:
        """The notes about a document, in the order in which they were kept."""
        rows = self.db.query(
            "SELECT id, kind, text, question, remark, citations, created_at FROM notes "
            f"WHERE document_id = ? AND {self._seen('document_id')} ORDER BY id",
            [document_id],
        )
        return [Note(**{**row, "citations": tuple(json.loads(row["citations"]))}) for row in rows]

    def keep_note(self, document_id: str, note: Note) -> int:
        """Store a note; returns its number. Raises UnknownDocument."""
        moment = now()
        row = {
            "document_id": document_id,
            "kind": note.kind,
            "text": note.text,
            "question": note.question,
            "remark": note.remark,
            "citations": json.dumps(note.citations, ensure_ascii=False),
            "created_at": note.created_at or moment,
            "updated_at": moment,
        }
        with self.writing():
            self.check_there(document_id)
            return self._insert("notes", row)

    def set_remark(self, note_id: int, remark: str) -> None:
        """Write something else beside what was kept. Raises UnknownDocument."""
        with self.writing() as db:
            done = db.execute(
                "UPDATE notes SET remark = ?, updated_at = ? "
                f"WHERE id = ? AND {self._seen('document_id')}",
                [remark, now(), note_id],
            )
            if not done.rowcount:
                raise UnknownDocument("This note has been deleted.")

    def cite_again(self, note_id: int, citations: Sequence[Mapping[str, Any]]) -> None:
        """Store other places for what was kept: those of a new version of the text."""
        with self.writing() as db:
            db.execute(
                f"UPDATE notes SET citations = ? WHERE id = ? AND {self._seen('document_id')}",
                [json.dumps(list(citations), ensure_ascii=False), note_id],
            )

    def remove_note(self, note_id: int) -> None:
        """Delete a note."""
        with self.writing() as db:
            db.execute(f"DELETE FROM notes WHERE id = ? AND {self._seen('document_id')}", [note_id])

"""New versions of documents: texts that take the place of the one before once they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.storage.activity import JSON_COLUMNS
from app.storage.database import DatabaseFile, now
from app.storage.records import Reading


@dataclass(frozen=True, slots=True)
class Version:
    """A text that replaces a document's text, and what changed.

    format, author: of its file. adopted_at: when it took the old one's place; None before.
    """

    text_id: int
    document_id: str
    format: str
    author: str
    changes: dict[str, Any]
    created_at: str
    adopted_at: str | None


class VersionStore(DatabaseFile):
    """New versions, while they are read and afterwards."""

    def add_version(
        self,
        document_id: str,
        *,
        text_id: int,
        format: str,
        author: str,
        changes: Mapping[str, Any],
    ) -> None:
        """Note that a text is to take the place of the document's. Raises UnknownDocument."""
        with self.writing():
            self.check_there(document_id)
            self._table("versions").insert(
                {
                    "text_id": text_id,
                    "document_id": document_id,
                    "format": format,
                    "author": author,
                    "changes": json.dumps(changes, ensure_ascii=False),
                    "created_at": now(),
                    "adopted_at": None,
                }
            )

    def version(self, document_id: str) -> Version | None:
        """The latest version that was given of a document, or None where there was only one."""
        rows = self.db.query(
            f"SELECT * FROM versions WHERE document_id = ? AND {self._seen('document_id')} "
            "ORDER BY text_id DESC LIMIT 1",
            [document_id],
        )
        return next((Version(**{**r, "changes": json.loads(r["changes"])}) for r in rows), None)

    def awaited_version(self, document_id: str) -> Version | None:
        """The version of a document that is still to be read, or None."""
        found = self.version(document_id)
        return found if found is not None and found.adopted_at is None else None

    def messages_with_places(self, document_id: str) -> list[dict[str, Any]]:
        """The messages of all chats that quote the document: where from, by column."""
        rows = self.db.query(
            "SELECT m.id, m.reading_id, m.sources, m.evidence, m.items FROM messages m "
            f"JOIN chats c ON c.id = m.chat_id WHERE c.document_id = ? "
            f"AND {self._seen('c.document_id')} AND m.reading_id <> ''",
            [document_id],
        )
        return [row | {name: json.loads(row[name]) for name in JSON_COLUMNS} for row in rows]

    def move_message(self, row: Mapping[str, Any]) -> None:
        """Store a row of `messages_with_places` with other places."""
        texts = {name: json.dumps(row[name], ensure_ascii=False) for name in JSON_COLUMNS}
        self.db.execute(
            "UPDATE messages SET reading_id = ?, sources = ?, evidence = ?, items = ? WHERE id = ?",
            [row["reading_id"], *(texts[n] for n in ("sources", "evidence", "items")), row["id"]],
        )

    def forget_summaries(self, document_id: str) -> None:
        """Delete all summaries of a document. Raises UnknownDocument."""
        with self.writing() as db:
            self.check_there(document_id)
            db.execute("DELETE FROM summaries WHERE document_id = ?", [document_id])

    def put_in_place(self, reading: Reading) -> None:
        """Make a reading's text the document's only one; older texts go, with their files.

        The document is then as if it had been added from the new file, which has the number 0.
        """
        document, text = reading.document_id, reading.text_id
        with self.writing() as db:
            self.check_there(document)
            db.execute("PRAGMA defer_foreign_keys=ON")  # files are renumbered below
            db.execute(
                "UPDATE documents SET reading_id = ?, updated_at = ?, "
                "format = v.format, author = iif(v.author = '', documents.author, v.author), "
                "source_sha256 = s.sha256, file_name = s.file_name "
                "FROM versions v, sources s, chapters c WHERE documents.id = ? AND v.text_id = ? "
                "AND c.text_id = v.text_id AND c.number = 1 "
                "AND s.document_id = documents.id AND s.number = c.source",
                [reading.id, now(), document, text],
            )
            db.execute(
                "DELETE FROM readings WHERE document_id = ? AND text_id <> ?", [document, text]
            )
            db.execute("DELETE FROM texts WHERE document_id = ? AND id <> ?", [document, text])
            kept = "number = (SELECT source FROM chapters WHERE text_id = ? AND number = 1)"
            db.execute(
                f"DELETE FROM sources WHERE document_id = ? AND NOT {kept}", [document, text]
            )
            for table in ("originals", "sources"):
                db.execute(f"UPDATE {table} SET number = 0 WHERE document_id = ?", [document])
            db.execute("UPDATE chapters SET source = 0 WHERE text_id = ?", [text])
            db.execute("UPDATE versions SET adopted_at = ? WHERE text_id = ?", [now(), text])

"""Deleted documents and chats that can still be brought back: for a minute nobody sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.errors import UnknownDocument
from app.storage.database import DatabaseFile, now

UNDO_SECONDS = 60
_GONE = "It was deleted more than a minute ago and cannot be brought back."


class RemovedStore(DatabaseFile):
    """Documents and chats on their way out."""

    def set_aside(self, document_id: str) -> None:
        """Hide a document from everybody until it is brought back or deleted for good."""
        with self.writing() as db:
            self.check_there(document_id)
            db.execute("INSERT INTO removed_documents VALUES (?, ?)", [document_id, now()])

    def bring_back(self, document_id: str) -> None:
        """Show a document again. Raises UnknownDocument once it is deleted for good."""
        with self.writing() as db:
            done = db.execute(
                f"DELETE FROM removed_documents WHERE document_id = ? AND {self._own()}",
                [document_id],
            )
            if not done.rowcount:
                raise UnknownDocument(_GONE)

    def can_bring_back(self, document_id: str) -> bool:
        """True for a document that was set aside and not deleted for good yet."""
        where = f"document_id = ? AND {self._own()}"
        return bool(self._table("removed_documents").count_where(where, [document_id]))

    def set_chat_aside(self, chat_id: int) -> None:
        """Hide a chat until it is brought back or deleted for good."""
        with self.writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO removed_chats SELECT id, ? FROM chats "
                f"WHERE id = ? AND {self._seen('document_id')}",
                [now(), chat_id],
            )

    def bring_chat_back(self, chat_id: int) -> None:
        """Show a chat again. Raises UnknownDocument once it is deleted for good."""
        with self.writing() as db:
            done = db.execute(
                "DELETE FROM removed_chats WHERE chat_id IN "
                f"(SELECT id FROM chats WHERE id = ? AND {self._seen('document_id')})",
                [chat_id],
            )
            if not done.rowcount:
                raise UnknownDocument(_GONE)

    def delete_removed(self, seconds: float = UNDO_SECONDS) -> int:
        """Delete for good what was set aside so long ago; returns how many documents and chats."""
        moment = datetime.now(UTC) - timedelta(seconds=seconds)
        deleted = 0
        for table, key in (("documents", "document_id"), ("chats", "chat_id")):
            old = self.db.execute(
                f"SELECT {key} FROM removed_{table} WHERE removed_at <= ?",
                [moment.isoformat(timespec="seconds")],
            )
            for (one,) in old.fetchall():
                with self.deleting() as db:
                    db.execute(f"DELETE FROM {table} WHERE id = ?", [one])
                deleted += 1
        return deleted

    def can_set_aside(self) -> bool:
        """False on a disk so full that what is deleted must make room at once."""
        return not self.reserve.is_short(self.path.stat().st_size)

    def _own(self) -> str:
        """An SQL condition: the document set aside is the viewer's."""
        if self.viewer is None:
            return "TRUE"
        owned = f"SELECT id FROM documents WHERE account_id = {self.viewer:d}"
        return f"document_id IN ({owned})"

"""How far the reader of each document is, in characters of its text."""

from __future__ import annotations

from app.storage.database import DatabaseFile, now


class PositionStore(DatabaseFile):
    """The place up to which somebody has read a document; none means the whole book."""

    def read_to(self, document_id: str) -> int | None:
        """Characters of the text that were read, or None where no place is set."""
        self.check_there(document_id)
        row = self.db.execute(
            "SELECT read_to FROM positions WHERE document_id = ?", [document_id]
        ).fetchone()
        return int(row[0]) if row else None

    def places(self) -> dict[str, int]:
        """The place of every document that has one, by the document's id."""
        rows = self.db.execute(
            f"SELECT document_id, read_to FROM positions WHERE {self._seen('document_id')}"
        )
        return dict(rows.fetchall())

    def set_read_to(self, document_id: str, characters: int | None) -> None:
        """Store the place, or forget it. Raises UnknownDocument."""
        with self.writing() as db:
            self.check_there(document_id)
            db.execute("DELETE FROM positions WHERE document_id = ?", [document_id])
            if characters is not None:
                db.execute(
                    "INSERT INTO positions (document_id, read_to, updated_at) VALUES (?, ?, ?)",
                    [document_id, characters, now()],
                )

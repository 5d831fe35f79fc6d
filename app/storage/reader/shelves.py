"""Tags of documents: the names of the shelves that a document stands on, such as a series."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import InvalidSetting
from app.storage.database import DatabaseFile, now
from app.storage.reader.tag_names import MOST_TAGS, tag_key, tag_name


class ShelfStore(DatabaseFile):
    """Which tags documents have. Capital and small letters make no difference."""

    def tags(self, document_id: str) -> list[str]:
        """The tags of a document, by the alphabet. Raises UnknownDocument."""
        self.check_there(document_id)
        rows = self.db.execute(
            "SELECT name FROM tags WHERE document_id = ? ORDER BY key", [document_id]
        )
        return [row[0] for row in rows]

    def every_tag(self) -> dict[str, list[str]]:
        """The ids of the documents of each tag, oldest first; the tags stand by the alphabet."""
        rows = self.db.execute(
            "SELECT t.key, t.name, d.id FROM tags t JOIN documents d ON d.id = t.document_id "
            f"WHERE {self._seen('d.id')} AND d.reading_id IS NOT NULL ORDER BY t.key, d.rowid"
        )
        found: dict[str, tuple[str, list[str]]] = {}
        for key, name, document in rows.fetchall():
            found.setdefault(key, (name, []))[1].append(document)
        return dict(found.values())

    def tags_of_all(self) -> dict[str, list[str]]:
        """The tags of each document that has some, by the document's id."""
        found: dict[str, list[str]] = {}
        for name, documents in self.every_tag().items():
            for document in documents:
                found.setdefault(document, []).append(name)
        return found

    def tagged(self, tag: str) -> list[str]:
        """The ids of the documents that have a tag, oldest first."""
        rows = self.db.execute(
            "SELECT t.document_id FROM tags t JOIN documents d ON d.id = t.document_id "
            f"WHERE t.key = ? AND {self._seen('d.id')} ORDER BY d.rowid",
            [tag_key(tag)],
        )
        return [row[0] for row in rows]

    def add_tags(self, document_id: str, names: Sequence[str]) -> None:
        """Give a document tags, all or none. Raises UnknownDocument, InvalidSetting."""
        checked = [tag_name(name) for name in names]
        with self.writing() as db:
            self.check_there(document_id)
            for name in checked:
                db.execute(
                    "INSERT OR IGNORE INTO tags (document_id, key, name, created_at) "
                    "VALUES (?, ?, ?, ?)",
                    [document_id, tag_key(name), self._as_written(name), now()],
                )
            (count,) = db.execute(
                "SELECT count(*) FROM tags WHERE document_id = ?", [document_id]
            ).fetchone()
            if count > MOST_TAGS:
                raise InvalidSetting(
                    f"A document can have at most {MOST_TAGS} tags, and this one would have "
                    f"{count}; remove some with `bookstate untag`."
                )

    def set_tags(self, document_id: str, names: Sequence[str]) -> None:
        """Give a document these tags and no others. Raises UnknownDocument, InvalidSetting."""
        with self.writing() as db:
            self.check_there(document_id)
            db.execute("DELETE FROM tags WHERE document_id = ?", [document_id])
            self.add_tags(document_id, names)

    def remove_tags(self, document_id: str, names: Sequence[str]) -> None:
        """Take tags away from a document. Raises UnknownDocument, or InvalidSetting for none."""
        with self.writing() as db:
            own = {tag_key(name) for name in self.tags(document_id)}
            for name in names:
                if tag_key(name) not in own:
                    raise InvalidSetting(
                        f"This document has no tag {name!r:.80}; `bookstate list` shows its tags."
                    )
                db.execute(
                    "DELETE FROM tags WHERE document_id = ? AND key = ?",
                    [document_id, tag_key(name)],
                )

    def _as_written(self, name: str) -> str:
        """A tag as the account's other documents have it, so that it looks the same on all."""
        row = self.db.execute(
            f"SELECT name FROM tags WHERE key = ? AND {self._seen('document_id')} LIMIT 1",
            [tag_key(name)],
        ).fetchone()
        return str(row[0]) if row else name

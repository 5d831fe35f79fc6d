"""Documents: what the user added, independent of the memories that have read it.

A document is identified by the SHA-256 of its first file. It has one or more texts (`texts.py`) and
one or more readings of them (`readings.py`). One reading is in use: it answers questions unless
another one is named. Chats and summaries belong to the document and stay when its reading changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from app.errors import StoreFailed, UnknownDocument
from app.storage.configs import written_with
from app.storage.database import now
from app.storage.readings import ReadingStore
from app.storage.records import Document, Reading

_OWN = [f.name for f in fields(Document) if f.name not in ("paged", "reading")]
_COLUMNS = ", ".join(
    [f"d.{name} AS {name}" for name in _OWN]
    + ["t.paged AS paged"]
    + [f"r.{f.name} AS reading_{f.name}" for f in fields(Reading)]
)
_FROM = (
    f"SELECT {_COLUMNS} FROM documents d JOIN readings r ON r.document_id = d.id "
    "JOIN texts t ON t.id = r.text_id WHERE"
)
_IN_USE = "r.id = d.reading_id AND"


class DocumentStore(ReadingStore):
    """Documents with the files that they are made of."""

    # Look up

    def _documents(self, where: str, parameters: list[Any] | dict[str, Any]) -> list[Document]:
        found = []
        for row in self.db.query(f"{_FROM} {self._seen('d.id')} AND {where}", parameters):
            reading = {f.name: row[f"reading_{f.name}"] for f in fields(Reading)}
            reading["adapter"] = written_with(reading["memory_config"])  # not stored in old rows
            own = {name: row[name] for name in _OWN}
            found.append(Document(**own, paged=bool(row["paged"]), reading=Reading(**reading)))
        return found

    def documents(self, search: str = "") -> list[Document]:
        """All documents, newest first; `search` matches title, author or file name."""
        wanted = search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        matches = (f"d.{column} LIKE ? ESCAPE '\\'" for column in ("title", "author", "file_name"))
        return self._documents(
            f"{_IN_USE} ({' OR '.join(matches)}) ORDER BY d.rowid DESC",
            [f"%{wanted}%"] * 3,
        )

    def document(self, document_id: str) -> Document:
        """The document with this id, or with this title, or whose id begins like this.

        The id of a reading gives the reading's document with that reading; so does the beginning
        of its id, unless a document's id begins like this. Titles may differ in the case of A to Z.
        Raises UnknownDocument if there is none or more than one.
        """
        return self.find(document_id)[0]

    def find(self, document_id: str) -> tuple[Document, bool]:
        """The same as `document`, and whether the id is a reading's and not the document's own."""
        wanted = {"wanted": document_id.strip()}
        begins = "substr({}.id, 1, length(:wanted)) = :wanted"
        named = f"{begins.format('d')} OR lower(d.title) = lower(:wanted)"
        tries = (
            (f"{_IN_USE} d.id = :wanted", False),
            ("r.id = :wanted", True),
            (f"{_IN_USE} ({named})", False),
            (begins.format("r"), True),
        )
        looked = ((self._documents(where, wanted), is_reading) for where, is_reading in tries)
        found, is_reading = next((pair for pair in looked if pair[0]), ([], False))
        if not wanted["wanted"] or not found:
            raise UnknownDocument(
                f"No document has the id or title {document_id!r}; run `bookstate list` to see all "
                "documents."
            )
        if len(found) > 1:
            what = "documents" if len({d.id for d in found}) > 1 else "readings"
            raise UnknownDocument(
                f"{len(found)} {what} have an id that begins with {document_id!r}, or this "
                "title; give a longer part of the id."
            )
        return found[0], is_reading

    def document_of(self, reading_id: str) -> Document:
        """The document of a reading, with that reading. Raises UnknownDocument."""
        found = self._documents("r.id = ?", [reading_id])
        if not found:
            raise UnknownDocument(f"The reading {reading_id!r} has been deleted.")
        return found[0]

    def documents_of_file(self, sha256: str) -> list[Document]:
        """Documents that begin with a file, newest first."""
        return self._documents(f"{_IN_USE} d.source_sha256 = ? ORDER BY d.rowid DESC", [sha256])

    # Change

    def add_document(
        self,
        *,
        id: str,
        source_sha256: str,
        title: str,
        author: str,
        file_name: str,
        format: str,
        created_at: str,
        updated_at: str,
    ) -> None:
        """Store a document; it appears in lists once it uses a reading."""
        account = self.first_account() if self.viewer is None else self.viewer
        self._table("documents").insert(
            {
                "id": id,
                "account_id": account,
                "source_sha256": source_sha256,
                "title": title,
                "author": author,
                "file_name": file_name,
                "format": format,
                "created_at": created_at,
                "updated_at": updated_at,
            }
        )

    def is_document(self, document_id: str) -> bool:
        """True if a document has this id."""
        return bool(self._table("documents").count_where("id = ?", [document_id]))

    def update(self, document_id: str, **values: Any) -> None:
        """Set columns of a document. Raises UnknownDocument if it was deleted."""
        with self.writing():
            self.check_there(document_id)
            self._set("documents", document_id, values)

    def remove(self, document_id: str) -> None:
        """Delete a document with everything that belongs to it."""
        with self.deleting() as db:
            db.execute(f"DELETE FROM documents WHERE id = ? AND {self._seen('id')}", [document_id])

    # Files

    def add_source(
        self,
        document_id: str,
        sha256: str,
        file_name: str,
        data: bytes | None,
        created_at: str | None = None,
    ) -> int:
        """Store a file of the document; returns the file's number.

        A file that the document already has keeps its number.
        """
        with self.writing() as db:
            self.check_there(document_id)
            row = db.execute(
                "SELECT number FROM sources WHERE document_id = ? AND sha256 = ?",
                [document_id, sha256],
            ).fetchone()
            number = int(row[0]) if row else self._next_source(document_id)
            if row is None:
                self._table("sources").insert(
                    {
                        "document_id": document_id,
                        "number": number,
                        "sha256": sha256,
                        "file_name": file_name,
                        "created_at": created_at or now(),
                    }
                )
            if data is not None:
                db.execute(
                    "INSERT OR IGNORE INTO originals (document_id, number, data) VALUES (?, ?, ?)",
                    [document_id, number, data],
                )
            return number

    def _next_source(self, document_id: str) -> int:
        row = self.db.execute(
            "SELECT coalesce(max(number) + 1, 0) FROM sources WHERE document_id = ?", [document_id]
        ).fetchone()
        return int(row[0])

    def has_source(self, reading: Reading, sha256: str) -> bool:
        """True if the file with this hash is part of the text that is read."""
        return any(source["sha256"] == sha256 for source in self.sources(reading))

    def sources(self, reading: Reading) -> list[dict[str, Any]]:
        """The files whose text is read, in order; `number` is the file's number."""
        return list(
            self.db.query(
                "SELECT s.number, s.sha256, s.file_name, min(g.number) AS first_segment, "
                "s.created_at FROM segments g "
                "JOIN chapters c ON c.text_id = ? AND c.number = g.chapter "
                "JOIN sources s ON s.document_id = ? AND s.number = c.source "
                "WHERE g.reading_id = ? GROUP BY s.number ORDER BY first_segment",
                [reading.text_id, reading.document_id, reading.id],
            )
        )

    def kept_pdfs(self, document_id: str) -> set[int]:
        """Numbers of the files whose bytes are stored and begin as a PDF."""
        rows = self.db.execute(
            "SELECT number FROM originals WHERE document_id = ? AND "
            f"instr(substr(data, 1, 1024), CAST('%PDF-' AS BLOB)) AND {self._seen('document_id')}",
            [document_id],
        )
        return {row[0] for row in rows}

    def kept_originals(self, document_id: str) -> set[int]:
        """Numbers of the files whose bytes are stored."""
        rows = self.db.execute(
            f"SELECT number FROM originals WHERE document_id = ? AND {self._seen('document_id')}",
            [document_id],
        )
        return {row[0] for row in rows}

    def originals(self, document_id: str, numbers: Iterable[int]) -> list[tuple[str, bytes]]:
        """(file name, bytes) of the files with these numbers, which must be stored.

        Raises StoreFailed for a file that has changed since it was added.
        """
        self.check_there(document_id)
        found = []
        for number in numbers:
            row = self.db.execute(
                "SELECT s.file_name, o.data, s.sha256 FROM sources s JOIN originals o "
                "ON o.document_id = s.document_id AND o.number = s.number "
                "WHERE s.document_id = ? AND s.number = ?",
                [document_id, number],
            ).fetchone()
            name, data, sha256 = str(row[0]), bytes(row[1]), row[2]
            if hashlib.sha256(data).hexdigest() != sha256:
                raise StoreFailed(
                    f"The stored file {name!r} is damaged, probably by the disk; remove the "
                    "document and add the file again."
                )
            found.append((name, data))
        return found

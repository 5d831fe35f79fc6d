"""The names of the files that a PDF carries, which are not read."""

from __future__ import annotations

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from ingest.readers.compose import clean

_MOST_NODES = 2_000  # of the tree of names that are looked at
_SHOWN = 5


def attached_warning(reader: PdfReader) -> str:
    """A sentence about attached files, or "". It may raise whatever pypdf does."""
    root = reader.root_object
    names = _names(root)
    shown = ", ".join(names[:_SHOWN]) + (" and others" if len(names) > _SHOWN else "")
    if "/Collection" in root:
        holds = f" ({len(names)}: {shown})" if names else ""
        return (
            f"The PDF is a portfolio, of which only the cover page is read; save the files in it"
            f"{holds} and add them one by one."
        )
    if not names:
        return ""
    what = "file is" if len(names) == 1 else "files are"
    return f"{len(names)} attached {what} not read: {shown}."


def _names(root: DictionaryObject) -> list[str]:
    """The names of the embedded files, sorted as in the file."""
    names: list[str] = []
    trees = _dictionary(root.get("/Names"))
    waiting: list[object] = [trees.get("/EmbeddedFiles")] if trees else []
    for _ in range(_MOST_NODES):
        if not waiting:
            break
        node = _dictionary(waiting.pop())
        if node is None:
            continue
        kids, pairs = _array(node.get("/Kids")), _array(node.get("/Names"))
        waiting += reversed(kids)
        for key, value in zip(pairs[0::2], pairs[1::2], strict=False):
            file = _dictionary(value)
            name = (file.get("/UF") or file.get("/F") or key) if file else key
            names.append(" ".join(clean(str(name)).split())[:80])
    return names


def _dictionary(value: object) -> DictionaryObject | None:
    found = value.get_object() if isinstance(value, PdfObject) else None
    return found if isinstance(found, DictionaryObject) else None


def _array(value: object) -> list[object]:
    found = value.get_object() if isinstance(value, PdfObject) else None
    return list(found)[:_MOST_NODES] if isinstance(found, ArrayObject) else []

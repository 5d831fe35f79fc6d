"""The documents of a shelf: those of a tag, or those that somebody has named."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import UnknownTag
from app.library import Library
from app.storage.store import Document

LONGEST_LIST = 12  # tags that are named where one is not known


def documents_of_tag(library: Library, tag: str) -> list[Document]:
    """The documents that have a tag, oldest first. Raises UnknownTag."""
    wanted = library.store.tagged(tag)
    if not wanted:
        raise UnknownTag(_unknown(library, tag))
    own = {document.id: document for document in library.list()}
    return [own[each] for each in wanted if each in own]


def documents_named(library: Library, named: Sequence[str]) -> list[Document]:
    """Documents by id or title, each once, in this order. Raises UnknownDocument."""
    found = (library.store.document(each) for each in named)
    return list({document.id: document for document in found}.values())


def _unknown(library: Library, tag: str) -> str:
    tags = list(library.store.every_tag())
    shown = ", ".join(tags[:LONGEST_LIST]) + (", ..." if len(tags) > LONGEST_LIST else "")
    known = f"the tags are: {shown}" if tags else "no document has a tag yet"
    return (
        f"No document has the tag {tag.strip()!r:.80}; {known}. Add one with `bookstate tag ID "
        "NAME`, or in the page's Library tab."
    )

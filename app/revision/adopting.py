"""A new version takes the old one's place once it is read, and what readers have moves with it.

All of it is one transaction with the end of the reading: chats quote the new text, the reader's
place is moved, summaries of chapters that are as before stay, and the old text and file are gone.
"""

from __future__ import annotations

from app.revision.changes import same_chapters
from app.revision.moving import Mover
from app.storage.store import Document, Store, Summary


def finish_reading(store: Store, document: Document) -> None:
    """Seal a reading whose segments are all read; if it is of a new version, adopt that."""
    awaited = store.awaited_version(document.id)
    if awaited is None or awaited.text_id != document.reading.text_id:
        store.seal(document.reading)
        return
    with store.writing():
        before = store.document(document.id)  # uses a reading of the old version
        old_texts = _old_movers(store, document)
        _move_chats(store, document, old_texts)
        _move_position(store, document, old_texts.get(before.reading.id))
        kept = _kept_summaries(store, before, document, old_texts.get(before.reading.id))
        store.forget_summaries(document.id)
        for summary in kept:
            store.save_summary(document, summary)
        _move_notes(store, document, old_texts)
        store.seal(document.reading)
        store.put_in_place(document.reading)


def _old_movers(store: Store, document: Document) -> dict[str, Mover]:
    """What moves places of each old reading, by its id; readings of one text share it."""
    new, by_text, found = document.reading, dict[int, Mover](), dict[str, Mover]()
    for old in store.readings(document.id):
        if old.text_id == new.text_id:
            continue
        if old.text_id not in by_text:
            by_text[old.text_id] = Mover(store, old, new)
        found[old.id] = by_text[old.text_id].for_reading(old)
    return found


def _move_chats(store: Store, document: Document, movers: dict[str, Mover]) -> None:
    for row in store.messages_with_places(document.id):
        mover = movers.get(row["reading_id"])
        if mover is None:  # a reading that was deleted before: its text is not known
            continue
        store.move_message(
            row
            | {
                "reading_id": document.reading.id,
                "sources": [mover.source(place) for place in row["sources"]],
                "evidence": [mover.evidence(place) for place in row["evidence"]],
                "items": [
                    item | {"evidence": [mover.evidence(place) for place in item["evidence"]]}
                    for item in row["items"]
                ],
            }
        )


def _move_notes(store: Store, document: Document, movers: dict[str, Mover]) -> None:
    for note in store.notes(document.id):
        moved = [
            {**movers[c["reading_id"]].noted(c), "reading_id": document.reading.id}
            if c["reading_id"] in movers
            else c
            for c in note.citations
        ]
        store.cite_again(note.id, moved)


def _move_position(store: Store, document: Document, mover: Mover | None) -> None:
    read_to = store.read_to(document.id)
    if read_to is not None:
        store.set_read_to(document.id, mover.places.read_to(read_to) if mover else 1)


def _kept_summaries(
    store: Store, before: Document, after: Document, mover: Mover | None
) -> list[Summary]:
    """Summaries of chapters that say the same, under their new numbers."""
    if mover is None:
        return []
    old, new = (store.text(d.reading.text_id) for d in (before, after))
    made = store.summaries(before)
    kept = []
    for number, was in same_chapters(old, new).items():
        if was in made:
            title = new.chapters[number - 1].title
            told = tuple(mover.told(sentence) for sentence in made[was].sentences)
            kept.append(Summary(number, title, made[was].summary, told))
    return kept
